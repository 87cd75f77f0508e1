//! Opens a scheduler for a file, once, and lets it go when it ends.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use actix::prelude::*;
use engine::ids::{FileId, PeerId};
use engine::media::FileEntry;
use engine::scheduler::PrefetchRange;

use crate::config::StreamConfig;
use crate::runtime::{Close, ask};
use crate::scheduler::actor::Scheduler;
use crate::scheduler::reader::Reader;
use crate::scheduler::{
    Download, DownloadAll, Downloads, FetchAhead, OpenStream, OpenedStream, PlayerStarves,
    SetDownloadLimit, StreamError, StreamSnapshot, StreamState, StreamsState,
};
use crate::store::{CachedFiles, OpenCache, Opened, Store};
use crate::swarm::Swarm;
use crate::tracker_client::{FindEntry, TrackerClient};

/// The actor.
pub struct StreamManager {
    me: PeerId,
    config: StreamConfig,
    download_limit: Option<u64>,
    store: Addr<Store>,
    swarm: Addr<Swarm>,
    announcer: Addr<TrackerClient>,
    open: HashMap<FileId, OpenedStream>,
    /// What is fetched before anybody reads it.
    ahead: Option<SpawnHandle>,
    /// What is fetched whole because somebody asked for it.
    downloads: HashMap<FileId, (u64, SpawnHandle)>,
    /// Downloads begun so far: a number for each.
    begun: u64,
}

impl StreamManager {
    /// No streams yet.
    pub fn new(
        me: PeerId,
        config: StreamConfig,
        download_limit: Option<u64>,
        store: Addr<Store>,
        swarm: Addr<Swarm>,
        announcer: Addr<TrackerClient>,
    ) -> Self {
        Self {
            me,
            config,
            download_limit,
            store,
            swarm,
            announcer,
            open: HashMap::new(),
            ahead: None,
            downloads: HashMap::new(),
            begun: 0,
        }
    }

    /// The running scheduler of a file.
    fn running(&mut self, file: FileId) -> Option<OpenedStream> {
        self.open.retain(|_, stream| stream.scheduler.connected());
        self.open.get(&file).cloned()
    }

    fn start(&mut self, entry: FileEntry, opened: Opened) -> OpenedStream {
        if let Some(running) = self.running(entry.id) {
            return running;
        }
        let geometry = opened.geometry;
        let (store, swarm) = (self.store.clone(), self.swarm.clone());
        let scheduler = Scheduler::new(
            self.me,
            &entry,
            opened,
            &self.config,
            self.download_limit,
            store,
            swarm,
        )
        .start();
        let stream = OpenedStream {
            scheduler,
            geometry,
            entry: entry.clone(),
        };
        self.open.insert(entry.id, stream.clone());
        stream
    }
}

/// What is held of a file that is in no catalogue any more, by its id.
async fn held(wanted: &str, store: &Addr<Store>) -> Option<FileEntry> {
    let file: FileId = wanted.parse().ok()?;
    let cached = ask(&store, CachedFiles).await.ok()?;
    let mut entries = cached.into_iter().map(|cached| cached.entry);
    entries.find(|entry| entry.id == file)
}

/// Finds the entry and makes the store ready for it.
async fn prepare(
    wanted: String,
    announcer: Addr<TrackerClient>,
    store: Addr<Store>,
) -> Result<(FileEntry, Opened), StreamError> {
    let listed = ask(&announcer, FindEntry(wanted.clone()))
        .await
        .map_err(|_| StreamError::Closing)?;
    let entry = match listed {
        Some(entry) => entry,
        None => held(&wanted, &store)
            .await
            .ok_or(StreamError::UnknownFile)?,
    };
    let opened = ask(&store, OpenCache(entry.clone()))
        .await
        .map_err(|_| StreamError::Closing)??;
    Ok((entry, opened))
}

impl Actor for StreamManager {
    type Context = Context<Self>;
}

impl Handler<OpenStream> for StreamManager {
    type Result = ResponseActFuture<Self, Result<OpenedStream, StreamError>>;

    fn handle(&mut self, open: OpenStream, _: &mut Context<Self>) -> Self::Result {
        let running = open.0.parse().ok().and_then(|file| self.running(file));
        if let Some(running) = running {
            return Box::pin(actix::fut::ready(Ok(running)));
        }
        let prepared = prepare(open.0, self.announcer.clone(), self.store.clone());
        let started = prepared.into_actor(self).map(|prepared, actor, _| {
            let (entry, opened) = prepared?;
            Ok(actor.start(entry, opened))
        });
        Box::pin(started)
    }
}

impl Handler<Close> for StreamManager {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        for stream in self.open.values() {
            stream.scheduler.do_send(Close);
        }
        ctx.stop();
    }
}

/// How often it is looked whether a file may be fetched ahead, or has been.
const LOOK: Duration = Duration::from_millis(500);

/// Whether all that is read is here to its end: then other files may be fetched.
async fn others_are_here(streams: &Addr<StreamManager>, file: FileId) -> bool {
    let states = ask(&streams, StreamsState).await.unwrap_or_default();
    states
        .iter()
        .filter(|state| state.read && state.file != file)
        .all(|state| {
            let rest = state.position.0..state.geometry.chunk_count();
            state.have.range_cardinality(rest.clone()) == u64::from(rest.end - rest.start)
        })
}

