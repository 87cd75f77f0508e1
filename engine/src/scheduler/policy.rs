//! Request policy: the next chunk, and the peer to request it from.
//!
//! Passes of [`RequestPolicy::issue_requests`], in this order while playing; before
//! playback, critical chunks precede assigned ones:
//! 1. From a seed: chunks assigned to us that no viewer holds and that any viewer needs
//!    soon. The others wait for them.
//! 2. Critical chunks, earliest deadline first, from the viewer that delivers soonest;
//!    from a seed if no viewer delivers in time.
//! 3. Chunks that viewers hold, from viewers: near before far, then rarest first, ties
//!    at random, so that viewers hold different chunks and can trade.
//! 4. From a seed: all other chunks assigned to us ([`assignment`]), so that each
//!    leaves the seeds once.
//!
//! [`assignment`]: crate::scheduler::assignment

use std::cmp::Reverse;
use std::time::Instant;

use fixedbitset::FixedBitSet;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::ids::{ChunkIndex, PeerId};
use crate::protocol::{CRITICAL_WINDOW, SourceShare};
use crate::scheduler::assignment::{Viewer, is_assigned};
use crate::scheduler::peer_estimate::Peer;
use crate::scheduler::peer_table::PeerTable;
use crate::scheduler::reassign;
use crate::scheduler::transfers::Transfers;
use crate::scheduler::tuning::{PLENTY_AHEAD, Picker, SAFETY, Tuning};

/// Missing chunks considered for one decision; bounds its cost.
const MAX_CANDIDATES: usize = 512;

/// Chooses new requests for one file.
#[derive(Debug)]
pub struct RequestPolicy {
    me: PeerId,
    /// Our share of the new chunks, as reported to the others.
    share: SourceShare,
    tuning: Tuning,
    rng: StdRng,
}

impl RequestPolicy {
    /// The policy of the peer `me`.
    pub fn new(me: PeerId, tuning: Tuning, rng: StdRng) -> Self {
        Self {
            me,
            share: SourceShare::None,
            tuning,
            rng,
        }
    }

    /// Parameters.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Records our share of the new chunks, as reported to the others.
    pub fn set_share(&mut self, share: SourceShare) {
        self.share = share;
    }

    /// Issues requests until no slots or no chunks remain.
    pub fn issue_requests(&mut self, now: Instant, transfers: &mut Transfers) {
        if transfers.demand.is_idle(now) {
            return;
        }
        let open = |peer: &Peer| {
            let free = peer.critical_slots(now);
            // Many small refills cost more than they bring once requests queue.
            free > 0 && free * 4 >= peer.in_flight()
        };
        if !transfers.peers.iter().any(|(_, peer)| open(peer)) {
            return;
        }
        if self.tuning.picker == Picker::InOrder {
            return request_in_order(now, transfers);
        }
        let all = transfers.demand.is_for_all();
        let plays = all || transfers.demand.plays(now);
        let discovering = transfers.peers.is_discovering(now);
        if plays && !discovering {
            self.request_assigned(now, transfers);
        }
        self.request_critical(now, transfers);
        // Playback starts before chunks are passed on, which follows soon.
        if !plays && !discovering {
            self.request_assigned(now, transfers);
        }
        let mut missing = transfers.missing(now);
        self.request_from_viewers(now, transfers, &mut missing);
        if !discovering || all {
            self.request_from_seeds(now, transfers, &missing);
        }
    }

    /// Requests assigned chunks that no viewer holds and that any viewer needs soon:
    /// the others wait for us to pass them on, so requests for later chunks give up
    /// their slots for them.
    fn request_assigned(&self, now: Instant, transfers: &mut Transfers) {
        let horizon = self.tuning.assignment_horizon;
        let open = |peer: &Peer| !peer.backup && peer.critical_slots(now) > 0;
        if !transfers.peers.seeds().any(|(_, peer)| open(peer)) {
            return;
        }
        let mut missing = transfers.missing(now);
        missing.intersect_with(&transfers.needed_within(now, horizon));
        let fresh = fresh(transfers, &missing).into_iter();
        let mut fresh: Vec<_> = fresh.map(|c| (transfers.needed(now, c), c)).collect();
        // Viewers play at different places: one that has just sought needs other chunks
        // first.
        fresh.sort_unstable();
        for (due, chunk) in fresh {
            if due > horizon || !self.is_ours(&transfers.peers, chunk) {
                continue;
            }
            let open = |_: PeerId, peer: &Peer| transfers.peers.is_seed(peer) && !peer.backup;
            match transfers.soonest_in(now, chunk, due, false, open) {
                Some((_, id)) => transfers.request(now, id, chunk),
                // Critical chunks of our own have critical slots.
                None if transfers.demand.time_until(now, chunk) < CRITICAL_WINDOW => return,
                None => return reassign::make_room(now, transfers, due),
            }
        }
    }

    /// Requests critical chunks by deadline, from the peer that delivers soonest; from
    /// viewers if they deliver in time.
    fn request_critical(&self, now: Instant, transfers: &mut Transfers) {
        for chunk in transfers.demand.critical(now) {
            if !transfers.chunks().is_missing(chunk) {
                continue;
            }
            let peers = &transfers.peers;
            let due = transfers.demand.time_until(now, chunk);
            let viewer = transfers.soonest(now, chunk, |_, peer| !peers.is_seed(peer));
            let in_time = viewer.filter(|(eta, _)| eta.mul_f64(SAFETY) <= due);
            let any = || {
                let fresh = peers.no_viewer_has(chunk);
                let can_wait = viewer.is_none() && due >= self.tuning.assignment_timeout;
                let of_others = can_wait && !self.is_ours(peers, chunk) && fresh;
                // A backup serves what no viewer holds: if a late crowd queued there
                // for the rest, it would get no new chunks to pass on.
                let spared = |peer: &Peer| !fresh && (peer.backup || due > PLENTY_AHEAD);
                let allowed =
                    |_: PeerId, peer: &Peer| !peers.is_seed(peer) || !(of_others || spared(peer));
                transfers.soonest(now, chunk, allowed)
            };
            if let Some((_, id)) = in_time.or_else(any) {
                transfers.request(now, id, chunk);
            }
        }
    }

