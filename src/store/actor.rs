//! Mailbox of the store. Accounting happens here, file operations on the blocking pool.
//!
//! Sends [`StoreEvent`]s to its watchers.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::SystemTime;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::{Node, NodeHash};
use engine::media::FileEntry;
use engine::store::{Ledger, Recent, StoreError};
use roaring::RoaringBitmap;

use crate::runtime::Close;
use crate::store::content::Content;
use crate::store::disk;
use crate::store::write::{Erasure, erase};
use crate::store::{
    CachedFile, CachedFiles, CloseShared, CompleteFiles, GetHolding, Holding, OpenCache,
    OpenShared, Opened, SetPlayheads, SetQuota, StoreEvent, StoreSnapshot, StoreState, WatchStore,
};

/// Most open files; far below the usual limit of 1024 descriptors, of which a cached file
/// takes three.
const MAX_OPEN: usize = 128;

/// Store actor.
#[derive(Debug)]
pub struct Store {
    pub(super) root: PathBuf,
    quota: u64,
    pub(super) ledger: Ledger,
    pub(super) contents: HashMap<FileId, Content>,
    /// Contents with open files, in the order of opening.
    open: VecDeque<FileId>,
    watchers: Vec<Recipient<StoreEvent>>,
    pub(super) recent: Recent,
}

impl Store {
    /// Opens the cache under `root`, which is created if missing. Blocks while it lists the
    /// directory, so call it before the actors start.
    ///
    /// # Errors
    /// The directory cannot be created or read.
    pub fn open(root: PathBuf, quota: u64) -> std::io::Result<Self> {
        let mut ledger = Ledger::new(quota);
        let mut contents = HashMap::new();
        for found in disk::scan(&root)? {
            let (file, geometry) = (found.entry.id, found.geometry);
            ledger.open(file, geometry, found.have, found.last_used);
            ledger.pin(file, found.pinned);
            contents.insert(file, Content::cached(found.entry, geometry));
        }
        Ok(Self {
            root,
            quota,
            ledger,
            contents,
            open: VecDeque::new(),
            watchers: Vec::new(),
            recent: Recent::default(),
        })
    }

    /// Sends an event to all watchers.
    pub(super) fn emit(&mut self, event: &StoreEvent) {
        self.watchers.retain(Recipient::connected);
        for watcher in &self.watchers {
            watcher.do_send(event.clone());
        }
    }

    /// Counts a content as open, and closes the one opened first if there are too many.
    pub(super) fn count_open(&mut self, file: FileId) {
        if self.open.contains(&file) {
            return;
        }
        self.open.push_back(file);
        if self.open.len() <= MAX_OPEN {
            return;
        }
        let oldest = self.open.pop_front();
        if let Some(content) = oldest.and_then(|file| self.contents.get_mut(&file)) {
            content.reopen();
        }
    }

    /// Chunks held of a file, shared or cached.
    fn holding(&self, file: FileId) -> Option<Holding> {
        let content = self.contents.get(&file)?;
        let geometry = content.geometry;
        let have = if content.is_shared() {
            let mut all = RoaringBitmap::new();
            all.insert_range(0..geometry.chunk_count());
            all
        } else {
            self.ledger.have(file)?.clone()
        };
        Some(Holding { geometry, have })
    }

    /// Accounts for a chunk that was written, and reports it.
    pub(super) fn stored(&mut self, file: FileId, chunk: ChunkIndex, nodes: &[(Node, NodeHash)]) {
        let Some(content) = self.contents.get_mut(&file) else {
            return;
        };
        content.learn(nodes);
        content.trusted.insert(chunk.0);
        self.ledger.add(file, chunk);
        self.ledger.touch(file, SystemTime::now());
        let complete = self.complete_entry(file).map(StoreEvent::Completed);
        self.emit(&StoreEvent::Stored { file, chunk });
        complete.into_iter().for_each(|event| self.emit(&event));
    }

    /// Entry of a cached file, if all chunks are held.
    pub(super) fn complete_entry(&self, file: FileId) -> Option<Box<FileEntry>> {
        let content = self.contents.get(&file)?;
        let held = self.ledger.have(file)?.len();
        let complete = held == u64::from(content.geometry.chunk_count());
        content.entry.clone().filter(|_| complete)
    }

    /// Evicts the chunks that the ledger chose, and returns the work on disk.
    pub(super) fn evict(&mut self, victims: Vec<(FileId, RoaringBitmap)>) -> Vec<Erasure> {
        let mut erasures = Vec::new();
        for (file, chunks) in victims {
            let Some(content) = self.contents.get_mut(&file) else {
                continue;
            };
            content.forget(&chunks);
            if let Ok(files) = content.cache_files(&disk::directory(&self.root, file)) {
                files.condemn(&chunks);
                erasures.push((files, content.cache_geometry));
            }
            // The shared copy still holds them.
            if !content.is_shared() {
                self.emit(&StoreEvent::Evicted { file, chunks });
            }
        }
        erasures
    }

    /// Serves a file from `path`, to which its cached copy was moved.
    pub(super) fn serve_from(&mut self, file: FileId, path: PathBuf) {
        if let Some(content) = self.contents.get_mut(&file) {
            content.moved(path);
        }
        if let Some(all) = self.ledger.have(file).cloned() {
            self.ledger.remove(file, &all);
        }
        self.open.retain(|open| *open != file);
    }