/// Fetches all of a file while it lives, without anybody reading it.
struct Whole(Addr<Scheduler>);

impl Whole {
    fn new(scheduler: Addr<Scheduler>) -> Self {
        scheduler.do_send(DownloadAll(true));
        Self(scheduler)
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.0.do_send(DownloadAll(false));
    }
}

/// All of a file, whatever its size.
const ALL: PrefetchRange = PrefetchRange {
    head: u64::MAX,
    place: 0..0,
};

/// Fetches a part of a file, for it to be here, while all that plays is.
async fn fetch_ahead(
    streams: Addr<StreamManager>,
    store: Addr<Store>,
    file: FileId,
    part: PrefetchRange,
) {
    loop {
        while !others_are_here(&streams, file).await {
            tokio::time::sleep(LOOK).await;
        }
        let opened = ask(&streams, OpenStream(file.to_string())).await;
        let Ok(Ok(stream)) = opened else {
            return;
        };
        if part.head < stream.geometry.size() {
            return fetch_part(stream, store, part).await;
        }
        let whole = Whole::new(stream.scheduler);
        // What begins to play has the line for itself.
        while others_are_here(&streams, file).await {
            match ask(&whole.0, StreamState).await {
                Ok(state) if state.have.len() == u64::from(state.geometry.chunk_count()) => return,
                Ok(_) => tokio::time::sleep(LOOK).await,
                Err(_) => return,
            }
        }
    }
}

async fn fetch_part(stream: OpenedStream, store: Addr<Store>, part: PrefetchRange) {
    for Range { start, end } in [0..part.head, part.place] {
        let reader = Reader::open(stream.clone(), store.clone(), start, end).await;
        let Ok(mut reader) = reader else {
            return;
        };
        // What does not come now is fetched when it is played.
        while let Ok(Some(_)) = reader.next().await {}
    }
}

impl Handler<SetDownloadLimit> for StreamManager {
    type Result = ();

    fn handle(&mut self, SetDownloadLimit(limit): SetDownloadLimit, _: &mut Context<Self>) {
        self.download_limit = limit;
        for stream in self.open.values() {
            stream.scheduler.do_send(SetDownloadLimit(limit));
        }
    }
}

impl Handler<FetchAhead> for StreamManager {
    type Result = ();

    fn handle(&mut self, FetchAhead(wanted): FetchAhead, ctx: &mut Context<Self>) {
        if let Some(before) = self.ahead.take() {
            ctx.cancel_future(before);
        }
        if let Some((file, part)) = wanted {
            let fetching = fetch_ahead(ctx.address(), self.store.clone(), file, part);
            self.ahead = Some(ctx.spawn(fetching.into_actor(self)));
        }
    }
}

impl Handler<Download> for StreamManager {
    type Result = ();

    fn handle(&mut self, Download { file, wanted }: Download, ctx: &mut Context<Self>) {
        match (wanted, self.downloads.contains_key(&file)) {
            (true, false) => {
                let fetching = fetch_ahead(ctx.address(), self.store.clone(), file, ALL);
                self.begun += 1;
                let number = self.begun;
                let fetched = fetching.into_actor(self).map(move |(), actor, _| {
                    // One that was given up ends too late to speak for the next.
                    if actor
                        .downloads
                        .get(&file)
                        .is_some_and(|(of, _)| *of == number)
                    {
                        actor.downloads.remove(&file);
                    }
                });
                self.downloads.insert(file, (number, ctx.spawn(fetched)));
            }
            (false, true) => {
                if let Some((_, fetching)) = self.downloads.remove(&file) {
                    ctx.cancel_future(fetching);
                }
            }
            _ => {}
        }
    }
}

impl Handler<Downloads> for StreamManager {
    type Result = Vec<FileId>;

    fn handle(&mut self, _: Downloads, _: &mut Context<Self>) -> Self::Result {
        let mut files: Vec<FileId> = self.downloads.keys().copied().collect();
        files.sort();
        files
    }
}

impl Handler<PlayerStarves> for StreamManager {
    type Result = ();

    fn handle(&mut self, starves: PlayerStarves, _: &mut Context<Self>) {
        if let Some(stream) = self.running(starves.file) {
            stream.scheduler.do_send(starves);
        }
    }
}

impl Handler<StreamsState> for StreamManager {
    type Result = ResponseFuture<Vec<StreamSnapshot>>;

    fn handle(&mut self, _: StreamsState, _: &mut Context<Self>) -> Self::Result {
        let schedulers: Vec<Addr<Scheduler>> = self
            .open
            .values()
            .map(|stream| stream.scheduler.clone())
            .collect();
        Box::pin(async move {
            let mut states = Vec::new();
            for scheduler in schedulers {
                // A scheduler that just ended has no state.
                if let Ok(state) = ask(&scheduler, StreamState).await {
                    states.push(state);
                }
            }
            states
        })
    }
}
