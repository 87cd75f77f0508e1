//! Mailbox of one file's scheduler: events in, requests to connections out.
//!
//! Below it: the swarm (connected peers), their connections (requests) and the store
//! (held chunks). It never sees payload.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::{FileEntry, Geometry, MediaKind};
use engine::scheduler::{
    ChunkScheduler, Demand, Effect, POSITION_INTERVAL, PeerEvent, ReaderMove, StreamProgress,
    TICK_INTERVAL, Tuning,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::oneshot;

use crate::config::StreamConfig;
use crate::runtime::{Close, every};
use crate::scheduler::{
    AwaitChunk, CloseReader, DownloadAll, OpenReader, ReportPlayhead, SetDownloadLimit,
    StreamChanged, StreamError, StreamSnapshot, StreamState,
};
use crate::store::{Opened, SetPlayheads, Store, StoreEvent, WatchStore};
use crate::swarm::{ChunkRequest, JoinFile, LeaveFile, ReportFile, Swarm, SwarmEvent};

/// A closed reader's position is kept this long: players close one connection and open
/// the next at the same place.
const READER_GRACE: Duration = Duration::from_millis(700);

type Waiter = oneshot::Sender<Result<(), StreamError>>;

/// The actor.
pub struct Scheduler {
    file: FileId,
    geometry: Geometry,
    core: ChunkScheduler,
    store: Addr<Store>,
    swarm: Addr<Swarm>,
    manager: Recipient<StreamChanged>,
    requests: HashMap<PeerId, Recipient<ChunkRequest>>,
    waiters: BTreeMap<ChunkIndex, Vec<Waiter>>,
    joined: bool,
    /// Last progress sent to the manager.
    progress: Option<StreamProgress>,
}

/// The actors that a scheduler talks to.
pub struct Links {
    /// Holder of the chunks.
    pub store: Addr<Store>,
    /// Source of peers.
    pub swarm: Addr<Swarm>,
    /// Recipient of progress.
    pub manager: Recipient<StreamChanged>,
}

impl Scheduler {
    /// A scheduler for a file that the store has opened.
    pub fn new(
        me: PeerId,
        entry: &FileEntry,
        opened: Opened,
        config: &StreamConfig,
        download_limit: Option<u64>,
        links: Links,
    ) -> Self {
        let now = Instant::now();
        let demand = Demand::new(
            opened.geometry,
            entry.timeline(),
            config.read_ahead.0,
            config.critical_window.0,
            opened.room,
        );
        let tuning = Tuning {
            request_timeout: config.request_timeout.0,
            requests_per_peer: config.requests_per_peer,
            picker: config.picker,
            ..Tuning::default()
        };
        let tuning = match entry.info.kind {
            MediaKind::Sidecar => tuning.for_sidecar(),
            MediaKind::Video | MediaKind::Audio => tuning,
        };
        let (geometry, have) = (opened.geometry, opened.have);
        let rng = StdRng::from_os_rng();
        let mut core = ChunkScheduler::new(now, me, tuning, demand, geometry, have, rng);
        core.set_download_limit(download_limit);
        Self {
            file: entry.id,
            geometry,
            core,
            store: links.store,
            swarm: links.swarm,
            manager: links.manager,
            requests: HashMap::new(),
            waiters: BTreeMap::new(),
            joined: false,
            progress: None,
        }
    }

    /// Sends the decided requests to the connections.
    fn perform(&mut self) {
        let file = self.file;
        while let Some(effect) = self.core.poll_effect() {
            let (peer, request) = match effect {
                Effect::Request(peer, chunk, deadline) => {
                    let request = ChunkRequest::Request {
                        file,
                        chunk,
                        deadline,
                    };
                    (peer, request)
                }
                Effect::Cancel(peer, chunk) => (peer, ChunkRequest::Cancel { file, chunk }),
                Effect::Recall(peer, chunk) => (peer, ChunkRequest::Recall { file, chunk }),
                Effect::Fail(chunk, error) => {
                    self.wake(chunk, &Err(error.into()));
                    continue;
                }
            };
            if let Some(requests) = self.requests.get(&peer) {
                requests.do_send(request);
            }
        }
    }

    fn wake(&mut self, chunk: ChunkIndex, result: &Result<(), StreamError>) {
        for waiter in self.waiters.remove(&chunk).unwrap_or_default() {
            // The reader may have been closed.
            let _ = waiter.send(result.clone());
        }
    }

    fn hold(&mut self, chunk: ChunkIndex) {
        self.core.now_held(chunk);
        self.wake(chunk, &Ok(()));
    }

    fn join(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.joined, true) {
            return;
        }
        self.swarm.do_send(JoinFile {
            file: self.file,
            geometry: self.geometry,
            events: ctx.address().recipient(),
        });
    }

    fn send_playheads(&self, playheads: Vec<ChunkIndex>) {
        self.store.do_send(SetPlayheads {
            file: self.file,
            playheads,
        });
    }

    /// Sends positions and holdings to the swarm and the store.
    fn report(&self, now: Instant) {
        self.swarm.do_send(ReportFile {
            report: self.core.report(now, self.file),
            window: self.core.window(now),
            playhead: self.core.playhead(now),
        });
        self.send_playheads(self.core.demand().positions(now).collect());
    }

    /// Performs the effects of a move, and announces it as far as necessary.
    fn moved(&mut self, now: Instant, moved: ReaderMove) {
        if moved != ReaderMove::None {
            // Before the requests: the store evicts by the distance to the playheads.
            self.send_playheads(self.core.demand().positions(now).collect());
        }
        self.perform();
        if moved == ReaderMove::Far {
            self.report(now);
        }
    }

    fn send_progress(&mut self, progress: Option<StreamProgress>) {
        if std::mem::replace(&mut self.progress, progress) != progress {
            let file = self.file;
            self.manager.do_send(StreamChanged { file, progress });
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for (chunk, cause) in self.core.tick(now) {
            let at = self.core.demand().time_of(chunk);
            tracing::warn!(file = ?self.file, ?at, ?cause, "playback stalled");
        }
        self.perform();
        self.waiters.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        self.send_progress(Some(self.core.progress(now)));
        if self.core.is_idle(now) {
            ctx.stop();
        }
    }
}

impl Actor for Scheduler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.store.do_send(WatchStore(ctx.address().recipient()));
        if !self.core.is_complete() {
            self.join(ctx);
        }
        self.send_progress(Some(self.core.progress(Instant::now())));
        every(ctx, TICK_INTERVAL, Self::tick);
        every(ctx, POSITION_INTERVAL, |actor, _| {
            actor.report(Instant::now());
        });
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.swarm.do_send(LeaveFile(self.file));
        self.send_playheads(Vec::new());
        self.send_progress(None);
    }
}

