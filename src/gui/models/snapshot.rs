//! Latest state of all actors but the player.

use std::collections::HashSet;

use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};

use crate::library::LibrarySnapshot;
use crate::scheduler::StreamSnapshot;
use crate::store::CachedFile;
use crate::swarm::SwarmSnapshot;
use crate::tracker_client::CatalogueSnapshot;

/// Everything the window shows beside the player.
#[derive(Debug, Clone, Default)]
pub struct AppSnapshot {
    /// Files of the swarm, and the link to the tracker.
    pub catalogue: CatalogueSnapshot,
    /// Connected peers.
    pub swarm: SwarmSnapshot,
    /// Open streams.
    pub streams: Vec<StreamSnapshot>,
    /// Files that are downloaded on request.
    pub downloads: Vec<FileId>,
    /// Shared folders and files.
    pub library: LibrarySnapshot,
    /// Files with chunks in the cache, by title.
    pub cached: Vec<CachedFile>,
}

impl AppSnapshot {
    /// True if both show the same. The catalogue is compared by version: it may be long.
    pub fn is_same(&self, other: &Self) -> bool {
        let (old, new) = (&self.catalogue, &other.catalogue);
        (old.version, &old.tracker) == (new.version, &new.tracker)
            && old.entries.len() == new.entries.len()
            && self.swarm == other.swarm
            && self.streams == other.streams
            && self.downloads == other.downloads
            && self.library == other.library
            && self.cached == other.cached
    }

    /// Lists cached files that nobody shares any more.
    pub fn list_cached(&mut self, kind: MediaKind) {
        let entries = &mut self.catalogue.entries;
        let cached = self.cached.iter().map(|cached| &cached.entry);
        let cached = cached.filter(|entry| entry.info.kind == kind);
        let mut unlisted: HashSet<FileId> = cached.clone().map(|entry| entry.id).collect();
        if unlisted.is_empty() {
            return;
        }
        for entry in entries.iter() {
            unlisted.remove(&entry.id);
        }
        let unlisted = cached.filter(|entry| unlisted.contains(&entry.id));
        entries.extend(unlisted.map(|entry| FileEntry {
            sources: 0,
            ..entry.clone()
        }));
    }

    /// Stream of a file, if it is open.
    pub fn stream_of(&self, file: FileId) -> Option<&StreamSnapshot> {
        self.streams.iter().find(|stream| stream.file == file)
    }

    /// Cached part of a file.
    pub fn cached(&self, file: FileId) -> Option<&CachedFile> {
        self.cached.iter().find(|cached| cached.entry.id == file)
    }

    /// True if this device shares the file.
    pub fn shares(&self, file: FileId) -> bool {
        let mut shared = self.library.shared.iter();
        shared.any(|shared| shared.entry.id == file)
    }

    /// Records a download request until the next snapshot confirms it.
    pub fn set_downloading(&mut self, file: FileId, wanted: bool) {
        self.downloads.retain(|download| *download != file);
        if wanted {
            self.downloads.push(file);
        }
    }

    /// Records a pin until the next snapshot confirms it.
    pub fn set_pinned(&mut self, file: FileId, pinned: bool) {
        for cached in &mut self.cached {
            if cached.entry.id == file {
                cached.pinned = pinned;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::media::MediaInfo;

    #[test]
    fn cached_files_stay_listed_without_sources() {
        let entry = |id: u8, kind| FileEntry {
            id: FileId([id; 32]),
            name: format!("{id}"),
            size: 100,
            chunk_size: 16 << 10,
            info: MediaInfo::new(kind, 1000),
            sources: 2,
        };
        let cached = |entry| CachedFile {
            entry,
            bytes: 10,
            whole: false,
            pinned: false,
        };
        let (listed, unlisted) = (entry(1, MediaKind::Video), entry(2, MediaKind::Video));
        let song = entry(3, MediaKind::Audio);
        let mut snapshot = AppSnapshot {
            cached: [listed.clone(), unlisted, song].map(cached).into(),
            ..AppSnapshot::default()
        };
        snapshot.catalogue.entries = vec![listed];
        snapshot.list_cached(MediaKind::Video);
        let entries = snapshot.catalogue.entries.iter();
        let entries: Vec<(u8, u32)> = entries.map(|e| (e.id.0[0], e.sources)).collect();
        assert_eq!(entries, [(1, 2), (2, 0)]);
    }
}
