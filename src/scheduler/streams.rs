//! Opens one scheduler for each file, and runs background fetches.

use std::collections::HashMap;
use std::ops::Range;

use actix::prelude::*;
use engine::ids::{FileId, PeerId};
use engine::media::FileEntry;
use engine::scheduler::{PrefetchEffect, PrefetchRange, PrefetchTask, Prefetcher};

use crate::config::StreamConfig;
use crate::runtime::{Close, ask};
use crate::scheduler::actor::{Links, Scheduler};
use crate::scheduler::reader::Reader;
use crate::scheduler::{
    Download, DownloadAll, Downloads, FetchAhead, OpenStream, OpenedStream, ReportPlayhead,
    SetDownloadLimit, StreamChanged, StreamError, StreamSnapshot, StreamState, StreamsState,
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
    prefetcher: Prefetcher,
    fetches: HashMap<PrefetchTask, Fetch>,
}

/// A running background fetch.
enum Fetch {
    /// The stream is being opened, or a part of the file read.
    Future(SpawnHandle),
    /// The scheduler downloads all of the file.
    All(DownloadGuard),
}

/// Makes a scheduler download all of its file until dropped.
struct DownloadGuard(Addr<Scheduler>);

impl DownloadGuard {
    fn new(scheduler: Addr<Scheduler>) -> Self {
        scheduler.do_send(DownloadAll(true));
        Self(scheduler)
    }
}

impl Drop for DownloadGuard {
    fn drop(&mut self) {
        self.0.do_send(DownloadAll(false));
    }
}

impl StreamManager {
    /// A manager without streams.
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
            prefetcher: Prefetcher::default(),
            fetches: HashMap::new(),
        }
    }

    /// The running scheduler of a file.
    fn running(&mut self, file: FileId) -> Option<OpenedStream> {
        self.open.retain(|_, stream| stream.scheduler.connected());
        self.open.get(&file).cloned()
    }

    fn start(&mut self, ctx: &mut Context<Self>, entry: FileEntry, opened: Opened) -> OpenedStream {
        if let Some(running) = self.running(entry.id) {
            return running;
        }
        let geometry = opened.geometry;
        let links = Links {
            store: self.store.clone(),
            swarm: self.swarm.clone(),
            manager: ctx.address().recipient(),
        };
        let (me, limit) = (self.me, self.download_limit);
        let scheduler = Scheduler::new(me, &entry, opened, &self.config, limit, links);
        let stream = OpenedStream {
            scheduler: scheduler.start(),
            geometry,
            entry: entry.clone(),
        };
        self.open.insert(entry.id, stream.clone());
        stream
    }

    /// Starts and stops background fetches as decided.
    fn perform(&mut self, ctx: &mut Context<Self>) {
        while let Some(effect) = self.prefetcher.poll_effect() {
            match effect {
                PrefetchEffect::Start(task, range) => {
                    let opened = ask(&ctx.address(), OpenStream(task.file().to_string()));
                    let opened = opened.into_actor(self).map(move |opened, actor, ctx| {
                        actor.fetch(ctx, task, range, opened.ok().and_then(Result::ok));
                    });
                    let opening = ctx.spawn(opened);
                    self.fetches.insert(task, Fetch::Future(opening));
                }
                PrefetchEffect::Stop(task) => match self.fetches.remove(&task) {
                    Some(Fetch::Future(future)) => {
                        ctx.cancel_future(future);
                    }
                    Some(Fetch::All(download)) => drop(download),
                    None => {}
                },
            }
        }
    }

    /// Begins a background fetch once its stream is open, if it could be opened.
    fn fetch(
        &mut self,
        ctx: &mut Context<Self>,
        task: PrefetchTask,
        range: PrefetchRange,
        opened: Option<OpenedStream>,
    ) {
        let Some(stream) = opened else {
            return self.finish(task);
        };
        let all = range.is_all(stream.geometry.size());
        if self.prefetcher.opened(task, all) {
            let fetch = match all {
                true => Fetch::All(DownloadGuard::new(stream.scheduler)),
                false => {
                    let read = read_ranges(stream, self.store.clone(), range);
                    let read = read.into_actor(self);
                    let read = read.map(move |(), actor, _| actor.finish(task));
                    Fetch::Future(ctx.spawn(read))
                }
            };
            self.fetches.insert(task, fetch);
        }
        self.perform(ctx);
    }

    fn finish(&mut self, task: PrefetchTask) {
        self.fetches.remove(&task);
        self.prefetcher.finished(task);
    }
}

/// Reads ranges of a file so that they are held.
async fn read_ranges(stream: OpenedStream, store: Addr<Store>, range: PrefetchRange) {
    for Range { start, end } in [0..range.head, range.place] {
        let reader = Reader::open(stream.clone(), store.clone(), start, end).await;
        let Ok(mut reader) = reader else {
            return;
        };
        // A chunk that cannot be had now is fetched when it is played.
        while let Ok(Some(_)) = reader.next().await {}
    }
}

/// The entry of a held file that is no longer in the catalogue, by its id.
async fn held(wanted: &str, store: &Addr<Store>) -> Option<FileEntry> {
    let file: FileId = wanted.parse().ok()?;
    let cached = ask(store, CachedFiles).await.ok()?;
    let mut entries = cached.into_iter().map(|cached| cached.entry);
    entries.find(|entry| entry.id == file)
}

/// Finds the entry and opens the file in the store.
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
        let started = prepared.into_actor(self).map(|prepared, actor, ctx| {
            let (entry, opened) = prepared?;
            Ok(actor.start(ctx, entry, opened))
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

impl Handler<StreamChanged> for StreamManager {
    type Result = ();

    fn handle(&mut self, changed: StreamChanged, ctx: &mut Context<Self>) {
        let StreamChanged { file, progress } = changed;
        match progress {
            Some(progress) => self.prefetcher.stream_changed(file, progress),
            None => self.prefetcher.stream_closed(file),
        }
        self.perform(ctx);
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
        self.prefetcher.set_preload(wanted);
        self.perform(ctx);
    }
}

impl Handler<Download> for StreamManager {
    type Result = ();

    fn handle(&mut self, Download { file, wanted }: Download, ctx: &mut Context<Self>) {
        self.prefetcher.set_download(file, wanted);
        self.perform(ctx);
    }
}

impl Handler<Downloads> for StreamManager {
    type Result = Vec<FileId>;

    fn handle(&mut self, _: Downloads, _: &mut Context<Self>) -> Self::Result {
        self.prefetcher.downloads()
    }
}

impl Handler<ReportPlayhead> for StreamManager {
    type Result = ();

    fn handle(&mut self, report: ReportPlayhead, _: &mut Context<Self>) {
        if let Some(stream) = self.running(report.file) {
            stream.scheduler.do_send(report);
        }
    }
}

impl Handler<StreamsState> for StreamManager {
    type Result = ResponseFuture<Vec<StreamSnapshot>>;

    fn handle(&mut self, _: StreamsState, _: &mut Context<Self>) -> Self::Result {
        let streams = self.open.values();
        let schedulers: Vec<_> = streams.map(|stream| stream.scheduler.clone()).collect();
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
