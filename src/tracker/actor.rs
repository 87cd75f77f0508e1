//! The registry's mailbox: messages of clients in, answers and pushes out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use engine::ids::PeerId;
use engine::protocol::{
    ClientMessage, KickReason, PROTOCOL_VERSION, Register, TrackerMessage, Welcome,
};
use engine::tracker::{ClientInfo, FLUSH_INTERVAL, Outgoing, Registry};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::net::ClientArrived;
use crate::net::LinkWriter;
use crate::runtime::Close;
use crate::tracker::session::Session;
use crate::tracker::{ClientGone, CloseSession, FromClient, ToClient, TrackerState};

/// Settings of the tracker.
#[derive(Debug, Clone)]
pub struct TrackerSettings {
    /// Heartbeat interval of clients.
    pub heartbeat: Duration,
    /// Silence after which a client is gone.
    pub timeout: Duration,
    /// Links at once.
    pub max_clients: usize,
    /// Token with which the own library proves itself.
    pub origin_token: Bytes,
}

/// The actor.
pub struct Tracker {
    settings: TrackerSettings,
    registry: Registry,
    sessions: HashMap<PeerId, Addr<Session>>,
    links: u64,
    rng: StdRng,
}

impl Tracker {
    /// A tracker without clients.
    pub fn new(settings: TrackerSettings) -> Self {
        Self {
            settings,
            registry: Registry::default(),
            sessions: HashMap::new(),
            links: 0,
            rng: StdRng::from_os_rng(),
        }
    }

    fn deliver(&self, outgoing: Vec<Outgoing>) {
        for (peer, message) in outgoing {
            if let Some(session) = self.sessions.get(&peer) {
                session.do_send(ToClient(message));
            }
        }
    }

    fn tick(&mut self) {
        let silent = self.registry.silent(Instant::now(), self.settings.timeout);
        for peer in silent {
            tracing::info!(?peer, "client silent for too long");
            self.registry.remove(peer);
            if let Some(session) = self.sessions.remove(&peer) {
                session.do_send(CloseSession);
            }
        }
        let outgoing = self.registry.flush();
        self.deliver(outgoing);
    }

    /// Reason to refuse a client, if there is one.
    fn refusal(&self, register: &Register) -> Option<KickReason> {
        if register.version != PROTOCOL_VERSION {
            return Some(KickReason::Version);
        }
        let known = self.registry.link_of(register.peer).is_some();
        if self.registry.link_count() >= self.settings.max_clients && !known {
            return Some(KickReason::Full);
        }
        None
    }

    fn welcome(&self, writer: &LinkWriter<TrackerMessage>, address: SocketAddr) -> bool {
        let welcome = TrackerMessage::Welcome(Welcome {
            heartbeat: self.settings.heartbeat,
            timeout: self.settings.timeout,
            your_address: address.to_string(),
            clients: self.registry.client_count(),
        });
        writer.send(welcome).is_ok()
    }

    fn answer(&mut self, peer: PeerId, message: ClientMessage) -> Vec<Outgoing> {
        match message {
            ClientMessage::Publish(publish) => self.registry.publish(peer, publish),
            ClientMessage::Report(report) => self.registry.report(peer, report),
            ClientMessage::Subscribe(kind) => {
                let pages = self.registry.subscribe(peer, kind);
                return pages.into_iter().map(|page| (peer, page)).collect();
            }
            ClientMessage::FindPeers {
                file,
                position,
                count,
            } => {
                let rng = &mut self.rng;
                return self.registry.find_peers(peer, file, position, count, rng);
            }
            ClientMessage::Query {
                number,
                kind,
                search,
                page,
            } => {
                let (total, entries) = self.registry.query(kind, &search, page);
                let result = TrackerMessage::QueryResult {
                    number,
                    total,
                    entries,
                };
                return vec![(peer, result)];
            }
            // The session answers the latter two; a second registration changes nothing.
            ClientMessage::Register(_) | ClientMessage::Heartbeat(_) | ClientMessage::Leave => {}
        }
        Vec::new()
    }
}

/// The last message of a link, with the reason in English for the client's log.
fn kick(reason: KickReason) -> TrackerMessage {
    let text = match reason {
        KickReason::Version => format!("this tracker speaks protocol version {PROTOCOL_VERSION}"),
        reason => reason.to_string(),
    };
    TrackerMessage::Kick { reason, text }
}

impl Actor for Tracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(FLUSH_INTERVAL, |actor, _| actor.tick());
    }
}

impl Handler<Close> for Tracker {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        for session in self.sessions.values() {
            session.do_send(ToClient(kick(KickReason::Shutdown)));
            session.do_send(CloseSession);
        }
        ctx.stop();
    }
}

impl Handler<ClientArrived> for Tracker {
    type Result = ();

    fn handle(&mut self, arrived: ClientArrived, ctx: &mut Context<Self>) {
        let ClientArrived { link, register } = arrived;
        if let Some(reason) = self.refusal(&register) {
            // The link closes when it is dropped, after the kick is written.
            let _ = link.writer.send(kick(reason));
            return;
        }
        self.links += 1;
        let own_token = &self.settings.origin_token;
        let info = ClientInfo {
            name: register.name,
            address: SocketAddr::new(
                link.remote.ip().to_canonical(),
                register.listen_port.unwrap_or(0),
            ),
            origin: !own_token.is_empty() && register.origin_token == *own_token,
            observer: register.observer,
            link: self.links,
        };
        let peer = register.peer;
        tracing::info!(name = %info.name, address = %link.remote, "client registered");
        let replaced = self.registry.register(Instant::now(), peer, info);
        if replaced.is_some()
            && let Some(older) = self.sessions.remove(&peer)
        {
            older.do_send(ToClient(kick(KickReason::Replaced)));
            older.do_send(CloseSession);
        }
        if !self.welcome(&link.writer, link.remote) {
            return self.registry.remove(peer);
        }
        let address = ctx.address();
        let (messages, gone) = (address.clone().recipient(), address.recipient());
        let session = Session::new(peer, self.links, link, messages, gone).start();
        self.sessions.insert(peer, session);
    }
}

impl Handler<FromClient> for Tracker {
    type Result = ();

    fn handle(&mut self, from: FromClient, _: &mut Context<Self>) {
        if self.registry.link_of(from.peer) != Some(from.link) {
            return;
        }
        self.registry.heard(Instant::now(), from.peer);
        let outgoing = self.answer(from.peer, from.message);
        self.deliver(outgoing);
    }
}

impl Handler<ClientGone> for Tracker {
    type Result = ();

    fn handle(&mut self, gone: ClientGone, _: &mut Context<Self>) {
        if self.registry.link_of(gone.peer) == Some(gone.link) {
            tracing::info!(peer = ?gone.peer, "client gone");
            self.registry.remove(gone.peer);
            self.sessions.remove(&gone.peer);
        }
    }
}

impl Handler<TrackerState> for Tracker {
    type Result = MessageResult<TrackerState>;

    fn handle(&mut self, _: TrackerState, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.registry.snapshot())
    }
}
