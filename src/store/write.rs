//! Verified writes of chunks, on the blocking pool.

use std::sync::Arc;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::verify;
use engine::io_failure::IoFailure;
use engine::media::Geometry;
use engine::store::{NoRoom, StoreError};

use crate::store::Put;
use crate::store::actor::Store;
use crate::store::disk;
use crate::store::disk::CacheFiles;

impl Handler<Put> for Store {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    /// Verifies and writes a chunk. If others must be evicted for it, it is verified first,
    /// so that a corrupt chunk never causes an eviction.
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
            return write(self, geometry, put);
        }
        let (bytes, proof) = (put.payload.clone(), put.proof.clone());
        let verified = blocking(move || {
            verify(file, geometry, chunk, &bytes, &proof).map_err(|_| StoreError::Corrupt)
        });
        Box::pin(
            verified
                .into_actor(self)
                .then(move |verified, actor, _| match verified {
                    Ok(_) => write(actor, geometry, put),
                    Err(error) => Box::pin(actix::fut::ready(Err(error))),
                }),
        )
    }
}

/// Runs a job on the blocking pool. A job that panics or is dropped at shutdown counts as
/// a disk error.
pub(super) async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = actix_rt::task::spawn_blocking(job).await;
    done.map_err(|_| StoreError::Disk(IoFailure { code: None }))?
}

/// Verifies and writes a chunk in one job on the blocking pool.
fn write(
    store: &mut Store,
    geometry: Geometry,
    put: Put,
) -> ResponseActFuture<Store, Result<(), StoreError>> {
    let Put {
        file,
        chunk,
        proof,
        payload,
    } = put;
    let (files, erasures) = match prepare(store, file, chunk) {
        Ok(prepared) => prepared,
        Err(error) => return Box::pin(actix::fut::ready(Err(error))),
    };
    let known = store.contents.get(&file).map(|c| c.known(chunk));
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
    Box::pin(
        work.into_actor(store)
            .map(move |written, actor: &mut Store, _| {
                actor.ledger.release(geometry.chunk_len(chunk).into());
                let nodes = written?;
                if let Some(content) = actor.contents.get(&file) {
                    actor.recent.add(file, chunk, content.epoch, payload);
                }
                actor.stored(file, chunk, &nodes);
                Ok(())
            }),
    )
}

/// Reserves room for a chunk, evicting others if necessary, and opens its files.
fn prepare(
    store: &mut Store,
    file: FileId,
    chunk: ChunkIndex,
) -> Result<(Arc<CacheFiles>, Vec<Erasure>), StoreError> {
    let directory = disk::directory(&store.root, file);
    let content = store
        .contents
        .get_mut(&file)
        .ok_or(StoreError::UnknownFile)?;
    let bytes = content.cache_geometry.chunk_len(chunk);
    let files = content.cache_files(&directory)?;
    store.count_open(file);
    let victims = store
        .ledger
        .make_room(file, chunk)
        .map_err(|NoRoom| StoreError::QuotaFull)?;
    store.ledger.reserve(bytes.into());
    Ok((files, store.evict(victims)))
}

/// Cached file with condemned chunks.
pub(super) type Erasure = (Arc<CacheFiles>, Geometry);

/// Frees the space of condemned chunks. Blocking. The next eviction retries failures.
pub(super) fn erase(erasures: Vec<Erasure>) {
    for (files, geometry) in erasures {
        if let Err(error) = files.erase(geometry) {
            tracing::warn!(%error, "freeing evicted chunks failed");
        }
    }
}
