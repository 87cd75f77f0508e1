//! Which chunk from which peer: no socket, no clock, no randomness of its own.
//!
//! Invariant: each chunk is in exactly one state: held, in flight (at one peer,
//! or at two while hedged) or missing; a flight exists for every request that a
//! peer has not answered and that was not taken back.
//!
//! Choice, in this order ([`ChunkScheduler::fill`]), for who plays; who has not begun to puts the
//! first after the second:
//! 0. Our share of what no viewer holds and somebody needs soon, from a source: others
//!    wait for it.
//! 1. Near a playhead, earliest deadline first, from the viewer that will deliver
//!    soonest; from a source (who holds all) if no viewer delivers in time.
//! 2. Ahead of it, what viewers hold, from them: near things first, and among
//!    those the rarest, ties at random, so that viewers differ and can trade.
//! 3. What no viewer holds yet comes from a source, once: [`dispersal`] says
//!    which viewer fetches which chunk, and the others take it from there.
//!
//! Trouble ([`ChunkScheduler::tick`], [`rescue`]): what will come too late is taken back and
//! asked of another peer, and who sends nothing loses all its requests.

pub mod dispersal;
mod fill;
mod report;
mod rescue;
mod tuning;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use rand::rngs::StdRng;
use roaring::RoaringBitmap;

pub use tuning::{Picker, Tuning};

use crate::ids::{ChunkIndex, PeerId};
use crate::media::Geometry;
use crate::protocol::{RejectReason, SourceShare};
use crate::scheduler::demand::Demand;
use crate::scheduler::peer_estimate::{MAX_BUSY, Peer};
use crate::scheduler::peer_table::PeerTable;
use crate::scheduler::{ReaderId, StallCause, Supply};

/// Chunks a hedge costs, in chunks that arrived: one in twenty.
const HEDGE_COST: f64 = 20.0;

/// Hedges that can be saved up.
const MAX_HEDGES: f64 = 4.0;

/// How long a peer is left alone after a rejection that names no time.
const REJECT_PAUSE: Duration = Duration::from_millis(250);

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Ask a peer for a chunk that is needed in this time.
    Request(PeerId, ChunkIndex, Duration),
    /// Take a request back.
    Cancel(PeerId, ChunkIndex),
    /// Take a request back if it still waits.
    Recall(PeerId, ChunkIndex),
}

/// A request that is not answered.
#[derive(Debug, Clone, Copy)]
struct Flight {
    peer: PeerId,
    sent: Instant,
    /// When it was recalled.
    recalled: Option<Instant>,
    /// Whom to ask instead.
    next: Option<PeerId>,
}

/// The decisions for one file.
#[derive(Debug)]
pub struct ChunkScheduler {
    me: PeerId,
    /// Own share of the new chunks, as announced to the other viewers.
    share: SourceShare,
    tuning: Tuning,
    geometry: Geometry,
    windows: Demand,
    have: RoaringBitmap,
    in_flight: RoaringBitmap,
    /// Held or in flight.
    taken: FixedBitSet,
    flights: BTreeMap<ChunkIndex, Vec<Flight>>,
    peers: PeerTable,
    gone: BTreeMap<PeerId, Supply>,
    reserved: BTreeSet<PeerId>,
    whole: bool,
    hedges: f64,
    duplicate_bytes: u64,
    stalls: BTreeMap<StallCause, u32>,
    paused_until: Instant,
    /// When the first of the present peers connected.
    met: Instant,
    rng: StdRng,
    effects: Vec<Effect>,
}

