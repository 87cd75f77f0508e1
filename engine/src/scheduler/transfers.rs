//! Requests of one file: demand, chunk states, peers, and the effects that follow.
//!
//! A request changes the chunk table and the peer together, so both are changed only
//! here. Invariant: [`Peer::in_flight`] is the number of flights at that peer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, PeerId};
use crate::protocol::CRITICAL_WINDOW;
use crate::scheduler::chunk_table::ChunkTable;
use crate::scheduler::demand::Demand;
use crate::scheduler::peer_estimate::Peer;
use crate::scheduler::peer_table::PeerTable;
use crate::store::StoreError;

/// Time it takes to pass a chunk on to all viewers that need it.
const PASSING_ON: Duration = Duration::from_millis(1200);

/// A message to a peer or to readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Requests a chunk that is needed within this time.
    Request(PeerId, ChunkIndex, Duration),
    /// Cancels a request.
    Cancel(PeerId, ChunkIndex),
    /// Cancels a request if it is still queued at the peer.
    Recall(PeerId, ChunkIndex),
    /// Fails the readers that wait for a chunk: it cannot be stored.
    Fail(ChunkIndex, StoreError),
}

/// The requests of one file, and the facts that decide them.
#[derive(Debug)]
pub struct Transfers {
    /// Needed chunks and their deadlines.
    pub demand: Demand,
    /// Connected peers.
    pub peers: PeerTable,
    chunks: ChunkTable,
    min_deadline: Duration,
    outbox: VecDeque<Effect>,
}

impl Transfers {
    /// A file without requests; deadlines sent to peers are at least `min_deadline`.
    pub fn new(
        demand: Demand,
        peers: PeerTable,
        chunks: ChunkTable,
        min_deadline: Duration,
    ) -> Self {
        Self {
            demand,
            peers,
            chunks,
            min_deadline,
            outbox: VecDeque::new(),
        }
    }

