//! Where a file is read, and by when each chunk is needed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use roaring::RoaringBitmap;

use super::ReaderId;
use crate::ids::ChunkIndex;
use crate::media::Geometry;

/// Chunks fetched by deadline at most, whatever bitrate a file claims.
const MAX_URGENT: u32 = 256;

/// The places where one file is read.
#[derive(Debug)]
pub struct Windows {
    geometry: Geometry,
    chunk_time: Duration,
    /// Chunks fetched ahead of a reader.
    ahead: u32,
    /// Chunks fetched by deadline.
    urgent: u32,
    readers: BTreeMap<ReaderId, ChunkIndex>,
}

impl Windows {
    /// `byte_rate` is the media's average in bytes a second; at most `room`
    /// chunks are wanted at once, so that the store's quota can hold them.
    pub fn new(
        geometry: Geometry,
        byte_rate: u64,
        read_ahead: Duration,
        urgent: Duration,
        room: u32,
    ) -> Self {
        let chunk_bytes = f64::from(geometry.chunk_size().bytes());
        let chunk_time = Duration::from_secs_f64(chunk_bytes / byte_rate.max(1) as f64);
        let chunks = |time: Duration| {
            let count = (time.as_secs_f64() / chunk_time.as_secs_f64()).ceil();
            (count.min(f64::from(u32::MAX)) as u32).max(2)
        };
        let ahead = chunks(read_ahead).min((room / 2).max(2));
        Self {
            geometry,
            chunk_time,
            ahead,
            urgent: chunks(urgent).min(ahead).min(MAX_URGENT),
            readers: BTreeMap::new(),
        }
    }

    /// A reader is at a chunk.
    pub fn set(&mut self, reader: ReaderId, chunk: ChunkIndex) {
        self.readers.insert(reader, chunk);
    }

    /// A reader is gone.
    pub fn remove(&mut self, reader: ReaderId) {
        self.readers.remove(&reader);
    }

    /// Where everybody reads.
    pub fn playheads(&self) -> impl Iterator<Item = ChunkIndex> {
        self.readers.values().copied()
    }

    /// Whether nobody reads.
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    fn range(&self, from: ChunkIndex, length: u32) -> Range<u32> {
        let end = from.0.saturating_add(length);
        from.0..end.min(self.geometry.chunk_count())
    }

    /// All chunks wanted for some reader.
    pub fn wanted(&self) -> RoaringBitmap {
        let mut wanted = RoaringBitmap::new();
        for chunk in self.readers.values() {
            wanted.insert_range(self.range(*chunk, self.ahead));
        }
        wanted
    }

    /// Chunks to fetch by deadline, the earliest first.
    pub fn urgent(&self) -> Vec<ChunkIndex> {
        let ranges = self.readers.values().map(|at| self.range(*at, self.urgent));
        let mut urgent: Vec<ChunkIndex> = ranges.flatten().map(ChunkIndex).collect();
        urgent.sort_by_cached_key(|chunk| (self.time_until(*chunk), *chunk));
        urgent.dedup();
        urgent
    }

    /// Time until the first reader needs a chunk; very long if none will.
    pub fn time_until(&self, chunk: ChunkIndex) -> Duration {
        self.readers
            .values()
            .filter_map(|reader| chunk.0.checked_sub(reader.0))
            .min()
            .map_or(Duration::from_secs(3600), |chunks| self.chunk_time * chunks)
    }

    /// Media that `chunks` chunks hold.
    pub fn media_time(&self, chunks: u32) -> Duration {
        self.chunk_time * chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ChunkSize;

    const SECOND: Duration = Duration::from_secs(1);

    fn windows(room: u32) -> Windows {
        let geometry = Geometry::new(100 * (16 << 10), ChunkSize::MIN);
        Windows::new(geometry, 16 << 10, SECOND * 10, SECOND * 2, room)
    }

    #[test]
    fn the_window_ends_with_the_file_and_the_room() {
        let mut windows = windows(1000);
        windows.set(ReaderId(1), ChunkIndex(95));
        assert_eq!(windows.wanted(), (95..100).collect());
        let mut cramped = self::windows(8);
        cramped.set(ReaderId(1), ChunkIndex(0));
        assert_eq!(cramped.wanted(), (0..4).collect());
    }

    #[test]
    fn the_nearest_reader_sets_the_deadline() {
        let mut windows = windows(1000);
        windows.set(ReaderId(1), ChunkIndex(0));
        windows.set(ReaderId(2), ChunkIndex(50));
        assert_eq!(windows.time_until(ChunkIndex(51)), SECOND);
        assert_eq!(windows.time_until(ChunkIndex(49)), SECOND * 49);
        let urgent: Vec<u32> = windows.urgent().iter().map(|chunk| chunk.0).collect();
        assert_eq!(urgent, [0, 50, 1, 51]);
        windows.remove(ReaderId(1));
        assert_eq!(windows.time_until(ChunkIndex(0)), SECOND * 3600);
    }
}
