//! Sidecars of shared files: the next file to give some to, and the ones in use.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::library::Stamp;
use crate::media::Sidecar;

/// Sidecars of one media file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SidecarSet {
    /// External subtitle files that they include.
    pub subtitles: Vec<(PathBuf, Stamp)>,
    /// Sidecars and their paths.
    pub sidecars: Vec<(Sidecar, PathBuf)>,
    /// Measured gain in hundredths of a decibel.
    pub gain_cdb: Option<i32>,
}

/// Files that wait for sidecars, and the sidecars of all shared files.
#[derive(Debug)]
pub struct SidecarJobs {
    waiting: BTreeSet<PathBuf>,
    current: Option<PathBuf>,
    sets: HashMap<PathBuf, SidecarSet>,
    /// Number of files that have each sidecar.
    held: HashMap<FileId, usize>,
    /// True if files that nobody needs may lie on disk.
    has_orphans: bool,
    sweeping: bool,
    /// All subtitle files of the last scan.
    subtitles: BTreeMap<PathBuf, Stamp>,
}

impl Default for SidecarJobs {
    fn default() -> Self {
        Self {
            waiting: BTreeSet::new(),
            current: None,
            sets: HashMap::new(),
            held: HashMap::new(),
            // An earlier run may have left some.
            has_orphans: true,
            sweeping: false,
            subtitles: BTreeMap::new(),
        }
    }
}

impl SidecarJobs {
    /// Queues a shared file.
    pub fn request(&mut self, path: PathBuf) {
        self.waiting.insert(path);
    }

    /// Starts the next waiting file that is still shared.
    pub fn start_next(&mut self, is_shared: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        let mut waiting = std::iter::from_fn(|| self.waiting.pop_first());
        self.current = waiting.find(|path| is_shared(path));
        self.current.clone()
    }

    /// Ends the current job.
    pub fn finish(&mut self) {
        self.current = None;
    }

    /// Drops all waiting files.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Starts to delete orphans; `None` if there can be none. Returns the sidecars to
    /// keep.
    pub fn start_sweep(&mut self) -> Option<Vec<FileId>> {
        if !std::mem::take(&mut self.has_orphans) {
            return None;
        }
        self.sweeping = true;
        Some(self.held.keys().copied().collect())
    }

    /// Ends the deletion of orphans.
    pub fn finish_sweep(&mut self) {
        self.sweeping = false;
    }

    /// True while a job or a sweep runs.
    pub fn is_busy(&self) -> bool {
        self.sweeping || self.current.is_some()
    }

    /// File of the current job.
    pub fn current(&self) -> Option<&PathBuf> {
        self.current.as_ref()
    }

    /// Number of waiting files.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// True if a shared file has this sidecar.
    pub fn holds(&self, id: FileId) -> bool {
        self.held.contains_key(&id)
    }

    /// Media file that the sidecar at this path belongs to.
    pub fn owner(&self, sidecar: &Path) -> Option<&PathBuf> {
        let has = |set: &SidecarSet| set.sidecars.iter().any(|(_, path)| path == sidecar);
        let owner = self.sets.iter().find(|(_, set)| has(set));
        owner.map(|(path, _)| path)
    }

    /// Stores the sidecars of a file. Returns the old ones that no file has any more.
    pub fn put(&mut self, path: PathBuf, set: SidecarSet) -> Vec<(FileId, PathBuf)> {
        // Subtitles may have changed during the job.
        if self.subtitles_of(&path) != set.subtitles {
            self.request(path.clone());
        }
        for (sidecar, _) in &set.sidecars {
            *self.held.entry(sidecar.id).or_default() += 1;
        }
        let before = self.sets.insert(path, set);
        self.release(before)
    }

    /// Drops the sidecars of a file. Returns those that no file has any more.
    pub fn take(&mut self, path: &Path) -> Vec<(FileId, PathBuf)> {
        let set = self.sets.remove(path);
        self.release(set)
    }

