//! What can be told of the fetching of a file: who supplied it, and why playing stands
//! still.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use crate::ids::ChunkIndex;
use crate::scheduler::core::ChunkScheduler;
use crate::scheduler::{StallCause, Supply};

/// Share of the configured downlink from which on it counts as the bottleneck.
const AT_LIMIT: f64 = 0.8;

/// Decoders read ahead of what they show, by less than this.
const DECODERS_AHEAD: Duration = Duration::from_secs(2);

impl ChunkScheduler {
    /// What all downloads together are limited to, in bytes a second.
    pub fn set_download_limit(&mut self, limit: Option<u64>) {
        self.tuning.download_limit = limit;
    }

    /// Bytes that arrived though the chunk was held.
    pub fn duplicate_bytes(&self) -> u64 {
        self.duplicate_bytes
    }

    /// Chunks that connected peers hold.
    pub fn available(&self) -> RoaringBitmap {
        self.peers.available()
    }

    /// What each peer supplied, gone ones too, most first.
    pub fn supplied(&self) -> Vec<Supply> {
        let mut supplied = self.gone.clone();
        for (id, peer) in self.peers.iter() {
            let entry = supplied.entry(id).or_insert(Supply {
                peer: id,
                name: peer.name.clone(),
                origin: peer.origin,
                bytes: 0,
            });
            entry.bytes += peer.supplied;
        }
        let mut supplied: Vec<Supply> = supplied.into_values().filter(|s| s.bytes > 0).collect();
        supplied.sort_by_key(|supply| std::cmp::Reverse(supply.bytes));
        supplied
    }

    /// Times that playing stood still for want of a chunk, by cause.
    pub fn stalls(&self) -> &BTreeMap<StallCause, u32> {
        &self.stalls
    }

    /// A player has nothing to show at this media time. Returns whether what it needs
    /// is here: then it decodes too slowly, and that counts as a stall.
    pub fn starved(&mut self, at: Duration) -> bool {
        let chunk = self.windows.chunk_at(at);
        let end = chunk.0 + self.run_from(chunk);
        let whole = end == self.geometry.chunk_count();
        let ahead = self.windows.time_of(ChunkIndex(end)).saturating_sub(at);
        let here = whole || ahead >= DECODERS_AHEAD;
        if here {
            *self.stalls.entry(StallCause::Decoder).or_default() += 1;
        }
        here
    }

    /// Why playing stands still or is slow to begin, if it is so.
    pub fn stalled(&self, now: Instant) -> Option<StallCause> {
        let at = self.windows.stalled(now)?;
        Some(self.cause(now, at))
    }

    /// Why a chunk that is needed now is not here.
    pub fn cause(&self, now: Instant, chunk: ChunkIndex) -> StallCause {
        let holders = || self.peers.iter().filter(|(_, peer)| peer.holds(chunk));
        let rate: f64 = self.peers.iter().map(|(_, peer)| peer.rate(now)).sum();
        let limit = self.tuning.download_limit.map(|limit| limit as f64);
        if now < self.paused_until {
            StallCause::Disk
        } else if limit.is_some_and(|limit| rate >= limit * AT_LIMIT) {
            StallCause::OwnLimit
        } else if holders().any(|(_, peer)| !peer.choking) {
            StallCause::SlowSource
        } else if holders().next().is_some() {
            StallCause::Choked
        } else {
            StallCause::NoSource
        }
    }
}
