//! The swarm's mailbox: owns the connections, tells each what it needs to know.
//!
//! Below it: connections, the announcer (which asks the tracker for peers and
//! carries reports) and the store, whose events it turns into announcements.

mod daily;
mod telling;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{ByeReason, FileReport, Hello, PathReason, PeerMessage, PeerPosition};
use engine::swarm::{AddressBook, Admission};
use engine::swarm::{Change, Choker};
use roaring::RoaringBitmap;

pub use self::daily::Daily;
use crate::net::LinkLimits;
use crate::net::PeerArrived;
use crate::net::PeerLink;
use crate::net::dial;
use crate::runtime::{Close, ask, every};
use crate::store::{GetHolding, Store, StoreEvent, WatchStore};
use crate::swarm::actor::daily::NOTE_INTERVAL;
use crate::swarm::connection::{
    CloseConnection, Connection, ConnectionEvent, HoldingsChanged, SetChoking, TellPosition,
};
use crate::swarm::uploader::{Uplink, UplinkState, Uploader};
use crate::swarm::{
    JoinFile, LeaveFile, PeerSnapshot, ReportFile, SwarmEvent, SwarmEventKind, SwarmState,
};
use crate::tracker_client::PeersFound;
use crate::tracker_client::{ForgetPeers, TrackerClient, WantPeers};

/// How often dials are looked for and choke turns passed on.
const TICK: Duration = Duration::from_millis(200);

/// Time in which stored chunks are gathered before peers are told. Peers wait for
/// haves, so this is short.
const GATHER: Duration = Duration::from_millis(50);

/// How often the tracker is told what was measured.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);

/// How often peers are asked for again while a file is wanted.
const ASK_INTERVAL: Duration = Duration::from_secs(15);

/// A link over which nobody wants anything is closed after this time.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// Files in one report, as the wire allows.
const MAX_REPORTS: usize = 32;

/// Peers asked for at once.
const WANTED_PEERS: u32 = 30;

/// Who we are on the wire, and within which limits we speak.
#[derive(Debug, Clone)]
pub struct SwarmSettings {
    /// What we say first.
    pub hello: Hello,
    /// Peers at once.
    pub max_peers: usize,
    /// Peers served at once.
    pub upload_slots: usize,
    /// Traffic limits shared by all links.
    pub limits: LinkLimits,
    /// The upload limit in bytes a second, for the tracker to know.
    pub upload_limit: Option<u64>,
    /// What may be uploaded a day.
    pub daily: Daily,
}

/// The actor.
pub struct Swarm {
    settings: SwarmSettings,
    store: Addr<Store>,
    announcer: Addr<TrackerClient>,
    uploader: Addr<Uploader>,
    /// What our uplink carries, measured or configured.
    uplink: UplinkState,
    roster: AddressBook,
    slots: Choker,
    connections: HashMap<PeerId, Addr<Connection>>,
    states: HashMap<PeerId, PeerSnapshot>,
    joined: HashMap<FileId, JoinFile>,
    /// Where we are in files, as told last: a new peer hears it at once.
    places: HashMap<FileId, PeerPosition>,
    /// What is held of files that are or were fetched, latest first: others may
    /// still want it.
    reports: VecDeque<FileReport>,
    fresh: HashMap<FileId, RoaringBitmap>,
    /// Files whose sources others fetch from for us.
    reserved: HashSet<FileId>,
    /// When each link was last of use to somebody.
    useful: HashMap<PeerId, Instant>,
    past_downloaded: u64,
    past_uploaded: u64,
}

