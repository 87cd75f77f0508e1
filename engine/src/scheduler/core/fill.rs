//! Handing out requests: the choice of chunk and peer.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use rand::Rng;
use rand::seq::SliceRandom;

use crate::ids::{ChunkIndex, PeerId};
use crate::protocol::CRITICAL_WINDOW;
use crate::scheduler::core::ChunkScheduler;
use crate::scheduler::core::dispersal::score;
use crate::scheduler::core::tuning::Picker;
use crate::scheduler::peer_estimate::Peer;
use crate::scheduler::peer_table::PeerTable;

/// Missing chunks looked at for one decision; bounds its cost.
const MAX_CANDIDATES: usize = 512;

/// Time it takes to pass a chunk on to all who need it.
const PASSING_ON: Duration = Duration::from_millis(1200);

/// What viewers hold is asked of a source only by who has less ahead of its playhead.
pub(super) const PLENTY_AHEAD: Duration = Duration::from_secs(6);

/// Time after which the first peers have introduced each other and said what they hold
/// and where they are. Before it, nobody asks a source for what others may have, or
/// need sooner than it seems.
const GETTING_TO_KNOW: Duration = Duration::from_millis(150);

/// A share of a peer's estimate for a chunk that must fit before its deadline.
pub(super) const SAFETY: f64 = 0.7;

impl ChunkScheduler {
    /// The peer that would deliver a chunk soonest, of those with credits.
    pub(super) fn soonest(
        &self,
        now: Instant,
        chunk: ChunkIndex,
        allowed: impl Fn(PeerId, &Peer) -> bool,
    ) -> Option<(Duration, PeerId)> {
        let due = self.windows.time_until(now, chunk);
        self.soonest_of(now, chunk, due, due < CRITICAL_WINDOW, allowed)
    }

    /// The peer that would deliver a chunk that is needed in `due` soonest, of those
    /// with credits; `pressing` ones count if it is.
    fn soonest_of(
        &self,
        now: Instant,
        chunk: ChunkIndex,
        due: Duration,
        pressing: bool,
        allowed: impl Fn(PeerId, &Peer) -> bool,
    ) -> Option<(Duration, PeerId)> {
        let limit = self.tuning.requests_per_peer;
        let bytes = self.geometry.chunk_len(chunk);
        let credits = |peer: &Peer| match pressing {
            true => peer.pressing_credits(now, limit),
            false => peer.free_credits(now, limit),
        };
        self.peers
            .iter()
            .filter(|(id, peer)| peer.holds(chunk) && credits(peer) > 0 && allowed(*id, peer))
            .map(|(id, peer)| (peer.eta(now, bytes, due), id))
            .min()
    }

    /// Hands out all credits there are something to ask for.
    pub fn fill(&mut self, now: Instant) {
        if now < self.paused_until || (self.windows.is_empty() && !self.whole) {
            return;
        }
        let limit = self.tuning.requests_per_peer;
        let spare = |peer: &Peer| {
            let free = peer.pressing_credits(now, limit);
            // Many small refills cost more than they bring once requests queue.
            free > 0 && free * 4 >= peer.outstanding
        };
        if !self.peers.iter().any(|(_, peer)| spare(peer)) {
            return;
        }
        if self.tuning.picker == Picker::InOrder {
            return self.fill_in_order(now);
        }
        let plays = self.whole || self.windows.plays();
        let stranger = now < self.met + GETTING_TO_KNOW;
        // Who has not begun to play starts first, and passes on soon after.
        if plays && !stranger {
            self.fill_duties(now);
        }
        self.fill_urgent(now);
        if !plays && !stranger {
            self.fill_duties(now);
        }
        let mut missing = self.missing(now);
        self.fill_from_viewers(now, &mut missing);
        if !stranger || self.whole {
            self.fill_from_sources(now, missing);
        }
    }

    /// Our share of what no viewer holds and somebody needs soon: others wait for
    /// us to pass it on, so it goes before what only we need, and requests
    /// for later parts give up their credits for it.
    fn fill_duties(&mut self, now: Instant) {
        let until = self.tuning.duty_within;
        let limit = self.tuning.requests_per_peer;
        let open = |peer: &Peer| !peer.reserve && peer.pressing_credits(now, limit) > 0;
        if !self.peers.sources().any(|(_, peer)| open(peer)) {
            return;
        }
        let mut missing = self.missing(now);
        missing.intersect_with(&self.needed_within(now, until));
        let fresh = self.fresh(&missing).into_iter();
        let mut fresh: Vec<_> = fresh.map(|c| (self.needed(now, c), c)).collect();
        // Not all play at the same place: who has jumped needs another part first.
        fresh.sort_unstable();
        for (due, chunk) in fresh {
            if due <= until && self.is_ours(chunk) {
                let open = |_: PeerId, peer: &Peer| self.peers.is_source(peer) && !peer.reserve;
                match self.soonest_of(now, chunk, due, false, open) {
                    Some((_, id)) => self.request(now, id, chunk),
                    // What we need that soon ourselves has credits of its own.
                    None if self.windows.time_until(now, chunk) < CRITICAL_WINDOW => return,
                    None => return self.make_room(now, due),
                }
            }
        }
    }

