//! Catalogue: mirror of the files that all clients share, with the own files on top.

mod order;

use std::collections::HashMap;

use crate::ids::FileId;
use crate::media::{FileEntry, MediaKind};
use crate::protocol::{CatalogueDelta, Publish};

pub use self::order::{Search, Sort, by_title, filter_and_sort, folded};

/// Shared files, of others and our own.
#[derive(Debug, Default)]
pub struct Catalogue {
    others: HashMap<FileId, FileEntry>,
    own: HashMap<FileId, FileEntry>,
    version: u64,
}

impl Catalogue {
    /// Version, which grows with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Applies a change from the tracker.
    pub fn apply(&mut self, delta: CatalogueDelta) {
        // A new number of clients alone changes no entry.
        if delta.reset || !delta.changed.is_empty() || !delta.removed.is_empty() {
            self.version += 1;
        }
        if delta.reset {
            self.others.clear();
        }
        for entry in delta.changed {
            self.others.insert(entry.id, entry);
        }
        for id in delta.removed {
            self.others.remove(&id);
        }
    }

    /// Applies a change of the own list.
    pub fn apply_own(&mut self, publish: &Publish) {
        let listed = |entry: &FileEntry| entry.info.kind.is_listed(None);
        let gone = |id: &FileId| self.own.get(id).is_some_and(listed);
        if publish.reset || publish.added.iter().any(listed) || publish.removed.iter().any(gone) {
            self.version += 1;
        }
        if publish.reset {
            self.own.clear();
        }
        for entry in &publish.added {
            self.own.insert(entry.id, entry.clone());
        }
        for id in &publish.removed {
            self.own.remove(id);
        }
    }

    /// Own files.
    pub fn own(&self) -> impl Iterator<Item = &FileEntry> {
        self.own.values()
    }

    /// A file by id. The tracker's entry wins: it carries the chunk size that
    /// everybody else uses.
    pub fn get(&self, id: FileId) -> Option<&FileEntry> {
        self.others.get(&id).or_else(|| self.own.get(&id))
    }

    /// A file by id, exact name or title; of several, the first by id. Sidecars are
    /// found by id only.
    pub fn find(&self, wanted: &str) -> Option<FileEntry> {
        if let Ok(id) = wanted.parse() {
            return self.get(id).cloned().or_else(|| self.sidecar(id));
        }
        let named = |entry: &&FileEntry| entry.name == wanted || entry.display_title() == wanted;
        let listed = self.all().filter(|entry| entry.info.kind.is_listed(None));
        listed.filter(named).min_by_key(|entry| entry.id).cloned()
    }

    /// A sidecar named by an entry; the tracker lists none.
    fn sidecar(&self, id: FileId) -> Option<FileEntry> {
        let mut named = self.all().flat_map(|entry| &entry.info.sidecars);
        named
            .find(|sidecar| sidecar.id == id)
            .map(FileEntry::of_sidecar)
    }

    fn all(&self) -> impl Iterator<Item = &FileEntry> {
        let only_ours = self
            .own
            .values()
            .filter(|entry| !self.others.contains_key(&entry.id));
        self.others.values().chain(only_ours)
    }

    /// All entries of a kind, by title.
    pub fn entries(&self, kind: Option<MediaKind>) -> Vec<FileEntry> {
        let of_kind = |entry: &&FileEntry| entry.info.kind.is_listed(kind);
        let mut entries: Vec<FileEntry> = self.all().filter(of_kind).cloned().collect();
        entries.sort_by_cached_key(by_title);
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::film;

    #[test]
    fn own_files_survive_a_reset_from_the_tracker() {
        let mut catalogue = Catalogue::default();
        catalogue.apply_own(&Publish {
            added: vec![film(1, "mine.mp4")],
            ..Publish::default()
        });
        catalogue.apply(CatalogueDelta {
            reset: true,
            changed: vec![film(1, "mine.mp4"), film(2, "yours.mp4")],
            ..CatalogueDelta::default()
        });
        assert_eq!(catalogue.entries(None).len(), 2);
        catalogue.apply(CatalogueDelta {
            reset: true,
            ..CatalogueDelta::default()
        });
        assert_eq!(catalogue.entries(Some(MediaKind::Video)).len(), 1);
        assert!(catalogue.entries(Some(MediaKind::Audio)).is_empty());
    }

    #[test]
    fn files_are_found_by_id_name_and_title() {
        let mut catalogue = Catalogue::default();
        catalogue.apply(CatalogueDelta {
            changed: vec![film(2, "Ridge.mp4")],
            ..CatalogueDelta::default()
        });
        let id = FileId([2; 32]).to_string();
        for wanted in [id.as_str(), "Ridge.mp4", "Ridge"] {
            assert!(catalogue.find(wanted).is_some(), "{wanted}");
        }
        assert!(catalogue.find("ridge.mkv").is_none());
    }
}