impl ChunkScheduler {
    /// The decisions for a file of which `have` is here already.
    pub fn new(
        now: Instant,
        me: PeerId,
        tuning: Tuning,
        windows: Demand,
        geometry: Geometry,
        have: RoaringBitmap,
        rng: StdRng,
    ) -> Self {
        let chunk_count = geometry.chunk_count();
        let mut taken = FixedBitSet::with_capacity(chunk_count as usize);
        taken.extend(have.range(..chunk_count).map(|chunk| chunk as usize));
        Self {
            me,
            share: SourceShare::None,
            tuning,
            geometry,
            windows,
            have,
            in_flight: RoaringBitmap::new(),
            taken,
            flights: BTreeMap::new(),
            peers: PeerTable::new(chunk_count),
            gone: BTreeMap::new(),
            reserved: BTreeSet::new(),
            whole: false,
            hedges: MAX_HEDGES,
            duplicate_bytes: 0,
            stalls: BTreeMap::new(),
            paused_until: now,
            met: now,
            rng,
            effects: Vec::new(),
        }
    }

    /// What to do, decided by the calls so far.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Chunks held.
    pub fn have(&self) -> &RoaringBitmap {
        &self.have
    }

    /// Whether all of the file is held.
    pub fn is_complete(&self) -> bool {
        self.have.len() == u64::from(self.geometry.chunk_count())
    }

    /// Chunks on their way.
    pub fn in_flight(&self) -> &RoaringBitmap {
        &self.in_flight
    }

    /// Whether all of the file is to be fetched.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Where the file is read.
    pub fn windows(&self) -> &Demand {
        &self.windows
    }

    /// Chunks held from `chunk` on without a gap.
    pub fn run_from(&self, chunk: ChunkIndex) -> u32 {
        let mut held = self.have.range(chunk.0..);
        match held.next_range() {
            Some(run) if *run.start() == chunk.0 => run.end() - run.start() + 1,
            _ => 0,
        }
    }

    /// A peer connected.
    pub fn peer_up(&mut self, now: Instant, id: PeerId, name: String, origin: bool) {
        self.peer_down(now, id);
        if self.peers.iter().next().is_none() {
            self.met = now;
        }
        let mut peer = Peer::new(now, name, origin);
        peer.reserve = self.reserved.contains(&id);
        self.peers.insert(id, peer);
        self.note_crowd();
    }

    fn note_crowd(&mut self) {
        let crowd = self.peers.iter().any(|(_, peer)| peer.reserve);
        self.windows.set_crowd(crowd);
    }

    /// A peer is gone; its requests go to others.
    pub fn peer_down(&mut self, now: Instant, id: PeerId) {
        self.release_all(id, false);
        if let Some(peer) = self.peers.remove(id) {
            let entry = self.gone.entry(id).or_insert(Supply {
                peer: id,
                name: peer.name,
                origin: peer.origin,
                bytes: 0,
            });
            entry.bytes += peer.supplied;
        }
        self.note_crowd();
        self.fill(now);
    }