    /// By deadline, from whoever delivers soonest; from viewers if in time.
    fn fill_urgent(&mut self, now: Instant) {
        for chunk in self.windows.urgent(now) {
            if self.taken.contains(chunk.index()) {
                continue;
            }
            let due = self.windows.time_until(now, chunk);
            let viewers = self.soonest(now, chunk, |_, peer| !self.peers.is_source(peer));
            let in_time = viewers.filter(|(eta, _)| eta.mul_f64(SAFETY) <= due);
            let all = || {
                let fresh = self.peers.no_viewer_has(chunk);
                let waits = viewers.is_none() && due >= self.tuning.share_lapses;
                let by_share = waits && !self.is_ours(chunk) && fresh;
                // A source in reserve is there for what no viewer has: for the rest
                // a crowd that is late would stand in line there, and the front of
                // the film would get nothing new to pass on. And who has plenty can
                // wait for viewers.
                let spares = |peer: &Peer| !fresh && (peer.reserve || due > PLENTY_AHEAD);
                let allowed = |_: PeerId, peer: &Peer| {
                    !self.peers.is_source(peer) || !(by_share || spares(peer))
                };
                self.soonest(now, chunk, allowed)
            };
            if let Some((_, id)) = in_time.or_else(all) {
                self.request(now, id, chunk);
            }
        }
    }

    /// Chunks wanted, not here and not on their way.
    fn missing(&self, now: Instant) -> FixedBitSet {
        let mut wanted = self.windows.wanted(now);
        if self.whole {
            wanted.insert_range(..);
        }
        wanted.difference_with(&self.taken);
        wanted
    }

    /// Those that no viewer holds, the first [`MAX_CANDIDATES`] of them.
    fn fresh(&self, missing: &FixedBitSet) -> Vec<ChunkIndex> {
        let chunks = missing.ones().map(|chunk| ChunkIndex(chunk as u32));
        let fresh = chunks.filter(|chunk| self.peers.no_viewer_has(*chunk));
        fresh.take(MAX_CANDIDATES).collect()
    }

    /// What viewers with credits hold, from them.
    fn fill_from_viewers(&mut self, now: Instant, missing: &mut FixedBitSet) {
        let limit = self.tuning.requests_per_peer;
        let free = |peer: &Peer| peer.free_credits(now, limit);
        let viewers = self.peers.viewers().map(|(_, peer)| peer);
        let open = viewers.filter(|peer| free(peer) > 0);
        let mut credits: u32 = open.clone().map(free).sum();
        if credits == 0 {
            return;
        }
        let held = PeerTable::held_by(open, missing);
        for chunk in self.by_rarity(now, &held) {
            let viewer = self.soonest(now, chunk, |_, peer| !self.peers.is_source(peer));
            let Some((_, id)) = viewer else {
                continue;
            };
            self.request(now, id, chunk);
            missing.remove(chunk.index());
            credits -= 1;
            if credits == 0 {
                return;
            }
        }
    }

