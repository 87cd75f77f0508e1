//! Decisions for one file: events and the time in, effects out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::Geometry;
use crate::protocol::{FileReport, PeerPosition, QueueDelay, RejectReason, SourceShare};
use crate::scheduler::chunk_table::ChunkTable;
use crate::scheduler::demand::{Demand, Playhead, ReaderId};
use crate::scheduler::peer_estimate::MAX_BUSY;
use crate::scheduler::peer_table::{PeerTable, Supply};
use crate::scheduler::policy::RequestPolicy;
use crate::scheduler::prefetch::StreamProgress;
use crate::scheduler::reassign::{Reassigner, follow_recall, move_from_seed, release_silent};
use crate::scheduler::stats::{StallCause, StreamStats};
use crate::scheduler::transfers::{Effect, Transfers};
use crate::scheduler::tuning::{Picker, Tuning};
use crate::scheduler::usage::Usage;
use crate::store::StoreError;

/// Pause after a rejection that names no time.
const REJECT_PAUSE: Duration = Duration::from_millis(250);

/// Distance of a move from which on it is announced at once.
const FAR: u32 = 16;

/// A reader's move, as far as others are to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderMove {
    /// The reader is where it was.
    None,
    /// The store is to know the position.
    Near,
    /// Peers and the tracker are to know it at once, too.
    Far,
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
    /// The peer delivered a chunk that could not be stored.
    NotStored(ChunkIndex, StoreError),
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
    usage: Usage,
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
            usage: Usage::new(now),
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
            PeerEvent::NotStored(chunk, error) => self.not_stored(now, id, chunk, error),
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
        self.stats.storage.stored();
        self.now_held(chunk);
        self.issue_requests(now);
    }

    fn not_stored(&mut self, now: Instant, from: PeerId, chunk: ChunkIndex, error: StoreError) {
        let awaited = self.transfers.demand.consumers().is_awaited(chunk);
        let reaction = self.stats.storage.failed(now, error.clone(), awaited);
        self.transfers.answered(from, chunk);
        self.transfers.demand.pause_until(reaction.resume);
        self.issue_requests(now);
        if reaction.fail_readers {
            self.transfers.fail(chunk, error);
        }
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

    /// Adds a reader. It has no position before [`ChunkScheduler::set_reader`].
    pub fn open_reader(&mut self, now: Instant) -> ReaderId {
        self.usage.open_reader(now)
    }

    /// Moves a reader to a chunk. After a seek, unwanted requests are cancelled.
    pub fn set_reader(&mut self, now: Instant, reader: ReaderId, chunk: ChunkIndex) -> ReaderMove {
        self.usage.read(now);
        let before = self.position(now);
        let held = self.have().contains(chunk.0);
        let sought = self.transfers.demand.set_reader(now, reader, chunk, held);
        if sought {
            self.transfers.cancel_unwanted(now);
        }
        self.issue_requests(now);
        moved(before, chunk)
    }

    /// Records the playhead that the player of this program reports. After a seek,
    /// unwanted requests are cancelled and those of the new place are issued, before
    /// anything is read there.
    pub fn set_playhead(&mut self, now: Instant, playhead: Playhead) -> ReaderMove {
        self.usage.read(now);
        let before = self.position(now);
        if !self.transfers.demand.set_playhead(now, playhead) {
            return ReaderMove::None;
        }
        self.transfers.cancel_unwanted(now);
        self.issue_requests(now);
        moved(before, self.position(now))
    }

    /// Removes a reader.
    pub fn remove_reader(&mut self, now: Instant, reader: ReaderId) {
        self.usage.read(now);
        self.transfers.demand.remove_reader(reader);
        self.transfers.cancel_unwanted(now);
        self.issue_requests(now);
    }

    /// Adds or withdraws a wish to have all of the file; several may exist. Returns true
    /// if that changes what is fetched.
    pub fn set_download_all(&mut self, now: Instant, wanted: bool) -> bool {
        let before = self.demand().is_for_all();
        let all = self.usage.set_download(wanted);
        if before == all {
            return false;
        }
        self.transfers.demand.set_for_all(all);
        self.transfers.cancel_unwanted(now);
        self.issue_requests(now);
        true
    }

    /// True if the scheduler has not been needed for so long that it may end.
    pub fn is_idle(&self, now: Instant) -> bool {
        let fetching = self.demand().is_for_all() && !self.is_complete();
        let unread = self.usage.unread_for(now) > self.policy.tuning().idle_limit;
        unread && !fetching && !self.demand().is_read(now)
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
    /// that began, with their causes. To be called every [`crate::scheduler::TICK_INTERVAL`].
    pub fn tick(&mut self, now: Instant) -> Vec<(ChunkIndex, StallCause)> {
        let tuning = self.policy.tuning();
        release_silent(now, &mut self.transfers, tuning.request_timeout);
        if tuning.picker == Picker::Swarm {
            self.reassigner.reassign_late(now, &mut self.transfers);
        }
        self.issue_requests(now);
        let estimated = self
            .transfers
            .demand
            .consumers_mut()
            .begin_stalls(now)
            .into_iter();
        let reported = self
            .transfers
            .demand
            .consumers_mut()
            .begin_player_stall(now)
            .into_iter();
        let cause = |at| (at, self.stats.cause(now, &self.transfers, at));
        let player = |time| self.stats.player_cause(now, &self.transfers, time);
        let stalls = estimated.map(cause).chain(reported.map(player));
        let stalls: Vec<(ChunkIndex, StallCause)> = stalls.collect();
        for (_, cause) in &stalls {
            self.stats.count_stall(*cause);
        }
        stalls
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

    /// The first needed chunk; the last known without a reader.
    pub fn position(&self, now: Instant) -> ChunkIndex {
        self.demand().position(now)
    }

    /// Media held from the playhead on without a gap.
    pub fn buffer(&self, now: Instant) -> Duration {
        let position = self.position(now);
        let played = self.demand().playhead(now);
        let played = played.unwrap_or(self.demand().time_of(position));
        let end = ChunkIndex(position.0 + self.run_from(position));
        self.demand().time_of(end).saturating_sub(played)
    }

    /// Report of this file to the tracker.
    pub fn report(&self, now: Instant, file: FileId) -> FileReport {
        FileReport {
            file,
            chunk_size: self.transfers.chunks().geometry().chunk_size().bytes(),
            have: self.have().clone(),
            position: self.position(now),
            buffer: self.buffer(now),
        }
    }

    /// State that the order of background fetches depends on.
    pub fn progress(&self, now: Instant) -> StreamProgress {
        if self.is_complete() {
            return StreamProgress::Complete;
        }
        let rest = self.position(now).0..self.transfers.chunks().geometry().chunk_count();
        let count = u64::from(rest.end - rest.start);
        match self.demand().is_read(now) && self.have().range_cardinality(rest) < count {
            true => StreamProgress::Behind,
            false => StreamProgress::Idle,
        }
    }

    /// The failure of the store that lasts, if one does.
    pub fn storage_problem(&self) -> Option<&StoreError> {
        self.stats.storage.problem()
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

fn moved(from: ChunkIndex, to: ChunkIndex) -> ReaderMove {
    match from.0.abs_diff(to.0) {
        0 => ReaderMove::None,
        1..=FAR => ReaderMove::Near,
        _ => ReaderMove::Far,
    }
}

#[cfg(test)]
mod tests;
