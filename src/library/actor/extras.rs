//! Sidecars of shared files: made one after another when nothing is left to hash,
//! found again where they were made before, made anew when subtitles change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;

use super::Library;
use crate::ids::FileId;
use crate::integrity::HashTree;
use crate::library::hasher::Progress;
use crate::library::index::{Index, IndexError};
use crate::library::scan::Stamp;
use crate::library::sidecars::{Hashed, Made, Maker, geometry, subtitles_of};
use crate::media::FileEntry;
use crate::store::{CloseShared, OpenShared};

/// Name of the folder in the data directory in which sidecars lie.
const FOLDER: &str = "sidecars";

/// What is made, and what is to be.
#[derive(Debug, Default)]
pub(super) struct Extras {
    waiting: BTreeSet<PathBuf>,
    making: Option<PathBuf>,
    made: HashMap<PathBuf, Made>,
    /// All subtitle files found.
    subtitles: BTreeMap<PathBuf, Stamp>,
}

impl Extras {
    /// A file is shared that may have none yet.
    pub fn wanted(&mut self, path: PathBuf) {
        self.waiting.insert(path);
    }

    /// For which file a job runs.
    pub fn making(&self) -> Option<&PathBuf> {
        self.making.as_ref()
    }

    /// Files that wait for a job.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn holds(&self, id: FileId) -> bool {
        let mut sidecars = self.made.values().flat_map(|made| &made.sidecars);
        sidecars.any(|(sidecar, _)| sidecar.id == id)
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
    progress: Arc<Progress>,
}

/// Why there are no sidecars.
#[derive(Debug, thiserror::Error)]
enum MakeError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("sidecars cannot be written: {0}")]
    Folder(#[from] std::io::Error),
}

impl Job {
    /// Finds what was made before, else makes it.
    fn run(self) -> Result<(Made, Vec<Hashed>), MakeError> {
        if let Some(known) = self.recall()? {
            return Ok(known);
        }
        let maker = Maker {
            ffmpeg: &self.ffmpeg,
            folder: &self.folder,
            cancelled: &self.progress.cancelled,
        };
        let (hashed, gain_cdb) = maker.make(&self.path, &self.entry, &self.subtitles)?;
        let sidecars = hashed.iter();
        let sidecars = sidecars.map(|hashed| (hashed.sidecar.clone(), hashed.path.clone()));
        let made = Made {
            subtitles: self.subtitles,
            sidecars: sidecars.collect(),
            gain_cdb,
        };
        // What was given up half way is not all.
        if !self.progress.cancelled.load(Ordering::Relaxed) {
            let trees = hashed.iter();
            let trees = trees.map(|hashed| (hashed.sidecar.id, hashed.tree.as_bytes()));
            self.index
                .remember_made(&self.path, self.stamp, made.clone(), trees)?;
        }
        Ok((made, hashed))
    }

    fn recall(&self) -> Result<Option<(Made, Vec<Hashed>)>, IndexError> {
        let made = self.index.made(&self.path, self.stamp)?;
        let Some(made) = made.filter(|made| made.subtitles == self.subtitles) else {
            return Ok(None);
        };
        let mut hashed = Vec::new();
        for (sidecar, path) in &made.sidecars {
            let shape = geometry(sidecar.size).tree_shape();
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

impl Library {
    /// Takes up the next file that has no sidecars yet.
    pub(super) fn make_next(&mut self, ctx: &mut Context<Self>) {
        let Some(ffmpeg) = self.settings.ffmpeg.clone() else {
            return self.extras.waiting.clear();
        };
        let mut waiting = std::iter::from_fn(|| self.extras.waiting.pop_first());
        let Some(path) = waiting.find(|path| self.shared.contains_key(path)) else {
            return;
        };
        let (stamp, entry) = self.shared[&path].clone();
        self.extras.making = Some(path.clone());
        let job = Job {
            index: self.index.clone(),
            ffmpeg,
            folder: self.settings.data_dir.join(FOLDER),
            subtitles: subtitles_of(&path, &self.extras.subtitles),
            path: path.clone(),
            stamp,
            entry,
            progress: self.progress.clone(),
        };
        let job = actix_rt::task::spawn_blocking(move || job.run());
        ctx.spawn(job.into_actor(self).map(move |made, actor, ctx| {
            actor.extras.making = None;
            match made {
                Ok(Ok((made, hashed))) => actor.share_extras(&path, stamp, made, hashed),
                Ok(Err(error)) => {
                    tracing::warn!(path = %path.display(), %error, "it goes without pictures");
                }
                Err(error) => tracing::error!(%error, "making sidecars failed"),
            }
            actor.next(ctx);
        }));
    }

    /// Offers sidecars, and says in the catalogue that there are some.
    fn share_extras(&mut self, path: &Path, stamp: Stamp, made: Made, hashed: Vec<Hashed>) {
        let known = self.shared.get(path);
        if known.is_none_or(|(known, _)| *known != stamp) {
            return;
        }
        let old = self.extras.made.insert(path.to_owned(), made.clone());
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
            entry.facts.sidecars = sidecars.map(|(sidecar, _)| sidecar).collect();
            entry.facts.gain_cdb = entry.facts.gain_cdb.or(made.gain_cdb);
            added.push(entry.clone());
        }
        let removed = old.map_or(Vec::new(), |old| self.forget(old));
        self.publish(added, removed);
    }

    /// Takes back the sidecars of a path; tells of those that no other path has.
    pub(super) fn withdraw_extras(&mut self, path: &Path) -> Vec<FileId> {
        let made = self.extras.made.remove(path);
        made.map_or(Vec::new(), |made| self.forget(made))
    }

    fn forget(&mut self, made: Made) -> Vec<FileId> {
        let mut gone = Vec::new();
        for (sidecar, path) in made.sidecars {
            if self.extras.holds(sidecar.id) {
                continue;
            }
            self.store.do_send(CloseShared {
                file: sidecar.id,
                path: path.clone(),
            });
            // It can be made again; what cannot be removed does no harm.
            actix_rt::task::spawn_blocking(move || std::fs::remove_file(path));
            gone.push(sidecar.id);
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
