//! Sidecars of shared files: made one after another when nothing is left to hash,
//! found again where they were made before, made anew when subtitles change.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::prelude::*;
use engine::ids::FileId;
use engine::integrity::{HashTree, TreeShape};
use engine::media::{FileEntry, SidecarRole};

use crate::library::actor::Library;
use crate::library::index::{Index, IndexError};
use crate::library::scan::Stamp;
use crate::library::sidecars::{Hashed, Made, MakeError, Maker, geometry, subtitles_of};
use crate::store::{CloseShared, OpenShared};

/// Name of the folder in the data directory in which sidecars lie.
const FOLDER: &str = "sidecars";

/// What is made, and what is to be.
#[derive(Debug)]
pub(super) struct Extras {
    waiting: BTreeSet<PathBuf>,
    making: Option<PathBuf>,
    /// Set to give that up.
    cancelled: Arc<AtomicBool>,
    made: HashMap<PathBuf, Made>,
    /// How many files have a sidecar.
    held: HashMap<FileId, usize>,
    /// Whether files may lie there that nobody needs any more.
    littered: bool,
    sweeping: bool,
    /// All subtitle files found.
    subtitles: BTreeMap<PathBuf, Stamp>,
}

impl Default for Extras {
    fn default() -> Self {
        Self {
            waiting: BTreeSet::new(),
            making: None,
            cancelled: Arc::default(),
            made: HashMap::new(),
            held: HashMap::new(),
            // What an earlier run left.
            littered: true,
            sweeping: false,
            subtitles: BTreeMap::new(),
        }
    }
}

impl Extras {
    /// A file is shared that may have none yet.
    pub fn wanted(&mut self, path: PathBuf) {
        self.waiting.insert(path);
    }

    /// Whether a job runs.
    pub fn is_busy(&self) -> bool {
        self.sweeping || self.making.is_some()
    }

    /// For which file a job runs.
    pub fn making(&self) -> Option<&PathBuf> {
        self.making.as_ref()
    }

    /// Gives up what is being made.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Files that wait for a job.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a shared file has this sidecar.
    pub fn holds(&self, id: FileId) -> bool {
        self.held.contains_key(&id)
    }

    /// The file that a sidecar, by where it lies, belongs to.
    pub fn owner(&self, sidecar: &Path) -> Option<&PathBuf> {
        let has = |made: &Made| made.sidecars.iter().any(|(_, path)| path == sidecar);
        let owner = self.made.iter().find(|(_, made)| has(made));
        owner.map(|(path, _)| path)
    }

    /// Notes what a file has; returns what it had.
    fn put(&mut self, path: PathBuf, made: Made) -> Option<Made> {
        for (sidecar, _) in &made.sidecars {
            *self.held.entry(sidecar.id).or_default() += 1;
        }
        let before = self.made.insert(path, made);
        self.count_off(before.as_ref());
        before
    }

    fn take(&mut self, path: &Path) -> Option<Made> {
        let made = self.made.remove(path);
        self.count_off(made.as_ref());
        made
    }

    fn count_off(&mut self, made: Option<&Made>) {
        for (sidecar, _) in made.iter().flat_map(|made| &made.sidecars) {
            if let Entry::Occupied(mut count) = self.held.entry(sidecar.id) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                    self.littered = true;
                }
            }
        }
    }
}

/// What one job needs.
struct Job {
    index: Arc<Index>,
    ffmpeg: PathBuf,
    folder: PathBuf,
    path: PathBuf,
    stamp: Stamp,
    entry: FileEntry,
    subtitles: Vec<(PathBuf, Stamp)>,
    cancelled: Arc<AtomicBool>,
}

/// Why there are no sidecars.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Make(#[from] MakeError),
}

