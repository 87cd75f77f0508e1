//! Handing out requests: the choice of chunk and peer.

use std::time::{Duration, Instant};

use rand::Rng;
use rand::seq::SliceRandom;

use super::Core;
use crate::ids::{ChunkIndex, PeerId};
use crate::scheduler::peer::Peer;

/// Missing chunks looked at for one decision; bounds its cost.
const MAX_CANDIDATES: usize = 1024;

/// A request is not hedged before this age beyond two round trips.
const MIN_HEDGE_AGE: Duration = Duration::from_millis(250);

impl Core {
    /// Asks a second peer for chunks that will miss their deadline.
    pub(super) fn hedge_late(&mut self, now: Instant) {
        let chunk_bytes = self.geometry.chunk_size().bytes();
        for chunk in self.windows.urgent() {
            let Some([flight]) = self.flights.get(&chunk).map(Vec::as_slice) else {
                continue;
            };
            let Some(holder) = self.peers.get(&flight.peer) else {
                continue;
            };
            let age = now.saturating_duration_since(flight.sent);
            let due = self.windows.time_until(chunk);
            if self.hedges < 1.0 || age < MIN_HEDGE_AGE + holder.rtt() * 2 {
                continue;
            }
            let expected = holder.eta(now, chunk_bytes).max(age);
            if expected < due {
                continue;
            }
            let better = |eta: Duration| eta < expected.mul_f64(0.6);
            let first = flight.peer;
            if let Some((eta, id)) = self
                .soonest(now, chunk, Some(first))
                .filter(|(e, _)| better(*e))
            {
                tracing::trace!(%chunk, ?eta, "hedged");
                self.hedges -= 1.0;
                self.request(now, id, chunk);
            }
        }
    }

    /// The peer that would deliver a chunk soonest.
    fn soonest(
        &self,
        now: Instant,
        chunk: ChunkIndex,
        except: Option<PeerId>,
    ) -> Option<(Duration, PeerId)> {
        let limit = self.tuning.requests_per_peer;
        let bytes = self.geometry.chunk_len(chunk);
        self.peers
            .iter()
            .filter(|(id, peer)| {
                Some(**id) != except
                    && peer.has.contains(chunk.0)
                    && peer.free_credits(now, limit) > 0
            })
            .map(|(id, peer)| (peer.eta(now, bytes), *id))
            .min()
    }

    /// Hands out all credits there are something to ask for.
    pub fn fill(&mut self, now: Instant) {
        if now < self.paused_until || (self.windows.is_empty() && !self.whole) {
            return;
        }
        let limit = self.tuning.requests_per_peer;
        let spare = |peer: &Peer| {
            let free = peer.free_credits(now, limit);
            // Many small refills cost more than they bring once requests queue.
            free > 0 && free * 4 >= peer.outstanding
        };
        if !self.peers.values().any(spare) {
            return;
        }
        for chunk in self.windows.urgent() {
            if self.have.contains(chunk.0) || self.in_flight.contains(chunk.0) {
                continue;
            }
            if let Some((_, id)) = self.soonest(now, chunk, None) {
                self.request(now, id, chunk);
            }
        }
        self.fill_ahead(now);
    }

    /// Rarest first for each peer with credits, the server last.
    fn fill_ahead(&mut self, now: Instant) {
        let limit = self.tuning.requests_per_peer;
        let free = |peer: &Peer| peer.free_credits(now, limit);
        let mut order: Vec<(PeerId, bool)> = self
            .peers
            .iter()
            .filter(|(_, peer)| free(peer) > 0)
            .map(|(id, peer)| (*id, peer.origin))
            .collect();
        if order.is_empty() {
            return;
        }
        let mut candidates = self.candidates();
        order.shuffle(&mut self.rng);
        order.sort_by_key(|(_, origin)| *origin);
        for (id, _) in order {
            let Some(peer) = self.peers.get(&id) else {
                continue;
            };
            let mut credits = free(peer);
            let has = peer.has.clone();
            let mut taken = Vec::new();
            candidates.retain(|chunk| {
                let take = credits > 0 && has.contains(chunk.0);
                if take {
                    credits -= 1;
                    taken.push(*chunk);
                }
                !take
            });
            for chunk in taken {
                self.request(now, id, chunk);
            }
        }
    }

    /// Missing chunks in the order they should be asked for.
    fn candidates(&mut self) -> Vec<ChunkIndex> {
        let mut missing = self.windows.wanted() - &self.have - &self.in_flight;
        if self.whole && (&missing & self.available()).is_empty() {
            missing.insert_range(0..self.geometry.chunk_count());
            missing = missing - &self.have - &self.in_flight;
        }
        missing &= self.available();
        let count = self.geometry.chunk_count();
        let partial = |peer: &Peer| peer.has.len() < u64::from(count);
        if !self.peers.values().any(partial) {
            return missing
                .iter()
                .take(MAX_CANDIDATES)
                .map(ChunkIndex)
                .collect();
        }
        let skip = (missing.len() as usize).saturating_sub(MAX_CANDIDATES);
        let skip = self.rng.random_range(0..=skip);
        let mut keyed: Vec<(usize, u32, ChunkIndex)> = missing
            .iter()
            .skip(skip)
            .take(MAX_CANDIDATES)
            .map(|chunk| {
                let holders = self.peers.values().filter(|peer| peer.has.contains(chunk));
                (holders.count(), self.rng.random(), ChunkIndex(chunk))
            })
            .collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, _, chunk)| chunk).collect()
    }
}
