//! Mailbox of the library. Scanning, probing and hashing run on the blocking pool, one
//! file at a time, so that sharing a disk full of films leaves the machine usable.
//! Sidecars are made one file at a time once nothing is left to hash; a new file does not
//! wait for a sidecar job that is already running.
//!
//! Sends to the store (which serves the files) and the tracker client (which publishes
//! them).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::FileId;
use engine::library::{HashQueue, SharedFiles, SidecarJobs, SkipReason, Stamp};
use engine::media::FileEntry;
use engine::protocol::Publish;

use crate::library::folders::{FolderWatcher, SkippedFile};
use crate::library::hasher::{Outcome, Progress, Shareable, inspect};
use crate::library::index::{Index, IndexError};
use crate::library::scan::{Found, walk};
use crate::library::sidecar_jobs;
use crate::library::{LibrarySnapshot, LibraryState, Rescan, SharedFile};
use crate::runtime::{Close, ask};
use crate::store::{CloseShared, CompleteFiles, OpenShared, Store, StoreEvent, WatchStore};
use crate::tracker_client::{PublishFiles, TrackerClient};

/// Delay between a change on disk and the scan: copying a file causes many changes.
const SETTLE: Duration = Duration::from_millis(400);

/// Delay before a file that changed during hashing is inspected again.
const RETRY: Duration = Duration::from_secs(2);

/// Settings of the library.
#[derive(Debug, Clone)]
pub struct LibrarySettings {
    /// Folders shared from the start.
    pub folders: Vec<PathBuf>,
    /// Interval of scans without a reported change.
    pub rescan: Duration,
    /// The ffprobe program.
    pub ffprobe: PathBuf,
    /// The ffmpeg program, which makes sidecars; `None` to make none.
    pub ffmpeg: Option<PathBuf>,
    /// Directory of the sidecars and of the list of skipped files.
    pub data_dir: PathBuf,
}

/// Library actor.
pub struct Library {
    pub(super) settings: LibrarySettings,
    pub(super) index: Arc<Index>,
    pub(super) store: Addr<Store>,
    announcer: Addr<TrackerClient>,
    pub(super) folders: FolderWatcher,
    scan_pending: Option<SpawnHandle>,
    pub(super) files: SharedFiles,
    pub(super) queue: HashQueue,
    pub(super) progress: Arc<Progress>,
    pub(super) sidecars: SidecarJobs,
    /// Set to cancel the current sidecar job.
    pub(super) sidecars_cancelled: Arc<AtomicBool>,
    skipped_file: SkippedFile,
}

impl Library {
    /// Library over an open database.
    pub fn new(
        settings: LibrarySettings,
        index: Index,
        store: Addr<Store>,
        announcer: Addr<TrackerClient>,
    ) -> Self {
        Self {
            index: Arc::new(index),
            store,
            announcer,
            folders: FolderWatcher::new(settings.folders.clone(), &settings.data_dir),
            scan_pending: None,
            files: SharedFiles::default(),
            queue: HashQueue::default(),
            progress: Arc::new(Progress::default()),
            sidecars: SidecarJobs::default(),
            sidecars_cancelled: Arc::default(),
            skipped_file: SkippedFile::new(&settings.data_dir),
            settings,
        }
    }

    pub(super) fn watch(&mut self, ctx: &mut Context<Self>) {
        let library = ctx.address().downgrade();
        self.folders.watch(move || {
            if let Some(library) = library.upgrade() {
                library.do_send(Rescan);
            }
        });
    }

    fn scan_soon(&mut self, ctx: &mut Context<Self>, delay: Duration) {
        if self.scan_pending.is_some() {
            return;
        }
        let handle = ctx.run_later(delay, |actor, ctx| {
            actor.scan_pending = None;
            actor.scan(ctx);
        });
        self.scan_pending = Some(handle);
    }

    pub(super) fn scan(&mut self, ctx: &mut Context<Self>) {
        if !self.folders.start_scan() {
            return self.scan_soon(ctx, SETTLE);
        }
        let folders = self.folders.folders().to_vec();
        let scan = actix_rt::task::spawn_blocking(move || walk(&folders));
        ctx.spawn(scan.into_actor(self).map(|found, actor, ctx| {
            actor.folders.finish_scan(found.is_ok());
            match found {
                Ok(found) => actor.compare(ctx, found),
                Err(error) => tracing::error!(%error, "scanning folders failed"),
            }
        }));
    }

    /// Withdraws removed files and queues new and changed ones.
    fn compare(&mut self, ctx: &mut Context<Self>, mut found: Found) {
        // A folder may have been removed during the scan.
        found.files.retain(|path, _| self.folders.covers(path));
        let diff = self.files.compare(found.files, found.unreadable);
        self.withdraw(&diff.gone);
        self.queue.replace(diff.new);
        self.skipped_file.write(self.files.skipped());
        self.sidecars.set_subtitles(found.subtitles);
        self.next(ctx);
    }

    pub(super) fn withdraw(&mut self, paths: &[PathBuf]) {
        let mut gone = Vec::new();
        for path in paths {
            let Some(entry) = self.files.remove(path) else {
                continue;
            };
            self.store.do_send(CloseShared {
                file: entry.id,
                path: path.clone(),
            });
            let orphans = self.sidecars.take(path);
            gone.extend(sidecar_jobs::close(self, orphans));
            gone.push(entry.id);
        }
        self.unpublish(gone);
    }

    /// True if a path, a download or a sidecar offers the content.
    fn offers(&self, file: FileId) -> bool {
        self.files.offers(file) || self.sidecars.holds(file)
    }

