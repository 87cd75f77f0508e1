//! Verified reads of chunks, on the blocking pool. Chunks that fail verification are
//! dropped.

use actix::prelude::*;
use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::media::Geometry;
use engine::store::StoreError;
use roaring::RoaringBitmap;

use crate::store::actor::Store;
use crate::store::content::Source;
use crate::store::disk;
use crate::store::write::{blocking, erase};
use crate::store::{HeldChunk, ReadChunk, StoreEvent};

/// Attempts to read a chunk while its content changes.
const READ_ATTEMPTS: u32 = 3;

impl Handler<ReadChunk> for Store {
    type Result = ResponseActFuture<Self, Result<HeldChunk, StoreError>>;

    fn handle(&mut self, read: ReadChunk, _: &mut Context<Self>) -> Self::Result {
        self::read(self, read.file, read.chunk, READ_ATTEMPTS)
    }
}

/// Reads on the blocking pool, then checks that the chunk is still held: a chunk that
/// was evicted meanwhile may have been read as zeros.
fn read(
    store: &mut Store,
    file: FileId,
    chunk: ChunkIndex,
    attempts: u32,
) -> ResponseActFuture<Store, Result<HeldChunk, StoreError>> {
    let plan = match plan(store, file, chunk) {
        Ok(plan) => plan,
        Err(error) => return Box::pin(actix::fut::ready(Err(error))),
    };
    if let Some(payload) = store.recent.get(file, chunk, plan.epoch) {
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
    Box::pin(
        work.into_actor(store)
            .then(move |result, actor: &mut Store, _| {
                let unchanged = actor
                    .contents
                    .get(&file)
                    .is_some_and(|content| content.epoch == epoch);
                let done = match result {
                    Ok(payload) if unchanged => {
                        if let Some(content) = actor.contents.get_mut(&file) {
                            content.trusted.insert(chunk.0);
                        }
                        Ok(HeldChunk { proof, payload })
                    }
                    Ok(_) if attempts > 1 => return read(actor, file, chunk, attempts - 1),
                    Ok(_) => Err(StoreError::NotHeld),
                    Err(StoreError::Corrupt | StoreError::Disk(_)) if unchanged => {
                        drop_corrupt(actor, file, chunk, &source);
                        Err(StoreError::NotHeld)
                    }
                    Err(error) => Err(error),
                };
                Box::pin(actix::fut::ready(done)) as ResponseActFuture<Store, _>
            }),
    )
}

fn plan(store: &mut Store, file: FileId, chunk: ChunkIndex) -> Result<ReadPlan, StoreError> {
    let directory = disk::directory(&store.root, file);
    let held_in_cache = store.ledger.holds(file, chunk);
    let content = store
        .contents
        .get_mut(&file)
        .ok_or(StoreError::UnknownFile)?;
    if chunk.0 >= content.geometry.chunk_count() || !(content.is_shared() || held_in_cache) {
        return Err(StoreError::NotHeld);
    }
    let source = match content.source(&directory) {
        Ok(source) => source,
        Err(error) => {
            // The shared file is gone; another path or a cached copy may hold the same
            // content.
            let Some(path) = content.path().cloned() else {
                return Err(error);
            };
            store.emit(&StoreEvent::Changed { path: path.clone() });
            store.close_shared(file, &path);
            return plan(store, file, chunk);
        }
    };
    let Some(proof) = content.proof(chunk) else {
        // After a power failure, a chunk may be marked as held without its hashes.
        drop_corrupt(store, file, chunk, &source);
        return Err(StoreError::NotHeld);
    };
    let plan = ReadPlan {
        source,
        proof,
        geometry: content.geometry,
        trusted: content.trusted.contains(chunk.0),
        epoch: content.epoch,
    };
    store.count_open(file);
    Ok(plan)
}

/// Drops a chunk that no longer verifies.
fn drop_corrupt(store: &mut Store, file: FileId, chunk: ChunkIndex, source: &Source) {
    match source {
        Source::Cached(_) => {
            let chunks = RoaringBitmap::from_iter([chunk.0]);
            tracing::warn!(?file, %chunk, "corrupt cached chunk dropped");
            store.ledger.remove(file, &chunks);
            let erasures = store.evict(vec![(file, chunks)]);
            actix_rt::task::spawn_blocking(move || erase(erasures));
        }
        Source::Shared(_, path, _) => {
            tracing::warn!(path = %path.display(), "shared file changed on disk");
            store.emit(&StoreEvent::Changed { path: path.clone() });
            store.close_shared(file, path);
        }
    }
}

/// Inputs of the blocking part of a read.
struct ReadPlan {
    source: Source,
    proof: Bytes,
    geometry: Geometry,
    trusted: bool,
    epoch: u64,
}
