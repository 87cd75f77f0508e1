//! The store's mailbox. Bookkeeping happens here, file operations on the
//! blocking pool; nothing here waits.
//!
//! Talks to nobody below it; sends [`StoreEvent`]s to whoever asked.

mod content;
mod export;
mod pin;
mod read;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::{Node, NodeHash, verify};
use engine::media::{FileEntry, Geometry};
use engine::store::Recent;
use engine::store::StoreError;
use engine::store::{Ledger, NoRoom};
use roaring::RoaringBitmap;

use crate::runtime::Close;
use crate::store::actor::content::Content;
use crate::store::disk;
use crate::store::disk::CacheFiles;
use crate::store::{
    CachedFile, CachedFiles, CloseShared, CompleteFiles, Forget, GetHolding, Holding, OpenCache,
    OpenShared, Opened, Put, SetPlayheads, SetQuota, StoreEvent, StoreSnapshot, StoreState,
    WatchStore,
};

/// Files open at once; far below the usual limit of 1024 descriptors, of which
/// a cached file takes three.
const MAX_OPEN: usize = 128;

/// The actor.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    quota: u64,
    ledger: Ledger,
    contents: HashMap<FileId, Content>,
    /// Contents with an open file, the longest open first.
    open: VecDeque<FileId>,
    watchers: Vec<Recipient<StoreEvent>>,
    recent: Recent,
}

impl Store {
    /// A store over `root`, which is created if missing. Blocks while it lists
    /// what is there, so call it before the actors start.
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

    fn emit(&mut self, event: &StoreEvent) {
        self.watchers.retain(Recipient::connected);
        for watcher in &self.watchers {
            watcher.do_send(event.clone());
        }
    }

    /// Keeps the number of open files bounded: the longest open is closed.
    fn count_open(&mut self, file: FileId) {
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

    /// What is held of a file, whichever way.
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

    /// Enters a chunk that reached the disk.
    fn stored(&mut self, file: FileId, chunk: ChunkIndex, nodes: &[(Node, NodeHash)]) {
        let Some(content) = self.contents.get_mut(&file) else {
            return;
        };
        content.learn(nodes);
        content.trusted.insert(chunk.0);
        self.ledger.add(file, chunk);
        self.ledger.touch(file, SystemTime::now());
        let complete = self.is_complete(file).map(StoreEvent::Completed);
        self.emit(&StoreEvent::Stored { file, chunk });
        complete.into_iter().for_each(|event| self.emit(&event));
    }

    /// The entry of a cached file that is held whole.
    fn is_complete(&self, file: FileId) -> Option<Box<FileEntry>> {
        let content = self.contents.get(&file)?;
        let held = self.ledger.have(file)?.len();
        let complete = held == u64::from(content.geometry.chunk_count());
        content.entry.clone().filter(|_| complete)
    }

    /// Evicts what the ledger chose, and returns the work on disk.
    fn evict(&mut self, victims: Vec<(FileId, RoaringBitmap)>) -> Vec<Erasure> {
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
            // What lies in a shared folder is still there.
            if !content.is_shared() {
                self.emit(&StoreEvent::Evicted { file, chunks });
            }
        }
        erasures
    }

