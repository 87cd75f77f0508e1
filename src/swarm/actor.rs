//! The swarm's mailbox: owns the connections, passes events to the decisions of
//! [`engine::swarm`] and performs the result.
//!
//! Below it: connections, the tracker client (which asks for peers and carries
//! reports) and the store, whose events become announcements.

mod events;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use actix::prelude::*;
use engine::ids::{FileId, PeerId};
use engine::protocol::{ByeReason, Hello, PeerMessage, PeerPosition, SourceShare};
use engine::swarm::{
    AddressBook, Admission, Change, Choker, DailyQuota, FIND_PEERS_INTERVAL, HaveBatch,
    JoinedFiles, REPORT_INTERVAL, SwarmSnapshot, Traffic, WANTED_PEERS,
};
use engine::units::TransferCap;

use crate::net::{LinkLimits, PeerArrived, PeerLink, dial};
use crate::runtime::{Close, ask, every};
use crate::store::{GetHolding, Store, WatchStore};
use crate::swarm::connection::{
    CloseConnection, Connection, HoldingsChanged, SetChoking, TellPosition,
};
use crate::swarm::quota_file::QuotaFile;
use crate::swarm::reporting;
use crate::swarm::uploader::{SetUploadLimit, Uplink, UplinkState, Uploader};
use crate::swarm::{JoinFile, LeaveFile, ReportFile, SetLimits, SwarmEvent, SwarmState};
use crate::tracker_client::{ForgetPeers, SendReport, TrackerClient, WantPeers};

/// Interval of dials and choke turns.
const TICK: Duration = Duration::from_millis(200);

/// Interval at which the counters of the daily quota are saved: uploads of this time
/// go uncounted if the program is killed.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);

/// Identity and limits of the swarm.
#[derive(Debug, Clone)]
pub struct SwarmSettings {
    /// Introduction to peers.
    pub hello: Hello,
    /// Peers at once.
    pub max_peers: usize,
    /// Peers served at once.
    pub upload_slots: usize,
    /// Traffic limits shared by all links.
    pub limits: LinkLimits,
    /// Configured uplink in bytes a second; `None` if unlimited.
    pub upload_limit: Option<u64>,
    /// Upload allowed in 24 hours.
    pub upload_per_day: TransferCap,
    /// File with the counters of the daily quota.
    pub quota_file: QuotaFile,
}

/// The actor.
pub struct Swarm {
    settings: SwarmSettings,
    store: Addr<Store>,
    tracker: Addr<TrackerClient>,
    uploader: Addr<Uploader>,
    uplink: UplinkState,
    connections: HashMap<PeerId, Addr<Connection>>,
    book: AddressBook,
    choker: Choker,
    files: JoinedFiles<Recipient<SwarmEvent>>,
    batch: HaveBatch,
    traffic: Traffic,
    quota: DailyQuota,
}