    /// Requests chunks that viewers with free slots hold.
    fn request_from_viewers(
        &mut self,
        now: Instant,
        transfers: &mut Transfers,
        missing: &mut FixedBitSet,
    ) {
        let viewers = transfers.peers.viewers().map(|(_, peer)| peer);
        let open = viewers.filter(|peer| peer.free_slots(now) > 0);
        let mut slots: u32 = open.clone().map(|peer| peer.free_slots(now)).sum();
        if slots == 0 {
            return;
        }
        let held = PeerTable::held_by(open, missing);
        for chunk in self.by_rarity(now, transfers, &held) {
            let peers = &transfers.peers;
            let viewer = transfers.soonest(now, chunk, |_, peer| !peers.is_seed(peer));
            let Some((_, id)) = viewer else {
                continue;
            };
            transfers.request(now, id, chunk);
            missing.remove(chunk.index());
            slots -= 1;
            if slots == 0 {
                return;
            }
        }
    }

    /// Sorts chunks: near before far, then rare before common, then at random.
    fn by_rarity(
        &mut self,
        now: Instant,
        transfers: &Transfers,
        chunks: &FixedBitSet,
    ) -> Vec<ChunkIndex> {
        // A download without a reader considers different chunks each time.
        let skip = match transfers.demand.is_read(now) {
            true => 0,
            false => chunks.count_ones(..).saturating_sub(MAX_CANDIDATES),
        };
        let skip = self.rng.random_range(0..=skip);
        let near = chunks.ones().skip(skip).take(MAX_CANDIDATES);
        let class = self.tuning.rarest_within.as_millis() as u64;
        let mut keyed: Vec<(u64, u32, u32, ChunkIndex)> = near
            .map(|chunk| {
                let chunk = ChunkIndex(chunk as u32);
                let due = transfers.demand.time_until(now, chunk);
                let distance = due.as_millis() as u64 / class;
                let tie = self.rng.random();
                (distance, transfers.peers.copies(chunk), tie, chunk)
            })
            .collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, _, _, chunk)| chunk).collect()
    }

    /// Requests chunks that no viewer holds from seeds: those assigned to us, and those
    /// that are needed too soon to wait for another viewer.
    fn request_from_seeds(
        &mut self,
        now: Instant,
        transfers: &mut Transfers,
        missing: &FixedBitSet,
    ) {
        let (mut slots, mut open) = (0, false);
        for (_, peer) in transfers.peers.seeds() {
            let free = peer.free_slots(now);
            slots += free;
            open |= !peer.backup && free > 0;
        }
        if slots == 0 {
            return;
        }
        let mut fresh = fresh(transfers, missing);
        if transfers.peers.is_discovering(now) && !transfers.demand.is_read(now) {
            // A download asks at once, but hardly for what others ask for.
            fresh.shuffle(&mut self.rng);
        }
        for chunk in fresh {
            let due = transfers.demand.time_until(now, chunk);
            let lapsed = due < self.tuning.assignment_timeout;
            if !lapsed && !open {
                // In order, so the assignments of later chunks have not lapsed either.
                return;
            }
            let peers = &transfers.peers;
            if !lapsed && !self.is_ours(peers, chunk) {
                continue;
            }
            let allowed = |_: PeerId, peer: &Peer| peers.is_seed(peer) && (lapsed || !peer.backup);
            let Some((_, id)) = transfers.soonest(now, chunk, allowed) else {
                continue;
            };
            transfers.request(now, id, chunk);
            slots -= 1;
            if slots == 0 {
                return;
            }
        }
    }

    /// True if a chunk is assigned to us among all viewers that fetch around it.
    fn is_ours(&self, peers: &PeerTable, chunk: ChunkIndex) -> bool {
        let me = Viewer {
            id: self.me,
            share: self.share,
        };
        let viewers = peers.viewers();
        let others = viewers.filter(|(_, peer)| peer.position().window.contains(&chunk.0));
        let others = others.map(|(id, peer)| Viewer {
            id,
            share: peer.position().share,
        });
        is_assigned(chunk, me, others)
    }
}

/// Missing chunks that no viewer holds, the first [`MAX_CANDIDATES`] of them.
fn fresh(transfers: &Transfers, missing: &FixedBitSet) -> Vec<ChunkIndex> {
    let chunks = missing.ones().map(|chunk| ChunkIndex(chunk as u32));
    let fresh = chunks.filter(|chunk| transfers.peers.no_viewer_has(*chunk));
    fresh.take(MAX_CANDIDATES).collect()
}

/// Requests missing chunks in order, each from the peer with most free slots.
fn request_in_order(now: Instant, transfers: &mut Transfers) {
    for chunk in transfers.missing(now).ones().take(MAX_CANDIDATES) {
        let chunk = ChunkIndex(chunk as u32);
        let holders = transfers.peers.iter().filter(|(_, peer)| peer.holds(chunk));
        let slots = holders.map(|(id, peer)| (peer.free_slots(now), Reverse(id)));
        if let Some((1.., Reverse(id))) = slots.max() {
            transfers.request(now, id, chunk);
        }
    }
}
