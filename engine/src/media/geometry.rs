//! Division of a file into chunks.

use std::ops::Range;
use std::time::Duration;

use crate::ids::ChunkIndex;

/// Bytes per chunk: a power of two from 16 to 256 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkSize(u32);

impl ChunkSize {
    /// 16 KiB: below this, framing and proofs become measurable overhead.
    pub const MIN: Self = Self(16 << 10);
    /// 256 KiB: above this, one chunk takes seconds on a slow uplink.
    pub const MAX: Self = Self(256 << 10);

    /// Chunk size for a file: about 100 ms of media, so that a chunk takes little time
    /// on a slow uplink and new viewers soon have chunks to upload.
    pub fn for_media(size: u64, duration: Duration) -> Self {
        let millis = duration.as_millis().max(1) as u64;
        let target = (size / 10).saturating_mul(1000) / millis;
        let target = target.clamp(u64::from(Self::MIN.0), u64::from(Self::MAX.0)) as u32;
        let floor = 1 << (u32::BITS - 1 - target.leading_zeros());
        let nearest = if target - floor > floor / 2 {
            floor * 2
        } else {
            floor
        };
        let fits = |bytes: &u32| size <= u64::from(Geometry::MAX_CHUNKS) * u64::from(*bytes);
        let sizes = std::iter::successors(Some(nearest), |bytes| Some(bytes * 2));
        let mut allowed = sizes.take_while(|bytes| *bytes <= Self::MAX.0);
        Self(allowed.find(fits).unwrap_or(Self::MAX.0))
    }

    /// Validates a size from outside; `None` if it is not allowed.
    pub fn checked(bytes: u32) -> Option<Self> {
        let allowed = bytes.is_power_of_two() && (Self::MIN.0..=Self::MAX.0).contains(&bytes);
        allowed.then_some(Self(bytes))
    }

    /// In bytes.
    pub fn bytes(self) -> u32 {
        self.0
    }
}

/// Size of a file and of its chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    size: u64,
    chunk_size: ChunkSize,
}

impl Geometry {
    /// Most chunks of a file. Bounds the memory that an announced size can make us
    /// allocate: 64 bytes per chunk, 128 MiB in all. Allows 512 GiB in chunks of
    /// the largest size.
    pub const MAX_CHUNKS: u32 = 1 << 21;

    /// Validates sizes from outside; `None` if they are not allowed.
    pub fn checked(size: u64, chunk_size: u32) -> Option<Self> {
        let geometry = Self::new(size, ChunkSize::checked(chunk_size)?);
        let largest = u64::from(Self::MAX_CHUNKS) * u64::from(chunk_size);
        (size <= largest).then_some(geometry)
    }

    /// Geometry of a file of `size` bytes.
    pub fn new(size: u64, chunk_size: ChunkSize) -> Self {
        Self { size, chunk_size }
    }

    /// File size in bytes.
    pub fn size(self) -> u64 {
        self.size
    }

    /// Size of every chunk except the last.
    pub fn chunk_size(self) -> ChunkSize {
        self.chunk_size
    }

    /// Number of chunks; an empty file has one empty chunk.
    pub fn chunk_count(self) -> u32 {
        let count = self.size.div_ceil(u64::from(self.chunk_size.0)).max(1);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// All chunks in order.
    pub fn chunks(self) -> impl Iterator<Item = ChunkIndex> {
        (0..self.chunk_count()).map(ChunkIndex)
    }

    /// Byte range of a chunk; empty beyond the end of the file.
    pub fn chunk_range(self, chunk: ChunkIndex) -> Range<u64> {
        let start = u64::from(chunk.0) * u64::from(self.chunk_size.0);
        let end = (start + u64::from(self.chunk_size.0)).min(self.size);
        start.min(end)..end
    }

    /// Length of a chunk in bytes.
    pub fn chunk_len(self, chunk: ChunkIndex) -> u32 {
        let range = self.chunk_range(chunk);
        (range.end - range.start) as u32
    }

    /// Chunk that contains a byte; the last chunk for a byte beyond the end.
    pub fn chunk_at(self, byte: u64) -> ChunkIndex {
        let chunk = byte / u64::from(self.chunk_size.0);
        ChunkIndex(chunk.min(u64::from(self.chunk_count() - 1)) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_size_is_about_100_ms_of_media() {
        let minute = Duration::from_secs(60);
        let at = |bits_per_second: u64| ChunkSize::for_media(bits_per_second / 8 * 60, minute);
        assert_eq!(at(4_000_000).bytes(), 64 << 10);
        assert_eq!(at(1_000_000), ChunkSize::MIN);
        assert_eq!(at(20_000_000), ChunkSize::MAX);
        assert_eq!(at(500_000_000), ChunkSize::MAX);
        assert_eq!(ChunkSize::for_media(1, Duration::ZERO), ChunkSize::MIN);
    }

    #[test]
    fn chunk_sizes_from_outside_are_validated() {
        assert!(ChunkSize::checked(64 << 10).is_some());
        for wrong in [0, 1, 8 << 10, 65_000, 512 << 10] {
            assert_eq!(ChunkSize::checked(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn last_chunk_is_short_and_later_ones_empty() {
        let geometry = Geometry::new(40_000, ChunkSize::MIN);
        assert_eq!(geometry.chunk_count(), 3);
        assert_eq!(geometry.chunk_range(ChunkIndex(2)), 32_768..40_000);
        assert!(geometry.chunk_range(ChunkIndex(3)).is_empty());
        assert_eq!(geometry.chunk_at(39_999), ChunkIndex(2));
        assert_eq!(geometry.chunk_at(u64::MAX), ChunkIndex(2));
        assert_eq!(Geometry::new(0, ChunkSize::MIN).chunk_count(), 1);
    }
}
