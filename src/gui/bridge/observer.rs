//! Asks all actors for their state and hands it to the window.

use std::time::Duration;

use actix::prelude::*;
use engine::catalogue::by_title;
use engine::media::MediaKind;

use super::screen::WindowScreen;
use crate::gui::models::snapshot::AppSnapshot;
use crate::handles::ActorHandles;
use crate::library::LibraryState;
use crate::runtime::ask;
use crate::scheduler::{Downloads, StreamsState};
use crate::store::CachedFiles;
use crate::swarm::SwarmState;
use crate::tracker_client::CatalogueState;

/// Pause between two snapshots: figures that change faster cannot be read.
const INTERVAL: Duration = Duration::from_millis(400);

/// Actor that takes snapshots.
pub struct SnapshotPoller {
    actors: ActorHandles,
    screen: WindowScreen,
    kind: MediaKind,
}

impl SnapshotPoller {
    /// A poller for a window that shows files of `kind`.
    pub fn new(actors: ActorHandles, screen: WindowScreen, kind: MediaKind) -> Self {
        Self {
            actors,
            screen,
            kind,
        }
    }

    fn poll(&self, ctx: &mut Context<Self>) {
        let actors = self.actors.clone();
        let gathered = async move { gather(&actors).await };
        ctx.spawn(gathered.into_actor(self).map(|snapshot, actor, ctx| {
            match snapshot {
                Ok(mut snapshot) => {
                    snapshot.list_cached(actor.kind);
                    actor.screen.snapshot(snapshot);
                }
                // An actor that is only slow answers the next time.
                Err(MailboxError::Timeout) => {}
                Err(MailboxError::Closed) => return ctx.stop(),
            }
            ctx.run_later(INTERVAL, |actor, ctx| actor.poll(ctx));
        }));
    }
}

async fn gather(actors: &ActorHandles) -> Result<AppSnapshot, MailboxError> {
    let mut cached = ask(&actors.store, CachedFiles).await?;
    cached.sort_by_cached_key(|cached| by_title(&cached.entry));
    Ok(AppSnapshot {
        cached,
        catalogue: ask(&actors.announcer, CatalogueState).await?,
        swarm: ask(&actors.swarm, SwarmState).await?,
        streams: ask(&actors.streams, StreamsState).await?,
        downloads: ask(&actors.streams, Downloads).await?,
        library: ask(&actors.library, LibraryState).await?,
    })
}

impl Actor for SnapshotPoller {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.poll(ctx);
    }
}