impl Handler<OpenReader> for Scheduler {
    type Result = MessageResult<OpenReader>;

    fn handle(&mut self, _: OpenReader, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.core.open_reader(Instant::now()))
    }
}

impl Handler<CloseReader> for Scheduler {
    type Result = ();

    fn handle(&mut self, close: CloseReader, ctx: &mut Context<Self>) {
        ctx.run_later(READER_GRACE, move |actor, _| {
            actor.core.remove_reader(Instant::now(), close.0);
            actor.perform();
        });
    }
}

impl Handler<AwaitChunk> for Scheduler {
    type Result = ResponseFuture<Result<(), StreamError>>;

    fn handle(&mut self, wait: AwaitChunk, _: &mut Context<Self>) -> Self::Result {
        let AwaitChunk { reader, chunk } = wait;
        let now = Instant::now();
        let moved = self.core.set_reader(now, reader, chunk);
        self.moved(now, moved);
        if self.core.have().contains(chunk.0) {
            return Box::pin(std::future::ready(Ok(())));
        }
        let (waiter, arrival) = oneshot::channel();
        self.waiters.entry(chunk).or_default().push(waiter);
        Box::pin(async move { arrival.await.unwrap_or(Err(StreamError::Closing)) })
    }
}

impl Handler<ReportPlayhead> for Scheduler {
    type Result = ();

