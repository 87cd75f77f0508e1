//! Recently stored chunks in memory. Other viewers and the player mostly read these;
//! reading them from disk would occupy a thread for each.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::ids::{ChunkIndex, FileId};

/// Most bytes of payload in memory.
pub const MAX_RECENT: usize = 4 << 20;

#[derive(Debug)]
struct Entry {
    file: FileId,
    chunk: ChunkIndex,
    /// Epoch of the content (see `Content::epoch`).
    epoch: u64,
    payload: Bytes,
}

/// Recently verified chunks.
#[derive(Debug, Default)]
pub struct Recent {
    /// In the order of arrival.
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    /// Adds a verified chunk.
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

    /// Returns a chunk, unless it was dropped or the content changed since.
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
    fn recent_chunks_are_bounded_by_size_and_epoch() {
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
