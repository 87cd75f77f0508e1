//! State of every chunk of one file: held, in flight or missing.
//!
//! Invariant: each chunk is in exactly one state. A chunk in flight has one flight,
//! or two while hedged; held and missing chunks have none.

use std::collections::BTreeMap;
use std::time::Instant;

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, PeerId};
use crate::media::Geometry;

/// A request that its peer has not answered and that was not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flight {
    /// The peer that was asked.
    pub peer: PeerId,
    /// Time of the request.
    pub sent: Instant,
    /// Time of the recall, if it was recalled.
    pub recalled: Option<Instant>,
    /// The peer to ask once the recall succeeds.
    pub next: Option<PeerId>,
}

/// The chunks of one file.
#[derive(Debug)]
pub struct ChunkTable {
    geometry: Geometry,
    have: RoaringBitmap,
    in_flight: RoaringBitmap,
    /// Held or in flight, as a bit set for fast subtraction.
    taken: FixedBitSet,
    flights: BTreeMap<ChunkIndex, Vec<Flight>>,
}

impl ChunkTable {
    /// A file of which `have` is held already.
    pub fn new(geometry: Geometry, have: RoaringBitmap) -> Self {
        let chunk_count = geometry.chunk_count();
        let mut taken = FixedBitSet::with_capacity(chunk_count as usize);
        taken.extend(have.range(..chunk_count).map(|chunk| chunk as usize));
        Self {
            geometry,
            have,
            in_flight: RoaringBitmap::new(),
            taken,
            flights: BTreeMap::new(),
        }
    }

    /// Division of the file into chunks.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Held chunks.
    pub fn have(&self) -> &RoaringBitmap {
        &self.have
    }

    /// Requested chunks that have not arrived.
    pub fn in_flight(&self) -> &RoaringBitmap {
        &self.in_flight
    }

    /// Chunks that are not missing.
    pub fn taken(&self) -> &FixedBitSet {
        &self.taken
    }

    /// True if the chunk is neither held nor in flight.
    pub fn is_missing(&self, chunk: ChunkIndex) -> bool {
        !self.taken.contains(chunk.index())
    }

    /// True if every chunk is held.
    pub fn is_complete(&self) -> bool {
        self.have.len() == u64::from(self.geometry.chunk_count())
    }

    /// Number of chunks held from `chunk` on without a gap.
    pub fn run_from(&self, chunk: ChunkIndex) -> u32 {
        let mut held = self.have.range(chunk.0..);
        match held.next_range() {
            Some(run) if *run.start() == chunk.0 => run.end() - run.start() + 1,
            _ => 0,
        }
    }

    /// Flights of each chunk in flight, in the order of the chunks.
    pub fn flights(&self) -> impl Iterator<Item = (ChunkIndex, &[Flight])> + Clone {
        let flights = self.flights.iter();
        flights.map(|(chunk, flights)| (*chunk, flights.as_slice()))
    }

    /// The flight of a chunk that was requested from exactly one peer.
    pub fn single_flight(&self, chunk: ChunkIndex) -> Option<Flight> {
        match self.flights.get(&chunk).map(Vec::as_slice) {
            Some([flight]) => Some(*flight),
            _ => None,
        }
    }

    /// The flight of a chunk at one peer.
    pub fn flight_at(&self, peer: PeerId, chunk: ChunkIndex) -> Option<Flight> {
        let flights = self.flights.get(&chunk)?;
        flights.iter().copied().find(|flight| flight.peer == peer)
    }

    /// Chunks in flight at one peer.
    pub fn chunks_at(&self, peer: PeerId) -> Vec<ChunkIndex> {
        let at_peer = |flights: &[Flight]| flights.iter().any(|flight| flight.peer == peer);
        let chunks = self.flights().filter(|(_, flights)| at_peer(flights));
        chunks.map(|(chunk, _)| chunk).collect()
    }

    /// Adds a flight.
    pub fn begin_flight(&mut self, now: Instant, peer: PeerId, chunk: ChunkIndex) {
        debug_assert!(!self.have.contains(chunk.0), "{chunk} is held");
        debug_assert!(
            self.flight_at(peer, chunk).is_none(),
            "{chunk} is in flight at {peer:?}"
        );
        self.in_flight.insert(chunk.0);
        self.taken.insert(chunk.index());
        self.flights.entry(chunk).or_default().push(Flight {
            peer,
            sent: now,
            recalled: None,
            next: None,
        });
        self.check(chunk);
    }

    /// Ends the flights of a chunk: all, or those at one peer. Returns them.
    pub fn end_flights(&mut self, chunk: ChunkIndex, only: Option<PeerId>) -> Vec<Flight> {
        let Some(flights) = self.flights.get_mut(&chunk) else {
            return Vec::new();
        };
        let ends = |flight: &Flight| only.is_none_or(|peer| peer == flight.peer);
        let ended = flights.iter().copied().filter(ends).collect();
        flights.retain(|flight| !ends(flight));
        if flights.is_empty() {
            self.flights.remove(&chunk);
            self.in_flight.remove(chunk.0);
            self.taken.set(chunk.index(), self.have.contains(chunk.0));
        }
        self.check(chunk);
        ended
    }

    /// Marks the single flight of a chunk as recalled. Returns the peer, or nothing if
    /// there are more flights or it was recalled before.
    pub fn recall(
        &mut self,
        now: Instant,
        chunk: ChunkIndex,
        next: Option<PeerId>,
    ) -> Option<PeerId> {
        let flights = self.flights.get_mut(&chunk).map(Vec::as_mut_slice);
        match flights {
            Some([flight]) if flight.recalled.is_none() => {
                (flight.recalled, flight.next) = (Some(now), next);
                Some(flight.peer)
            }
            _ => None,
        }
    }

    /// Marks a chunk as held and ends its flights. Returns them.
    pub fn hold(&mut self, chunk: ChunkIndex) -> Vec<Flight> {
        self.have.insert(chunk.0);
        self.taken.insert(chunk.index());
        self.in_flight.remove(chunk.0);
        let ended = self.flights.remove(&chunk).unwrap_or_default();
        self.check(chunk);
        ended
    }

    /// Marks chunks as no longer held.
    pub fn evict(&mut self, chunks: &RoaringBitmap) {
        self.have -= chunks;
        let gone = chunks - &self.in_flight;
        let gone = gone.range(..self.geometry.chunk_count());
        gone.for_each(|chunk| self.taken.remove(chunk as usize));
    }

    fn check(&self, chunk: ChunkIndex) {
        let flights = self.flights.get(&chunk).map_or(0, Vec::len);
        let held = self.have.contains(chunk.0);
        let in_flight = self.in_flight.contains(chunk.0);
        debug_assert!(!(held && in_flight), "{chunk} is held and in flight");
        debug_assert_eq!(in_flight, flights > 0, "{chunk} has {flights} flights");
        debug_assert!(flights <= 2, "{chunk} has {flights} flights");
        debug_assert_eq!(!self.is_missing(chunk), held || in_flight, "{chunk}");
    }
}
