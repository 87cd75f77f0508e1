//! Connected peers of one file, and the number of copies of each chunk among them.
//!
//! Invariant: `copies[chunk]` is the number of peers that hold the chunk, and `seeds`
//! the number of those that hold all; so a chunk that no viewer holds is found without
//! asking every peer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;
use serde::Serialize;

use crate::ids::{ChunkIndex, PeerId};
use crate::scheduler::peer_estimate::Peer;

/// Time in which the first peers report what they hold and where they are. Before it,
/// no seed is asked for chunks that others may hold, or may need sooner than it seems.
const DISCOVERY_DELAY: Duration = Duration::from_millis(150);

/// Contribution of one peer to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Supply {
    /// Peer id.
    #[serde(skip)]
    pub peer: PeerId,
    /// Display name.
    pub name: String,
    /// True for the origin.
    pub origin: bool,
    /// Verified bytes.
    pub bytes: u64,
}

/// The peers of one file.
#[derive(Debug)]
pub struct PeerTable {
    peers: BTreeMap<PeerId, Peer>,
    copies: Vec<u32>,
    seeds: u32,
    max_requests: u32,
    /// Contributions of disconnected peers.
    gone: BTreeMap<PeerId, Supply>,
    /// Peers that are backups while connected.
    backups: BTreeSet<PeerId>,
    /// Time at which the first of the present peers connected.
    discovering_since: Instant,
}

impl PeerTable {
    /// A file of this many chunks without peers; `max_requests` bounds the requests in
    /// flight at each.
    pub fn new(now: Instant, chunk_count: u32, max_requests: u32) -> Self {
        Self {
            peers: BTreeMap::new(),
            copies: vec![0; chunk_count as usize],
            seeds: 0,
            max_requests,
            gone: BTreeMap::new(),
            backups: BTreeSet::new(),
            discovering_since: now,
        }
    }

    fn chunk_count(&self) -> u32 {
        self.copies.len() as u32
    }

    /// Adds a peer that holds nothing yet.
    pub fn connect(&mut self, now: Instant, id: PeerId, name: String, origin: bool) {
        self.disconnect(id);
        if self.peers.is_empty() {
            self.discovering_since = now;
        }
        let mut peer = Peer::new(now, name, origin, self.max_requests);
        peer.backup = self.backups.contains(&id);
        self.peers.insert(id, peer);
    }

    /// Removes a peer; its contribution stays.
    pub fn disconnect(&mut self, id: PeerId) {
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        self.seeds -= u32::from(self.is_seed(&peer));
        peer.has().ones().for_each(|chunk| self.copies[chunk] -= 1);
        add_supply(&mut self.gone, id, &peer);
    }

