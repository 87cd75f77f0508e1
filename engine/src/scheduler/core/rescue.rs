//! What becomes of requests that are late.
//!
//! A request that will miss its deadline, or that waits at a source while a viewer
//! has the chunk, is recalled: if it still waits there, the answer says so and it
//! is made to whoever delivers soonest; if not, the chunk is on its way. So hardly
//! anything comes twice, however often requests move, and a crowd that is late does not
//! become later by asking for everything twice.
//!
//! Only where a recall is not answered, or there is no time for one, is a second peer
//! asked for the same (hedging as in Dean & Barroso, "The Tail at Scale", 2013).
//! Chunks that did come twice use up the budget for that, a twentieth of what
//! arrives. A peer that owes chunks and sends none for long loses all its
//! requests.

use std::time::{Duration, Instant};

use crate::ids::{ChunkIndex, PeerId};
use crate::protocol::CRITICAL_WINDOW;
use crate::scheduler::core::fill::{PLENTY_AHEAD, SAFETY};
use crate::scheduler::core::tuning::Picker;
use crate::scheduler::core::{ChunkScheduler, Effect, Flight};
use crate::scheduler::peer_estimate::Peer;

/// A request is neither recalled nor made elsewhere before this age, beyond two
/// round trips.
const MIN_RESCUE_AGE: Duration = Duration::from_millis(250);

// What other values of these four do is in docs/benchmarks.md.

/// What would come no sooner than this before it is needed is late already: to ask
/// another peer takes time, too.
const MARGIN: Duration = Duration::from_millis(400);

/// A recall is answered over two uplinks that are full. What is needed within this
/// time cannot wait for that.
const RECALL_TAKES: Duration = Duration::from_millis(600);

/// Only a request that is needed so much later makes room for another.
const MUCH_LATER: Duration = Duration::from_secs(1);

/// A request moves to a peer that needs less than this share of the time.
const GAIN: f64 = 0.6;

impl ChunkScheduler {
    /// Who owes chunks and sends none loses its requests, and rests.
    pub(super) fn release_silent(&mut self, now: Instant) {
        let timeout = self.tuning.request_timeout;
        let silent = self.peers.iter().filter(|(_, p)| p.is_silent(now, timeout));
        let silent: Vec<PeerId> = silent.map(|(id, _)| id).collect();
        for id in silent {
            tracing::debug!(peer = ?id, "silent; its requests go to others");
            self.release_all(id, true);
            if let Some(peer) = self.peers.get_mut(id) {
                peer.snub(now);
            }
        }
    }

    /// What will come too late, and would come sooner from another peer, is
    /// recalled. A second peer is asked for it only if the first does not answer, or
    /// if there is no time left to wait for that: the chunk could come twice.
    pub(super) fn rescue_late(&mut self, now: Instant) {
        if self.tuning.picker == Picker::InOrder {
            return;
        }
        let chunk_bytes = self.geometry.chunk_size().bytes();
        let chunks: Vec<ChunkIndex> = self.flights.keys().copied().collect();
        for chunk in chunks {
            let Some([flight]) = self.flights.get(&chunk).map(Vec::as_slice) else {
                continue;
            };
            let flight = *flight;
            let Some(holder) = self.peers.get(flight.peer) else {
                continue;
            };
            let age = now.saturating_duration_since(flight.recalled.unwrap_or(flight.sent));
            if age < MIN_RESCUE_AGE + holder.rtt() * 2 {
                continue;
            }
            let due = self.windows.time_until(now, chunk);
            // It may wait as long as others need theirs sooner, and not much longer.
            let waits = age.min(CRITICAL_WINDOW.saturating_sub(due));
            let expected = holder.eta(now, chunk_bytes, due).max(waits);
            if expected + MARGIN < due {
                continue;
            }
            let better = |(eta, _): &(Duration, PeerId)| *eta < expected.mul_f64(GAIN);
            // A source only if it would be asked for this at first, too.
            let fresh = self.peers.no_viewer_has(chunk);
            let spares = |peer: &Peer| !fresh && (peer.reserve || due > PLENTY_AHEAD);
            let others = |id: PeerId, peer: &Peer| {
                id != flight.peer && !(self.peers.is_source(peer) && spares(peer))
            };
            let Some((eta, id)) = self.soonest(now, chunk, others).filter(better) else {
                continue;
            };
            if flight.recalled.is_none()
                && (due >= RECALL_TAKES || self.hedges < 1.0 || !self.windows.plays())
            {
                self.recall(now, chunk, Some(id));
            } else if self.hedges >= 1.0 {
                tracing::trace!(%chunk, ?eta, "hedged");
                self.hedges -= 1.0;
                self.request(now, id, chunk);
            }
        }
    }

