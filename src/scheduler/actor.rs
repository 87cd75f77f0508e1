//! The scheduler's mailbox: events in, requests to connections out.
//!
//! Below it: the swarm (which peers there are), their connections (requests)
//! and the store (what is here). It never sees payload.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::{FileEntry, Geometry, MediaKind};
use engine::protocol::FileReport;
use engine::scheduler::{
    ChunkScheduler, Demand, Effect, POSITION_INTERVAL, PeerEvent, ReaderId, StallCause,
    TICK_INTERVAL, Tuning,
};
use engine::store::StoreError;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::oneshot;

use crate::config::StreamConfig;
use crate::runtime::{Close, every};
use crate::scheduler::{
    AwaitChunk, CloseReader, DownloadAll, OpenReader, PlayerStarves, SetDownloadLimit, StreamError,
    StreamSnapshot, StreamState,
};
use crate::store::{Opened, SetPlayheads, Store, StoreEvent, WatchStore};
use crate::swarm::{
    ChunkRequest, JoinFile, LeaveFile, ReportFile, Swarm, SwarmEvent, SwarmEventKind,
};

/// How long fetching rests when the disk or the quota is full.
const FULL_PAUSE: Duration = Duration::from_secs(2);

/// A closed reader's place is kept this long: players close one connection and
/// open the next at the same place.
const READER_GRACE: Duration = Duration::from_millis(700);

/// Time after which a scheduler that nobody reads from ends itself. A player
/// that has read a short file to the end still shows where it came from.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// The same for a sidecar: a window shows hundreds of pictures, and each that is open
/// takes a place in reports, in the swarm and at every peer.
const SIDECAR_IDLE_LIMIT: Duration = Duration::from_secs(1);

/// Time within which a chunk of a sidecar is asked for at the soonest: what somebody
/// else is about to see or hear goes first.
const SIDECAR_DEADLINE: Duration = Duration::from_secs(3);

/// Chunks from one place to the next beyond which a reader jumped: others are
/// told at once.
const JUMP: u32 = 16;

/// Times in a row that the chunk at a playhead may find no room before its
/// reader is told.
const MAX_NO_ROOM: u32 = 3;

type Waiter = oneshot::Sender<Result<(), StreamError>>;

/// The actor.
pub struct Scheduler {
    file: FileId,
    /// Whether it belongs to a file that somebody plays, and can wait.
    sidecar: bool,
    geometry: Geometry,
    core: ChunkScheduler,
    /// How many want all of it.
    wholes: usize,
    store: Addr<Store>,
    swarm: Addr<Swarm>,
    requests: HashMap<PeerId, Recipient<ChunkRequest>>,
    waiters: BTreeMap<ChunkIndex, Vec<Waiter>>,
    readers: u64,
    last_read: Instant,
    /// Where the first reader is, or was last.
    last_position: ChunkIndex,
    joined: bool,
    /// Times the chunk at a playhead found no room, in a row.
    no_room: u32,
    problem: Option<StoreError>,
}

