//! Asks the actors how they do and tells the window.

use std::collections::HashSet;
use std::time::Duration;

use actix::prelude::*;
use engine::catalogue::by_title;
use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};

use crate::gui::bridge::screen::WindowScreen;
use crate::handles::ActorHandles;
use crate::library::{LibrarySnapshot, LibraryState};
use crate::runtime::ask;
use crate::scheduler::{Downloads, StreamSnapshot, StreamsState};
use crate::store::{CachedFile, CachedFiles};
use crate::swarm::{SwarmSnapshot, SwarmState};
use crate::tracker_client::{CatalogueSnapshot, CatalogueState};

/// How often: figures that change faster cannot be read.
const INTERVAL: Duration = Duration::from_millis(400);

/// Everything the window shows beside the player.
#[derive(Debug, Clone, Default)]
pub struct AppSnapshot {
    /// What can be played, and the tracker.
    pub catalogue: CatalogueSnapshot,
    /// The peers.
    pub swarm: SwarmSnapshot,
    /// Open streams.
    pub streams: Vec<StreamSnapshot>,
    /// What is downloaded whole because it was asked for.
    pub downloads: Vec<FileId>,
    /// What is shared.
    pub library: LibrarySnapshot,
    /// What was fetched, by title.
    pub cached: Vec<CachedFile>,
}

impl AppSnapshot {
    /// Whether another one says the same. The catalogue, which may be long, is known by
    /// its version.
    pub fn is_as(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.catalogue, &other.catalogue);
        (ours.version, &ours.tracker) == (theirs.version, &theirs.tracker)
            && ours.entries.len() == theirs.entries.len()
            && self.swarm == other.swarm
            && self.streams == other.streams
            && self.downloads == other.downloads
            && self.library == other.library
            && self.cached == other.cached
    }

    /// What is held in part stays in sight though nobody shares it any more.
    fn keep_what_is_here(&mut self, kind: MediaKind) {
        let entries = &mut self.catalogue.entries;
        let here = self.cached.iter().map(|cached| &cached.entry);
        let here = here.filter(|entry| entry.info.kind == kind);
        let mut gone: HashSet<FileId> = here.clone().map(|entry| entry.id).collect();
        if gone.is_empty() {
            return;
        }
        for entry in entries.iter() {
            gone.remove(&entry.id);
        }
        let sources = 0;
        let left = here.filter(|entry| gone.contains(&entry.id));
        entries.extend(left.map(|entry| FileEntry {
            sources,
            ..entry.clone()
        }));
    }
}

/// The actor.
pub struct SnapshotPoller {
    sources: ActorHandles,
    screen: WindowScreen,
    kind: MediaKind,
}

impl SnapshotPoller {
    /// An observer that tells `screen`, which shows files of this kind.
    pub fn new(sources: ActorHandles, screen: WindowScreen, kind: MediaKind) -> Self {
        Self {
            sources,
            screen,
            kind,
        }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let sources = self.sources.clone();
        let gathered = async move { gather(&sources).await };
        ctx.spawn(gathered.into_actor(self).map(|overview, actor, ctx| {
            match overview {
                Ok(mut overview) => {
                    overview.keep_what_is_here(actor.kind);
                    actor.screen.overview(overview);
                }
                // One of them ended, so does the program.
                Err(_) => return ctx.stop(),
            }
            ctx.run_later(INTERVAL, |actor, ctx| actor.look(ctx));
        }));
    }
}

async fn gather(sources: &ActorHandles) -> Result<AppSnapshot, MailboxError> {
    let mut cached = ask(&sources.store, CachedFiles).await?;
    cached.sort_by_cached_key(|cached| by_title(&cached.entry));
    Ok(AppSnapshot {
        cached,
        catalogue: ask(&sources.announcer, CatalogueState).await?,
        swarm: ask(&sources.swarm, SwarmState).await?,
        streams: ask(&sources.streams, StreamsState).await?,
        downloads: ask(&sources.streams, Downloads).await?,
        library: ask(&sources.library, LibraryState).await?,
    })
}

impl Actor for SnapshotPoller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::fixtures::entry;

    #[test]
    fn what_is_here_in_part_stays_though_its_last_sharer_went() {
        let entry = |id: u8, kind| FileEntry {
            size: 100,
            sources: 2,
            ..entry(id, kind, "file")
        };
        let cached = |entry| CachedFile {
            entry,
            bytes: 10,
            whole: false,
            pinned: false,
        };
        let (film, left) = (entry(1, MediaKind::Video), entry(2, MediaKind::Video));
        let song = entry(3, MediaKind::Audio);
        let mut overview = AppSnapshot {
            cached: [film.clone(), left, song].map(cached).into(),
            ..AppSnapshot::default()
        };
        overview.catalogue.entries = vec![film];
        overview.keep_what_is_here(MediaKind::Video);
        let told = overview.catalogue.entries.iter();
        let told: Vec<(u8, u32)> = told.map(|entry| (entry.id.0[0], entry.sources)).collect();
        assert_eq!(told, [(1, 2), (2, 0)]);
    }
}
