//! One shared file: its descriptions, seeds, and viewers that have all of it.

use std::collections::BTreeSet;

use crate::ids::PeerId;
use crate::media::FileEntry;

/// A shared file.
#[derive(Debug, Default)]
pub(super) struct SharedFile {
    /// Description by each seed; the first one counts.
    pub entries: Vec<(PeerId, FileEntry)>,
    /// Viewers that have fetched all of it.
    pub complete: BTreeSet<PeerId>,
}

impl SharedFile {
    /// True if the catalogue shows it.
    pub fn is_listed(&self) -> bool {
        let first = self.entries.first();
        first.is_some_and(|(_, entry)| entry.info.kind.is_listed(None))
    }

    /// Entry of the catalogue: the first description, with all seeds counted.
    pub fn entry(&self) -> Option<FileEntry> {
        let mut entry = self.entries.first()?.1.clone();
        let alike = self
            .entries
            .iter()
            .filter(|(_, e)| e.chunk_size == entry.chunk_size);
        entry.sources = alike.count() as u32;
        Some(entry)
    }
}