    /// Marks a peer as a backup, or no longer, whether it is connected or not.
    pub fn set_backup(&mut self, id: PeerId, backup: bool) {
        match backup {
            true => self.backups.insert(id),
            false => self.backups.remove(&id),
        };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.backup = backup;
        }
    }

    /// True if a connected peer is a backup: then so many play that the tracker rations
    /// the seeds.
    pub fn has_backup(&self) -> bool {
        self.peers.values().any(|peer| peer.backup)
    }

    /// True shortly after the first peer connected, while the others are still unknown.
    pub fn is_discovering(&self, now: Instant) -> bool {
        now < self.discovering_since + DISCOVERY_DELAY
    }

    /// Contributions of all peers, gone ones too, largest first.
    pub fn supplied(&self) -> Vec<Supply> {
        let mut supplied = self.gone.clone();
        for (id, peer) in &self.peers {
            add_supply(&mut supplied, *id, peer);
        }
        let supplied = supplied.into_values().filter(|supply| supply.bytes > 0);
        let mut supplied: Vec<Supply> = supplied.collect();
        supplied.sort_by_key(|supply| std::cmp::Reverse(supply.bytes));
        supplied
    }

    /// Adds chunks to a peer; those beyond the end of the file are ignored. Returns the
    /// new ones.
    pub fn gain(&mut self, id: PeerId, chunks: &RoaringBitmap) -> Vec<ChunkIndex> {
        let count = self.chunk_count();
        let Some(peer) = self.peers.get_mut(&id) else {
            return Vec::new();
        };
        let mut gained = Vec::new();
        for chunk in chunks.range(..count) {
            if peer.gain(ChunkIndex(chunk), count) {
                self.copies[chunk as usize] += 1;
                gained.push(ChunkIndex(chunk));
            }
        }
        self.seeds += u32::from(!gained.is_empty() && peer.holds_all(count));
        gained
    }

    /// Removes chunks from a peer.
    pub fn lose(&mut self, id: PeerId, chunks: &RoaringBitmap) {
        let count = self.chunk_count();
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        self.seeds -= u32::from(peer.holds_all(count));
        for chunk in chunks.range(..count) {
            if peer.lose(ChunkIndex(chunk)) {
                self.copies[chunk as usize] -= 1;
            }
        }
        self.seeds += u32::from(peer.holds_all(count));
    }

    /// True if a peer holds all of the file, so that every viewer wants its uplink.
    pub fn is_seed(&self, peer: &Peer) -> bool {
        peer.holds_all(self.chunk_count())
    }

    /// A connected peer.
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(&id)
    }

    /// A connected peer, to change anything but its chunks.
    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(&id)
    }

    /// A connected peer that has just sent a message.
    pub fn active(&mut self, now: Instant, id: PeerId) -> Option<&mut Peer> {
        let peer = self.peers.get_mut(&id)?;
        peer.record_activity(now);
        Some(peer)
    }

    /// All peers in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &Peer)> + Clone {
        self.peers.iter().map(|(id, peer)| (*id, peer))
    }

    /// Peers that hold all of the file.
    pub fn seeds(&self) -> impl Iterator<Item = (PeerId, &Peer)> + Clone {
        self.iter().filter(|(_, peer)| self.is_seed(peer))
    }

    /// Peers that do not.
    pub fn viewers(&self) -> impl Iterator<Item = (PeerId, &Peer)> + Clone {
        self.iter().filter(|(_, peer)| !self.is_seed(peer))
    }

    /// Number of peers that hold a chunk.
    pub fn copies(&self, chunk: ChunkIndex) -> u32 {
        self.copies.get(chunk.index()).copied().unwrap_or(0)
    }

    /// True if only seeds hold a chunk, or nobody.
    pub fn no_viewer_has(&self, chunk: ChunkIndex) -> bool {
        self.copies(chunk) == self.seeds
    }

    /// Chunks that at least one peer holds.
    pub fn available(&self) -> RoaringBitmap {
        let held = self
            .copies
            .iter()
            .zip(0..)
            .filter(|(copies, _)| **copies > 0);
        RoaringBitmap::from_sorted_iter(held.map(|(_, chunk)| chunk)).unwrap_or_default()
    }

    /// Chunks of `among` that at least one of `holders` holds.
    pub fn held_by<'a>(
        holders: impl Iterator<Item = &'a Peer>,
        among: &FixedBitSet,
    ) -> FixedBitSet {
        let mut held = FixedBitSet::with_capacity(among.len());
        holders.for_each(|peer| held.union_with(peer.has()));
        held.intersect_with(among);
        held
    }
}

fn add_supply(supplied: &mut BTreeMap<PeerId, Supply>, id: PeerId, peer: &Peer) {
    let entry = supplied.entry(id).or_insert(Supply {
        peer: id,
        name: peer.name.clone(),
        origin: peer.origin,
        bytes: 0,
    });
    entry.bytes += peer.supplied();
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PeerId = PeerId([1; 16]);
    const TWO: PeerId = PeerId([2; 16]);

    fn peers() -> PeerTable {
        let mut peers = PeerTable::new(Instant::now(), 10, 64);
        for id in [ONE, TWO] {
            peers.connect(Instant::now(), id, String::new(), false);
        }
        peers
    }

    fn set(chunks: impl IntoIterator<Item = u32>) -> RoaringBitmap {
        chunks.into_iter().collect()
    }

    #[test]
    fn peer_with_all_chunks_is_a_seed_until_it_loses_one() {
        let mut peers = peers();
        assert_eq!(
            peers.gain(ONE, &set(0..100)).len(),
            10,
            "none beyond the end"
        );
        peers.gain(TWO, &set([3]));
        assert_eq!(peers.seeds().count(), 1);
        assert!(peers.no_viewer_has(ChunkIndex(4)));
        assert!(!peers.no_viewer_has(ChunkIndex(3)));
        assert!(peers.gain(TWO, &set([3])).is_empty(), "reported twice");
        peers.lose(ONE, &set([5]));
        assert_eq!(peers.seeds().count(), 0);
        assert_eq!(peers.available(), set([0, 1, 2, 3, 4, 6, 7, 8, 9]));
    }

    #[test]
    fn disconnected_peer_takes_its_copies_along() {
        let mut peers = peers();
        peers.gain(ONE, &set(0..10));
        peers.gain(TWO, &set([3]));
        peers.disconnect(ONE);
        assert_eq!(peers.available(), set([3]));
        assert_eq!(peers.copies(ChunkIndex(3)), 1);
        peers.connect(Instant::now(), TWO, String::new(), false);
        assert!(peers.available().is_empty(), "it reconnected");
    }
}
