//! One peer: a link and its session.
//!
//! Talks to the store (below) to verify, keep and read chunks, and to its
//! schedulers and the swarm (above) only through `Recipient`s. Payload enters
//! memory only against a request of ours (in) or when it is this peer's turn in
//! the one upload queue (out), so a connection holds at most
//! `stream.requests_per_peer` chunks coming, and all together what
//! [`engine::swarm::upload_queue`] hands out at once.

mod commands;
mod upload;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{ByeReason, Hello, PeerMessage, PeerPosition};
use engine::store::StoreError;
use engine::swarm::Upload;
use engine::swarm::{Effect, Offence, Session};
use roaring::RoaringBitmap;

use crate::net::{LinkReader, LinkWriter, PeerLink};
use crate::runtime::{ask, ask_slow, every};
use crate::store::{GetHolding, Put, Store};
use crate::swarm::uploader::{UploadEvent, Uploader};
use crate::swarm::{PeerSnapshot, SwarmEvent, SwarmEventKind};
use crate::wire::WireError;

/// How often silence is looked for and the swarm is told the rates.
const TICK: Duration = Duration::from_secs(1);

/// How long what is in no hurry waits for a message to go with. To be woken for a
/// message costs the peer more than to read it.
const SOON: Duration = Duration::from_millis(100);

/// What a connection tells the swarm that owns it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum ConnectionEvent {
    /// The peer began to want something of us, or wants nothing any more.
    Wants(PeerId, bool),
    /// The state, every second.
    State(Box<PeerSnapshot>),
    /// The peer sent a chunk that does not verify.
    Corrupt(PeerId),
    /// The link is gone. Last event.
    Closed(PeerId, Addr<Connection>),
}

/// Chunks now held, or no longer; told to the peer if it is interested.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum HoldingsChanged {
    /// In addition to what it knows.
    More(FileId, Geometry, RoaringBitmap),
    /// No longer held.
    Less(FileId, RoaringBitmap),
}

/// Where we are in a file; told to the peer if it is interested.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct TellPosition {
    /// Content id.
    pub file: FileId,
    /// Where.
    pub place: PeerPosition,
}

/// Serve, or stop serving.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetChoking(pub bool);

/// Close the link.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseConnection(pub ByeReason);

/// The actor.
#[derive(Debug)]
pub struct Connection {
    peer: PeerId,
    name: String,
    address: SocketAddr,
    origin: bool,
    reader: Option<LinkReader<PeerMessage>>,
    writer: LinkWriter<PeerMessage>,
    session: Session,
    store: Addr<Store>,
    swarm: Recipient<ConnectionEvent>,
    schedulers: HashMap<FileId, Recipient<SwarmEvent>>,
    uploader: Addr<Uploader>,
    /// How files are cut that the peer was told of.
    told: HashMap<FileId, Geometry>,
    /// Where we are in files, for peers that become interested.
    places: HashMap<FileId, PeerPosition>,
    /// Messages that wait for the next that is in a hurry.
    soon: Vec<PeerMessage>,
}

impl Connection {
    /// A connection after both hellos.
    pub fn new(
        link: PeerLink,
        hello: &Hello,
        origin: bool,
        store: Addr<Store>,
        uploader: Addr<Uploader>,
        swarm: Recipient<ConnectionEvent>,
    ) -> Self {
        let mut reader = link.reader;
        reader.expect_payload();
        Self {
            peer: hello.peer,
            name: hello.name.clone(),
            address: link.remote,
            origin,
            reader: Some(reader),
            writer: link.writer,
            session: Session::new(Instant::now()),
            store,
            swarm,
            schedulers: HashMap::new(),
            uploader,
            told: HashMap::new(),
            places: HashMap::new(),
            soon: Vec::new(),
        }
    }

    fn tell(&self, file: FileId, kind: SwarmEventKind) {
        if let Some(scheduler) = self.schedulers.get(&file) {
            scheduler.do_send(SwarmEvent {
                peer: self.peer,
                kind,
            });
        }
    }

    fn tell_all(&self, kind: &SwarmEventKind) {
        for file in self.schedulers.keys() {
            self.tell(*file, kind.clone());
        }
    }