impl Scheduler {
    /// A scheduler for a file that the store has opened.
    pub fn new(
        me: PeerId,
        entry: &FileEntry,
        opened: Opened,
        config: &StreamConfig,
        download_limit: Option<u64>,
        store: Addr<Store>,
        swarm: Addr<Swarm>,
    ) -> Self {
        let now = Instant::now();
        let demand = Demand::new(
            opened.geometry,
            entry.timeline(),
            config.read_ahead.0,
            config.critical_window.0,
            opened.room,
        );
        let sidecar = entry.info.kind == MediaKind::Sidecar;
        let min_deadline = match sidecar {
            true => SIDECAR_DEADLINE,
            false => Duration::ZERO,
        };
        let tuning = Tuning {
            request_timeout: config.request_timeout.0,
            requests_per_peer: config.requests_per_peer,
            picker: config.picker,
            min_deadline,
            ..Tuning::default()
        };
        let (geometry, have) = (opened.geometry, opened.have);
        let rng = StdRng::from_os_rng();
        let mut core = ChunkScheduler::new(now, me, tuning, demand, geometry, have, rng);
        core.set_download_limit(download_limit);
        Self {
            file: entry.id,
            sidecar,
            geometry,
            core,
            wholes: 0,
            store,
            swarm,
            requests: HashMap::new(),
            waiters: BTreeMap::new(),
            readers: 0,
            last_read: now,
            last_position: ChunkIndex(0),
            joined: false,
            no_room: 0,
            problem: None,
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
            };
            if let Some(requests) = self.requests.get(&peer) {
                requests.do_send(request);
            }
        }
    }

    fn wake(&mut self, chunk: ChunkIndex, result: &Result<(), StreamError>) {
        for waiter in self.waiters.remove(&chunk).unwrap_or_default() {
            // A reader that went away no longer wants to know.
            let _ = waiter.send(result.clone());
        }
    }

    /// A chunk that came in could not be kept.
    fn not_stored(&mut self, now: Instant, peer: PeerId, chunk: ChunkIndex, error: StoreError) {
        let full = matches!(
            error,
            StoreError::DiskFull | StoreError::QuotaFull | StoreError::Disk(_)
        );
        let resume = if full { now + FULL_PAUSE } else { now };
        let not_stored = PeerEvent::NotStored(chunk, resume);
        self.core.handle(now, peer, not_stored);
        if !full {
            return;
        }
        tracing::warn!(file = ?self.file, %error, "cannot store");
        let at_playhead = self.waiters.contains_key(&chunk);
        self.no_room += u32::from(at_playhead);
        if error != StoreError::QuotaFull || self.no_room > MAX_NO_ROOM {
            self.wake(chunk, &Err(error.clone().into()));
        }
        self.problem = Some(error);
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

    fn tell_playheads(&self) {
        let playheads: Vec<ChunkIndex> = self.core.demand().positions().collect();
        self.store.do_send(SetPlayheads {
            file: self.file,
            playheads,
        });
    }

    fn report(&mut self) {
        let report = FileReport {
            file: self.file,
            chunk_size: self.geometry.chunk_size().bytes(),
            have: self.core.have().clone(),
            position: self.position(),
            buffer: self.buffer(),
        };
        let now = Instant::now();
        let (window, playhead) = (self.core.window(now), self.core.playhead(now));
        self.swarm.do_send(ReportFile {
            report,
            window,
            playhead,
        });
        self.tell_playheads();
    }

    fn position(&self) -> ChunkIndex {
        let first = self.core.demand().positions().min();
        first.unwrap_or(self.last_position)
    }

    /// Media held from the playhead on without a gap.
    fn buffer(&self) -> Duration {
        let demand = self.core.demand();
        let position = self.position();
        let played = demand.playhead(Instant::now());
        let played = played.unwrap_or(demand.time_of(position));
        let end = ChunkIndex(position.0 + self.core.run_from(position));
        demand.time_of(end).saturating_sub(played)
    }

    fn log_stall(&self, at: Duration, cause: StallCause) {
        tracing::warn!(file = ?self.file, ?at, ?cause, "playback stalled");
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        for (chunk, cause) in self.core.tick(Instant::now()) {
            self.log_stall(self.core.demand().time_of(chunk), cause);
        }
        self.perform();
        self.waiters.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        let unread = !self.core.demand().is_read() && self.waiters.is_empty();
        let fetching = self.core.demand().is_for_all() && !self.core.is_complete();
        let limit = match self.sidecar {
            true => SIDECAR_IDLE_LIMIT,
            false => IDLE_LIMIT,
        };
        if unread && !fetching && self.last_read.elapsed() > limit {
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
        every(ctx, TICK_INTERVAL, Self::tick);
        every(ctx, POSITION_INTERVAL, |actor, _| actor.report());
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.swarm.do_send(LeaveFile(self.file));
        self.store.do_send(SetPlayheads {
            file: self.file,
            playheads: Vec::new(),
        });
    }
}

impl Handler<OpenReader> for Scheduler {
    type Result = MessageResult<OpenReader>;

    fn handle(&mut self, _: OpenReader, _: &mut Context<Self>) -> Self::Result {
        self.readers += 1;
        self.last_read = Instant::now();
        MessageResult(ReaderId(self.readers))
    }
}

impl Handler<CloseReader> for Scheduler {
    type Result = ();

    fn handle(&mut self, close: CloseReader, ctx: &mut Context<Self>) {
        ctx.run_later(READER_GRACE, move |actor, _| {
            actor.last_read = Instant::now();
            actor.core.remove_reader(Instant::now(), close.0);
            actor.perform();
        });
    }
}

impl Handler<AwaitChunk> for Scheduler {
    type Result = ResponseFuture<Result<(), StreamError>>;

    fn handle(&mut self, wait: AwaitChunk, _: &mut Context<Self>) -> Self::Result {
        let AwaitChunk { reader, chunk } = wait;
        self.last_read = Instant::now();
        let before = self.position();
        self.core.set_reader(self.last_read, reader, chunk);
        self.last_position = self.position();
        if before != chunk {
            // Before the requests: what arrives finds its place by the playheads.
            self.tell_playheads();
        }
        self.perform();
        if before.0.abs_diff(chunk.0) > JUMP {
            self.report();
        }
        if self.core.have().contains(chunk.0) {
            return Box::pin(std::future::ready(Ok(())));
        }
        let (waiter, arrival) = oneshot::channel();
        self.waiters.entry(chunk).or_default().push(waiter);
        Box::pin(async move { arrival.await.unwrap_or(Err(StreamError::Closing)) })
    }
}

impl Handler<DownloadAll> for Scheduler {
    type Result = ();

    fn handle(&mut self, DownloadAll(wanted): DownloadAll, _: &mut Context<Self>) {
        // Several may want that, each for itself.
        let before = self.wholes;
        self.wholes = match wanted {
            true => before + 1,
            false => before.saturating_sub(1),
        };
        if (before > 0) != (self.wholes > 0) {
            self.core.set_download_all(Instant::now(), self.wholes > 0);
            self.report();
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

impl Handler<PlayerStarves> for Scheduler {
    type Result = ();

    fn handle(&mut self, starves: PlayerStarves, _: &mut Context<Self>) {
        if self.core.player_starved(starves.at) {
            self.log_stall(starves.at, StallCause::Decoder);
        }
    }
}

impl Handler<SwarmEvent> for Scheduler {
    type Result = ();

    fn handle(&mut self, event: SwarmEvent, _: &mut Context<Self>) {
        let SwarmEvent { peer, kind } = event;
        let now = Instant::now();
        match kind {
            SwarmEventKind::PeerUp {
                requests,
                name,
                origin,
            } => {
                self.requests.insert(peer, requests);
                let connected = PeerEvent::Connected { name, origin };
                self.core.handle(now, peer, connected);
            }
            SwarmEventKind::Has(chunks) => {
                self.core.handle(now, peer, PeerEvent::Gained(chunks));
            }
            SwarmEventKind::Lost(chunks) => {
                self.core.handle(now, peer, PeerEvent::Lost(chunks));
            }
            SwarmEventKind::Position(position) => {
                self.core.handle(now, peer, PeerEvent::Position(position));
            }
            SwarmEventKind::QueueDelay(delay) => {
                self.core.handle(now, peer, PeerEvent::QueueDelay(delay));
            }
            SwarmEventKind::OwnShare(share) => self.core.set_share(share),
            SwarmEventKind::Reserve(backup) => {
                self.core.handle(now, peer, PeerEvent::Backup(backup));
            }
            SwarmEventKind::Choked(choked) => {
                self.core.handle(now, peer, PeerEvent::Choked(choked));
            }
            SwarmEventKind::Rtt(rtt) => self.core.handle(now, peer, PeerEvent::Rtt(rtt)),
            SwarmEventKind::Arrived {
                chunk,
                bytes,
                result,
            } => match result {
                Ok(()) => {
                    self.problem = None;
                    self.no_room = 0;
                    self.core.handle(now, peer, PeerEvent::Stored(chunk, bytes));
                    self.wake(chunk, &Ok(()));
                }
                Err(error) => self.not_stored(now, peer, chunk, error),
            },
            SwarmEventKind::Rejected { chunk, reason } => {
                self.core
                    .handle(now, peer, PeerEvent::Rejected(chunk, reason));
            }
            SwarmEventKind::PeerDown => {
                self.core.handle(now, peer, PeerEvent::Disconnected);
                self.requests.remove(&peer);
            }
        }
        self.perform();
    }
}

impl Handler<StoreEvent> for Scheduler {
    type Result = ();

    fn handle(&mut self, event: StoreEvent, ctx: &mut Context<Self>) {
        match event {
            // A chunk of our own request is counted when its connection reports it.
            StoreEvent::Stored { file, chunk }
                if file == self.file && !self.core.in_flight().contains(chunk.0) =>
            {
                self.core.now_held(chunk);
                self.wake(chunk, &Ok(()));
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
                    self.core.now_held(chunk);
                    self.wake(chunk, &Ok(()));
                }
                self.perform();
            }
            // The file went under us: the next reader starts afresh.
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
        MessageResult(StreamSnapshot {
            file: self.file,
            geometry: self.geometry,
            have: self.core.have().clone(),
            in_flight: self.core.in_flight().clone(),
            available: self.core.available(),
            read: self.core.demand().is_read(),
            position: self.position(),
            buffer: self.buffer(),
            supplied: self.core.supplied(),
            duplicate_bytes: self.core.duplicate_bytes(),
            problem: self.problem.clone(),
            stalled: self.core.stalled(Instant::now()),
            stalls: self.core.stalls().clone(),
        })
    }
}
