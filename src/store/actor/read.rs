//! Reading chunks: on the blocking pool, verified once, and what happens to
//! those that no longer verify.

use actix::prelude::*;
use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::media::Geometry;
use engine::store::StoreError;
use roaring::RoaringBitmap;

use crate::store::actor::content::Source;
use crate::store::actor::{Store, blocking, erase};
use crate::store::disk;
use crate::store::{HeldChunk, ReadChunk, StoreEvent};

/// Reading is tried again this often when a file changed hands meanwhile.
const READ_TRIES: u32 = 3;

impl Handler<ReadChunk> for Store {
    type Result = ResponseActFuture<Self, Result<HeldChunk, StoreError>>;

    fn handle(&mut self, read: ReadChunk, _: &mut Context<Self>) -> Self::Result {
        self.read(read.file, read.chunk, READ_TRIES)
    }
}

impl Store {
    /// Reads on the blocking pool, then looks whether the chunk is still held:
    /// what was evicted meanwhile may have been read as zeros.
    fn read(
        &mut self,
        file: FileId,
        chunk: ChunkIndex,
        tries: u32,
    ) -> ResponseActFuture<Self, Result<HeldChunk, StoreError>> {
        let plan = match self.plan_read(file, chunk) {
            Ok(plan) => plan,
            Err(error) => return Box::pin(actix::fut::ready(Err(error))),
        };
        if let Some(payload) = self.recent.get(file, chunk, plan.epoch) {
            let proof = plan.proof;
            return Box::pin(actix::fut::ready(Ok(HeldChunk { proof, payload })));
        }
        let (source, proof, epoch) = (plan.source.clone(), plan.proof.clone(), plan.epoch);
        let work = blocking(move || {
            let ReadPlan {
                source,
                proof,
                geometry,
                trusted,
                ..
            } = plan;
            source.read(file, geometry, chunk, &proof, trusted)
        });
        Box::pin(work.into_actor(self).then(move |result, actor, _| {
            let unchanged = actor
                .contents
                .get(&file)
                .is_some_and(|content| content.epoch == epoch);
            let done = match result {
                Ok(payload) if unchanged => {
                    actor.trust(file, chunk);
                    Ok(HeldChunk { proof, payload })
                }
                Ok(_) if tries > 1 => return actor.read(file, chunk, tries - 1),
                Ok(_) => Err(StoreError::NotHeld),
                Err(StoreError::Corrupt | StoreError::Disk(_)) if unchanged => {
                    actor.drop_corrupt(file, chunk, &source);
                    Err(StoreError::NotHeld)
                }
                Err(error) => Err(error),
            };
            Box::pin(actix::fut::ready(done)) as ResponseActFuture<Self, _>
        }))
    }

    fn plan_read(&mut self, file: FileId, chunk: ChunkIndex) -> Result<ReadPlan, StoreError> {
        let directory = disk::directory(&self.root, file);
        let held_in_cache = self.ledger.holds(file, chunk);
        let content = self
            .contents
            .get_mut(&file)
            .ok_or(StoreError::UnknownFile)?;
        if chunk.0 >= content.geometry.chunk_count() || !(content.is_shared() || held_in_cache) {
            return Err(StoreError::NotHeld);
        }
        let source = match content.source(&directory) {
            Ok(source) => source,
            Err(error) => {
                // A shared path that cannot be opened is gone; another path or
                // a cached copy may hold the same content.
                let Some(path) = content.path().cloned() else {
                    return Err(error);
                };
                self.emit(&StoreEvent::Changed { path: path.clone() });
                self.close_shared(file, &path);
                return self.plan_read(file, chunk);
            }
        };
        let Some(proof) = content.proof(chunk) else {
            // The claim outlived its hashes (a power cut): it is worth nothing.
            self.drop_corrupt(file, chunk, &source);
            return Err(StoreError::NotHeld);
        };
        let plan = ReadPlan {
            source,
            proof,
            geometry: content.geometry,
            trusted: content.trusted.contains(chunk.0),
            epoch: content.epoch,
        };
        self.count_open(file);
        Ok(plan)
    }

    /// Drops a chunk that no longer verifies.
    fn drop_corrupt(&mut self, file: FileId, chunk: ChunkIndex, source: &Source) {
        match source {
            Source::Cached(_) => {
                let chunks = RoaringBitmap::from_iter([chunk.0]);
                tracing::warn!(?file, %chunk, "a cached chunk no longer verifies; dropped");
                self.ledger.remove(file, &chunks);
                let erasures = self.evict(vec![(file, chunks)]);
                actix_rt::task::spawn_blocking(move || erase(erasures));
            }
            Source::Shared(_, path, _) => {
                tracing::warn!(path = %path.display(), "changed on disk; no longer shared");
                self.emit(&StoreEvent::Changed { path: path.clone() });
                self.close_shared(file, path);
            }
        }
    }

    fn trust(&mut self, file: FileId, chunk: ChunkIndex) {
        if let Some(content) = self.contents.get_mut(&file) {
            content.trusted.insert(chunk.0);
        }
    }
}

/// What the blocking part of a read needs.
struct ReadPlan {
    source: Source,
    proof: Bytes,
    geometry: Geometry,
    trusted: bool,
    epoch: u64,
}
