//! Shared, downloaded and skipped files, and the diff of a scan.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::ids::FileId;
use crate::library::{SkipReason, Skipped, Stamp};
use crate::media::FileEntry;

/// Files that are offered to others, and files that are not.
#[derive(Debug, Default)]
pub struct SharedFiles {
    shared: BTreeMap<PathBuf, (Stamp, FileEntry)>,
    downloaded: HashMap<FileId, FileEntry>,
    /// Without a stamp if the next scan decides again.
    skipped: BTreeMap<PathBuf, (Option<Stamp>, SkipReason)>,
}

/// Differences between a scan and the known files.
#[derive(Debug, PartialEq)]
pub struct ScanDiff {
    /// Shared files that were removed or changed.
    pub gone: Vec<PathBuf>,
    /// Files to inspect.
    pub new: Vec<(PathBuf, Stamp)>,
}

impl SharedFiles {
    /// Compares all files found by a scan with the known ones, and replaces what is
    /// known of unreadable paths. Files in [`ScanDiff::gone`] stay shared until
    /// [`Self::remove`].
    pub fn compare(
        &mut self,
        files: BTreeMap<PathBuf, Stamp>,
        unreadable: Vec<Skipped>,
    ) -> ScanDiff {
        let same = |path: &PathBuf, stamp: &Stamp| files.get(path) == Some(stamp);
        self.skipped
            .retain(|path, (stamp, _)| stamp.is_some_and(|stamp| same(path, &stamp)));
        let unreadable = unreadable.into_iter();
        self.skipped
            .extend(unreadable.map(|skipped| (skipped.path, (None, skipped.reason))));
        let shared = self.shared.iter();
        let gone: Vec<PathBuf> = shared
            .filter(|(path, (stamp, _))| !same(path, stamp))
            .map(|(path, _)| path.clone())
            .collect();
        let known = |path: &PathBuf, stamp: &Stamp| {
            let shared = self.shared.get(path);
            shared.is_some_and(|(known, _)| known == stamp) || self.skipped.contains_key(path)
        };
        let new = files.into_iter();
        let new = new.filter(|(path, stamp)| !known(path, stamp)).collect();
        ScanDiff { gone, new }
    }

    /// Shares a file.
    pub fn share(&mut self, path: PathBuf, stamp: Stamp, entry: FileEntry) {
        self.shared.insert(path, (stamp, entry));
    }

    /// Stops sharing a path.
    pub fn remove(&mut self, path: &Path) -> Option<FileEntry> {
        self.shared.remove(path).map(|(_, entry)| entry)
    }

    /// Records a file that is not shared.
    pub fn skip(&mut self, path: PathBuf, stamp: Stamp, reason: SkipReason) {
        self.skipped.insert(path, (Some(stamp), reason));
    }

    /// Offers a completed download.
    pub fn add_download(&mut self, entry: FileEntry) {
        self.downloaded.insert(entry.id, entry);
    }

    /// Stops offering a download. True if nothing else offers the same content.
    pub fn remove_download(&mut self, file: FileId) -> bool {
        self.downloaded.remove(&file).is_some() && !self.offers(file)
    }

    /// True if a path or a download offers the content.
    pub fn offers(&self, file: FileId) -> bool {
        let mut shared = self.shared.values();
        self.downloaded.contains_key(&file) || shared.any(|(_, entry)| entry.id == file)
    }

    /// Stamp and entry of a shared path.
    pub fn get(&self, path: &Path) -> Option<&(Stamp, FileEntry)> {
        self.shared.get(path)
    }

    /// Entry of a shared path, if the file still has this stamp.
    pub fn entry_mut(&mut self, path: &Path, stamp: Stamp) -> Option<&mut FileEntry> {
        let (known, entry) = self.shared.get_mut(path)?;
        (*known == stamp).then_some(entry)
    }

    /// Shared paths and their entries, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&PathBuf, &FileEntry)> {
        self.shared.iter().map(|(path, (_, entry))| (path, entry))
    }

    /// Files that are not shared, by path.
    pub fn skipped(&self) -> Vec<Skipped> {
        let skipped = self.skipped.iter();
        skipped
            .map(|(path, (_, reason))| Skipped {
                path: path.clone(),
                reason: reason.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::film;

    fn stamp(size: u64) -> Stamp {
        Stamp {
            size,
            modified_ns: 0,
            inode: 1,
        }
    }

    fn scan(files: &[(&str, u64)]) -> BTreeMap<PathBuf, Stamp> {
        let files = files.iter();
        files
            .map(|(path, size)| (PathBuf::from(path), stamp(*size)))
            .collect()
    }

    #[test]
    fn scan_diff_lists_removed_changed_and_new_files() {
        let mut files = SharedFiles::default();
        files.share("/kept".into(), stamp(1), film(1, "kept"));
        files.share("/changed".into(), stamp(1), film(2, "changed"));
        files.share("/removed".into(), stamp(1), film(3, "removed"));
        let found = scan(&[("/kept", 1), ("/changed", 2), ("/new", 1)]);
        let diff = files.compare(found, Vec::new());
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(diff.gone, paths(&["/changed", "/removed"]));
        let new: Vec<PathBuf> = diff.new.into_iter().map(|(path, _)| path).collect();
        assert_eq!(new, paths(&["/changed", "/new"]));
    }

    #[test]
    fn skipped_file_is_inspected_again_after_a_change() {
        let mut files = SharedFiles::default();
        files.skip("/text".into(), stamp(1), SkipReason::NothingToPlay);
        assert!(
            files
                .compare(scan(&[("/text", 1)]), Vec::new())
                .new
                .is_empty()
        );
        assert_eq!(
            files.compare(scan(&[("/text", 2)]), Vec::new()).new.len(),
            1
        );
        assert!(files.skipped().is_empty());
    }

    #[test]
    fn unreadable_path_is_listed_until_the_next_scan() {
        let mut files = SharedFiles::default();
        let unreadable = Skipped {
            path: "/loop".into(),
            reason: SkipReason::SymlinkLoop,
        };
        files.compare(scan(&[]), vec![unreadable.clone()]);
        assert_eq!(files.skipped(), [unreadable]);
        files.compare(scan(&[]), Vec::new());
        assert!(files.skipped().is_empty());
    }

    #[test]
    fn content_is_offered_until_its_last_copy_is_gone() {
        let mut files = SharedFiles::default();
        let entry = film(1, "film");
        files.share("/a".into(), stamp(1), entry.clone());
        files.share("/b".into(), stamp(1), entry.clone());
        files.add_download(entry.clone());
        files.remove(Path::new("/a"));
        files.remove(Path::new("/b"));
        assert!(files.offers(entry.id));
        assert!(files.remove_download(entry.id));
        assert!(!files.offers(entry.id));
    }
}