    /// Sends what can wait a moment: with the next message, or soon. Of what says
    /// the same kind of thing only the latest goes.
    fn send_soon(&mut self, ctx: &mut Context<Self>, message: PeerMessage) {
        if self.soon.is_empty() {
            ctx.run_later(SOON, Self::send_waiting);
        }
        self.soon.retain(|older| match (older, &message) {
            (PeerMessage::Position { file: older, .. }, PeerMessage::Position { file, .. }) => {
                older != file
            }
            (older, message) => std::mem::discriminant(older) != std::mem::discriminant(message),
        });
        self.soon.push(message);
    }

    fn send_waiting(&mut self, ctx: &mut Context<Self>) {
        for message in std::mem::take(&mut self.soon) {
            self.queue(ctx, message);
        }
    }

    fn send(&mut self, ctx: &mut Context<Self>, message: PeerMessage) {
        self.send_waiting(ctx);
        self.queue(ctx, message);
    }

    fn queue(&mut self, ctx: &mut Context<Self>, message: PeerMessage) {
        match self.writer.send(message) {
            Ok(()) => {}
            Err(WireError::Violation(text)) => {
                let reason = ByeReason::NotReading;
                self.close(ctx, &Offence { reason, text });
            }
            Err(_) => ctx.stop(),
        }
    }

    /// Says why, and ends. The writer sends what is queued before it closes.
    fn close(&mut self, ctx: &mut Context<Self>, offence: &Offence) {
        tracing::info!(peer = %self.name, reason = ?offence.reason, text = offence.text, "link closed");
        // If the queue is full the reason is lost; the link closes all the same.
        let _ = self.writer.send(PeerMessage::Bye {
            reason: offence.reason,
            text: offence.text.to_owned(),
        });
        ctx.stop();
    }

    fn perform(&mut self, ctx: &mut Context<Self>, effect: Effect) {
        match effect {
            Effect::Send(message) => self.send(ctx, message),
            Effect::TellHoldings(file) => {
                self.tell_place(ctx, file);
                self.tell_holdings(ctx, file);
            }
            Effect::Wants(wants) => self.swarm.do_send(ConnectionEvent::Wants(self.peer, wants)),
            Effect::Has(file, chunks) => self.tell(file, SwarmEventKind::Has(chunks)),
            Effect::Lost(file, chunks) => self.tell(file, SwarmEventKind::Lost(chunks)),
            Effect::Choked(choked) => self.tell_all(&SwarmEventKind::Choked(choked)),
            Effect::Rtt(rtt) => self.tell_all(&SwarmEventKind::Rtt(rtt)),
            Effect::Arrived {
                file,
                chunk,
                proof,
                payload,
            } => self.keep(ctx, file, chunk, proof, payload),
            Effect::Rejected {
                file,
                chunk,
                reason,
            } => self.tell(file, SwarmEventKind::Rejected { chunk, reason }),
            Effect::Asked(file, chunk, deadline) => {
                let bytes = self.chunk_len(file, chunk);
                let upload = Upload {
                    file,
                    chunk,
                    bytes,
                    deadline,
                };
                self.tell_uploader(UploadEvent::Asked(self.peer, upload));
            }
            Effect::TookBack(file, chunk) => {
                self.tell_uploader(UploadEvent::TookBack(self.peer, file, chunk));
            }
            Effect::Recalled(file, chunk) => {
                self.tell_uploader(UploadEvent::Recalled(self.peer, file, chunk));
            }
            Effect::LostInterest(file) => {
                self.tell_uploader(UploadEvent::LostInterest(self.peer, file));
            }
            Effect::QueueDelay(backlog) => self.tell_all(&SwarmEventKind::QueueDelay(backlog)),
            Effect::Position(file, place) => self.tell(file, SwarmEventKind::Position(place)),
            Effect::Bye(reason, text) => {
                tracing::info!(peer = %self.name, ?reason, text, "closed by the peer");
                ctx.stop();
            }
        }
    }