impl Swarm {
    /// A swarm without peers. Reads the quota file.
    pub fn new(settings: SwarmSettings, store: Addr<Store>, tracker: Addr<TrackerClient>) -> Self {
        let mut quota = settings.quota_file.load();
        quota.set_limit(settings.upload_per_day.0);
        Self {
            book: AddressBook::new(settings.hello.peer, settings.max_peers),
            choker: Choker::new(settings.upload_slots, Instant::now()),
            uploader: Uploader::new(settings.upload_limit, settings.limits.clone()).start(),
            uplink: UplinkState::limited(settings.upload_limit),
            settings,
            store,
            tracker,
            connections: HashMap::new(),
            files: JoinedFiles::default(),
            batch: HaveBatch::default(),
            traffic: Traffic::default(),
            quota,
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for (peer, address) in self.book.due(now) {
            self.dial(ctx, peer, address);
        }
        for change in self.choker.tick(now) {
            self.apply(change);
        }
    }

    fn dial(&mut self, ctx: &mut Context<Self>, peer: PeerId, address: SocketAddr) {
        let settings = self.settings.clone();
        let dialled = async move { dial(address, peer, &settings.hello, &settings.limits).await };
        ctx.spawn(dialled.into_actor(self).map(move |result, actor, ctx| {
            match result {
                Ok((link, hello)) => actor.admit(ctx, link, &hello, true),
                Err(error) => {
                    tracing::debug!(?peer, %address, %error, "failed to reach peer");
                    actor.book.failed(Instant::now(), peer);
                }
            };
        }));
    }

    fn admit(&mut self, ctx: &mut Context<Self>, link: PeerLink, hello: &Hello, we_dialled: bool) {
        let peer = hello.peer;
        let refuse = |reason| {
            // The link closes when it is dropped; a lost reason does no harm.
            let _ = link.writer.send(PeerMessage::Bye {
                reason,
                text: String::new(),
            });
        };
        match self.book.admit(Instant::now(), peer, we_dialled) {
            Admission::Accept => {}
            Admission::Replace => {
                self.forget(peer);
                if let Some(older) = self.connections.remove(&peer) {
                    older.do_send(CloseConnection(ByeReason::Duplicate));
                }
            }
            Admission::Duplicate => return refuse(ByeReason::Duplicate),
            Admission::Full => return refuse(ByeReason::Full),
            Admission::Banned => return refuse(ByeReason::Corrupt),
        }
        // Not earlier: a refused peer must not believe that it was accepted.
        let greeted = we_dialled || {
            let hello = PeerMessage::Hello(self.settings.hello.clone());
            link.writer.send(hello).is_ok()
        };
        if !greeted {
            return self.book.closed(Instant::now(), peer);
        }
        tracing::info!(peer = %hello.name, address = %link.remote, "connected");
        let connection = self.connect(ctx, link, hello);
        self.connections.insert(peer, connection);
    }

    /// Starts a connection and tells it the files and positions.
    fn connect(&self, ctx: &mut Context<Self>, link: PeerLink, hello: &Hello) -> Addr<Connection> {
        let origin = self.book.get(hello.peer).is_some_and(|known| known.origin);
        let events = ctx.address().recipient();
        let (store, uploader) = (self.store.clone(), self.uploader.clone());
        let connection = Connection::new(link, hello, origin, store, uploader, events).start();
        self.join_all(&connection);
        for (file, position) in self.files.positions() {
            let position = position.clone();
            connection.do_send(TellPosition { file, position });
        }
        connection
    }

    fn join_all(&self, connection: &Addr<Connection>) {
        for (file, joined) in self.files.iter() {
            connection.do_send(JoinFile {
                file,
                geometry: joined.geometry,
                events: joined.events.clone(),
            });
        }
    }

    /// Releases what a closed link held: its slot goes to another, its totals are kept.
    fn forget(&mut self, peer: PeerId) {
        self.traffic.remove(peer);
        let change = self.choker.leave(peer);
        change.into_iter().for_each(|change| self.apply(change));
    }

    fn close_idle(&mut self) {
        let now = Instant::now();
        for (peer, connection) in &self.connections {
            let wanted = self.choker.wants(*peer) || !self.files.is_empty();
            if self.traffic.is_idle(now, *peer, wanted) {
                connection.do_send(CloseConnection(ByeReason::Idle));
            }
        }
    }

    fn apply(&self, change: Change) {
        let (peer, choking) = match change {
            Change::Choke(peer) => (peer, true),
            Change::Unchoke(peer) => (peer, false),
        };
        if let Some(connection) = self.connections.get(&peer) {
            connection.do_send(SetChoking(choking));
        }
    }

    fn broadcast<M>(&self, message: &M)
    where
        M: Message<Result = ()> + Clone + Send + 'static,
        Connection: Handler<M>,
    {
        for connection in self.connections.values() {
            connection.do_send(message.clone());
        }
    }

    /// Announces the stored chunks, in one message a file.
    fn announce_batch(&mut self, ctx: &mut Context<Self>) {
        for (file, chunks) in self.batch.take() {
            match self.files.get(file) {
                Some(joined) => {
                    self.broadcast(&HoldingsChanged::More(file, joined.geometry, chunks));
                }
                None => self.announce_all_held(ctx, file),
            }
        }
    }

    fn announce_all_held(&self, ctx: &mut Context<Self>, file: FileId) {
        let holding = ask(&self.store, GetHolding(file));
        ctx.spawn(holding.into_actor(self).map(move |holding, actor, _| {
            if let Ok(Some(holding)) = holding {
                actor.broadcast(&HoldingsChanged::More(file, holding.geometry, holding.have));
            }
        }));
    }

    fn ask_for_peers(&self, file: FileId) {
        self.tracker.do_send(WantPeers {
            file,
            position: self.files.playhead(file),
            count: WANTED_PEERS,
        });
    }

    /// Asks the uploader for the uplink; keeps the last state if it does not answer.
    fn ask_uplink(&self, ctx: &mut Context<Self>, then: impl FnOnce(&mut Self) + 'static) {
        let uplink = ask(&self.uploader, Uplink).into_actor(self);
        ctx.spawn(uplink.map(move |uplink, actor, _| {
            if let Ok(uplink) = uplink {
                actor.uplink = uplink;
            }
            then(actor);
        }));
    }

    fn snapshot(&self) -> SwarmSnapshot {
        SwarmSnapshot {
            uploaded_today: self.quota.spent(),
            used_up: self.quota.is_exhausted(),
            ..self.traffic.snapshot(&self.book)
        }
    }

    fn count_upload(&mut self) {
        self.quota.count(SystemTime::now(), self.traffic.uploaded());
        self.enforce_daily_quota();
    }

    /// Serves no peer while the daily quota is exhausted.
    fn enforce_daily_quota(&mut self) {
        let slots = match self.quota.is_exhausted() {
            true => 0,
            false => self.settings.upload_slots,
        };
        if slots == 0 && self.choker.limit() > 0 {
            tracing::info!("daily upload quota exhausted; uploads paused");
        }
        for change in self.choker.set_limit(Instant::now(), slots) {
            self.apply(change);
        }
    }

    fn announce_position(&mut self, file: FileId, position: PeerPosition) {
        let share = match self.quota.is_exhausted() {
            true => SourceShare::None,
            false => self.uplink.share,
        };
        let announced = reporting::announce_position(&mut self.files, file, position, share);
        if let Some(announced) = announced {
            self.broadcast(&announced);
        }
    }
}

impl Actor for Swarm {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.store.do_send(WatchStore(ctx.address().recipient()));
        self.count_upload();
        every(ctx, TICK, Self::tick);
        every(ctx, REPORT_INTERVAL, |actor, ctx| {
            actor.count_upload();
            let report =
                reporting::report(&actor.snapshot(), &actor.files, actor.uplink, &actor.quota);
            actor.tracker.do_send(SendReport(report));
            actor.close_idle();
            actor.ask_uplink(ctx, |_| {});
        });
        ctx.run_interval(SAVE_INTERVAL, |actor, _| {
            actor.settings.quota_file.save_changes(&mut actor.quota);
        });
        ctx.run_interval(FIND_PEERS_INTERVAL, |actor, _| {
            for (file, _) in actor.files.iter() {
                actor.ask_for_peers(file);
            }
        });
    }
}

