//! Scheduling decisions for one file: which chunk from which peer, and when.
//!
//! [`ChunkScheduler`] takes events and the time, and returns [`Effect`]s. It composes:
//! * [`demand`]: needed chunks and their deadlines;
//! * [`chunk_table`]: the state of every chunk;
//! * [`peer_table`], [`peer_estimate`]: holders, and what each can deliver;
//! * [`transfers`]: the three above, kept in step by every request;
//! * [`policy`]: new requests, with [`assignment`] of chunks to viewers;
//! * [`reassign`]: late requests, silent peers;
//! * [`stats`]: duplicates, stalls and their causes.

mod assignment;
mod chunk_table;
mod demand;
mod peer_estimate;
mod peer_table;
mod policy;
mod reassign;
mod stats;
mod transfers;
mod tuning;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use roaring::RoaringBitmap;

use self::chunk_table::ChunkTable;
pub use self::demand::{Demand, ReaderId};
use self::peer_estimate::MAX_BUSY;
use self::peer_table::PeerTable;
pub use self::peer_table::Supply;
use self::policy::RequestPolicy;
use self::reassign::{Reassigner, follow_recall, move_from_seed, release_silent};
pub use self::stats::StallCause;
use self::stats::StreamStats;
pub use self::transfers::Effect;
use self::transfers::Transfers;
pub use self::tuning::{
    DEFAULT_CRITICAL_WINDOW, DEFAULT_READ_AHEAD, POSITION_INTERVAL, Picker, TICK_INTERVAL, Tuning,
};
use crate::ids::{ChunkIndex, PeerId};
use crate::media::Geometry;
use crate::protocol::{PeerPosition, QueueDelay, RejectReason, SourceShare};

/// Pause after a rejection that names no time.
const REJECT_PAUSE: Duration = Duration::from_millis(250);

/// Byte ranges of a file to fetch before it is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefetchRange {
    /// Number of bytes at the beginning.
    pub head: u64,
    /// Range fetched after that; may be empty.
    pub place: Range<u64>,
}

/// News of one peer of the file.
#[derive(Debug, Clone)]
pub enum PeerEvent {
    /// The peer connected; it holds nothing yet.
    Connected {
        /// Display name.
        name: String,
        /// True for the origin.
        origin: bool,
    },
    /// The peer is gone, and all requests to it.
    Disconnected,
    /// The peer holds these chunks, too.
    Gained(RoaringBitmap),
    /// The peer no longer holds these chunks.
    Lost(RoaringBitmap),
    /// Delay of the peer's upload queue.
    QueueDelay(QueueDelay),
    /// Position of the peer in the file.
    Position(PeerPosition),
    /// Round-trip time to the peer.
    Rtt(Duration),
    /// The peer stops serving us, or serves us again.
    Choked(bool),
    /// The tracker keeps the peer's uplink for others, or no longer does. Valid before
    /// the peer connects, too.
    Backup(bool),
    /// The peer delivered a chunk, which is stored.
    Stored(ChunkIndex, u32),
    /// The peer delivered a chunk that could not be stored; requests pause until then.
    NotStored(ChunkIndex, Instant),
    /// The peer rejected a request.
    Rejected(ChunkIndex, RejectReason),
}

/// The decisions for one file.
#[derive(Debug)]
pub struct ChunkScheduler {
    transfers: Transfers,
    policy: RequestPolicy,
    reassigner: Reassigner,
    stats: StreamStats,
}

impl ChunkScheduler {
    /// A scheduler of the peer `me` for a file of which `have` is held already.
    pub fn new(
        now: Instant,
        me: PeerId,
        tuning: Tuning,
        demand: Demand,
        geometry: Geometry,
        have: RoaringBitmap,
        rng: StdRng,
    ) -> Self {
        let peers = PeerTable::new(now, geometry.chunk_count(), tuning.requests_per_peer);
        let chunks = ChunkTable::new(geometry, have);
        Self {
            transfers: Transfers::new(demand, peers, chunks, tuning.min_deadline),
            policy: RequestPolicy::new(me, tuning, rng),
            reassigner: Reassigner::new(),
            stats: StreamStats::default(),
        }
    }

