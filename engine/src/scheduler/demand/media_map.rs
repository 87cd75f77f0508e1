//! Map between chunks and media time of one file.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::ChunkIndex;
use crate::media::{Geometry, Timeline};

/// Geometry and timeline of a file.
#[derive(Debug, Clone)]
pub struct MediaMap {
    /// Division into chunks.
    pub geometry: Geometry,
    /// Bytes to time.
    pub timeline: Arc<Timeline>,
}

impl MediaMap {
    /// Media time at which a chunk begins to be needed.
    pub fn time_of(&self, chunk: ChunkIndex) -> Duration {
        let start = self.geometry.chunk_range(chunk).start;
        self.timeline.time_at(start)
    }

    /// The chunk that is needed at a media time.
    pub fn chunk_at(&self, time: Duration) -> ChunkIndex {
        self.geometry.chunk_at(self.timeline.byte_at(time))
    }

    /// Media time at the end of the file.
    pub fn end(&self) -> Duration {
        self.timeline.time_at(self.geometry.size())
    }
}
