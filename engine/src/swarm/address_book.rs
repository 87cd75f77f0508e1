//! Known peers: addresses, dial backoff, bans.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::ids::{FileId, PeerId};
use crate::protocol::PathReason;

/// First wait after a failed dial; it doubles up to [`MAX_WAIT`].
const MIN_WAIT: Duration = Duration::from_secs(1);
/// Longest wait after failed dials.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Time for which a peer that sent corrupt chunks is refused.
const BAN: Duration = Duration::from_secs(3600);
/// Known peers kept; beyond it those with most failures are forgotten.
const MAX_KNOWN: usize = 1000;

/// A known peer.
#[derive(Debug, Clone)]
pub struct Known {
    /// Address to dial.
    pub address: Option<SocketAddr>,
    /// True for the origin.
    pub origin: bool,
    /// Latest reasons of the tracker to name it, by file.
    pub reasons: BTreeMap<FileId, Vec<PathReason>>,
    failures: u32,
    next_dial: Instant,
    state: LinkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Idle,
    Dialling,
    Connected,
    Banned(Instant),
}

/// All known peers.
#[derive(Debug)]
pub struct AddressBook {
    me: PeerId,
    max_peers: usize,
    known: HashMap<PeerId, Known>,
}

/// Decision on a new link to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Keep the new link.
    Accept,
    /// Keep the new link and close the older one to the same peer.
    Replace,
    /// Close the new link: the existing one is preferred.
    Duplicate,
    /// Close the new link: there are enough peers.
    Full,
    /// Close the new link: the peer sent corrupt chunks.
    Banned,
}

impl AddressBook {
    /// A book without peers.
    pub fn new(me: PeerId, max_peers: usize) -> Self {
        Self {
            me,
            max_peers,
            known: HashMap::new(),
        }
    }

    /// Adds or updates a peer named by the tracker.
    pub fn learn(&mut self, now: Instant, peer: PeerId, address: Option<SocketAddr>, origin: bool) {
        if peer == self.me {
            return;
        }
        let known = self.entry(now, peer);
        if known.address != address {
            known.address = address.or(known.address);
            known.failures = 0;
            known.next_dial = now;
        }
        known.origin = origin;
    }

    /// Sets the reasons of the tracker to name a peer for a file.
    pub fn named(&mut self, peer: PeerId, file: FileId, reasons: Vec<PathReason>) {
        if let Some(known) = self.known.get_mut(&peer) {
            known.reasons.insert(file, reasons);
        }
    }

    /// Forgets the reasons for a file.
    pub fn forget_file(&mut self, file: FileId) {
        for known in self.known.values_mut() {
            known.reasons.remove(&file);
        }
    }