impl Swarm {
    /// A swarm of nobody yet.
    pub fn new(
        settings: SwarmSettings,
        store: Addr<Store>,
        announcer: Addr<TrackerClient>,
    ) -> Self {
        let now = Instant::now();
        Self {
            roster: AddressBook::new(settings.hello.peer, settings.max_peers),
            slots: Choker::new(settings.upload_slots, now),
            uploader: Uploader::new(settings.upload_limit, settings.limits.clone()).start(),
            uplink: UplinkState::limited(settings.upload_limit),
            settings,
            store,
            announcer,
            connections: HashMap::new(),
            states: HashMap::new(),
            joined: HashMap::new(),
            places: HashMap::new(),
            reports: VecDeque::new(),
            fresh: HashMap::new(),
            reserved: HashSet::new(),
            useful: HashMap::new(),
            past_downloaded: 0,
            past_uploaded: 0,
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for (peer, address) in self.roster.due(now) {
            self.dial(ctx, peer, address);
        }
        for change in self.slots.tick(now) {
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
                    tracing::debug!(?peer, %address, %error, "cannot reach a peer");
                    actor.roster.failed(Instant::now(), peer);
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
        match self.roster.admit(Instant::now(), peer, we_dialled) {
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
        // Only now: a peer that is refused must not believe that it is let in.
        let greeted = we_dialled || {
            let hello = PeerMessage::Hello(self.settings.hello.clone());
            link.writer.send(hello).is_ok()
        };
        if !greeted {
            return self.roster.closed(Instant::now(), peer);
        }
        let origin = self.roster.get(peer).is_some_and(|known| known.origin);
        tracing::info!(peer = %hello.name, address = %link.remote, "connected");
        let events = ctx.address().recipient();
        let (store, uploader) = (self.store.clone(), self.uploader.clone());
        let connection = Connection::new(link, hello, origin, store, uploader, events).start();
        for join in self.joined.values() {
            connection.do_send(join.clone());
        }
        for (file, place) in &self.places {
            let (file, place) = (*file, place.clone());
            connection.do_send(TellPosition { file, place });
        }
        self.connections.insert(peer, connection);
    }

    /// A link is gone: its slot goes to another, its totals are kept.
    fn forget(&mut self, peer: PeerId) {
        if let Some(last) = self.states.remove(&peer) {
            self.past_downloaded += last.downloaded;
            self.past_uploaded += last.uploaded;
        }
        self.useful.remove(&peer);
        let change = self.slots.leave(peer);
        change.into_iter().for_each(|change| self.apply(change));
    }

    /// Closes links over which nobody wanted anything for a while.
    fn close_idle(&mut self) {
        let now = Instant::now();
        for (peer, connection) in &self.connections {
            let wanted = self.slots.wants(*peer) || !self.joined.is_empty();
            let since = self.useful.entry(*peer).or_insert(now);
            if wanted {
                *since = now;
            } else if now.saturating_duration_since(*since) > MAX_IDLE {
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

    fn broadcast(&self, changed: &HoldingsChanged) {
        for connection in self.connections.values() {
            connection.do_send(changed.clone());
        }
    }

    /// Tells what was stored lately, in one message a file.
    fn tell_fresh(&mut self, ctx: &mut Context<Self>) {
        for (file, chunks) in std::mem::take(&mut self.fresh) {
            if chunks.is_empty() {
                continue;
            }
            if let Some(join) = self.joined.get(&file) {
                self.broadcast(&HoldingsChanged::More(file, join.geometry, chunks));
            } else {
                self.tell_all_held(ctx, file);
            }
        }
    }

    fn tell_all_held(&self, ctx: &mut Context<Self>, file: FileId) {
        let holding = ask(&self.store, GetHolding(file));
        ctx.spawn(holding.into_actor(self).map(move |holding, actor, _| {
            if let Ok(Some(holding)) = holding {
                actor.broadcast(&HoldingsChanged::More(file, holding.geometry, holding.have));
            }
        }));
    }

    fn ask_for_peers(&self, file: FileId) {
        let report = self.reports.iter().find(|report| report.file == file);
        let position = report.map_or(ChunkIndex(0), |report| report.position);
        self.announcer.do_send(WantPeers {
            file,
            position,
            count: WANTED_PEERS,
        });
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
            actor.report();
            actor.close_idle();
            let uplink = ask(&actor.uploader, Uplink).into_actor(actor);
            ctx.spawn(uplink.map(|uplink, actor, _| actor.uplink = uplink.unwrap_or_default()));
        });
        ctx.run_interval(NOTE_INTERVAL, |actor, _| actor.note_upload());
        ctx.run_interval(ASK_INTERVAL, |actor, _| {
            actor
                .joined
                .keys()
                .for_each(|file| actor.ask_for_peers(*file));
        });
    }
}

impl Handler<Close> for Swarm {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        for connection in self.connections.values() {
            connection.do_send(CloseConnection(ByeReason::Shutdown));
        }
        self.count_upload();
        self.note_upload();
        ctx.stop();
    }
}

impl Handler<JoinFile> for Swarm {
    type Result = ();

    fn handle(&mut self, join: JoinFile, _: &mut Context<Self>) {
        for connection in self.connections.values() {
            connection.do_send(join.clone());
        }
        self.ask_for_peers(join.file);
        self.joined.insert(join.file, join);
    }
}

impl Handler<LeaveFile> for Swarm {
    type Result = ();

    fn handle(&mut self, leave: LeaveFile, _: &mut Context<Self>) {
        self.joined.remove(&leave.0);
        self.places.remove(&leave.0);
        self.reserved.remove(&leave.0);
        self.roster.forget_file(leave.0);
        self.announcer.do_send(ForgetPeers(leave.0));
        for connection in self.connections.values() {
            connection.do_send(LeaveFile(leave.0));
        }
    }
}

impl Handler<PeersFound> for Swarm {
    type Result = ();

    fn handle(&mut self, meet: PeersFound, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for entry in meet.peers {
            let reserve = entry.reasons.contains(&PathReason::Reserve);
            if let Some(join) = self.joined.get(&meet.file) {
                join.events.do_send(SwarmEvent {
                    peer: entry.peer,
                    kind: SwarmEventKind::Reserve(reserve),
                });
            }
            if reserve {
                self.reserved.insert(meet.file);
            } else if entry.reasons.contains(&PathReason::HasAll) {
                self.reserved.remove(&meet.file);
            }
            let address = entry.host.zip(entry.port).map(SocketAddr::from);
            self.roster.learn(now, entry.peer, address, entry.origin);
            self.roster.named(entry.peer, meet.file, entry.reasons);
        }
        self.tick(ctx);
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
        let place = PeerPosition {
            window: report.window,
            playhead: report.playhead,
            uplink: 0,
        };
        let report = report.report;
        let file = report.file;
        self.reports.retain(|report| report.file != file);
        self.reports.push_front(report);
        self.reports.truncate(MAX_REPORTS);
        // Asked each time: the share of new chunks follows how idle the uplink is.
        let uplink = ask(&self.uploader, Uplink).into_actor(self);
        ctx.spawn(uplink.map(move |uplink, actor, _| {
            actor.uplink = uplink.unwrap_or_default();
            actor.tell_place(file, place);
        }));
    }
}

impl Handler<StoreEvent> for Swarm {
    type Result = ();

    fn handle(&mut self, event: StoreEvent, ctx: &mut Context<Self>) {
        match event {
            StoreEvent::Stored { file, chunk } => {
                if self.fresh.is_empty() {
                    ctx.run_later(GATHER, Self::tell_fresh);
                }
                self.fresh.entry(file).or_default().insert(chunk.0);
            }
            StoreEvent::Opened { file, .. } => self.tell_all_held(ctx, file),
            StoreEvent::Evicted { file, chunks } => {
                if let Some(fresh) = self.fresh.get_mut(&file) {
                    *fresh -= &chunks;
                }
                for report in self.reports.iter_mut().filter(|r| r.file == file) {
                    report.have -= &chunks;
                }
                self.broadcast(&HoldingsChanged::Less(file, chunks));
            }
            StoreEvent::Withdrawn { file } => {
                self.reports.retain(|report| report.file != file);
                let mut all = RoaringBitmap::new();
                all.insert_range(0..Geometry::MAX_CHUNKS);
                self.broadcast(&HoldingsChanged::Less(file, all));
            }
            StoreEvent::Completed(_) | StoreEvent::Changed { .. } => {}
        }
    }
}

impl Handler<ConnectionEvent> for Swarm {
    type Result = ();

    fn handle(&mut self, event: ConnectionEvent, _: &mut Context<Self>) {
        match event {
            ConnectionEvent::Wants(peer, true) => {
                let change = self.slots.enter(peer);
                change.into_iter().for_each(|change| self.apply(change));
            }
            ConnectionEvent::Wants(peer, false) => {
                let change = self.slots.leave(peer);
                change.into_iter().for_each(|change| self.apply(change));
            }
            ConnectionEvent::State(state) => {
                if self.connections.contains_key(&state.peer) {
                    self.states.insert(state.peer, *state);
                }
            }
            ConnectionEvent::Corrupt(peer) => self.roster.ban(Instant::now(), peer),
            ConnectionEvent::Closed(peer, connection) => {
                match self.connections.get(&peer) {
                    Some(current) if *current == connection => {}
                    // Replaced by another link, which schedulers now forgot.
                    Some(current) => {
                        let joins = self.joined.values();
                        return joins.for_each(|join| current.do_send(join.clone()));
                    }
                    None => return,
                }
                self.connections.remove(&peer);
                self.forget(peer);
                self.roster.closed(Instant::now(), peer);
            }
        }
    }
}

impl Handler<SwarmState> for Swarm {
    type Result = MessageResult<SwarmState>;

    fn handle(&mut self, _: SwarmState, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.snapshot())
    }
}
