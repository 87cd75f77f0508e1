//! Stored chunks that are not announced yet.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId};

/// Chunks gathered for one announcement a file.
#[derive(Debug, Default)]
pub struct HaveBatch {
    files: HashMap<FileId, RoaringBitmap>,
}

impl HaveBatch {
    /// Adds a stored chunk. True if it begins a batch.
    pub fn add(&mut self, file: FileId, chunk: ChunkIndex) -> bool {
        let first = self.files.is_empty();
        self.files.entry(file).or_default().insert(chunk.0);
        first
    }

    /// Removes chunks that were evicted before they were announced.
    pub fn evict(&mut self, file: FileId, chunks: &RoaringBitmap) {
        if let Some(gathered) = self.files.get_mut(&file) {
            *gathered -= chunks;
        }
    }

    /// Takes the batch, file by file.
    pub fn take(&mut self) -> impl Iterator<Item = (FileId, RoaringBitmap)> + use<> {
        let files = std::mem::take(&mut self.files).into_iter();
        files.filter(|(_, chunks)| !chunks.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evicted_chunks_are_not_announced() {
        let (one, other) = (FileId([1; 32]), FileId([2; 32]));
        let mut batch = HaveBatch::default();
        assert!(batch.add(one, ChunkIndex(1)));
        assert!(!batch.add(one, ChunkIndex(2)));
        assert!(!batch.add(other, ChunkIndex(7)));
        batch.evict(one, &[1].into_iter().collect());
        batch.evict(other, &[7].into_iter().collect());
        let announced: Vec<_> = batch.take().collect();
        assert_eq!(announced, [(one, [2].into_iter().collect())]);
        assert!(batch.add(one, ChunkIndex(3)), "a batch of its own");
    }
}
