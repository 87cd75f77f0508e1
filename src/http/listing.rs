//! Listings of the catalogue: `/library.json`, `/playlist.m3u8`.

use std::fmt::Write;

use actix_web::{HttpRequest, HttpResponse, web};
use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};
use serde::Serialize;

use crate::handles::ActorHandles;
use crate::runtime::ask;
use crate::tracker_client::CatalogueState;

/// File of `/library.json`.
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

/// Response if an actor does not answer.
pub(super) fn unavailable<E>(_: E) -> HttpResponse {
    HttpResponse::ServiceUnavailable().body("shutting down\n")
}

async fn entries(sources: &ActorHandles) -> Result<Vec<FileEntry>, HttpResponse> {
    let catalogue = ask(&sources.announcer, CatalogueState).await;
    catalogue
        .map(|catalogue| catalogue.entries)
        .map_err(unavailable)
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

/// `/playlist.m3u8`: all files, for players.
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

/// `/`: list of the addresses, for browsers.
pub(super) async fn index() -> HttpResponse {
    HttpResponse::Ok()
        .body("Swarmplay. See /library.json, /status.json, /playlist.m3u8 and /stream/{id}.\n")
}
