//! Known peers: whom to dial, when to try again, who is banned.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::ids::{FileId, PeerId};
use crate::protocol::PathReason;

/// First wait after a failed dial; it doubles up to [`MAX_WAIT`].
const MIN_WAIT: Duration = Duration::from_secs(1);
/// Longest wait after failed dials.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// A peer that sent bad bytes is not spoken to for this long.
const BAN: Duration = Duration::from_secs(3600);
/// Known peers kept; beyond it the ones that failed most are forgotten.
const MAX_KNOWN: usize = 1000;

/// What is known of a peer.
#[derive(Debug, Clone)]
pub struct Known {
    /// Where to dial it.
    pub address: Option<SocketAddr>,
    /// Whether it is the server's library.
    pub origin: bool,
    /// For which files the tracker named it, and why, last.
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

/// What to do with a fresh link to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Keep it.
    Accept,
    /// Keep it, and close the older one to the same peer.
    Replace,
    /// Close it: there is a better link already.
    Duplicate,
    /// Close it: we have enough peers.
    Full,
    /// Close it: this peer sent bad bytes.
    Banned,
}

impl AddressBook {
    /// An empty roster.
    pub fn new(me: PeerId, max_peers: usize) -> Self {
        Self {
            me,
            max_peers,
            known: HashMap::new(),
        }
    }

    /// Enters what the tracker said of a peer.
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

    /// Enters why the tracker named a known peer for a file.
    pub fn named(&mut self, peer: PeerId, file: FileId, reasons: Vec<PathReason>) {
        if let Some(known) = self.known.get_mut(&peer) {
            known.reasons.insert(file, reasons);
        }
    }

    /// Nobody is named for a file any more.
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

    /// What is known of a peer.
    pub fn get(&self, peer: PeerId) -> Option<&Known> {
        self.known.get(&peer)
    }

    /// Peers to dial now; they count as being dialled from here on.
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

    /// A dial failed; the next one waits longer.
    pub fn failed(&mut self, now: Instant, peer: PeerId) {
        let known = self.entry(now, peer);
        if known.state == LinkState::Dialling {
            known.state = LinkState::Idle;
        }
        let wait = MIN_WAIT * 2_u32.saturating_pow(known.failures.min(6));
        known.failures += 1;
        known.next_dial = now + wait.min(MAX_WAIT);
    }

    /// Decides on a fresh link. Of two links between the same pair, both sides
    /// keep the one that the smaller id dialled.
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

    /// A link is gone.
    pub fn closed(&mut self, now: Instant, peer: PeerId) {
        let known = self.entry(now, peer);
        if known.state == LinkState::Connected {
            known.state = LinkState::Idle;
            known.next_dial = now + MIN_WAIT;
        }
    }

    /// A peer sent bad bytes.
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

    fn roster(now: Instant) -> AddressBook {
        let mut roster = AddressBook::new(ME, 2);
        roster.learn(now, LOW, address(1), false);
        roster
    }

    #[test]
    fn a_peer_is_named_for_each_file_by_itself() {
        let now = Instant::now();
        let mut roster = roster(now);
        let (film, next) = (FileId([1; 32]), FileId([2; 32]));
        roster.named(LOW, film, vec![PathReason::HasAll]);
        roster.named(LOW, next, vec![PathReason::Near]);
        roster.named(ME, film, vec![PathReason::Near]);
        let reasons = |roster: &AddressBook| roster.get(LOW).expect("known").reasons.clone();
        assert_eq!(reasons(&roster)[&film], [PathReason::HasAll]);
        roster.forget_file(film);
        assert_eq!(reasons(&roster).into_keys().collect::<Vec<_>>(), [next]);
        assert!(roster.get(ME).is_none());
    }

    #[test]
    fn failed_dials_wait_longer_each_time() {
        let start = Instant::now();
        let mut roster = roster(start);
        assert_eq!(roster.due(start).len(), 1);
        assert!(roster.due(start).is_empty(), "already being dialled");
        roster.failed(start, LOW);
        assert!(roster.due(start).is_empty());
        assert_eq!(roster.due(start + MIN_WAIT).len(), 1);
        roster.failed(start + MIN_WAIT, LOW);
        assert!(roster.due(start + MIN_WAIT * 2).is_empty());
        assert_eq!(roster.due(start + MIN_WAIT * 3).len(), 1);
    }

    #[test]
    fn both_sides_keep_the_same_one_of_two_links() {
        let now = Instant::now();
        let mut roster = roster(now);
        assert_eq!(roster.admit(now, LOW, true), Admission::Accept);
        assert_eq!(roster.admit(now, LOW, false), Admission::Replace);
        assert_eq!(roster.admit(now, HIGH, true), Admission::Accept);
        assert_eq!(roster.admit(now, HIGH, false), Admission::Duplicate);
    }

    #[test]
    fn a_banned_peer_is_neither_dialled_nor_let_in() {
        let now = Instant::now();
        let mut roster = roster(now);
        roster.ban(now, LOW);
        assert!(roster.due(now).is_empty());
        assert_eq!(roster.admit(now, LOW, false), Admission::Banned);
        roster.closed(now, LOW);
        assert_eq!(roster.admit(now, LOW, false), Admission::Banned);
        assert_eq!(roster.admit(now + BAN, LOW, false), Admission::Accept);
    }

    #[test]
    fn neither_too_many_nor_oneself() {
        let now = Instant::now();
        let mut roster = roster(now);
        assert_eq!(roster.admit(now, ME, true), Admission::Full);
        assert_eq!(roster.admit(now, LOW, true), Admission::Accept);
        assert_eq!(roster.admit(now, HIGH, true), Admission::Accept);
        assert_eq!(roster.admit(now, PeerId([8; 16]), true), Admission::Full);
    }
}