    fn release(&mut self, set: Option<SidecarSet>) -> Vec<(FileId, PathBuf)> {
        let mut orphans = Vec::new();
        for (sidecar, path) in set.into_iter().flat_map(|set| set.sidecars) {
            if let Entry::Occupied(mut count) = self.held.entry(sidecar.id) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                    self.has_orphans = true;
                    orphans.push((sidecar.id, path));
                }
            }
        }
        orphans
    }

    /// Stores the subtitle files of a scan and queues files whose subtitles changed.
    pub fn set_subtitles(&mut self, found: BTreeMap<PathBuf, Stamp>) {
        if found == self.subtitles {
            return;
        }
        self.subtitles = found;
        let changed = self.sets.iter();
        let changed = changed.filter(|(path, set)| self.subtitles_of(path) != set.subtitles);
        let changed: Vec<PathBuf> = changed.map(|(path, _)| path.clone()).collect();
        self.waiting.extend(changed);
    }

    /// Subtitle files in the same folder whose names begin with the name of the film.
    pub fn subtitles_of(&self, film: &Path) -> Vec<(PathBuf, Stamp)> {
        let stem = film.with_extension("");
        let stem = stem.as_os_str().as_encoded_bytes();
        let belongs = |path: &Path| {
            let path = path.as_os_str().as_encoded_bytes();
            path.strip_prefix(stem)
                .is_some_and(|rest| rest.first() == Some(&b'.') && !rest.contains(&b'/'))
        };
        let found = self.subtitles.iter().filter(|(path, _)| belongs(path));
        found.map(|(path, stamp)| (path.clone(), *stamp)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{file_id, sidecar};
    use crate::media::SidecarRole;

    const STAMP: Stamp = Stamp {
        size: 1,
        modified_ns: 0,
        inode: 1,
    };

    fn set(ids: &[u8]) -> SidecarSet {
        let sidecar = |id: &u8| {
            let path = PathBuf::from(format!("/sidecars/{id}"));
            (sidecar(SidecarRole::Poster, *id), path)
        };
        SidecarSet {
            sidecars: ids.iter().map(sidecar).collect(),
            ..SidecarSet::default()
        }
    }

    #[test]
    fn sidecar_is_orphaned_with_its_last_owner() {
        let mut jobs = SidecarJobs::default();
        let orphan = |id: u8| (file_id(id), PathBuf::from(format!("/sidecars/{id}")));
        assert!(jobs.put("/a".into(), set(&[1, 2])).is_empty());
        assert!(jobs.put("/b".into(), set(&[1])).is_empty());
        assert!(jobs.take(Path::new("/b")).is_empty());
        // Generated again, with the same poster.
        assert_eq!(jobs.put("/a".into(), set(&[1])), [orphan(2)]);
        assert!(jobs.holds(file_id(1)) && !jobs.holds(file_id(2)));
        let owner = jobs.owner(Path::new("/sidecars/1"));
        assert_eq!(owner, Some(&PathBuf::from("/a")));
        assert_eq!(jobs.take(Path::new("/a")), [orphan(1)]);
    }

    #[test]
    fn sweep_runs_at_start_and_after_orphans_appear() {
        let mut jobs = SidecarJobs::default();
        jobs.put("/a".into(), set(&[1]));
        assert_eq!(jobs.start_sweep(), Some(vec![file_id(1)]));
        assert!(jobs.is_busy());
        jobs.finish_sweep();
        assert_eq!(jobs.start_sweep(), None);
        jobs.take(Path::new("/a"));
        assert_eq!(jobs.start_sweep(), Some(Vec::new()));
    }

    #[test]
    fn files_no_longer_shared_are_passed_over() {
        let mut jobs = SidecarJobs::default();
        jobs.request("/a".into());
        jobs.request("/b".into());
        let next = jobs.start_next(|path| path == Path::new("/b"));
        assert_eq!(next, Some(PathBuf::from("/b")));
        assert_eq!((jobs.current(), jobs.waiting()), (next.as_ref(), 0));
    }

    #[test]
    fn subtitles_match_films_by_name() {
        let mut jobs = SidecarJobs::default();
        let found = [
            "/f/Film.srt",
            "/f/Film.en.srt",
            "/f/Film 2.srt",
            "/g/Film.srt",
        ];
        jobs.set_subtitles(found.map(|path| (PathBuf::from(path), STAMP)).into());
        let names = jobs.subtitles_of(Path::new("/f/Film.mkv"));
        let names: Vec<_> = names.iter().map(|(path, _)| path.to_str()).collect();
        assert_eq!(names, [Some("/f/Film.en.srt"), Some("/f/Film.srt")]);
    }

    #[test]
    fn changed_subtitles_queue_their_film() {
        let mut jobs = SidecarJobs::default();
        jobs.put("/f/Film.mkv".into(), set(&[1]));
        assert_eq!(jobs.waiting(), 0);
        jobs.set_subtitles([("/f/Film.srt".into(), STAMP)].into());
        assert_eq!(jobs.waiting(), 1);
    }
}
