//! The library's mailbox. Walking, probing and hashing run on the blocking
//! pool, one job at a time, so that sharing a disk full of films leaves the
//! machine usable. Sidecars are made when nothing is left to hash, one after another;
//! what is to be hashed meanwhile does not wait for one that is being made.
//!
//! Below it: the store (which serves the files) and the announcer (which tells
//! the tracker).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::prelude::*;
use notify::{RecursiveMode, Watcher};

use crate::library::hasher::{Outcome, Progress, Shareable, inspect};
use crate::library::index::{Index, IndexError};
use crate::library::scan::{Found, Stamp, walk};
use crate::library::{
    Hashing, LibrarySnapshot, LibraryState, Rescan, SKIPPED_FILE, SharedFile, Skipped,
};
use crate::runtime::{Close, ask};
use crate::store::{CloseShared, CompleteFiles, OpenShared, Store, StoreEvent, WatchStore};
use crate::tracker_client::{PublishFiles, TrackerClient};

mod extras;
mod folders;
mod skipped;

use engine::ids::FileId;
use engine::media::FileEntry;
use engine::protocol::Publish;
use extras::Extras;

/// Changes on disk are gathered this long before a walk: copying a file makes
/// many.
const SETTLE: Duration = Duration::from_millis(400);

/// A file that changed while it was hashed is looked at again after this time.
const RETRY: Duration = Duration::from_secs(2);

/// Where the library lives.
#[derive(Debug, Clone)]
pub struct LibrarySettings {
    /// Shared from the start.
    pub folders: Vec<PathBuf>,
    /// How often to walk without a reported change.
    pub rescan: Duration,
    /// The ffprobe program.
    pub ffprobe: PathBuf,
    /// The ffmpeg program, which makes sidecars; `None` to make none.
    pub ffmpeg: Option<PathBuf>,
    /// For the list of skipped files, and for sidecars.
    pub data_dir: PathBuf,
}

/// The actor.
pub struct Library {
    settings: LibrarySettings,
    index: Arc<Index>,
    store: Addr<Store>,
    announcer: Addr<TrackerClient>,
    watcher: Option<notify::RecommendedWatcher>,
    shared: BTreeMap<PathBuf, (Stamp, FileEntry)>,
    downloaded: HashMap<FileId, FileEntry>,
    skipped: BTreeMap<PathBuf, (Option<Stamp>, String)>,
    queue: VecDeque<(PathBuf, Stamp)>,
    current: Option<(PathBuf, Stamp)>,
    /// When the present file was begun.
    begun: Instant,
    /// Since when nothing is hashed, by hand.
    paused: Option<Instant>,
    extras: Extras,
    progress: Arc<Progress>,
    walking: bool,
    walk_pending: Option<SpawnHandle>,
    walked: bool,
    written: Option<Vec<Skipped>>,
}

impl Library {
    /// A library over an opened database.
    pub fn new(
        settings: LibrarySettings,
        index: Index,
        store: Addr<Store>,
        announcer: Addr<TrackerClient>,
    ) -> Self {
        Self {
            settings,
            index: Arc::new(index),
            store,
            announcer,
            watcher: None,
            shared: BTreeMap::new(),
            downloaded: HashMap::new(),
            skipped: BTreeMap::new(),
            queue: VecDeque::new(),
            current: None,
            begun: Instant::now(),
            paused: None,
            extras: Extras::default(),
            progress: Arc::new(Progress::default()),
            walking: false,
            walk_pending: None,
            walked: false,
            written: None,
        }
    }

