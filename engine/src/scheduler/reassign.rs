//! Reassignment of late requests to other peers.
//!
//! A request that will miss its deadline, or that is queued at a seed while a viewer
//! has the chunk, is recalled: if it is still queued, the answer says so and the chunk
//! is requested from the peer that delivers soonest; if not, the chunk is on its way.
//! So hardly any chunk arrives twice, however often requests move, and a late crowd
//! does not become later by requesting everything twice.
//!
//! Only if a recall is not answered, or there is no time for one, a second peer is asked
//! for the same chunk (hedging as in Dean & Barroso, "The Tail at Scale", 2013). Chunks
//! that do arrive twice use up the budget for that, a twentieth of all deliveries. A
//! peer that owes chunks and stays silent loses all its requests.

use std::time::{Duration, Instant};

use crate::ids::{ChunkIndex, PeerId};
use crate::protocol::CRITICAL_WINDOW;
use crate::scheduler::peer_estimate::Peer;
use crate::scheduler::transfers::Transfers;
use crate::scheduler::tuning::{PLENTY_AHEAD, SAFETY};

/// A request stays where it is until this age, beyond two round trips.
const MIN_REASSIGN_AGE: Duration = Duration::from_millis(250);

// The effect of other values of the next four is recorded in docs/benchmarks.md.

/// A chunk expected less than this before its deadline counts as late: to ask another
/// peer takes time, too.
const MARGIN: Duration = Duration::from_millis(400);

/// Time that a recall takes over two saturated uplinks: a chunk with an earlier
/// deadline cannot wait for the answer.
const RECALL_TIME: Duration = Duration::from_millis(600);

/// Only a request with a deadline this much later makes room for another.
const MUCH_LATER: Duration = Duration::from_secs(1);

/// A request moves to a peer that needs less than this share of the time.
const GAIN: f64 = 0.6;

/// Deliveries that pay for one hedge.
const HEDGE_COST: f64 = 20.0;

/// Hedges that can be saved up.
const MAX_HEDGES: f64 = 4.0;

/// Moves late requests, within a budget for duplicates.
#[derive(Debug)]
pub struct Reassigner {
    /// Hedges that may be sent now.
    hedges: f64,
}

impl Reassigner {
    /// A reassigner with a full budget.
    pub fn new() -> Self {
        Self { hedges: MAX_HEDGES }
    }

    /// Credits the budget with a delivery.
    pub fn delivered(&mut self) {
        self.hedges = (self.hedges + 1.0 / HEDGE_COST).min(MAX_HEDGES);
    }

    /// Charges the budget with a chunk that arrived twice.
    pub fn duplicated(&mut self) {
        self.hedges -= 1.0;
    }

    /// Refunds a hedge whose loser was cancelled in time.
    pub fn refund(&mut self) {
        self.hedges = (self.hedges + 1.0).min(MAX_HEDGES);
    }

    /// Recalls chunks that will be late and would come sooner from another peer. Hedges
    /// only after a recall without an answer, or without time for one: the chunk could
    /// arrive twice.
    pub fn reassign_late(&mut self, now: Instant, transfers: &mut Transfers) {
        let chunks: Vec<ChunkIndex> = transfers.chunks().flights().map(|(c, _)| c).collect();
        for chunk in chunks {
            self.reassign_if_late(now, transfers, chunk);
        }
    }

    fn reassign_if_late(&mut self, now: Instant, transfers: &mut Transfers, chunk: ChunkIndex) {
        let Some(flight) = transfers.chunks().single_flight(chunk) else {
            return;
        };
        let Some(holder) = transfers.peers.get(flight.peer) else {
            return;
        };
        let age = now.saturating_duration_since(flight.recalled.unwrap_or(flight.sent));
        if age < MIN_REASSIGN_AGE + holder.rtt() * 2 {
            return;
        }
        let due = transfers.demand.time_until(now, chunk);
        // Queueing behind earlier deadlines is expected, but hardly longer than that.
        let queued = age.min(CRITICAL_WINDOW.saturating_sub(due));
        let chunk_bytes = transfers.chunks().geometry().chunk_size().bytes();
        let expected = holder.eta(now, chunk_bytes, due).max(queued);
        if expected + MARGIN < due {
            return;
        }
        // A seed only if the policy would have asked it in the first place.
        let peers = &transfers.peers;
        let fresh = peers.no_viewer_has(chunk);
        let spared = |peer: &Peer| !fresh && (peer.backup || due > PLENTY_AHEAD);
        let others =
            |id: PeerId, peer: &Peer| id != flight.peer && !(peers.is_seed(peer) && spared(peer));
        let soonest = transfers.soonest(now, chunk, others);
        let Some((eta, id)) = soonest.filter(|(eta, _)| *eta < expected.mul_f64(GAIN)) else {
            return;
        };
        let has_time = due >= RECALL_TIME || !transfers.demand.plays(now);
        if flight.recalled.is_none() && (has_time || self.hedges < 1.0) {
            transfers.recall(now, chunk, Some(id));
        } else if self.hedges >= 1.0 {
            tracing::trace!(%chunk, ?eta, "request hedged");
            self.hedges -= 1.0;
            transfers.request(now, id, chunk);
        }
    }
}