    /// A peer has more chunks. What still waits at a source for us and can come
    /// from this viewer in time is taken from there: the source's uplink is
    /// everybody's.
    pub fn peer_has(&mut self, now: Instant, id: PeerId, chunks: &RoaringBitmap) {
        let gained = self.peers.gain(id, chunks);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.hear(now);
        }
        let from_viewer = self.peers.get(id).is_some_and(|p| !self.peers.is_source(p));
        if from_viewer && self.tuning.picker == Picker::Swarm {
            for chunk in &gained {
                self.move_from_source(now, id, *chunk);
            }
        }
        if gained
            .iter()
            .any(|chunk| !self.taken.contains(chunk.index()))
        {
            self.fill(now);
        }
    }

    /// A peer no longer holds some chunks.
    pub fn peer_lost(&mut self, id: PeerId, chunks: &RoaringBitmap) {
        self.peers.lose(id, chunks);
    }

    /// The tracker keeps a peer's uplink for others, or no longer does; whether the
    /// peer is connected already or not.
    pub fn set_reserve(&mut self, now: Instant, id: PeerId, reserve: bool) {
        match reserve {
            true => self.reserved.insert(id),
            false => self.reserved.remove(&id),
        };
        self.with_peer(now, id, |peer| peer.reserve = reserve);
        self.note_crowd();
    }

    /// Learns of a peer what gives no occasion to ask for anything.
    pub fn note(&mut self, now: Instant, id: PeerId, change: impl FnOnce(&mut Peer)) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.hear(now);
            change(peer);
        }
    }

    /// Changes what is known of a peer.
    pub fn with_peer(&mut self, now: Instant, id: PeerId, change: impl FnOnce(&mut Peer)) {
        if let Some(peer) = self.peers.get_mut(id) {
            change(peer);
            self.fill(now);
        }
    }

    /// A peer no longer serves: its requests go to others.
    pub fn choked(&mut self, now: Instant, id: PeerId, choked: bool) {
        if choked {
            self.release_all(id, false);
        }
        self.with_peer(now, id, |peer| peer.choking = choked);
    }

    /// A chunk came in and is stored.
    pub fn stored(&mut self, now: Instant, from: PeerId, chunk: ChunkIndex, bytes: u32) {
        if self.have.contains(chunk.0) {
            self.duplicate_bytes += u64::from(bytes);
            self.hedges -= 1.0;
        }
        self.answered(from, chunk);
        if let Some(peer) = self.peers.get_mut(from) {
            peer.delivered(now, bytes);
        }
        self.hedges = (self.hedges + 1.0 / HEDGE_COST).min(MAX_HEDGES);
        self.now_held(chunk);
        self.fill(now);
    }

    /// Sets the own share of the new chunks, as announced to the other viewers.
    pub fn set_share(&mut self, share: SourceShare) {
        self.share = share;
    }

    /// Chunks fetched at present, for the first reader.
    pub fn window(&self, now: Instant) -> Range<u32> {
        if self.whole {
            return 0..self.geometry.chunk_count();
        }
        self.windows.first_window(now).unwrap_or(0..0)
    }

    /// Media time that plays at present, at the first reader; the beginning if
    /// nobody reads.
    pub fn playhead(&self, now: Instant) -> Duration {
        self.windows.playhead(now).unwrap_or_default()
    }

    /// A chunk is held, wherever it came from. Requests for it are taken back.
    pub fn now_held(&mut self, chunk: ChunkIndex) {
        self.have.insert(chunk.0);
        self.taken.insert(chunk.index());
        self.windows.arrived(chunk);
        for flight in self.flights.remove(&chunk).unwrap_or_default() {
            self.effects.push(Effect::Cancel(flight.peer, chunk));
            self.hedges = (self.hedges + 1.0).min(MAX_HEDGES);
            if let Some(peer) = self.peers.get_mut(flight.peer) {
                peer.released();
            }
        }
        self.in_flight.remove(chunk.0);
    }

    /// Chunks are no longer held.
    pub fn evicted(&mut self, chunks: &RoaringBitmap) {
        self.have -= chunks;
        let gone = chunks - &self.in_flight;
        let gone = gone.range(..self.geometry.chunk_count());
        gone.for_each(|chunk| self.taken.remove(chunk as usize));
    }

    /// A chunk came in but could not be stored. If the disk or the quota is the
    /// reason, fetching rests until `resume`.
    pub fn not_stored(&mut self, now: Instant, from: PeerId, chunk: ChunkIndex, resume: Instant) {
        self.answered(from, chunk);
        self.paused_until = self.paused_until.max(resume);
        self.fill(now);
    }

    /// A peer does not serve a request.
    pub fn rejected(&mut self, now: Instant, from: PeerId, chunk: ChunkIndex, why: RejectReason) {
        let flights = self.flights.get(&chunk).map_or(&[][..], Vec::as_slice);
        let flight = flights.iter().find(|flight| flight.peer == from);
        let next = flight.and_then(|flight| flight.next);
        let recalled = flight.is_some_and(|flight| flight.recalled.is_some());
        self.answered(from, chunk);
        if let Some(peer) = self.peers.get_mut(from) {
            peer.hear(now);
            match why {
                RejectReason::Busy(wait) => peer.busy(now, wait),
                RejectReason::Recalled if recalled => {}
                // Or it gives back what nobody recalled, to be asked again at once.
                RejectReason::Recalled | RejectReason::Choked => {
                    peer.wait_until = now + REJECT_PAUSE;
                }
                RejectReason::Disk => peer.wait_until = now + MAX_BUSY,
                RejectReason::NotHeld => {
                    self.peers.lose(from, &RoaringBitmap::from_iter([chunk.0]));
                }
            }
        }
        if let Some(next) = next.filter(|_| why == RejectReason::Recalled) {
            self.recalled(now, chunk, next);
        }
        self.fill(now);
    }

    /// A reader is at a chunk. What no reader wants any more is taken back.
    pub fn set_reader(&mut self, now: Instant, reader: ReaderId, chunk: ChunkIndex) {
        let here = self.have.contains(chunk.0);
        if self.windows.set(now, reader, chunk, here) {
            self.cancel_unwanted(now);
        }
        self.fill(now);
    }

    /// A reader is gone.
    pub fn remove_reader(&mut self, now: Instant, reader: ReaderId) {
        self.windows.remove(reader);
        self.cancel_unwanted(now);
        self.fill(now);
    }

    /// Fetch all of the file, or only what readers need.
    pub fn set_whole(&mut self, now: Instant, whole: bool) {
        self.whole = whole;
        self.cancel_unwanted(now);
        self.fill(now);
    }

    fn cancel_unwanted(&mut self, now: Instant) {
        if self.whole {
            return;
        }
        let wanted = self.windows.wanted(now);
        let unwanted = |chunk: &u32| !wanted.contains(*chunk as usize);
        let unwanted: Vec<u32> = self.in_flight.iter().filter(unwanted).collect();
        for chunk in unwanted {
            self.release(ChunkIndex(chunk), None, true);
        }
    }

    /// A request is answered: its flight ends.
    fn answered(&mut self, from: PeerId, chunk: ChunkIndex) {
        self.release(chunk, Some(from), false);
    }

    /// Ends the flights of a chunk, all or those at one peer.
    fn release(&mut self, chunk: ChunkIndex, only: Option<PeerId>, cancel: bool) {
        let Some(flights) = self.flights.get_mut(&chunk) else {
            return;
        };
        let ends = |flight: &Flight| only.is_none_or(|peer| peer == flight.peer);
        let ended: Vec<Flight> = flights.iter().copied().filter(ends).collect();
        flights.retain(|flight| !ends(flight));
        if flights.is_empty() {
            self.flights.remove(&chunk);
            self.in_flight.remove(chunk.0);
            self.taken.set(chunk.index(), self.have.contains(chunk.0));
        }
        for flight in ended {
            if cancel {
                self.effects.push(Effect::Cancel(flight.peer, chunk));
            }
            if let Some(peer) = self.peers.get_mut(flight.peer) {
                peer.released();
            }
        }
    }

    fn request(&mut self, now: Instant, id: PeerId, chunk: ChunkIndex) {
        let deadline = self.deadline_at(now, id, chunk);
        self.effects.push(Effect::Request(id, chunk, deadline));
        self.in_flight.insert(chunk.0);
        self.taken.insert(chunk.index());
        let flight = Flight {
            peer: id,
            sent: now,
            recalled: None,
            next: None,
        };
        self.flights.entry(chunk).or_default().push(flight);
        if let Some(peer) = self.peers.get_mut(id) {
            peer.requested(now);
        }
    }

    /// Looks for silent peers and late chunks. Call every 100 ms or so. Returns
    /// stalls that began, with their causes.
    pub fn tick(&mut self, now: Instant) -> Vec<(ChunkIndex, StallCause)> {
        self.release_silent(now);
        self.rescue_late(now);
        self.fill(now);
        let stalled = self.windows.stalls(now).into_iter();
        let stalled: Vec<_> = stalled.map(|at| (at, self.cause(now, at))).collect();
        for (_, cause) in &stalled {
            *self.stalls.entry(*cause).or_default() += 1;
        }
        stalled
    }
}

#[cfg(test)]
mod tests;
