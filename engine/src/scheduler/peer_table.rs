//! All connected peers of one file, and how many of them hold each chunk.
//!
//! Invariant: `copies[chunk]` is the number of peers that hold the chunk, and
//! `sources` the number of those that hold all; so a chunk that no viewer holds
//! is found without asking every peer.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, PeerId};
use crate::scheduler::peer_estimate::Peer;

/// The peers of one file.
#[derive(Debug)]
pub struct PeerTable {
    map: BTreeMap<PeerId, Peer>,
    copies: Vec<u32>,
    sources: u32,
}

impl PeerTable {
    /// Nobody, of a file of this many chunks.
    pub fn new(chunk_count: u32) -> Self {
        Self {
            map: BTreeMap::new(),
            copies: vec![0; chunk_count as usize],
            sources: 0,
        }
    }

    fn chunk_count(&self) -> u32 {
        self.copies.len() as u32
    }

    /// A peer connected; it holds nothing yet.
    pub fn insert(&mut self, id: PeerId, peer: Peer) {
        self.remove(id);
        self.map.insert(id, peer);
    }

    /// A peer is gone.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.map.remove(&id)?;
        self.sources -= u32::from(self.is_source(&peer));
        peer.has().ones().for_each(|chunk| self.copies[chunk] -= 1);
        Some(peer)
    }

    /// A peer holds more chunks; those beyond the end of the file are ignored.
    /// Returns those that are new of it.
    pub fn gain(&mut self, id: PeerId, chunks: &RoaringBitmap) -> Vec<ChunkIndex> {
        let count = self.chunk_count();
        let Some(peer) = self.map.get_mut(&id) else {
            return Vec::new();
        };
        let mut gained = Vec::new();
        for chunk in chunks.range(..count) {
            if peer.gain(ChunkIndex(chunk), count) {
                self.copies[chunk as usize] += 1;
                gained.push(ChunkIndex(chunk));
            }
        }
        self.sources += u32::from(!gained.is_empty() && peer.holds_all(count));
        gained
    }

    /// A peer no longer holds some chunks.
    pub fn lose(&mut self, id: PeerId, chunks: &RoaringBitmap) {
        let count = self.chunk_count();
        let Some(peer) = self.map.get_mut(&id) else {
            return;
        };
        self.sources -= u32::from(peer.holds_all(count));
        for chunk in chunks.range(..count) {
            if peer.lose(ChunkIndex(chunk)) {
                self.copies[chunk as usize] -= 1;
            }
        }
        self.sources += u32::from(peer.holds_all(count));
    }

    /// Whether a peer holds all of the file, so that every viewer wants its
    /// uplink.
    pub fn is_source(&self, peer: &Peer) -> bool {
        peer.holds_all(self.chunk_count())
    }

    /// One of them.
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.map.get(&id)
    }

    /// One of them, to change anything but what it holds.
    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.map.get_mut(&id)
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, &Peer)> + Clone {
        self.map.iter().map(|(id, peer)| (*id, peer))
    }

    /// Those that hold all of the file.
    pub fn sources(&self) -> impl Iterator<Item = (PeerId, &Peer)> + Clone {
        self.iter().filter(|(_, peer)| self.is_source(peer))
    }

    /// Those that do not.
    pub fn viewers(&self) -> impl Iterator<Item = (PeerId, &Peer)> + Clone {
        self.iter().filter(|(_, peer)| !self.is_source(peer))
    }

    /// How many hold a chunk.
    pub fn copies(&self, chunk: ChunkIndex) -> u32 {
        self.copies.get(chunk.index()).copied().unwrap_or(0)
    }

    /// Whether only sources hold a chunk, if anybody does.
    pub fn no_viewer_has(&self, chunk: ChunkIndex) -> bool {
        self.copies(chunk) == self.sources
    }

    /// Chunks that at least one of them holds.
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const ONE: PeerId = PeerId([1; 16]);
    const TWO: PeerId = PeerId([2; 16]);

    fn peers() -> PeerTable {
        let mut peers = PeerTable::new(10);
        for id in [ONE, TWO] {
            peers.insert(id, Peer::new(Instant::now(), String::new(), false));
        }
        peers
    }

    fn set(chunks: impl IntoIterator<Item = u32>) -> RoaringBitmap {
        chunks.into_iter().collect()
    }

    #[test]
    fn who_holds_all_is_a_source_until_it_loses_something() {
        let mut peers = peers();
        assert_eq!(
            peers.gain(ONE, &set(0..100)).len(),
            10,
            "none beyond the end"
        );
        peers.gain(TWO, &set([3]));
        assert_eq!(peers.sources().count(), 1);
        assert!(peers.no_viewer_has(ChunkIndex(4)));
        assert!(!peers.no_viewer_has(ChunkIndex(3)));
        assert!(peers.gain(TWO, &set([3])).is_empty(), "told twice");
        peers.lose(ONE, &set([5]));
        assert_eq!(peers.sources().count(), 0);
        assert_eq!(peers.available(), set([0, 1, 2, 3, 4, 6, 7, 8, 9]));
    }

    #[test]
    fn who_leaves_takes_its_copies_along() {
        let mut peers = peers();
        peers.gain(ONE, &set(0..10));
        peers.gain(TWO, &set([3]));
        peers.remove(ONE);
        assert_eq!(peers.available(), set([3]));
        assert_eq!(peers.copies(ChunkIndex(3)), 1);
        peers.insert(TWO, Peer::new(Instant::now(), String::new(), false));
        assert!(peers.available().is_empty(), "it connected anew");
    }
}
