//! `/status.json`: state of the node.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use actix_web::{HttpResponse, web};
use engine::ids::FileId;
use engine::scheduler::{StallCause, Supply};
use serde::Serialize;

use crate::handles::ActorHandles;
use crate::http::listing::unavailable;
use crate::library::{Hashing, LibraryState, Skipped};
use crate::runtime::ask;
use crate::scheduler::{StreamSnapshot, StreamsState};
use crate::store::{StoreSnapshot, StoreState};
use crate::swarm::{SwarmSnapshot, SwarmState};
use crate::tracker_client::{CatalogueState, TrackerLink};

/// Content of `/status.json`.
#[derive(Serialize)]
struct Status {
    name: String,
    tracker: TrackerLink,
    swarm: SwarmSnapshot,
    store: StoreSnapshot,
    streams: Vec<StreamStatus>,
    hashing: Option<Hashing>,
    shared: usize,
    skipped: Vec<SkippedText>,
    settled: bool,
}

/// Skipped file; the reason is English text.
#[derive(Serialize)]
struct SkippedText {
    path: PathBuf,
    reason: String,
}

impl From<Skipped> for SkippedText {
    fn from(skipped: Skipped) -> Self {
        Self {
            path: skipped.path,
            reason: skipped.reason.to_string(),
        }
    }
}

/// Open stream.
#[derive(Serialize)]
struct StreamStatus {
    id: FileId,
    chunk_size: u32,
    chunks: u32,
    have: u64,
    in_flight: u64,
    available: u64,
    position: u32,
    buffer_ms: u64,
    duplicate_bytes: u64,
    supplied: Vec<Supply>,
    problem: Option<String>,
    /// Cause of the current stall or slow start; number of stalls by cause.
    stalled: Option<StallCause>,
    stalls: BTreeMap<StallCause, u32>,
}

impl From<StreamSnapshot> for StreamStatus {
    fn from(stream: StreamSnapshot) -> Self {
        Self {
            id: stream.file,
            chunk_size: stream.geometry.chunk_size().bytes(),
            chunks: stream.geometry.chunk_count(),
            have: stream.have.len(),
            in_flight: stream.in_flight.len(),
            available: stream.available.len(),
            position: stream.position.0,
            buffer_ms: stream.buffer.as_millis() as u64,
            duplicate_bytes: stream.duplicate_bytes,
            supplied: stream.supplied,
            problem: stream.problem.map(|problem| problem.to_string()),
            stalled: stream.stalled,
            stalls: stream.stalls,
        }
    }
}

/// `/status.json`
pub(super) async fn status(sources: web::Data<ActorHandles>) -> HttpResponse {
    match status_of(&sources).await {
        Ok(status) => HttpResponse::Ok().json(status),
        Err(response) => response,
    }
}

async fn status_of(sources: &ActorHandles) -> Result<Status, HttpResponse> {
    let library = ask(&sources.library, LibraryState)
        .await
        .map_err(unavailable)?;
    let catalogue = ask(&sources.announcer, CatalogueState)
        .await
        .map_err(unavailable)?;
    let mut streams = ask(&sources.streams, StreamsState)
        .await
        .map_err(unavailable)?;
    // Transfers of sidecars are not streams that somebody plays.
    let sidecars: HashSet<FileId> = catalogue
        .entries
        .iter()
        .flat_map(|entry| &entry.info.sidecars)
        .map(|sidecar| sidecar.id)
        .collect();
    streams.retain(|stream| !sidecars.contains(&stream.file));
    Ok(Status {
        name: sources.name.clone(),
        tracker: catalogue.tracker,
        swarm: ask(&sources.swarm, SwarmState).await.map_err(unavailable)?,
        store: ask(&sources.store, StoreState).await.map_err(unavailable)?,
        streams: streams.into_iter().map(StreamStatus::from).collect(),
        shared: library.shared.len(),
        hashing: library.hashing,
        skipped: library.skipped.into_iter().map(SkippedText::from).collect(),
        settled: library.settled,
    })
}
