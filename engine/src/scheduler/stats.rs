//! Statistics of one file: duplicates, and stalls with their causes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::ids::ChunkIndex;
use crate::scheduler::storage::StorageHealth;
use crate::scheduler::transfers::Transfers;

/// Share of the configured download limit from which on it counts as the bottleneck.
const AT_LIMIT: f64 = 0.8;

/// Upper bound of the media that decoders read ahead of the playhead.
const DECODER_READ_AHEAD: Duration = Duration::from_secs(2);

/// Cause of a stall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StallCause {
    /// No connected peer holds the needed chunk.
    NoSource,
    /// Its holders deliver too slowly.
    SlowSource,
    /// All its holders choke us.
    Choked,
    /// The store cannot keep it.
    Disk,
    /// The configured download limit is reached.
    OwnLimit,
    /// The chunk is held; decoding is too slow.
    Decoder,
}

/// Statistics of one file.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// Bytes that arrived though the chunk was held.
    pub duplicate_bytes: u64,
    /// Configured limit of all downloads together, in bytes a second.
    pub download_limit: Option<u64>,
    /// Failures of the store.
    pub storage: StorageHealth,
    stalls: BTreeMap<StallCause, u32>,
}

impl StreamStats {
    /// Number of stalls by cause.
    pub fn stalls(&self) -> &BTreeMap<StallCause, u32> {
        &self.stalls
    }

    /// Counts a stall.
    pub fn count_stall(&mut self, cause: StallCause) {
        *self.stalls.entry(cause).or_default() += 1;
    }

    /// Cause of the present stall or slow start, if there is one.
    pub fn stalled(&self, now: Instant, transfers: &Transfers) -> Option<StallCause> {
        if let Some((time, started)) = transfers.demand.consumers().stalled_player(now) {
            let (_, cause) = self.player_cause(now, transfers, time);
            // Before playback, a decoder with enough media is just loading.
            return Some(cause).filter(|cause| started || *cause != StallCause::Decoder);
        }
        let at = transfers.demand.consumers().stalled(now)?;
        Some(self.cause(now, transfers, at))
    }

    /// The reason why a player that stands still at a media time shows nothing, and the
    /// chunk at which its media ends: if enough is held, it decodes too slowly.
    pub fn player_cause(
        &self,
        now: Instant,
        transfers: &Transfers,
        time: Duration,
    ) -> (ChunkIndex, StallCause) {
        let chunk = transfers.demand.chunk_at(time);
        let end = ChunkIndex(chunk.0 + transfers.chunks().run_from(chunk));
        let to_the_end = end.0 == transfers.chunks().geometry().chunk_count();
        let ahead = transfers.demand.time_of(end).saturating_sub(time);
        match to_the_end || ahead >= DECODER_READ_AHEAD {
            true => (chunk, StallCause::Decoder),
            false => (end, self.cause(now, transfers, end)),
        }
    }

    /// The reason why a needed chunk is missing.
    pub fn cause(&self, now: Instant, transfers: &Transfers, chunk: ChunkIndex) -> StallCause {
        let peers = || transfers.peers.iter().map(|(_, peer)| peer);
        let holders = || peers().filter(|peer| peer.holds(chunk));
        let rate: f64 = peers().map(|peer| peer.rate(now)).sum();
        let limit = self.download_limit.map(|limit| limit as f64);
        if self.storage.problem().is_some() {
            StallCause::Disk
        } else if limit.is_some_and(|limit| rate >= limit * AT_LIMIT) {
            StallCause::OwnLimit
        } else if holders().any(|peer| !peer.is_choking()) {
            StallCause::SlowSource
        } else if holders().next().is_some() {
            StallCause::Choked
        } else {
            StallCause::NoSource
        }
    }
}