impl Handler<Close> for Swarm {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        self.broadcast(&CloseConnection(ByeReason::Shutdown));
        self.count_upload();
        self.settings.quota_file.save_changes(&mut self.quota);
        ctx.stop();
    }
}

impl Handler<JoinFile> for Swarm {
    type Result = ();

    fn handle(&mut self, join: JoinFile, _: &mut Context<Self>) {
        self.broadcast(&join);
        self.ask_for_peers(join.file);
        self.files.join(join.file, join.geometry, join.events);
    }
}

impl Handler<LeaveFile> for Swarm {
    type Result = ();

    fn handle(&mut self, leave: LeaveFile, _: &mut Context<Self>) {
        self.files.leave(leave.0);
        self.book.forget_file(leave.0);
        self.tracker.do_send(ForgetPeers(leave.0));
        self.broadcast(&leave);
    }
}

impl Handler<PeerArrived> for Swarm {
    type Result = ();

    fn handle(&mut self, arrived: PeerArrived, ctx: &mut Context<Self>) {
        let PeerArrived { link, hello } = arrived;
        self.admit(ctx, link, &hello, false);
    }
}

impl Handler<ReportFile> for Swarm {
    type Result = ();

    fn handle(&mut self, report: ReportFile, ctx: &mut Context<Self>) {
        let file = report.report.file;
        let position = PeerPosition {
            window: report.window,
            playhead: report.playhead,
            share: SourceShare::None,
        };
        self.files.report(report.report);
        // Asked each time: the share of new chunks follows how idle the uplink is.
        self.ask_uplink(ctx, move |actor| actor.announce_position(file, position));
    }
}

impl Handler<SwarmState> for Swarm {
    type Result = MessageResult<SwarmState>;

    fn handle(&mut self, _: SwarmState, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.snapshot())
    }
}

impl Handler<SetLimits> for Swarm {
    type Result = ();

    fn handle(&mut self, set: SetLimits, _: &mut Context<Self>) {
        self.settings.limits.set(set.upload, set.download);
        self.uploader.do_send(SetUploadLimit(set.upload.0));
        if let Some(TransferCap(limit)) = set.upload_per_day {
            self.quota.set_limit(limit);
        }
        self.enforce_daily_quota();
    }
}