impl Job {
    /// Finds what was made before, else makes it. Where only the subtitles are others,
    /// only they are made anew.
    fn run(self) -> Result<(Made, Vec<Hashed>), JobError> {
        let maker = Maker {
            ffmpeg: &self.ffmpeg,
            folder: &self.folder,
            cancelled: &self.cancelled,
        };
        let known = self.recall()?;
        let (mut hashed, gain_cdb) = match known {
            Some((made, hashed)) if made.subtitles == self.subtitles => return Ok((made, hashed)),
            Some((made, mut hashed)) => {
                hashed.retain(|hashed| hashed.sidecar.role != SidecarRole::Subtitles);
                (hashed, made.gain_cdb)
            }
            None => maker.make(&self.path, &self.entry)?,
        };
        hashed.extend(maker.subtitles(&self.path, &self.subtitles)?);
        let sidecars = hashed.iter();
        let sidecars = sidecars.map(|hashed| (hashed.sidecar.clone(), hashed.path.clone()));
        let made = Made {
            subtitles: self.subtitles,
            sidecars: sidecars.collect(),
            gain_cdb,
        };
        let trees = hashed.iter();
        let trees = trees.map(|hashed| (hashed.sidecar.id, hashed.tree.as_bytes()));
        self.index
            .remember_made(&self.path, self.stamp, made.clone(), trees)?;
        Ok((made, hashed))
    }

    /// What was made before, if all of it is still there.
    fn recall(&self) -> Result<Option<(Made, Vec<Hashed>)>, IndexError> {
        let Some(made) = self.index.made(&self.path, self.stamp)? else {
            return Ok(None);
        };
        let mut hashed = Vec::new();
        for (sidecar, path) in &made.sidecars {
            let shape = TreeShape::of(geometry(sidecar.size));
            let tree = self.index.tree(sidecar.id)?;
            let tree = tree.and_then(|bytes| HashTree::from_bytes(shape, &bytes));
            let there = std::fs::metadata(path).is_ok_and(|file| file.len() == sidecar.size);
            let Some(tree) = tree.filter(|_| there) else {
                return Ok(None);
            };
            hashed.push(Hashed {
                sidecar: sidecar.clone(),
                path: path.clone(),
                tree,
            });
        }
        Ok(Some((made, hashed)))
    }
}

/// Removes what nobody needs from the folder of the sidecars. What cannot be removed
/// does no harm.
fn sweep(folder: &Path, needed: &HashSet<String>) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if !needed.contains(file.file_name().to_string_lossy().as_ref()) {
            let path = file.path();
            let _ = match path.is_dir() {
                true => std::fs::remove_dir_all(path),
                false => std::fs::remove_file(path),
            };
        }
    }
}

impl Library {
    /// Takes up the next file that has no sidecars yet.
    pub(super) fn make_next(&mut self, ctx: &mut Context<Self>) {
        let Some(ffmpeg) = self.settings.ffmpeg.clone() else {
            return self.extras.waiting.clear();
        };
        let mut waiting = std::iter::from_fn(|| self.extras.waiting.pop_first());
        let Some(path) = waiting.find(|path| self.shared.contains_key(path)) else {
            return self.sweep_sidecars(ctx);
        };
        let (stamp, entry) = self.shared[&path].clone();
        self.extras.making = Some(path.clone());
        self.extras.cancelled.store(false, Ordering::Relaxed);
        let job = Job {
            index: self.index.clone(),
            ffmpeg,
            folder: self.settings.data_dir.join(FOLDER),
            subtitles: subtitles_of(&path, &self.extras.subtitles),
            path: path.clone(),
            stamp,
            entry,
            cancelled: self.extras.cancelled.clone(),
        };
        let job = actix_rt::task::spawn_blocking(move || job.run());
        ctx.spawn(job.into_actor(self).map(move |made, actor, ctx| {
            actor.extras.making = None;
            match made {
                Ok(Ok((made, hashed))) => actor.share_extras(&path, stamp, made, hashed),
                // Its folder was taken out; it may be in again by now.
                Ok(Err(JobError::Make(MakeError::Cancelled))) => actor.extras.wanted(path),
                Ok(Err(error)) => {
                    tracing::warn!(path = %path.display(), %error, "it goes without pictures");
                }
                Err(error) => tracing::error!(%error, "making sidecars failed"),
            }
            actor.next(ctx);
        }));
    }

    /// Tidies up when all is made: after a start, and when films have gone.
    fn sweep_sidecars(&mut self, ctx: &mut Context<Self>) {
        let settled = self.walked && self.queue.is_empty();
        if !settled || !std::mem::take(&mut self.extras.littered) {
            return;
        }
        self.extras.sweeping = true;
        let needed = self.extras.held.keys().map(FileId::to_string).collect();
        let folder = self.settings.data_dir.join(FOLDER);
        let sweep = actix_rt::task::spawn_blocking(move || sweep(&folder, &needed));
        ctx.spawn(sweep.into_actor(self).map(|_, actor, ctx| {
            actor.extras.sweeping = false;
            actor.next(ctx);
        }));
    }