    /// Near before far, then rare before common, then at random.
    fn by_rarity(&mut self, now: Instant, chunks: &FixedBitSet) -> Vec<ChunkIndex> {
        let reads = !self.windows.is_empty();
        // Fetching all of a file looks at another part of it each time.
        let skip = match reads {
            true => 0,
            false => chunks.count_ones(..).saturating_sub(MAX_CANDIDATES),
        };
        let skip = self.rng.random_range(0..=skip);
        let near = chunks.ones().skip(skip).take(MAX_CANDIDATES);
        let mut keyed: Vec<(u64, u32, u32, ChunkIndex)> = near
            .map(|chunk| {
                let chunk = ChunkIndex(chunk as u32);
                let due = self.windows.time_until(now, chunk);
                let distance =
                    due.as_millis() as u64 / self.tuning.rarest_within.as_millis() as u64;
                let tie = self.rng.random();
                (distance, self.peers.copies(chunk), tie, chunk)
            })
            .collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, _, _, chunk)| chunk).collect()
    }

    /// What no viewer holds, from a source: our share of it, and what is needed
    /// too soon to wait for whoever's share it is.
    fn fill_from_sources(&mut self, now: Instant, missing: FixedBitSet) {
        let limit = self.tuning.requests_per_peer;
        let (mut credits, mut open) = (0, false);
        for (_, peer) in self.peers.sources() {
            let free = peer.free_credits(now, limit);
            credits += free;
            open |= !peer.reserve && free > 0;
        }
        if credits == 0 {
            return;
        }
        let mut fresh = self.fresh(&missing);
        if now < self.met + GETTING_TO_KNOW && self.windows.is_empty() {
            // Who fetches all of a file asks at once, but hardly for what others ask for.
            fresh.shuffle(&mut self.rng);
        }
        for chunk in fresh {
            let lapsed = self.windows.time_until(now, chunk) < self.tuning.share_lapses;
            if !lapsed && !open {
                // In order, so those after it have not lapsed either.
                return;
            }
            if !lapsed && !self.is_ours(chunk) {
                continue;
            }
            let allowed =
                |_: PeerId, peer: &Peer| self.peers.is_source(peer) && (lapsed || !peer.reserve);
            let Some((_, id)) = self.soonest(now, chunk, allowed) else {
                continue;
            };
            self.request(now, id, chunk);
            credits -= 1;
            if credits == 0 {
                return;
            }
        }
    }

    /// Chunks that somebody, we too, plays within this time.
    fn needed_within(&self, now: Instant, until: Duration) -> FixedBitSet {
        let count = self.geometry.chunk_count() as usize;
        let mut needed = FixedBitSet::with_capacity(count);
        let others = self.peers.viewers().map(|(_, peer)| peer);
        let others = others.filter(|peer| !peer.place.window.is_empty());
        let playheads = others.map(|peer| peer.playhead(now));
        for playhead in playheads.chain(self.windows.playhead(now)) {
            let first = self.windows.chunk_at(playhead).index();
            let last = self.windows.chunk_at(playhead + until).index();
            needed.insert_range(first.min(count)..(last + 1).min(count));
        }
        needed
    }

    /// Time until the first of the other viewers needs a chunk that we fetch for
    /// all.
    pub(super) fn needed_by_others(&self, now: Instant, chunk: ChunkIndex) -> Duration {
        let time = self.windows.time_of(chunk);
        let peers = self.peers.iter().map(|(_, peer)| peer);
        let waiting =
            peers.filter(|peer| peer.place.window.contains(&chunk.0) && !peer.holds(chunk));
        let until = waiting.map(|peer| time.saturating_sub(peer.playhead(now)));
        until.min().unwrap_or(Duration::MAX)
    }

    /// The deadline told with a request. What no viewer holds is to be passed on after
    /// it came, so it is needed earlier if others wait for it; and a source that is
    /// asked for much that is late still sends what nobody has.
    pub(super) fn deadline_at(&self, now: Instant, peer: PeerId, chunk: ChunkIndex) -> Duration {
        let source = self
            .peers
            .get(peer)
            .is_some_and(|p| self.peers.is_source(p));
        match source {
            true if self.peers.no_viewer_has(chunk) => {
                let others = self.needed_by_others(now, chunk);
                let own = self.windows.time_until(now, chunk);
                own.min(others.saturating_sub(PASSING_ON))
            }
            true => self.needed(now, chunk),
            false => self.windows.time_until(now, chunk),
        }
    }

    /// Time until the first of all, us too, needs a chunk that we fetch for all.
    pub(super) fn needed(&self, now: Instant, chunk: ChunkIndex) -> Duration {
        let due = self.windows.time_until(now, chunk);
        due.min(self.needed_by_others(now, chunk))
    }

    /// Whether a chunk falls to us, of all viewers that fetch at that place.
    fn is_ours(&self, chunk: ChunkIndex) -> bool {
        let viewers = self.peers.viewers();
        let others = viewers.filter(|(_, peer)| peer.place.window.contains(&chunk.0));
        // An unmeasured viewer counts as the strongest; 1 if nobody is measured.
        let weights = others.clone().map(|(_, peer)| peer.place.share.weight(1));
        let highest = weights.max().unwrap_or(0).max(self.share.weight(1));
        let best = others
            .map(|(id, peer)| score(chunk, id, peer.place.share.weight(highest)))
            .fold(0.0, f64::max);
        score(chunk, self.me, self.share.weight(highest)) >= best
    }

    /// The first missing chunk from whoever has most credits left.
    fn fill_in_order(&mut self, now: Instant) {
        let limit = self.tuning.requests_per_peer;
        for chunk in self.missing(now).ones().take(MAX_CANDIDATES) {
            let chunk = ChunkIndex(chunk as u32);
            let holders = self.peers.iter().filter(|(_, peer)| peer.holds(chunk));
            let credits = holders.map(|(id, peer)| (peer.free_credits(now, limit), Reverse(id)));
            if let Some((1.., Reverse(id))) = credits.max() {
                self.request(now, id, chunk);
            }
        }
    }
}