    fn close_shared(&mut self, file: FileId, path: &PathBuf) {
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

/// A cached file some of whose chunks are condemned.
type Erasure = (Arc<CacheFiles>, Geometry);

/// Gives space back; blocks. What fails is tried again with the next eviction.
fn erase(erasures: Vec<Erasure>) {
    for (files, geometry) in erasures {
        if let Err(error) = files.erase(geometry) {
            tracing::warn!(%error, "space cannot be given back");
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
                content.recut(entry, asked, &directory);
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

impl Handler<Put> for Store {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    /// Verify, then write. If something has to go for it, the chunk is verified
    /// before that: one that is not what it claims to be costs nothing that is held.
    fn handle(&mut self, put: Put, _: &mut Context<Self>) -> Self::Result {
        let (file, chunk) = (put.file, put.chunk);
        let Some(content) = self.contents.get(&file) else {
            return Box::pin(actix::fut::ready(Err(StoreError::UnknownFile)));
        };
        let geometry = content.geometry;
        if content.is_shared() || self.ledger.holds(file, chunk) {
            return Box::pin(actix::fut::ready(Ok(())));
        }
        if self.ledger.has_room(geometry.chunk_len(chunk).into()) {
            return self.write(geometry, put);
        }
        let (bytes, proof) = (put.payload.clone(), put.proof.clone());
        let verified = blocking(move || {
            verify(file, geometry, chunk, &bytes, &proof).map_err(|_| StoreError::Corrupt)
        });
        Box::pin(
            verified
                .into_actor(self)
                .then(move |verified, actor, _| match verified {
                    Ok(_) => actor.write(geometry, put),
                    Err(error) => Box::pin(actix::fut::ready(Err(error))),
                }),
        )
    }
}

/// Runs a job on the blocking pool.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = actix_rt::task::spawn_blocking(job).await;
    done.map_err(|error| StoreError::Disk(error.to_string()))?
}

impl Store {
    /// Verifies and writes a chunk, in one go on the blocking pool.
    fn write(
        &mut self,
        geometry: Geometry,
        put: Put,
    ) -> ResponseActFuture<Self, Result<(), StoreError>> {
        let Put {
            file,
            chunk,
            proof,
            payload,
        } = put;
        let (files, erasures) = match self.prepare_put(file, chunk) {
            Ok(prepared) => prepared,
            Err(error) => return Box::pin(actix::fut::ready(Err(error))),
        };
        let known = self.contents.get(&file).map(|c| c.known(chunk));
        let known = known.unwrap_or_default();
        let bytes = payload.clone();
        let work = blocking(move || {
            erase(erasures);
            let nodes = verify(file, geometry, chunk, &bytes, &proof);
            let mut nodes = nodes.map_err(|_| StoreError::Corrupt)?;
            nodes.retain(|(node, _)| !known.contains(node));
            files.write_chunk(geometry, chunk, &bytes, &nodes)?;
            Ok(nodes)
        });
        Box::pin(work.into_actor(self).map(move |written, actor, _| {
            actor.ledger.release(geometry.chunk_len(chunk).into());
            let nodes = written?;
            if let Some(content) = actor.contents.get(&file) {
                actor.recent.add(file, chunk, content.epoch, payload);
            }
            actor.stored(file, chunk, &nodes);
            Ok(())
        }))
    }

    /// Room for a chunk, reserved, and where it is written. What has
    /// to go for it is evicted.
    fn prepare_put(
        &mut self,
        file: FileId,
        chunk: ChunkIndex,
    ) -> Result<(Arc<CacheFiles>, Vec<Erasure>), StoreError> {
        let directory = disk::directory(&self.root, file);
        let content = self
            .contents
            .get_mut(&file)
            .ok_or(StoreError::UnknownFile)?;
        let bytes = content.cache_geometry.chunk_len(chunk);
        let files = content.cache_files(&directory)?;
        self.count_open(file);
        let victims = self
            .ledger
            .make_room(file, chunk)
            .map_err(|NoRoom| StoreError::QuotaFull)?;
        self.ledger.reserve(bytes.into());
        Ok((files, self.evict(victims)))
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
                whole: self.is_complete(*file).is_some(),
                pinned: self.ledger.is_pinned(*file),
            })
        });
        MessageResult(cached.collect())
    }
}

impl Handler<Forget> for Store {
    type Result = bool;

    fn handle(&mut self, Forget(file): Forget, _: &mut Context<Self>) -> Self::Result {
        let Some(chunks) = self.ledger.have(file).cloned() else {
            return false;
        };
        if self.ledger.is_read(file) || self.ledger.is_kept(file) {
            return false;
        }
        self.ledger.pin(file, false);
        self.ledger.remove(file, &chunks);
        let erasures = self.evict(vec![(file, chunks)]);
        let directory = disk::directory(&self.root, file);
        actix_rt::task::spawn_blocking(move || {
            erase(erasures);
            if let Err(error) = disk::pin(&directory, false) {
                tracing::warn!(%error, "it would be pinned if it came again");
            }
        });
        true
    }
}

impl Handler<CompleteFiles> for Store {
    type Result = MessageResult<CompleteFiles>;

    fn handle(&mut self, _: CompleteFiles, _: &mut Context<Self>) -> Self::Result {
        let files = self.contents.keys();
        let complete = files.filter_map(|file| self.is_complete(*file));
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
