//! Upload slots: the peers that are served at one time.
//!
//! Slots are given in order of arrival; every [`TURN`] the peer served longest makes
//! room for the one waiting longest. There is no tit for tat: in a private group a
//! late viewer has nothing to give yet and still needs its chunks.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ids::PeerId;

/// Time for which a slot is held while others wait.
pub const TURN: Duration = Duration::from_secs(10);

/// A change to tell a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Stops serving the peer.
    Choke(PeerId),
    /// Serves the peer.
    Unchoke(PeerId),
}

/// The slots and the queue for them.
#[derive(Debug)]
pub struct Choker {
    limit: usize,
    served: VecDeque<PeerId>,
    waiting: VecDeque<PeerId>,
    turned: Instant,
}

impl Choker {
    /// `limit` slots, all free.
    pub fn new(limit: usize, now: Instant) -> Self {
        Self {
            limit,
            served: VecDeque::new(),
            waiting: VecDeque::new(),
            turned: now,
        }
    }

    /// Number of slots.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Changes the number of slots. The peer served last loses its slot first.
    pub fn set_limit(&mut self, now: Instant, limit: usize) -> Vec<Change> {
        self.limit = limit;
        let mut changes = Vec::new();
        while self.served.len() > limit {
            let Some(peer) = self.served.pop_back() else {
                break;
            };
            self.waiting.push_front(peer);
            changes.push(Change::Choke(peer));
        }
        while self.served.len() < limit
            && let Some(change) = self.admit()
        {
            self.turned = now;
            changes.push(change);
        }
        changes
    }

    /// Adds a peer. Returns its state, which may have been another when it left.
    pub fn enter(&mut self, peer: PeerId) -> Option<Change> {
        if self.served.contains(&peer) || self.waiting.contains(&peer) {
            return None;
        }
        if self.served.len() < self.limit {
            self.served.push_back(peer);
            return Some(Change::Unchoke(peer));
        }
        self.waiting.push_back(peer);
        Some(Change::Choke(peer))
    }

    /// Removes a peer; the next one gets its slot.
    pub fn leave(&mut self, peer: PeerId) -> Option<Change> {
        self.waiting.retain(|waiting| *waiting != peer);
        let before = self.served.len();
        self.served.retain(|served| *served != peer);
        if self.served.len() == before || self.served.len() >= self.limit {
            return None;
        }
        self.admit()
    }

    /// True if a peer is served or waits for a slot.
    pub fn wants(&self, peer: PeerId) -> bool {
        self.served.contains(&peer) || self.waiting.contains(&peer)
    }

    fn admit(&mut self) -> Option<Change> {
        let peer = self.waiting.pop_front()?;
        self.served.push_back(peer);
        Some(Change::Unchoke(peer))
    }

    /// Passes a slot on when its turn is over.
    pub fn tick(&mut self, now: Instant) -> Vec<Change> {
        if self.waiting.is_empty() || now.saturating_duration_since(self.turned) < TURN {
            return Vec::new();
        }
        self.turned = now;
        let Some(longest) = self.served.pop_front() else {
            return Vec::new();
        };
        let unchoked = self.admit();
        self.waiting.push_back(longest);
        [Some(Change::Choke(longest)), unchoked]
            .into_iter()
            .flatten()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_rotate_among_waiting_peers() {
        let start = Instant::now();
        let mut slots = Choker::new(1, start);
        let [a, b] = [PeerId([1; 16]), PeerId([2; 16])];
        assert_eq!(slots.enter(a), Some(Change::Unchoke(a)));
        assert_eq!(slots.enter(b), Some(Change::Choke(b)));
        assert_eq!(slots.enter(b), None);
        assert!(slots.tick(start).is_empty());
        let turn = slots.tick(start + TURN);
        assert_eq!(turn, [Change::Choke(a), Change::Unchoke(b)]);
        assert_eq!(slots.leave(b), Some(Change::Unchoke(a)));
        assert_eq!(slots.leave(a), None);
    }

    #[test]
    fn peers_are_served_again_when_slots_return() {
        let start = Instant::now();
        let mut slots = Choker::new(2, start);
        let [a, b, c] = [1, 2, 3].map(|id| PeerId([id; 16]));
        slots.enter(a);
        slots.enter(b);
        let choked = slots.set_limit(start, 0);
        assert_eq!(choked, [Change::Choke(b), Change::Choke(a)]);
        assert_eq!(slots.enter(c), Some(Change::Choke(c)));
        assert!(slots.set_limit(start, 0).is_empty());
        assert!(slots.tick(start + TURN).is_empty());
        assert_eq!(slots.leave(b), None);
        let served = slots.set_limit(start, 2);
        assert_eq!(served, [Change::Unchoke(a), Change::Unchoke(c)]);
        // One that left while it was choked is not choked for ever.
        assert_eq!(slots.leave(a), None);
        assert_eq!(slots.enter(b), Some(Change::Unchoke(b)));
    }
}