    /// Announces removed content that nothing else offers.
    pub(super) fn unpublish(&self, mut gone: Vec<FileId>) {
        gone.retain(|file| !self.offers(*file));
        self.publish(Vec::new(), gone);
    }

    pub(super) fn publish(&self, added: Vec<FileEntry>, removed: Vec<FileId>) {
        if added.is_empty() && removed.is_empty() {
            return;
        }
        self.announcer.do_send(PublishFiles(Publish {
            added,
            removed,
            reset: false,
        }));
    }

    /// Starts the next file, or the next sidecar job if no file waits.
    pub(super) fn next(&mut self, ctx: &mut Context<Self>) {
        if let Some((path, stamp)) = self.queue.start_next(Instant::now()) {
            return self.inspect(ctx, path, stamp);
        }
        let idle = self.queue.is_idle() && !self.queue.is_paused();
        if idle && !self.sidecars.is_busy() {
            sidecar_jobs::start_next(self, ctx);
        }
    }

    fn inspect(&mut self, ctx: &mut Context<Self>, path: PathBuf, stamp: Stamp) {
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
            actor.queue.finish();
            match outcome {
                Ok(outcome) => actor.inspected(ctx, path, stamp, outcome),
                Err(error) => tracing::error!(%error, "inspecting file failed"),
            }
            if actor.queue.is_empty() {
                actor.skipped_file.write(actor.files.skipped());
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
            Ok(Outcome::Share(shareable)) if self.folders.covers(&path) => {
                self.share(path, *shareable);
            }
            Ok(Outcome::Share(_)) => {}
            // Its folder was removed, and may have been added again since.
            Ok(Outcome::Cancelled) if self.folders.covers(&path) => self.scan_soon(ctx, RETRY),
            Ok(Outcome::Cancelled) => {}
            Ok(Outcome::Skip(reason)) => {
                tracing::info!(path = %path.display(), %reason, "file skipped");
                self.files.skip(path, stamp, reason);
            }
            Ok(Outcome::Changed) => self.scan_soon(ctx, RETRY),
            Err(error) => {
                tracing::error!(%error, "library database failed");
                let reason = SkipReason::Database(error.detail());
                self.files.skip(path, stamp, reason);
            }
        }
    }

    fn share(&mut self, path: PathBuf, file: Shareable) {
        let id = file.entry.id;
        self.store.do_send(OpenShared {
            file: id,
            geometry: file.geometry,
            path: path.clone(),
            tree: file.tree,
        });
        if !self.offers(id) {
            self.publish(vec![file.entry.clone()], Vec::new());
        }
        self.files.share(path.clone(), file.stamp, file.entry);
        self.sidecars.request(path);
    }

    fn downloaded(&mut self, entry: FileEntry) {
        if !self.offers(entry.id) {
            self.publish(vec![entry.clone()], Vec::new());
        }
        self.files.add_download(entry);
    }

    /// Reacts to a file whose bytes no longer match its id.
    fn changed(&mut self, ctx: &mut Context<Self>, path: PathBuf) {
        // A damaged sidecar is made again.
        if let Some(film) = self.sidecars.owner(&path).cloned() {
            let orphans = self.sidecars.take(&film);
            let gone = sidecar_jobs::close(self, orphans);
            self.publish(Vec::new(), gone);
            self.sidecars.request(film);
            return self.next(ctx);
        }
        self.withdraw(&[path]);
        self.scan_soon(ctx, SETTLE);
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
        self.scan(ctx);
        ctx.run_interval(self.settings.rescan, |actor, ctx| actor.scan(ctx));
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.progress.cancelled.store(true, Ordering::Relaxed);
        self.sidecars_cancelled.store(true, Ordering::Relaxed);
    }
}

impl Handler<Rescan> for Library {
    type Result = ();

    fn handle(&mut self, _: Rescan, ctx: &mut Context<Self>) {
        self.scan_soon(ctx, SETTLE);
    }
}

impl Handler<StoreEvent> for Library {
    type Result = ();

    fn handle(&mut self, event: StoreEvent, ctx: &mut Context<Self>) {
        match event {
            StoreEvent::Completed(entry) => self.downloaded(*entry),
            StoreEvent::Evicted { file, .. } | StoreEvent::Withdrawn { file } => {
                if self.files.remove_download(file) {
                    self.unpublish(vec![file]);
                }
            }
            StoreEvent::Changed { path } => self.changed(ctx, path),
            StoreEvent::Stored { .. } | StoreEvent::Opened { .. } => {}
        }
    }
}

impl Handler<LibraryState> for Library {
    type Result = MessageResult<LibraryState>;

    fn handle(&mut self, _: LibraryState, _: &mut Context<Self>) -> Self::Result {
        let shared = self.files.iter().map(|(path, entry)| SharedFile {
            path: path.clone(),
            entry: entry.clone(),
        });
        let done = self.progress.done.load(Ordering::Relaxed);
        MessageResult(LibrarySnapshot {
            folders: self.folders.folders().to_vec(),
            shared: shared.collect(),
            skipped: self.files.skipped(),
            hashing: self.queue.progress(done, Instant::now()),
            waiting: self.queue.len(),
            waiting_bytes: self.queue.bytes(),
            paused: self.queue.is_paused(),
            making: self.sidecars.current().cloned(),
            to_make: self.sidecars.waiting(),
            settled: self.folders.scanned() && self.queue.is_idle(),
        })
    }
}

impl Handler<Close> for Library {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