    fn handle(&mut self, report: ReportPlayhead, _: &mut Context<Self>) {
        let now = Instant::now();
        let moved = self.core.set_playhead(now, report.playhead);
        self.moved(now, moved);
    }
}

impl Handler<DownloadAll> for Scheduler {
    type Result = ();

    fn handle(&mut self, DownloadAll(wanted): DownloadAll, _: &mut Context<Self>) {
        let now = Instant::now();
        if self.core.set_download_all(now, wanted) {
            self.report(now);
            self.perform();
        }
    }
}

impl Handler<SetDownloadLimit> for Scheduler {
    type Result = ();

    fn handle(&mut self, SetDownloadLimit(limit): SetDownloadLimit, _: &mut Context<Self>) {
        self.core.set_download_limit(limit);
    }
}

impl Handler<SwarmEvent> for Scheduler {
    type Result = ();

    fn handle(&mut self, event: SwarmEvent, _: &mut Context<Self>) {
        let now = Instant::now();
        match event {
            SwarmEvent::PeerUp {
                peer,
                requests,
                name,
                origin,
            } => {
                self.requests.insert(peer, requests);
                let connected = PeerEvent::Connected { name, origin };
                self.core.handle(now, peer, connected);
            }
            SwarmEvent::Peer(peer, PeerEvent::Stored(chunk, bytes)) => {
                let stored = PeerEvent::Stored(chunk, bytes);
                self.core.handle(now, peer, stored);
                self.wake(chunk, &Ok(()));
            }
            SwarmEvent::Peer(peer, PeerEvent::Disconnected) => {
                self.core.handle(now, peer, PeerEvent::Disconnected);
                self.requests.remove(&peer);
            }
            SwarmEvent::Peer(peer, event) => self.core.handle(now, peer, event),
            SwarmEvent::OwnShare(share) => self.core.set_share(share),
        }
        self.perform();
    }
}

impl Handler<StoreEvent> for Scheduler {
    type Result = ();

    fn handle(&mut self, event: StoreEvent, ctx: &mut Context<Self>) {
        match event {
            // A chunk that was requested counts once its connection reports it.
            StoreEvent::Stored { file, chunk }
                if file == self.file && !self.core.in_flight().contains(chunk.0) =>
            {
                self.hold(chunk);
                self.perform();
            }
            StoreEvent::Evicted { file, chunks } if file == self.file => {
                self.core.evicted(&chunks);
                self.join(ctx);
            }
            // A whole copy turned up on this machine.
            StoreEvent::Opened { file, geometry } if file == self.file => {
                if geometry != self.geometry {
                    return ctx.stop();
                }
                for chunk in self.geometry.chunks() {
                    self.hold(chunk);
                }
                self.perform();
            }
            // The file was removed: the next reader opens it anew.
            StoreEvent::Withdrawn { file } if file == self.file => ctx.stop(),
            _ => {}
        }
    }
}

impl Handler<Close> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<StreamState> for Scheduler {
    type Result = MessageResult<StreamState>;

    fn handle(&mut self, _: StreamState, _: &mut Context<Self>) -> Self::Result {
        let now = Instant::now();
        MessageResult(StreamSnapshot {
            file: self.file,
            geometry: self.geometry,
            have: self.core.have().clone(),
            in_flight: self.core.in_flight().clone(),
            available: self.core.available(),
            read: self.core.demand().is_read(now),
            position: self.core.position(now),
            buffer: self.core.buffer(now),
            supplied: self.core.supplied(),
            duplicate_bytes: self.core.duplicate_bytes(),
            problem: self.core.storage_problem().cloned(),
            stalled: self.core.stalled(now),
            stalls: self.core.stalls().clone(),
        })
    }
}