/// Takes all requests from peers that owe chunks and are silent.
pub fn release_silent(now: Instant, transfers: &mut Transfers, timeout: Duration) {
    let peers = transfers.peers.iter();
    let silent = peers.filter(|(_, peer)| peer.is_silent(now, timeout));
    let silent: Vec<PeerId> = silent.map(|(id, _)| id).collect();
    for id in silent {
        tracing::debug!(peer = ?id, "requests of a silent peer reassigned");
        transfers.release_peer(id, true);
        if let Some(peer) = transfers.peers.get_mut(id) {
            peer.snub(now);
        }
    }
}

/// Requests a successfully recalled chunk from the viewer it was recalled for, with a
/// critical slot if need be: otherwise it might return to where it was queued. The
/// critical slots of seeds are for chunks that nobody else has.
pub fn follow_recall(now: Instant, transfers: &mut Transfers, chunk: ChunkIndex, next: PeerId) {
    let peers = &transfers.peers;
    let accepts =
        |peer: &Peer| peer.critical_slots(now) > 0 && peer.holds(chunk) && !peers.is_seed(peer);
    let open = peers.get(next).is_some_and(accepts);
    let paused = transfers.demand.is_paused(now);
    if open && !paused && transfers.chunks().is_missing(chunk) {
        transfers.request(now, next, chunk);
    }
}

/// Recalls the request queued at a seed with the latest deadline, if that is much later
/// than `due`, so that a chunk needed in `due` finds a slot. One at a time.
pub fn make_room(now: Instant, transfers: &mut Transfers, due: Duration) {
    let peers = &transfers.peers;
    let open = |peer: PeerId| {
        let peer = peers.get(peer);
        peer.is_some_and(|peer| peers.is_seed(peer) && !peer.backup && !peer.is_busy(now))
    };
    let flights = transfers.chunks().flights();
    let single = flights.filter_map(|(chunk, flights)| match flights {
        [flight] if open(flight.peer) => Some((chunk, flight)),
        _ => None,
    });
    if single.clone().any(|(_, flight)| flight.recalled.is_some()) {
        return;
    }
    let needed = single.map(|(chunk, _)| (transfers.needed(now, chunk), chunk));
    if let Some((_, last)) = needed.max().filter(|(later, _)| *later > due + MUCH_LATER) {
        transfers.recall(now, last, None);
    }
}

/// Recalls a chunk queued at a seed if a viewer that gained it delivers it in time: the
/// seed's uplink is shared by all.
pub fn move_from_seed(now: Instant, transfers: &mut Transfers, viewer: PeerId, chunk: ChunkIndex) {
    let Some(flight) = transfers.chunks().single_flight(chunk) else {
        return;
    };
    let peers = &transfers.peers;
    let seed = peers.get(flight.peer).filter(|peer| peers.is_seed(peer));
    let (Some(candidate), Some(seed)) = (peers.get(viewer), seed) else {
        return;
    };
    let bytes = transfers.chunks().geometry().chunk_len(chunk);
    let due = transfers.demand.time_until(now, chunk);
    let eta = candidate.eta(now, bytes, due);
    let in_time = eta.mul_f64(SAFETY) <= due || eta < seed.eta(now, bytes, due);
    if candidate.free_slots(now) > 0 && in_time {
        transfers.recall(now, chunk, Some(viewer));
    }
}

#[cfg(test)]
mod tests;
