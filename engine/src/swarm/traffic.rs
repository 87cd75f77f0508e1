//! Traffic of all links: rates, totals, and links that nobody uses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use crate::ids::{FileId, PeerId};
use crate::protocol::PathReason;
use crate::swarm::AddressBook;

/// A link over which nobody wants anything is closed after this time.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// State of the swarm.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SwarmSnapshot {
    /// Bytes a second from all peers.
    pub download_rate: u64,
    /// Bytes a second to all peers.
    pub upload_rate: u64,
    /// Bytes received since start, verified or not.
    pub downloaded: u64,
    /// Bytes sent since start.
    pub uploaded: u64,
    /// Bytes sent in the last 24 hours, earlier runs included.
    pub uploaded_today: u64,
    /// True if the daily upload quota is exhausted.
    pub used_up: bool,
    /// Connected peers.
    pub peers: Vec<PeerSnapshot>,
}

/// One connected peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerSnapshot {
    /// Peer id.
    #[serde(serialize_with = "display")]
    pub peer: PeerId,
    /// Display name.
    pub name: String,
    /// Address.
    pub address: SocketAddr,
    /// True for the origin.
    pub origin: bool,
    /// Round trip in microseconds, if measured.
    pub rtt_us: Option<u64>,
    /// Bytes a second from it.
    pub download_rate: u64,
    /// Bytes a second to it.
    pub upload_rate: u64,
    /// Bytes from it since it connected.
    pub downloaded: u64,
    /// Bytes to it since it connected.
    pub uploaded: u64,
    /// File of the latest bytes to it, while they still count in the rate.
    pub taking: Option<FileId>,
    /// Reasons of the tracker to name it, by file.
    #[serde(rename = "reason", serialize_with = "distinct")]
    pub reasons: BTreeMap<FileId, Vec<PathReason>>,
}

/// All reasons, without the files.
fn distinct<S: Serializer>(
    reasons: &BTreeMap<FileId, Vec<PathReason>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let distinct: BTreeSet<PathReason> = reasons.values().flatten().copied().collect();
    serializer.collect_seq(distinct)
}

fn display<T: std::fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Latest state of each link, and the totals of those that are gone.
#[derive(Debug, Default)]
pub struct Traffic {
    links: HashMap<PeerId, PeerSnapshot>,
    /// Time at which each link was last of use.
    useful: HashMap<PeerId, Instant>,
    past_downloaded: u64,
    past_uploaded: u64,
}

impl Traffic {
    /// Takes in the state of a link.
    pub fn update(&mut self, state: PeerSnapshot) {
        self.links.insert(state.peer, state);
    }

    /// Removes a link; its totals are kept.
    pub fn remove(&mut self, peer: PeerId) {
        if let Some(last) = self.links.remove(&peer) {
            self.past_downloaded += last.downloaded;
            self.past_uploaded += last.uploaded;
        }
        self.useful.remove(&peer);
    }

    /// Bytes sent since start.
    pub fn uploaded(&self) -> u64 {
        let now: u64 = self.links.values().map(|link| link.uploaded).sum();
        now + self.past_uploaded
    }

    /// Notes whether a link is wanted by either side. True if it was not for too long.
    pub fn is_idle(&mut self, now: Instant, peer: PeerId, wanted: bool) -> bool {
        let since = self.useful.entry(peer).or_insert(now);
        if wanted {
            *since = now;
        }
        now.saturating_duration_since(*since) > MAX_IDLE
    }

    /// Rates, totals and peers by name, with the tracker's reasons from `book`. The
    /// daily quota is not filled in.
    pub fn snapshot(&self, book: &AddressBook) -> SwarmSnapshot {
        let mut peers: Vec<PeerSnapshot> = self.links.values().cloned().collect();
        for peer in &mut peers {
            // The origin is marked by a field of its own.
            let others = |(file, reasons): (&FileId, &Vec<PathReason>)| {
                let reasons = reasons.iter().copied();
                let others = reasons.filter(|reason| *reason != PathReason::Origin);
                (*file, others.collect())
            };
            let known = book.get(peer.peer);
            let reasons = known.into_iter().flat_map(|known| &known.reasons);
            peer.reasons = reasons.map(others).collect();
        }
        peers.sort_by(|a, b| (&a.name, a.peer).cmp(&(&b.name, b.peer)));
        let sum = |of: fn(&PeerSnapshot) -> u64| peers.iter().map(of).sum::<u64>();
        SwarmSnapshot {
            download_rate: sum(|peer| peer.download_rate),
            upload_rate: sum(|peer| peer.upload_rate),
            downloaded: sum(|peer| peer.downloaded) + self.past_downloaded,
            uploaded: self.uploaded(),
            uploaded_today: 0,
            used_up: false,
            peers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: u8, name: &str, uploaded: u64) -> PeerSnapshot {
        PeerSnapshot {
            peer: PeerId([id; 16]),
            name: name.into(),
            address: ([127, 0, 0, 1], 1).into(),
            origin: false,
            rtt_us: None,
            download_rate: 10,
            upload_rate: 20,
            downloaded: 100,
            uploaded,
            taking: None,
            reasons: BTreeMap::new(),
        }
    }

    #[test]
    fn totals_outlive_their_links() {
        let mut traffic = Traffic::default();
        traffic.update(link(1, "b", 500));
        traffic.update(link(2, "a", 700));
        traffic.update(link(1, "b", 600));
        assert_eq!(traffic.uploaded(), 1300);
        traffic.remove(PeerId([1; 16]));
        let book = AddressBook::new(PeerId([9; 16]), 10);
        let snapshot = traffic.snapshot(&book);
        assert_eq!((snapshot.uploaded, snapshot.downloaded), (1300, 200));
        assert_eq!((snapshot.upload_rate, snapshot.peers.len()), (20, 1));
    }

    #[test]
    fn snapshot_names_reasons_without_the_origin() {
        let now = Instant::now();
        let mut traffic = Traffic::default();
        traffic.update(link(1, "b", 0));
        traffic.update(link(2, "a", 0));
        let mut book = AddressBook::new(PeerId([9; 16]), 10);
        let (peer, file) = (PeerId([1; 16]), FileId([3; 32]));
        book.learn(now, peer, None, true);
        book.named(peer, file, vec![PathReason::HasAll, PathReason::Origin]);
        let peers = traffic.snapshot(&book).peers;
        assert_eq!(peers[0].name, "a", "by name");
        assert_eq!(peers[1].reasons[&file], [PathReason::HasAll]);
        let json = serde_json::to_value(&peers[1]).expect("serialises");
        assert_eq!(json["reason"], serde_json::json!(["has-all"]));
    }

    #[test]
    fn link_is_idle_after_a_minute_without_use() {
        let start = Instant::now();
        let peer = PeerId([1; 16]);
        let mut traffic = Traffic::default();
        assert!(!traffic.is_idle(start, peer, false));
        let later = start + MAX_IDLE + Duration::from_secs(1);
        assert!(traffic.is_idle(later, peer, false));
        assert!(!traffic.is_idle(later, peer, true));
        assert!(!traffic.is_idle(later + MAX_IDLE, peer, false));
    }
}
