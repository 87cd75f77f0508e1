//! What can be played, and how the swarm does, as JSON and as a playlist.

use std::collections::{BTreeMap, HashSet};

use std::fmt::Write;

use actix_web::{HttpRequest, HttpResponse, web};
use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};
use engine::scheduler::{StallCause, Supply};
use serde::Serialize;

use crate::handles::ActorHandles;
use crate::library::{Hashing, LibraryState, Skipped};
use crate::runtime::ask;
use crate::scheduler::{StreamSnapshot, StreamsState};
use crate::store::{StoreSnapshot, StoreState};
use crate::swarm::{SwarmSnapshot, SwarmState};
use crate::tracker_client::{CatalogueState, TrackerLink};

/// One file of `/library.json`.
#[derive(Serialize)]
struct Item {
    id: FileId,
    name: String,
    title: String,
    kind: MediaKind,
    size: u64,
    duration_ms: u64,
    peers: u32,
}

impl From<&FileEntry> for Item {
    fn from(entry: &FileEntry) -> Self {
        Self {
            id: entry.id,
            name: entry.name.clone(),
            title: entry.display_title().to_owned(),
            kind: entry.info.kind,
            size: entry.size,
            duration_ms: entry.info.duration_ms,
            peers: entry.sources,
        }
    }
}

/// `/status.json`.
#[derive(Serialize)]
struct Status {
    name: String,
    tracker: TrackerLink,
    swarm: SwarmSnapshot,
    store: StoreSnapshot,
    streams: Vec<StreamStatus>,
    hashing: Option<Hashing>,
    shared: usize,
    skipped: Vec<Skipped>,
    settled: bool,
}

/// A stream in `/status.json`.
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
    /// Why playing stands still or is slow to begin, if so; how often it stood, by cause.
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
            problem: stream.problem,
            stalled: stream.stalled,
            stalls: stream.stalls,
        }
    }
}

fn closing<E>(_: E) -> HttpResponse {
    HttpResponse::ServiceUnavailable().body("shutting down\n")
}

async fn entries(sources: &ActorHandles) -> Result<Vec<FileEntry>, HttpResponse> {
    let catalogue = ask(&sources.announcer, CatalogueState).await;
    catalogue
        .map(|catalogue| catalogue.entries)
        .map_err(closing)
}

/// `/library.json`
pub(super) async fn library(sources: web::Data<ActorHandles>) -> HttpResponse {
    match entries(&sources).await {
        Ok(entries) => {
            let items: Vec<Item> = entries.iter().map(Item::from).collect();
            HttpResponse::Ok().json(items)
        }
        Err(response) => response,
    }
}

/// `/status.json`
pub(super) async fn status(sources: web::Data<ActorHandles>) -> HttpResponse {
    match gather(&sources).await {
        Ok(status) => HttpResponse::Ok().json(status),
        Err(response) => response,
    }
}

async fn gather(sources: &ActorHandles) -> Result<Status, HttpResponse> {
    let library = ask(&sources.library, LibraryState).await.map_err(closing)?;
    let catalogue = ask(&sources.announcer, CatalogueState)
        .await
        .map_err(closing)?;
    let mut streams = ask(&sources.streams, StreamsState).await.map_err(closing)?;
    // Pictures beside the films are nothing that anybody watches.
    let beside: HashSet<FileId> = catalogue
        .entries
        .iter()
        .flat_map(|entry| &entry.info.sidecars)
        .map(|sidecar| sidecar.id)
        .collect();
    streams.retain(|stream| !beside.contains(&stream.file));
    Ok(Status {
        name: sources.name.clone(),
        tracker: catalogue.tracker,
        swarm: ask(&sources.swarm, SwarmState).await.map_err(closing)?,
        store: ask(&sources.store, StoreState).await.map_err(closing)?,
        streams: streams.into_iter().map(StreamStatus::from).collect(),
        shared: library.shared.len(),
        hashing: library.hashing,
        skipped: library.skipped,
        settled: library.settled,
    })
}

/// `/playlist.m3u8`: everything, for players that take playlists.
pub(super) async fn playlist(
    request: HttpRequest,
    sources: web::Data<ActorHandles>,
) -> HttpResponse {
    let entries = match entries(&sources).await {
        Ok(entries) => entries,
        Err(response) => return response,
    };
    let connection = request.connection_info().clone();
    let mut text = String::from("#EXTM3U\n");
    for entry in &entries {
        let seconds = entry.info.duration_ms.div_ceil(1000);
        let title = entry.display_title();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#EXTINF:{seconds},{title}");
        let _ = writeln!(text, "http://{}/stream/{}", connection.host(), entry.id);
    }
    HttpResponse::Ok()
        .content_type("application/vnd.apple.mpegurl")
        .body(text)
}

/// `/`: a word to whoever opens the address in a browser.
pub(super) async fn index() -> HttpResponse {
    HttpResponse::Ok()
        .body("Swarmplay. See /library.json, /status.json, /playlist.m3u8 and /stream/{id}.\n")
}