    /// Watches all folders; where that fails, the regular walk must do.
    fn watch(&mut self, ctx: &mut Context<Self>) {
        let library = ctx.address().downgrade();
        let data_dir = std::fs::canonicalize(&self.settings.data_dir);
        let data_dir = data_dir.unwrap_or_else(|_| self.settings.data_dir.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let reading = |event: &notify::Event| {
                use notify::event::{AccessKind, AccessMode, EventKind};
                matches!(event.kind, EventKind::Access(kind)
                    if kind != AccessKind::Close(AccessMode::Write))
            };
            // Our own writes, should the data directory lie in a shared folder.
            let own = |event: &notify::Event| {
                !event.paths.is_empty() && event.paths.iter().all(|p| p.starts_with(&data_dir))
            };
            let relevant = |event: &notify::Event| !reading(event) && !own(event);
            let relevant = event.as_ref().map_or(true, relevant);
            if let Some(library) = library.upgrade().filter(|_| relevant) {
                library.do_send(Rescan);
            }
        });
        match watcher {
            Ok(mut watcher) => {
                for folder in &self.settings.folders {
                    if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
                        tracing::warn!(folder = %folder.display(), %error, "cannot be watched");
                    }
                }
                self.watcher = Some(watcher);
            }
            Err(error) => tracing::warn!(%error, "folders cannot be watched for changes"),
        }
    }

    fn walk_soon(&mut self, ctx: &mut Context<Self>, delay: Duration) {
        if self.walk_pending.is_some() {
            return;
        }
        let handle = ctx.run_later(delay, |actor, ctx| {
            actor.walk_pending = None;
            actor.walk(ctx);
        });
        self.walk_pending = Some(handle);
    }

    fn walk(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.walking, true) {
            return self.walk_soon(ctx, SETTLE);
        }
        let folders = self.settings.folders.clone();
        let walk = actix_rt::task::spawn_blocking(move || walk(&folders));
        ctx.spawn(walk.into_actor(self).map(|found, actor, ctx| {
            actor.walking = false;
            match found {
                Ok(found) => actor.compare(ctx, found),
                Err(error) => tracing::error!(%error, "walking the library failed"),
            }
        }));
    }

    /// What is gone is withdrawn, what is new or changed is queued.
    fn compare(&mut self, ctx: &mut Context<Self>, mut found: Found) {
        // A folder may have been taken out while it was walked.
        found.files.retain(|path, _| self.covers(path));
        let changed = |path: &PathBuf, stamp: &Stamp| found.files.get(path) != Some(stamp);
        let gone: Vec<PathBuf> = self
            .shared
            .iter()
            .filter(|(path, (stamp, _))| changed(path, stamp))
            .map(|(path, _)| path.clone())
            .collect();
        self.withdraw(&gone);
        self.skipped
            .retain(|path, (stamp, _)| stamp.is_some_and(|stamp| !changed(path, &stamp)));
        let unreadable = found.unreadable.into_iter();
        self.skipped
            .extend(unreadable.map(|skipped| (skipped.path, (None, skipped.reason))));
        self.queue.clear();
        for (path, stamp) in found.files {
            let known = self.shared.contains_key(&path)
                || self.skipped.contains_key(&path)
                || self.current.as_ref() == Some(&(path.clone(), stamp));
            if !known {
                self.queue.push_back((path, stamp));
            }
        }
        self.walked = true;
        self.write_skipped();
        self.compare_subtitles(found.subtitles);
        self.next(ctx);
    }

    fn withdraw(&mut self, paths: &[PathBuf]) {
        let mut gone = Vec::new();
        for path in paths {
            let Some((_, entry)) = self.shared.remove(path) else {
                continue;
            };
            self.store.do_send(CloseShared {
                file: entry.id,
                path: path.clone(),
            });
            gone.extend(self.withdraw_extras(path));
            gone.push(entry.id);
        }
        self.unpublish(gone);
    }

    fn is_shared(&self, file: FileId) -> bool {
        let mut shared = self.shared.values();
        self.downloaded.contains_key(&file)
            || self.extras.holds(file)
            || shared.any(|(_, entry)| entry.id == file)
    }

    /// Says that files are gone, if no other path has the same.
    fn unpublish(&self, mut gone: Vec<FileId>) {
        if gone.is_empty() {
            return;
        }
        let shared: HashSet<FileId> = self.shared.values().map(|(_, entry)| entry.id).collect();
        gone.retain(|file| {
            let kept = self.downloaded.contains_key(file) || self.extras.holds(*file);
            !kept && !shared.contains(file)
        });
        self.publish(Vec::new(), gone);
    }

    fn publish(&self, added: Vec<FileEntry>, removed: Vec<FileId>) {
        if added.is_empty() && removed.is_empty() {
            return;
        }
        self.announcer.do_send(PublishFiles(Publish {
            added,
            removed,
            reset: false,
        }));
    }

    /// Takes the next file up, if none is being looked at. New files do not wait for the
    /// pictures of others.
    fn next(&mut self, ctx: &mut Context<Self>) {
        if self.paused.is_some() || self.current.is_some() {
            return;
        }
        let Some((path, stamp)) = self.queue.pop_front() else {
            if !self.extras.is_busy() {
                self.make_next(ctx);
            }
            return;
        };
        self.current = Some((path.clone(), stamp));
        self.begun = Instant::now();
        self.progress.done.store(0, Ordering::Relaxed);
        self.progress.cancelled.store(false, Ordering::Relaxed);
        let index = self.index.clone();
        let ffprobe = self.settings.ffprobe.clone();
        let progress = self.progress.clone();
        let job = {
            let path = path.clone();
            move || inspect(&index, &ffprobe, &path, stamp, &progress)
        };
        let job = actix_rt::task::spawn_blocking(job);
        ctx.spawn(job.into_actor(self).map(move |outcome, actor, ctx| {
            actor.current = None;
            match outcome {
                Ok(outcome) => actor.inspected(ctx, path, stamp, outcome),
                Err(error) => tracing::error!(%error, "looking at a file failed"),
            }
            if actor.queue.is_empty() {
                actor.write_skipped();
            }
            actor.next(ctx);
        }));
    }

    fn inspected(
        &mut self,
        ctx: &mut Context<Self>,
        path: PathBuf,
        stamp: Stamp,
        outcome: Result<Outcome, IndexError>,
    ) {
        match outcome {
            Ok(Outcome::Share(shareable)) if self.covers(&path) => self.share(path, *shareable),
            Ok(Outcome::Share(_)) => {}
            // Its folder was taken out; it may be in again by now.
            Ok(Outcome::Cancelled) if self.covers(&path) => self.walk_soon(ctx, RETRY),
            Ok(Outcome::Cancelled) => {}
            Ok(Outcome::Skip(reason)) => {
                tracing::info!(path = %path.display(), reason, "not shared");
                self.skipped.insert(path, (Some(stamp), reason));
            }
            Ok(Outcome::Again) => self.walk_soon(ctx, RETRY),
            Err(error) => {
                tracing::error!(%error, "the library cannot remember");
                self.skipped.insert(path, (Some(stamp), error.to_string()));
            }
        }
    }

    /// Whether a path still lies in a shared folder.
    fn covers(&self, path: &Path) -> bool {
        let mut folders = self.settings.folders.iter();
        folders.any(|folder| path.starts_with(folder))
    }

    fn share(&mut self, path: PathBuf, file: Shareable) {
        let id = file.entry.id;
        self.store.do_send(OpenShared {
            file: id,
            geometry: file.geometry,
            path: path.clone(),
            tree: file.tree,
        });
        if !self.is_shared(id) {
            self.publish(vec![file.entry.clone()], Vec::new());
        }
        self.shared.insert(path.clone(), (file.stamp, file.entry));
        self.extras.wanted(path);
    }

    fn hashing(&self) -> Option<Hashing> {
        let (path, stamp) = self.current.as_ref()?;
        let done = self.progress.done.load(Ordering::Relaxed);
        let until = self.paused.unwrap_or_else(Instant::now);
        let worked = until.saturating_duration_since(self.begun);
        let seconds = worked.as_secs_f64().max(0.1);
        Some(Hashing {
            path: path.clone(),
            done,
            total: stamp.size,
            rate: (done as f64 / seconds) as u64,
        })
    }

    fn downloaded(&mut self, entry: FileEntry) {
        if !self.is_shared(entry.id) {
            self.publish(vec![entry.clone()], Vec::new());
        }
        self.downloaded.insert(entry.id, entry);
    }
}

