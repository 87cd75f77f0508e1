//! Asks the actors how they do and tells the window.

use std::time::Duration;

use actix::prelude::*;

use super::screen::WindowScreen;
use crate::announcer::{CatalogueSnapshot, CatalogueState};
use crate::gateway::Sources;
use crate::ids::FileId;
use crate::library::{LibrarySnapshot, LibraryState};
use crate::scheduler::{Downloads, StreamSnapshot, StreamsState};
use crate::store::{CachedFile, CachedFiles};
use crate::swarm::{SwarmSnapshot, SwarmState};

/// How often: figures that change faster cannot be read.
const INTERVAL: Duration = Duration::from_millis(400);

/// Everything the window shows beside the player.
#[derive(Debug, Clone, Default)]
pub struct Overview {
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

impl Overview {
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
}

/// The actor.
pub struct Observer {
    sources: Sources,
    screen: WindowScreen,
}

impl Observer {
    /// An observer that tells `screen`.
    pub fn new(sources: Sources, screen: WindowScreen) -> Self {
        Self { sources, screen }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let sources = self.sources.clone();
        let gathered = async move { gather(&sources).await };
        ctx.spawn(gathered.into_actor(self).map(|overview, actor, ctx| {
            match overview {
                Ok(overview) => actor.screen.overview(overview),
                // One of them ended, so does the program.
                Err(_) => return ctx.stop(),
            }
            ctx.run_later(INTERVAL, |actor, ctx| actor.look(ctx));
        }));
    }
}

async fn gather(sources: &Sources) -> Result<Overview, MailboxError> {
    let mut cached = sources.store.send(CachedFiles).await?;
    cached.sort_by_cached_key(|cached| {
        (cached.entry.display_title().to_lowercase(), cached.entry.id)
    });
    Ok(Overview {
        cached,
        catalogue: sources.announcer.send(CatalogueState).await?,
        swarm: sources.swarm.send(SwarmState).await?,
        streams: sources.streams.send(StreamsState).await?,
        downloads: sources.streams.send(Downloads).await?,
        library: sources.library.send(LibraryState).await?,
    })
}

impl Actor for Observer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}