    /// Offers sidecars, and says in the catalogue that there are some.
    fn share_extras(&mut self, path: &Path, stamp: Stamp, made: Made, hashed: Vec<Hashed>) {
        let known = self.shared.get(path);
        if known.is_none_or(|(known, _)| *known != stamp) {
            return;
        }
        // They may have changed while pictures were made.
        if subtitles_of(path, &self.extras.subtitles) != made.subtitles {
            self.extras.wanted(path.to_owned());
        }
        let old = self.extras.put(path.to_owned(), made.clone());
        let mut added = Vec::new();
        for Hashed {
            sidecar,
            path,
            tree,
        } in hashed
        {
            self.store.do_send(OpenShared {
                file: sidecar.id,
                geometry: geometry(sidecar.size),
                path,
                tree,
            });
            added.push(sidecar.entry());
        }
        if let Some((_, entry)) = self.shared.get_mut(path) {
            let sidecars = made.sidecars.into_iter();
            entry.info.sidecars = sidecars.map(|(sidecar, _)| sidecar).collect();
            entry.info.gain_cdb = entry.info.gain_cdb.or(made.gain_cdb);
            added.push(entry.clone());
        }
        self.publish(added, Vec::new());
        let gone = old.map_or(Vec::new(), |old| self.forget(old));
        self.unpublish(gone);
    }

    /// Takes back the sidecars of a path; tells which no other path has as its own.
    pub(super) fn withdraw_extras(&mut self, path: &Path) -> Vec<FileId> {
        let made = self.extras.take(path);
        made.map_or(Vec::new(), |made| self.forget(made))
    }

    fn forget(&mut self, made: Made) -> Vec<FileId> {
        let mut gone = Vec::new();
        for (sidecar, path) in made.sidecars {
            let file = sidecar.id;
            if self.extras.holds(file) {
                continue;
            }
            self.store.do_send(CloseShared { file, path });
            gone.push(file);
        }
        gone
    }

    /// Which films have other subtitles beside them than before.
    pub(super) fn compare_subtitles(&mut self, found: BTreeMap<PathBuf, Stamp>) {
        if found == self.extras.subtitles {
            return;
        }
        self.extras.subtitles = found;
        for (path, made) in &self.extras.made {
            if subtitles_of(path, &self.extras.subtitles) != made.subtitles {
                self.extras.waiting.insert(path.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::media::Sidecar;

    fn made(ids: &[u8]) -> Made {
        let sidecar = |id: &u8| {
            let sidecar = Sidecar {
                role: SidecarRole::Poster,
                id: FileId([*id; 32]),
                size: 1,
                pictures: 0,
                language: String::new(),
            };
            (sidecar, PathBuf::from(format!("/sidecars/{id}")))
        };
        Made {
            sidecars: ids.iter().map(sidecar).collect(),
            ..Made::default()
        }
    }

    #[test]
    fn a_sidecar_goes_with_the_last_file_that_has_it() {
        let mut extras = Extras {
            littered: false,
            ..Extras::default()
        };
        let id = FileId([1; 32]);
        extras.put("/a".into(), made(&[1, 2]));
        extras.put("/b".into(), made(&[1]));
        extras.take(Path::new("/b"));
        assert!(extras.holds(id) && !extras.littered);
        // Made anew, with the same poster.
        extras.put("/a".into(), made(&[1]));
        assert!(extras.holds(id) && !extras.holds(FileId([2; 32])));
        let owner = extras.owner(Path::new("/sidecars/1"));
        assert_eq!(owner, Some(&PathBuf::from("/a")));
        extras.take(Path::new("/a"));
        assert!(!extras.holds(id) && extras.littered);
    }

    #[test]
    fn only_what_nobody_needs_is_swept() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("needed"), "x").expect("writable");
        std::fs::write(at("other.part"), "x").expect("writable");
        std::fs::create_dir(at("work")).expect("writable");
        sweep(folder.path(), &HashSet::from(["needed".to_owned()]));
        assert!(at("needed").exists() && !at("other.part").exists() && !at("work").exists());
        sweep(&at("missing"), &HashSet::new());
    }
}