    /// Forgets a shared path and reports the chunks that are no longer held.
    pub(super) fn close_shared(&mut self, file: FileId, path: &PathBuf) {
        let Some(content) = self.contents.get_mut(&file) else {
            return;
        };
        content.remove_path(path);
        if content.is_shared() {
            return;
        }
        let left = self.ledger.have(file).filter(|have| !have.is_empty());
        match left.cloned() {
            None => {
                self.contents.remove(&file);
                self.emit(&StoreEvent::Withdrawn { file });
            }
            Some(have) => {
                let mut gone = RoaringBitmap::new();
                gone.insert_range(0..content.geometry.chunk_count());
                let chunks = gone - have;
                if !chunks.is_empty() {
                    self.emit(&StoreEvent::Evicted { file, chunks });
                }
            }
        }
    }
}

impl Actor for Store {
    type Context = Context<Self>;
}

impl Handler<OpenShared> for Store {
    type Result = ();

    fn handle(&mut self, open: OpenShared, _: &mut Context<Self>) {
        let (file, geometry) = (open.file, open.geometry);
        self.contents
            .entry(file)
            .and_modify(|content| content.add_path(open.path.clone(), open.geometry, &open.tree))
            .or_insert_with(|| Content::shared(open.path, open.geometry, open.tree));
        self.emit(&StoreEvent::Opened { file, geometry });
    }
}

impl Handler<CloseShared> for Store {
    type Result = ();

    fn handle(&mut self, close: CloseShared, _: &mut Context<Self>) {
        self.close_shared(close.file, &close.path);
    }
}

impl Handler<OpenCache> for Store {
    type Result = Result<Opened, StoreError>;

    fn handle(&mut self, open: OpenCache, _: &mut Context<Self>) -> Self::Result {
        let entry = open.0;
        let (file, size) = (entry.id, entry.size);
        let asked = entry.geometry().ok_or(StoreError::WrongSize)?;
        let directory = disk::directory(&self.root, file);
        let empty = self.ledger.have(file).is_none_or(RoaringBitmap::is_empty);
        let content = self.contents.entry(file).or_insert_with(|| {
            let nothing = RoaringBitmap::new();
            self.ledger.open(file, asked, nothing, SystemTime::now());
            Content::cached(entry.clone(), asked)
        });
        if !content.is_shared() {
            if content.geometry != asked && empty {
                content.replace_entry(entry, asked, &directory);
                let nothing = RoaringBitmap::new();
                self.ledger.open(file, asked, nothing, SystemTime::now());
            }
            if content.geometry.size() != size {
                return Err(StoreError::WrongSize);
            }
            content.cache_files(&directory)?;
            self.ledger.touch(file, SystemTime::now());
        }
        let geometry = content.geometry;
        let holding = self.holding(file).ok_or(StoreError::UnknownFile)?;
        let room = self.quota / u64::from(geometry.chunk_size().bytes());
        Ok(Opened {
            geometry,
            have: holding.have,
            room: u32::try_from(room).unwrap_or(u32::MAX),
        })
    }
}

impl Handler<GetHolding> for Store {
    type Result = Option<Holding>;

    fn handle(&mut self, get: GetHolding, _: &mut Context<Self>) -> Self::Result {
        self.holding(get.0)
    }
}

impl Handler<CachedFiles> for Store {
    type Result = MessageResult<CachedFiles>;

    fn handle(&mut self, _: CachedFiles, _: &mut Context<Self>) -> Self::Result {
        let cached = self.contents.iter().filter_map(|(file, content)| {
            let bytes = self.ledger.bytes(*file);
            let entry = content.entry.as_deref().filter(|_| bytes > 0)?;
            if !entry.info.kind.is_listed(None) {
                return None;
            }
            Some(CachedFile {
                entry: entry.clone(),
                bytes,
                whole: self.complete_entry(*file).is_some(),
                pinned: self.ledger.is_pinned(*file),
            })
        });
        MessageResult(cached.collect())
    }
}

impl Handler<CompleteFiles> for Store {
    type Result = MessageResult<CompleteFiles>;

    fn handle(&mut self, _: CompleteFiles, _: &mut Context<Self>) -> Self::Result {
        let files = self.contents.keys();
        let complete = files.filter_map(|file| self.complete_entry(*file));
        MessageResult(complete.map(|entry| *entry).collect())
    }
}

impl Handler<SetQuota> for Store {
    type Result = ();

    fn handle(&mut self, SetQuota(quota): SetQuota, _: &mut Context<Self>) {
        self.quota = quota;
        let victims = self.ledger.set_quota(quota);
        let erasures = self.evict(victims);
        actix_rt::task::spawn_blocking(move || erase(erasures));
    }
}

impl Handler<SetPlayheads> for Store {
    type Result = ();

    fn handle(&mut self, set: SetPlayheads, _: &mut Context<Self>) {
        self.ledger.set_playheads(set.file, set.playheads);
    }
}

impl Handler<WatchStore> for Store {
    type Result = ();

    fn handle(&mut self, watch: WatchStore, _: &mut Context<Self>) {
        self.watchers.push(watch.0);
    }
}

impl Handler<StoreState> for Store {
    type Result = MessageResult<StoreState>;

    fn handle(&mut self, _: StoreState, _: &mut Context<Self>) -> Self::Result {
        let shared = self.contents.values().filter(|content| content.is_shared());
        MessageResult(StoreSnapshot {
            used: self.ledger.used(),
            quota: self.quota,
            cached_files: self.ledger.file_count(),
            shared_files: shared.count(),
        })
    }
}

impl Handler<Close> for Store {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