    /// Recalls the only request for a chunk, to make it to `next`.
    fn recall(&mut self, now: Instant, chunk: ChunkIndex, next: Option<PeerId>) {
        let flights = self.flights.get_mut(&chunk).map(Vec::as_mut_slice);
        if let Some([flight]) = flights
            && flight.recalled.is_none()
        {
            flight.recalled = Some(now);
            flight.next = next;
            self.effects.push(Effect::Recall(flight.peer, chunk));
        }
    }

    /// What was recalled to make it to a viewer is made there, with a credit kept for
    /// what is needed very soon if need be: otherwise it might go back to where it
    /// waited. At a source those credits are for what nobody else has.
    pub(super) fn recalled(&mut self, now: Instant, chunk: ChunkIndex, next: PeerId) {
        let limit = self.tuning.requests_per_peer;
        let can = |peer: &Peer| {
            let free = peer.pressing_credits(now, limit) > 0;
            free && peer.holds(chunk) && !self.peers.is_source(peer)
        };
        let open = self.peers.get(next).is_some_and(can);
        let rests = now < self.paused_until;
        if open && !rests && !self.taken.contains(chunk.index()) {
            self.request(now, next, chunk);
        }
    }

    /// Something is needed in `due`, and no source has credits left for it: of what
    /// waits at one, the request that is needed last is taken back, if that is much
    /// later. One at a time.
    pub(super) fn make_room(&mut self, now: Instant, due: Duration) {
        let open = |flight: &&Flight| {
            let source = self.peers.get(flight.peer);
            source.is_some_and(|peer| {
                self.peers.is_source(peer) && !peer.reserve && !peer.is_busy(now)
            })
        };
        let single = self.flights.iter().filter_map(|(chunk, flights)| {
            let [flight] = flights.as_slice() else {
                return None;
            };
            Some((*chunk, flight)).filter(|(_, flight)| open(flight))
        });
        if single.clone().any(|(_, flight)| flight.recalled.is_some()) {
            return;
        }
        let needed = single.map(|(chunk, _)| (self.needed(now, chunk), chunk));
        if let Some((_, last)) = needed.max().filter(|(later, _)| *later > due + MUCH_LATER) {
            self.recall(now, last, None);
        }
    }

    /// Takes back a request that waits at a source, to make it to a viewer.
    pub(super) fn move_from_source(&mut self, now: Instant, viewer: PeerId, chunk: ChunkIndex) {
        let Some([flight]) = self.flights.get(&chunk).map(Vec::as_slice) else {
            return;
        };
        let flight = *flight;
        let Some(viewer_state) = self.peers.get(viewer) else {
            return;
        };
        let at_source = |peer: &Peer| self.peers.is_source(peer);
        let bytes = self.geometry.chunk_len(chunk);
        let limit = self.tuning.requests_per_peer;
        let due = self.windows.time_until(now, chunk);
        let Some(source) = self.peers.get(flight.peer).filter(|p| at_source(p)) else {
            return;
        };
        let eta = viewer_state.eta(now, bytes, due);
        let in_time = eta.mul_f64(SAFETY) <= due || eta < source.eta(now, bytes, due);
        if viewer_state.free_credits(now, limit) > 0 && in_time {
            self.recall(now, chunk, Some(viewer));
        }
    }

    pub(super) fn release_all(&mut self, id: PeerId, cancel: bool) {
        let at_peer = |flights: &&Vec<Flight>| flights.iter().any(|flight| flight.peer == id);
        let chunks = self.flights.iter().filter(|(_, flights)| at_peer(flights));
        let chunks: Vec<ChunkIndex> = chunks.map(|(chunk, _)| *chunk).collect();
        for chunk in chunks {
            self.release(chunk, Some(id), cancel);
        }
    }
}