    /// The oldest effect that was not polled yet.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.transfers.poll_effect()
    }

    /// Applies news of a peer, and issues requests if they change what can be requested.
    pub fn handle(&mut self, now: Instant, id: PeerId, event: PeerEvent) {
        match event {
            PeerEvent::Connected { name, origin } => {
                self.disconnect(now, id);
                self.transfers.peers.connect(now, id, name, origin);
                self.note_flash_crowd();
            }
            PeerEvent::Disconnected => self.disconnect(now, id),
            PeerEvent::Gained(chunks) => self.gained(now, id, &chunks),
            PeerEvent::Lost(chunks) => self.transfers.peers.lose(id, &chunks),
            PeerEvent::QueueDelay(delay) => {
                if let Some(peer) = self.transfers.peers.active(now, id) {
                    peer.set_queue_delay(delay);
                }
            }
            PeerEvent::Position(position) => {
                if let Some(peer) = self.transfers.peers.active(now, id) {
                    peer.set_position(now, position);
                }
            }
            PeerEvent::Rtt(rtt) => {
                if let Some(peer) = self.transfers.peers.active(now, id) {
                    peer.set_rtt(rtt);
                }
            }
            PeerEvent::Choked(choked) => self.choked(now, id, choked),
            PeerEvent::Backup(backup) => self.set_backup(now, id, backup),
            PeerEvent::Stored(chunk, bytes) => self.stored(now, id, chunk, bytes),
            PeerEvent::NotStored(chunk, resume) => {
                self.transfers.answered(id, chunk);
                self.transfers.demand.pause_until(resume);
                self.issue_requests(now);
            }
            PeerEvent::Rejected(chunk, reason) => self.rejected(now, id, chunk, reason),
        }
    }

    fn issue_requests(&mut self, now: Instant) {
        self.policy.issue_requests(now, &mut self.transfers);
    }

    fn note_flash_crowd(&mut self) {
        let flash_crowd = self.transfers.peers.has_backup();
        self.transfers.demand.set_flash_crowd(flash_crowd);
    }

    fn disconnect(&mut self, now: Instant, id: PeerId) {
        self.transfers.release_peer(id, false);
        self.transfers.peers.disconnect(id);
        self.note_flash_crowd();
        self.issue_requests(now);
    }

    fn gained(&mut self, now: Instant, id: PeerId, chunks: &RoaringBitmap) {
        let gained = self.transfers.peers.gain(id, chunks);
        if self.transfers.peers.active(now, id).is_none() {
            return;
        }
        let peers = &self.transfers.peers;
        let is_viewer = peers.get(id).is_some_and(|peer| !peers.is_seed(peer));
        if is_viewer && self.policy.tuning().picker == Picker::Swarm {
            for chunk in &gained {
                move_from_seed(now, &mut self.transfers, id, *chunk);
            }
        }
        let mut gained = gained.iter();
        if gained.any(|chunk| self.transfers.chunks().is_missing(*chunk)) {
            self.issue_requests(now);
        }
    }

    fn choked(&mut self, now: Instant, id: PeerId, choked: bool) {
        if choked {
            self.transfers.release_peer(id, false);
        }
        if let Some(peer) = self.transfers.peers.get_mut(id) {
            peer.set_choking(choked);
            self.issue_requests(now);
        }
    }

    fn set_backup(&mut self, now: Instant, id: PeerId, backup: bool) {
        self.transfers.peers.set_backup(id, backup);
        if self.transfers.peers.get(id).is_some() {
            self.issue_requests(now);
        }
        self.note_flash_crowd();
    }

    fn stored(&mut self, now: Instant, from: PeerId, chunk: ChunkIndex, bytes: u32) {
        if self.transfers.chunks().have().contains(chunk.0) {
            self.stats.duplicate_bytes += u64::from(bytes);
            self.reassigner.duplicated();
        }
        self.transfers.answered(from, chunk);
        if let Some(peer) = self.transfers.peers.get_mut(from) {
            peer.delivered(now, bytes);
        }
        self.reassigner.delivered();
        self.now_held(chunk);
        self.issue_requests(now);
    }

    fn rejected(&mut self, now: Instant, from: PeerId, chunk: ChunkIndex, reason: RejectReason) {
        let flight = self.transfers.chunks().flight_at(from, chunk);
        let was_recalled = flight.is_some_and(|flight| flight.recalled.is_some());
        self.transfers.answered(from, chunk);
        if let Some(peer) = self.transfers.peers.active(now, from) {
            match reason {
                RejectReason::Busy(wait) => peer.set_busy(now, wait),
                RejectReason::Recalled if was_recalled => {}
                // Without a recall of ours, it would be asked again at once.
                RejectReason::Recalled | RejectReason::Choked => {
                    peer.rest_until(now + REJECT_PAUSE);
                }
                RejectReason::Disk => peer.rest_until(now + MAX_BUSY),
                RejectReason::NotHeld => {
                    let lost = RoaringBitmap::from_iter([chunk.0]);
                    self.transfers.peers.lose(from, &lost);
                }
            }
        }
        let next = flight.and_then(|flight| flight.next);
        if let Some(next) = next.filter(|_| reason == RejectReason::Recalled) {
            follow_recall(now, &mut self.transfers, chunk, next);
        }
        self.issue_requests(now);
    }

    /// Marks a chunk as held, whatever its origin, and cancels the requests for it.
    pub fn now_held(&mut self, chunk: ChunkIndex) {
        for _ in 0..self.transfers.hold(chunk) {
            self.reassigner.refund();
        }
    }

    /// Marks chunks as no longer held.
    pub fn evicted(&mut self, chunks: &RoaringBitmap) {
        self.transfers.evict(chunks);
    }

    /// Moves a reader to a chunk. After a seek, unwanted requests are cancelled.
    pub fn set_reader(&mut self, now: Instant, reader: ReaderId, chunk: ChunkIndex) {
        let held = self.have().contains(chunk.0);
        let sought = self.transfers.demand.set_reader(now, reader, chunk, held);
        if sought {
            self.transfers.cancel_unwanted(now);
        }
        self.issue_requests(now);
    }

    /// Removes a reader.
    pub fn remove_reader(&mut self, now: Instant, reader: ReaderId) {
        self.transfers.demand.remove_reader(reader);
        self.transfers.cancel_unwanted(now);
        self.issue_requests(now);
    }

    /// Fetches all of the file, or only what readers need.
    pub fn set_download_all(&mut self, now: Instant, wanted: bool) {
        self.transfers.demand.set_for_all(wanted);
        self.transfers.cancel_unwanted(now);
        self.issue_requests(now);
    }

    /// Records our share of the new chunks, as reported to the others.
    pub fn set_share(&mut self, share: SourceShare) {
        self.policy.set_share(share);
    }

    /// Records the configured limit of all downloads together, in bytes a second.
    pub fn set_download_limit(&mut self, limit: Option<u64>) {
        self.stats.download_limit = limit;
    }

    /// Releases silent peers, moves late requests and issues new ones. Returns stalls
    /// that began, with their causes. To be called every [`TICK_INTERVAL`].
    pub fn tick(&mut self, now: Instant) -> Vec<(ChunkIndex, StallCause)> {
        let tuning = self.policy.tuning();
        release_silent(now, &mut self.transfers, tuning.request_timeout);
        if tuning.picker == Picker::Swarm {
            self.reassigner.reassign_late(now, &mut self.transfers);
        }
        self.issue_requests(now);
        let stalls = self.transfers.demand.begin_stalls(now).into_iter();
        let cause = |at| (at, self.stats.cause(now, &self.transfers, at));
        let stalls: Vec<(ChunkIndex, StallCause)> = stalls.map(cause).collect();
        for (_, cause) in &stalls {
            self.stats.count_stall(*cause);
        }
        stalls
    }

    /// Records that a player has nothing to show at a media time. Returns true if its
    /// media is held, which is a stall of the decoder.
    pub fn player_starved(&mut self, at: Duration) -> bool {
        self.stats.player_starved(&self.transfers, at)
    }

    /// Held chunks.
    pub fn have(&self) -> &RoaringBitmap {
        self.transfers.chunks().have()
    }

    /// True if every chunk is held.
    pub fn is_complete(&self) -> bool {
        self.transfers.chunks().is_complete()
    }

    /// Requested chunks that have not arrived.
    pub fn in_flight(&self) -> &RoaringBitmap {
        self.transfers.chunks().in_flight()
    }

    /// Chunks held from `chunk` on without a gap.
    pub fn run_from(&self, chunk: ChunkIndex) -> u32 {
        self.transfers.chunks().run_from(chunk)
    }

    /// Readers and deadlines.
    pub fn demand(&self) -> &Demand {
        &self.transfers.demand
    }

    /// Chunks fetched at present, as reported to others.
    pub fn window(&self, now: Instant) -> Range<u32> {
        self.demand().window(now)
    }

    /// Media time that plays at present, at the first reader; the beginning without
    /// one.
    pub fn playhead(&self, now: Instant) -> Duration {
        self.demand().playhead(now).unwrap_or_default()
    }

    /// Chunks that connected peers hold.
    pub fn available(&self) -> RoaringBitmap {
        self.transfers.peers.available()
    }

    /// Contributions of all peers, gone ones too, largest first.
    pub fn supplied(&self) -> Vec<Supply> {
        self.transfers.peers.supplied()
    }

    /// Bytes that arrived though the chunk was held.
    pub fn duplicate_bytes(&self) -> u64 {
        self.stats.duplicate_bytes
    }

    /// Number of stalls by cause.
    pub fn stalls(&self) -> &BTreeMap<StallCause, u32> {
        self.stats.stalls()
    }

    /// Cause of the present stall or slow start, if there is one.
    pub fn stalled(&self, now: Instant) -> Option<StallCause> {
        self.stats.stalled(now, &self.transfers)
    }
}

#[cfg(test)]
mod tests;