    /// The oldest effect that was not polled yet.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.outbox.pop_front()
    }

    /// States of the chunks.
    pub fn chunks(&self) -> &ChunkTable {
        &self.chunks
    }

    /// Demanded chunks that are missing.
    pub fn missing(&self, now: Instant) -> FixedBitSet {
        let mut wanted = self.demand.wanted(now);
        wanted.difference_with(self.chunks.taken());
        wanted
    }

    /// Requests a chunk from a peer.
    pub fn request(&mut self, now: Instant, id: PeerId, chunk: ChunkIndex) {
        let deadline = self.deadline_at(now, id, chunk).max(self.min_deadline);
        self.outbox.push_back(Effect::Request(id, chunk, deadline));
        self.chunks.begin_flight(now, id, chunk);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.requested(now);
        }
    }

    /// Recalls the single request for a chunk, unless it was recalled before; `next` is
    /// to be asked instead.
    pub fn recall(&mut self, now: Instant, chunk: ChunkIndex, next: Option<PeerId>) {
        if let Some(peer) = self.chunks.recall(now, chunk, next) {
            self.outbox.push_back(Effect::Recall(peer, chunk));
        }
    }

    /// Ends the request for a chunk at a peer that answered it.
    pub fn answered(&mut self, id: PeerId, chunk: ChunkIndex) {
        self.release(chunk, Some(id), false);
    }

    /// Ends all requests at a peer, with a message to it or without.
    pub fn release_peer(&mut self, id: PeerId, cancel: bool) {
        for chunk in self.chunks.chunks_at(id) {
            self.release(chunk, Some(id), cancel);
        }
    }

    /// Cancels the requests for chunks that are no longer demanded.
    pub fn cancel_unwanted(&mut self, now: Instant) {
        if self.demand.is_for_all() {
            return;
        }
        let wanted = self.demand.wanted(now);
        let unwanted = |chunk: &u32| !wanted.contains(*chunk as usize);
        let unwanted: Vec<u32> = self.chunks.in_flight().iter().filter(unwanted).collect();
        for chunk in unwanted {
            self.release(ChunkIndex(chunk), None, true);
        }
    }

    /// Ends the flights of a chunk: all, or those at one peer.
    fn release(&mut self, chunk: ChunkIndex, only: Option<PeerId>, cancel: bool) {
        for flight in self.chunks.end_flights(chunk, only) {
            if cancel {
                self.outbox.push_back(Effect::Cancel(flight.peer, chunk));
            }
            if let Some(peer) = self.peers.get_mut(flight.peer) {
                peer.released();
            }
        }
    }

    /// Marks a chunk as held, whatever its origin, and cancels the requests for it.
    /// Returns their number.
    pub fn hold(&mut self, chunk: ChunkIndex) -> usize {
        self.demand.arrived(chunk);
        let cancelled = self.chunks.hold(chunk);
        for flight in &cancelled {
            self.outbox.push_back(Effect::Cancel(flight.peer, chunk));
            if let Some(peer) = self.peers.get_mut(flight.peer) {
                peer.released();
            }
        }
        cancelled.len()
    }

    /// Fails the readers that wait for a chunk.
    pub fn fail(&mut self, chunk: ChunkIndex, error: StoreError) {
        self.outbox.push_back(Effect::Fail(chunk, error));
    }

    /// Marks chunks as no longer held.
    pub fn evict(&mut self, chunks: &RoaringBitmap) {
        self.chunks.evict(chunks);
    }

    /// The peer with a free slot that would deliver a chunk soonest.
    pub fn soonest(
        &self,
        now: Instant,
        chunk: ChunkIndex,
        allowed: impl Fn(PeerId, &Peer) -> bool,
    ) -> Option<(Duration, PeerId)> {
        let due = self.demand.time_until(now, chunk);
        self.soonest_in(now, chunk, due, due < CRITICAL_WINDOW, allowed)
    }

    /// The peer with a free slot that would deliver a chunk that is needed in `due`
    /// soonest; critical slots count if it is `critical`.
    pub fn soonest_in(
        &self,
        now: Instant,
        chunk: ChunkIndex,
        due: Duration,
        critical: bool,
        allowed: impl Fn(PeerId, &Peer) -> bool,
    ) -> Option<(Duration, PeerId)> {
        let bytes = self.chunks.geometry().chunk_len(chunk);
        let slots = |peer: &Peer| match critical {
            true => peer.critical_slots(now),
            false => peer.free_slots(now),
        };
        self.peers
            .iter()
            .filter(|(id, peer)| peer.holds(chunk) && slots(peer) > 0 && allowed(*id, peer))
            .map(|(id, peer)| (peer.eta(now, bytes, due), id))
            .min()
    }

    /// Chunks that any viewer, we too, plays within this time.
    pub fn needed_within(&self, now: Instant, horizon: Duration) -> FixedBitSet {
        let count = self.chunks.geometry().chunk_count() as usize;
        let mut needed = FixedBitSet::with_capacity(count);
        let others = self.peers.viewers().map(|(_, peer)| peer);
        let others = others.filter(|peer| !peer.position().window.is_empty());
        let playheads = others.map(|peer| peer.playhead(now));
        for playhead in playheads.chain(self.demand.playhead(now)) {
            let first = self.demand.chunk_at(playhead).index();
            let last = self.demand.chunk_at(playhead + horizon).index();
            needed.insert_range(first.min(count)..(last + 1).min(count));
        }
        needed
    }

    /// Time until the first of all viewers, we too, needs a chunk.
    pub fn needed(&self, now: Instant, chunk: ChunkIndex) -> Duration {
        let due = self.demand.time_until(now, chunk);
        due.min(self.needed_by_others(now, chunk))
    }

    fn needed_by_others(&self, now: Instant, chunk: ChunkIndex) -> Duration {
        let time = self.demand.time_of(chunk);
        let peers = self.peers.iter().map(|(_, peer)| peer);
        let waiting =
            peers.filter(|peer| peer.position().window.contains(&chunk.0) && !peer.holds(chunk));
        let until = waiting.map(|peer| time.saturating_sub(peer.playhead(now)));
        until.min().unwrap_or(Duration::MAX)
    }

    /// The deadline sent with a request to a peer.
    fn deadline_at(&self, now: Instant, peer: PeerId, chunk: ChunkIndex) -> Duration {
        let peer = self.peers.get(peer);
        let seed = peer.is_some_and(|peer| self.peers.is_seed(peer));
        let own = self.demand.time_until(now, chunk);
        if !seed {
            return own;
        }
        let others = self.needed_by_others(now, chunk);
        match self.peers.no_viewer_has(chunk) {
            // It is passed on after it arrives, so it is needed earlier if others wait
            // for it. And a seed that is asked for much that is late still sends first
            // what no viewer holds.
            true => own.min(others.saturating_sub(PASSING_ON)),
            false => own.min(others),
        }
    }
}