    /// Sends a chunk through the store; tells the scheduler how it went.
    fn keep(
        &mut self,
        ctx: &mut Context<Self>,
        file: FileId,
        chunk: ChunkIndex,
        proof: bytes::Bytes,
        payload: bytes::Bytes,
    ) {
        let bytes = payload.len() as u32;
        let put = ask_slow(
            &self.store,
            Put {
                file,
                chunk,
                proof,
                payload,
            },
        );
        ctx.spawn(put.into_actor(self).map(move |result, actor, ctx| {
            let result = result.unwrap_or(Err(StoreError::UnknownFile));
            let corrupt = result == Err(StoreError::Corrupt);
            actor.tell(
                file,
                SwarmEventKind::Arrived {
                    chunk,
                    bytes,
                    result,
                },
            );
            if corrupt {
                actor.swarm.do_send(ConnectionEvent::Corrupt(actor.peer));
                let offence = Offence {
                    reason: ByeReason::Corrupt,
                    text: "a chunk that does not verify",
                };
                actor.close(ctx, &offence);
            }
        }));
    }

    fn tell_holdings(&mut self, ctx: &mut Context<Self>, file: FileId) {
        let asked = ask(&self.store, GetHolding(file));
        ctx.spawn(asked.into_actor(self).map(move |holding, actor, ctx| {
            let Ok(Some(holding)) = holding else {
                return;
            };
            actor.told.insert(file, holding.geometry);
            if !holding.have.is_empty() {
                let message = PeerMessage::Have {
                    file,
                    geometry: holding.geometry,
                    chunks: holding.have,
                };
                actor.send(ctx, message);
            }
        }));
    }

    fn snapshot(&self) -> PeerSnapshot {
        let now = Instant::now();
        let micros = |rtt: Duration| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        PeerSnapshot {
            peer: self.peer,
            name: self.name.clone(),
            address: self.address,
            origin: self.origin,
            rtt_us: self.session.rtt().map(micros),
            download_rate: self.session.received.rate(now) as u64,
            upload_rate: self.session.sent.rate(now) as u64,
            downloaded: self.session.received.total(),
            uploaded: self.session.sent.total(),
            taking: self.session.taking(now),
            reasons: Default::default(),
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        match self.session.tick(Instant::now()) {
            Ok(ping) => ping.into_iter().for_each(|ping| self.send(ctx, ping)),
            Err(offence) => self.close(ctx, &offence),
        }
        let state = ConnectionEvent::State(Box::new(self.snapshot()));
        self.swarm.do_send(state);
    }
}

impl Actor for Connection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(reader) = self.reader.take() {
            ctx.add_stream(reader.into_stream());
        }
        let turns = ctx.address().recipient();
        self.tell_uploader(UploadEvent::Joined(self.peer, turns));
        every(ctx, TICK, Self::tick);
        self.tick(ctx);
    }

    fn stopped(&mut self, ctx: &mut Context<Self>) {
        self.tell_all(&SwarmEventKind::PeerDown);
        let turns = ctx.address().recipient();
        self.tell_uploader(UploadEvent::Gone(self.peer, turns));
        let closed = ConnectionEvent::Closed(self.peer, ctx.address());
        self.swarm.do_send(closed);
    }
}

impl StreamHandler<Result<PeerMessage, WireError>> for Connection {
    fn handle(&mut self, message: Result<PeerMessage, WireError>, ctx: &mut Context<Self>) {
        let handled = match message {
            Ok(message) => self.session.handle(Instant::now(), message),
            Err(WireError::Violation(text)) => Err(Offence {
                reason: ByeReason::Protocol,
                text,
            }),
            Err(WireError::Malformed(_)) => Err(Offence {
                reason: ByeReason::Protocol,
                text: "a malformed message",
            }),
            Err(error) => {
                tracing::debug!(peer = %self.name, %error, "link lost");
                return ctx.stop();
            }
        };
        match handled {
            Ok(effects) => effects
                .into_iter()
                .for_each(|effect| self.perform(ctx, effect)),
            Err(offence) => self.close(ctx, &offence),
        }
    }
}

impl Handler<CloseConnection> for Connection {
    type Result = ();

    fn handle(&mut self, close: CloseConnection, ctx: &mut Context<Self>) {
        let offence = Offence {
            reason: close.0,
            text: "",
        };
        self.close(ctx, &offence);
    }
}