    fn entry(&mut self, now: Instant, peer: PeerId) -> &mut Known {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&peer) {
            self.forget_worst();
        }
        self.known.entry(peer).or_insert(Known {
            address: None,
            origin: false,
            reasons: BTreeMap::new(),
            failures: 0,
            next_dial: now,
            state: LinkState::Idle,
        })
    }

    fn forget_worst(&mut self) {
        let idle = self
            .known
            .iter()
            .filter(|(_, k)| k.state == LinkState::Idle);
        let worst = idle.max_by_key(|(_, known)| known.failures);
        if let Some(peer) = worst.map(|(peer, _)| *peer) {
            self.known.remove(&peer);
        }
    }

    /// A known peer.
    pub fn get(&self, peer: PeerId) -> Option<&Known> {
        self.known.get(&peer)
    }

    /// Takes the peers to dial now; they count as being dialled from here on.
    pub fn due(&mut self, now: Instant) -> Vec<(PeerId, SocketAddr)> {
        let busy = self
            .known
            .values()
            .filter(|known| matches!(known.state, LinkState::Dialling | LinkState::Connected));
        let free = self.max_peers.saturating_sub(busy.count());
        let mut due: Vec<_> = self
            .known
            .iter_mut()
            .filter(|(_, known)| known.state == LinkState::Idle && known.next_dial <= now)
            .filter_map(|(peer, known)| Some((known.failures, *peer, known.address?)))
            .collect();
        due.sort_unstable();
        due.truncate(free);
        for (_, peer, _) in &due {
            self.entry(now, *peer).state = LinkState::Dialling;
        }
        due.into_iter().map(|(_, peer, at)| (peer, at)).collect()
    }

    /// Records a failed dial; the next one waits longer.
    pub fn failed(&mut self, now: Instant, peer: PeerId) {
        let known = self.entry(now, peer);
        if known.state == LinkState::Dialling {
            known.state = LinkState::Idle;
        }
        let wait = MIN_WAIT * 2_u32.saturating_pow(known.failures.min(6));
        known.failures += 1;
        known.next_dial = now + wait.min(MAX_WAIT);
    }

    /// Decides on a new link. Of two links between the same pair, both sides keep the
    /// one that the smaller id dialled.
    pub fn admit(&mut self, now: Instant, peer: PeerId, we_dialled: bool) -> Admission {
        let me = self.me;
        let connected = self.connected();
        let full = connected >= self.max_peers;
        let known = self.entry(now, peer);
        if let LinkState::Banned(until) = known.state
            && now < until
        {
            return Admission::Banned;
        }
        if known.state == LinkState::Connected {
            let better = (me < peer) == we_dialled;
            return if better {
                Admission::Replace
            } else {
                Admission::Duplicate
            };
        }
        if full || peer == me {
            known.state = LinkState::Idle;
            known.next_dial = now + MAX_WAIT;
            return Admission::Full;
        }
        known.state = LinkState::Connected;
        known.failures = 0;
        Admission::Accept
    }

    /// Records a closed link.
    pub fn closed(&mut self, now: Instant, peer: PeerId) {
        let known = self.entry(now, peer);
        if known.state == LinkState::Connected {
            known.state = LinkState::Idle;
            known.next_dial = now + MIN_WAIT;
        }
    }

    /// Bans a peer.
    pub fn ban(&mut self, now: Instant, peer: PeerId) {
        self.entry(now, peer).state = LinkState::Banned(now + BAN);
    }

    /// Number of links.
    pub fn connected(&self) -> usize {
        let connected = |known: &&Known| known.state == LinkState::Connected;
        self.known.values().filter(connected).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: PeerId = PeerId([5; 16]);
    const LOW: PeerId = PeerId([1; 16]);
    const HIGH: PeerId = PeerId([9; 16]);

    fn address(port: u16) -> Option<SocketAddr> {
        Some(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn book(now: Instant) -> AddressBook {
        let mut book = AddressBook::new(ME, 2);
        book.learn(now, LOW, address(1), false);
        book
    }

    #[test]
    fn reasons_are_kept_by_file() {
        let now = Instant::now();
        let mut book = book(now);
        let (film, next) = (FileId([1; 32]), FileId([2; 32]));
        book.named(LOW, film, vec![PathReason::HasAll]);
        book.named(LOW, next, vec![PathReason::Near]);
        book.named(ME, film, vec![PathReason::Near]);
        let reasons = |book: &AddressBook| book.get(LOW).expect("known").reasons.clone();
        assert_eq!(reasons(&book)[&film], [PathReason::HasAll]);
        book.forget_file(film);
        assert_eq!(reasons(&book).into_keys().collect::<Vec<_>>(), [next]);
        assert!(book.get(ME).is_none());
    }

    #[test]
    fn failed_dials_wait_longer_each_time() {
        let start = Instant::now();
        let mut book = book(start);
        assert_eq!(book.due(start).len(), 1);
        assert!(book.due(start).is_empty(), "already being dialled");
        book.failed(start, LOW);
        assert!(book.due(start).is_empty());
        assert_eq!(book.due(start + MIN_WAIT).len(), 1);
        book.failed(start + MIN_WAIT, LOW);
        assert!(book.due(start + MIN_WAIT * 2).is_empty());
        assert_eq!(book.due(start + MIN_WAIT * 3).len(), 1);
    }

    #[test]
    fn both_sides_keep_the_same_link() {
        let now = Instant::now();
        let mut book = book(now);
        assert_eq!(book.admit(now, LOW, true), Admission::Accept);
        assert_eq!(book.admit(now, LOW, false), Admission::Replace);
        assert_eq!(book.admit(now, HIGH, true), Admission::Accept);
        assert_eq!(book.admit(now, HIGH, false), Admission::Duplicate);
    }

    #[test]
    fn banned_peer_is_neither_dialled_nor_accepted() {
        let now = Instant::now();
        let mut book = book(now);
        book.ban(now, LOW);
        assert!(book.due(now).is_empty());
        assert_eq!(book.admit(now, LOW, false), Admission::Banned);
        book.closed(now, LOW);
        assert_eq!(book.admit(now, LOW, false), Admission::Banned);
        assert_eq!(book.admit(now + BAN, LOW, false), Admission::Accept);
    }

    #[test]
    fn surplus_peers_and_oneself_are_refused() {
        let now = Instant::now();
        let mut book = book(now);
        assert_eq!(book.admit(now, ME, true), Admission::Full);
        assert_eq!(book.admit(now, LOW, true), Admission::Accept);
        assert_eq!(book.admit(now, HIGH, true), Admission::Accept);
        assert_eq!(book.admit(now, PeerId([8; 16]), true), Admission::Full);
    }
}