impl Actor for Library {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.store.do_send(WatchStore(ctx.address().recipient()));
        let complete = ask(&self.store, CompleteFiles);
        ctx.spawn(complete.into_actor(self).map(|complete, actor, _| {
            let complete = complete.unwrap_or_default();
            complete
                .into_iter()
                .for_each(|entry| actor.downloaded(entry));
        }));
        self.watch(ctx);
        self.walk(ctx);
        ctx.run_interval(self.settings.rescan, |actor, ctx| actor.walk(ctx));
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
        self.extras.cancel();
    }
}

impl Handler<Rescan> for Library {
    type Result = ();

    fn handle(&mut self, _: Rescan, ctx: &mut Context<Self>) {
        self.walk_soon(ctx, SETTLE);
    }
}

impl Handler<StoreEvent> for Library {
    type Result = ();

    fn handle(&mut self, event: StoreEvent, ctx: &mut Context<Self>) {
        match event {
            StoreEvent::Completed(entry) => self.downloaded(*entry),
            StoreEvent::Evicted { file, .. } | StoreEvent::Withdrawn { file } => {
                if self.downloaded.remove(&file).is_some() && !self.is_shared(file) {
                    self.publish(Vec::new(), vec![file]);
                }
            }
            StoreEvent::Changed { path } => {
                // A sidecar that was tampered with is made again.
                if let Some(film) = self.extras.owner(&path).cloned() {
                    let gone = self.withdraw_extras(&film);
                    self.publish(Vec::new(), gone);
                    self.extras.wanted(film);
                    return self.next(ctx);
                }
                self.withdraw(&[path]);
                self.walk_soon(ctx, SETTLE);
            }
            StoreEvent::Stored { .. } | StoreEvent::Opened { .. } => {}
        }
    }
}

impl Handler<LibraryState> for Library {
    type Result = MessageResult<LibraryState>;

    fn handle(&mut self, _: LibraryState, _: &mut Context<Self>) -> Self::Result {
        let shared = self.shared.iter().map(|(path, (_, entry))| SharedFile {
            path: path.clone(),
            entry: entry.clone(),
        });
        MessageResult(LibrarySnapshot {
            folders: self.settings.folders.clone(),
            shared: shared.collect(),
            skipped: self.skipped_list(),
            hashing: self.hashing(),
            waiting: self.queue.len(),
            waiting_bytes: self.queue.iter().map(|(_, stamp)| stamp.size).sum(),
            paused: self.paused.is_some(),
            making: self.extras.making().cloned(),
            to_make: self.extras.waiting(),
            settled: self.walked && self.queue.is_empty() && self.current.is_none(),
        })
    }
}

impl Handler<Close> for Library {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
