//! Chunks that came in lately, still in memory: other viewers and the own player
//! mostly want just these, and to read them back would wake a thread for each.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::ids::{ChunkIndex, FileId};

/// Bytes of payload kept at most.
pub const MAX_RECENT: usize = 4 << 20;

#[derive(Debug)]
struct Entry {
    file: FileId,
    chunk: ChunkIndex,
    /// As of this epoch of the content (see `Content::epoch`).
    epoch: u64,
    payload: Bytes,
}

/// The latest verified chunks.
#[derive(Debug, Default)]
pub struct Recent {
    /// The latest last.
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    /// A verified chunk was written.
    pub fn add(&mut self, file: FileId, chunk: ChunkIndex, epoch: u64, payload: Bytes) {
        self.bytes += payload.len();
        self.entries.push_back(Entry {
            file,
            chunk,
            epoch,
            payload,
        });
        while self.bytes > MAX_RECENT
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.payload.len();
        }
    }

    /// A chunk, if it is here and the content has not changed since.
    pub fn get(&self, file: FileId, chunk: ChunkIndex, epoch: u64) -> Option<Bytes> {
        let mut latest = self.entries.iter().rev();
        let wanted =
            |entry: &&Entry| (entry.file, entry.chunk, entry.epoch) == (file, chunk, epoch);
        latest.find(wanted).map(|entry| entry.payload.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId([1; 32]);

    #[test]
    fn the_latest_are_kept_within_the_bound_and_the_epoch() {
        let mut recent = Recent::default();
        let payload = Bytes::from(vec![7; 1 << 20]);
        for chunk in 0..6 {
            recent.add(FILE, ChunkIndex(chunk), 1, payload.clone());
        }
        assert_eq!(recent.bytes, MAX_RECENT);
        let held = |chunk, epoch| recent.get(FILE, ChunkIndex(chunk), epoch).is_some();
        assert!(!held(1, 1) && held(2, 1) && held(5, 1));
        assert!(!held(5, 2), "the content has changed");
    }
}
