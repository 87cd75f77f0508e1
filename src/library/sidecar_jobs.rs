//! Runs the sidecar jobs of the library on the blocking pool: reusing stored sidecars,
//! making missing ones, deleting orphans.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::prelude::*;
use engine::ids::FileId;
use engine::integrity::{HashTree, TreeShape};
use engine::library::{SidecarSet, Stamp};
use engine::media::{FileEntry, SidecarRole};

use crate::library::actor::Library;
use crate::library::index::{Index, IndexError};
use crate::library::sidecar_maker::{Hashed, MakeError, Maker, geometry};
use crate::store::{CloseShared, OpenShared};

/// Name of the folder of sidecars in the data directory.
const FOLDER: &str = "sidecars";

/// Inputs of one job.
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

/// Failure of a job.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Make(#[from] MakeError),
}

impl Job {
    /// Reuses the stored sidecars or makes new ones. If only the subtitles changed, only
    /// they are made again.
    fn run(self) -> Result<(SidecarSet, Vec<Hashed>), JobError> {
        let maker = Maker {
            ffmpeg: &self.ffmpeg,
            folder: &self.folder,
            cancelled: &self.cancelled,
        };
        let known = self.recall()?;
        let (mut hashed, gain_cdb) = match known {
            Some((set, hashed)) if set.subtitles == self.subtitles => return Ok((set, hashed)),
            Some((set, mut hashed)) => {
                hashed.retain(|hashed| hashed.sidecar.role != SidecarRole::Subtitles);
                (hashed, set.gain_cdb)
            }
            None => maker.make(&self.path, &self.entry)?,
        };
        hashed.extend(maker.subtitles(&self.path, &self.subtitles)?);
        let sidecars = hashed.iter();
        let sidecars = sidecars.map(|hashed| (hashed.sidecar.clone(), hashed.path.clone()));
        let set = SidecarSet {
            subtitles: self.subtitles,
            sidecars: sidecars.collect(),
            gain_cdb,
        };
        let trees = hashed.iter();
        let trees = trees.map(|hashed| (hashed.sidecar.id, hashed.tree.as_bytes()));
        self.index
            .remember_sidecars(&self.path, self.stamp, set.clone(), trees)?;
        Ok((set, hashed))
    }

    /// Loads the stored sidecars; `None` if a file of theirs is missing.
    fn recall(&self) -> Result<Option<(SidecarSet, Vec<Hashed>)>, IndexError> {
        let Some(set) = self.index.sidecars(&self.path, self.stamp)? else {
            return Ok(None);
        };
        let mut hashed = Vec::new();
        for (sidecar, path) in &set.sidecars {
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
        Ok(Some((set, hashed)))
    }
}

/// Starts the next sidecar job, or deletes orphans if no file waits for one.
pub(super) fn start_next(library: &mut Library, ctx: &mut Context<Library>) {
    let Some(ffmpeg) = library.settings.ffmpeg.clone() else {
        return library.sidecars.clear();
    };
    let files = &library.files;
    let next = library
        .sidecars
        .start_next(|path| files.get(path).is_some());
    let shared = next.and_then(|path| Some((files.get(&path)?.clone(), path)));
    let Some(((stamp, entry), path)) = shared else {
        return start_sweep(library, ctx);
    };
    library.sidecars_cancelled.store(false, Ordering::Relaxed);
    let job = Job {
        index: library.index.clone(),
        ffmpeg,
        folder: library.settings.data_dir.join(FOLDER),
        subtitles: library.sidecars.subtitles_of(&path),
        path: path.clone(),
        stamp,
        entry,
        cancelled: library.sidecars_cancelled.clone(),
    };
    let job = actix_rt::task::spawn_blocking(move || job.run());
    ctx.spawn(
        job.into_actor(library)
            .map(move |made, actor: &mut Library, ctx| {
                actor.sidecars.finish();
                match made {
                    Ok(Ok((set, hashed))) => share(actor, &path, stamp, set, hashed),
                    // Its folder was removed, and may have been added again since.
                    Ok(Err(JobError::Make(MakeError::Cancelled))) => actor.sidecars.request(path),
                    Ok(Err(error)) => {
                        tracing::warn!(path = %path.display(), %error, "sidecar generation failed");
                    }
                    Err(error) => tracing::error!(%error, "sidecar job failed"),
                }
                actor.next(ctx);
            }),
    );
}

/// Deletes orphans, once all folders were scanned.
fn start_sweep(library: &mut Library, ctx: &mut Context<Library>) {
    if !library.folders.scanned() {
        return;
    }
    let Some(needed) = library.sidecars.start_sweep() else {
        return;
    };
    let needed: HashSet<String> = needed.iter().map(FileId::to_string).collect();
    let folder = library.settings.data_dir.join(FOLDER);
    let sweep = actix_rt::task::spawn_blocking(move || sweep(&folder, &needed));
    ctx.spawn(
        sweep
            .into_actor(library)
            .map(|_, actor: &mut Library, ctx| {
                actor.sidecars.finish_sweep();
                actor.next(ctx);
            }),
    );
}

/// Offers the sidecars of a file and publishes its entry again with their ids.
fn share(library: &mut Library, path: &Path, stamp: Stamp, set: SidecarSet, hashed: Vec<Hashed>) {
    let Some(entry) = library.files.entry_mut(path, stamp) else {
        return;
    };
    let sidecars = set.sidecars.iter();
    entry.info.sidecars = sidecars.map(|(sidecar, _)| sidecar.clone()).collect();
    entry.info.gain_cdb = entry.info.gain_cdb.or(set.gain_cdb);
    let entry = entry.clone();
    let mut added = Vec::new();
    for Hashed {
        sidecar,
        path,
        tree,
    } in hashed
    {
        library.store.do_send(OpenShared {
            file: sidecar.id,
            geometry: geometry(sidecar.size),
            path,
            tree,
        });
        added.push(FileEntry::of_sidecar(&sidecar));
    }
    added.push(entry);
    let orphans = library.sidecars.put(path.to_owned(), set);
    library.publish(added, Vec::new());
    let gone = close(library, orphans);
    library.unpublish(gone);
}

/// Closes sidecars that no file has any more, and returns their ids.
pub(super) fn close(library: &Library, orphans: Vec<(FileId, PathBuf)>) -> Vec<FileId> {
    let mut gone = Vec::new();
    for (file, path) in orphans {
        library.store.do_send(CloseShared { file, path });
        gone.push(file);
    }
    gone
}

/// Deletes everything in the folder of sidecars except `needed`. Files that cannot be
/// deleted do no harm.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweep_keeps_needed_sidecars_only() {
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
