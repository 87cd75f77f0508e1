//! One peer: a link and its session.
//!
//! Uses the store (below) to verify, keep and read chunks; reaches its schedulers
//! and the swarm (above) only through `Recipient`s. Payload enters memory only
//! against a request of ours (in) or when it is this peer's turn in the upload
//! queue (out). So a connection holds at most `stream.requests_per_peer` incoming
//! chunks, and all connections together as many outgoing ones as the upload queue
//! has in flight.
//!
//! * [`commands`]: messages of the swarm and the schedulers.
//! * [`upload`]: service of the peer's requests.

mod commands;
mod upload;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{ByeReason, Hello, PeerMessage, PeerPosition};
use engine::scheduler::PeerEvent;
use engine::store::StoreError;
use engine::swarm::{COALESCE_DELAY, Effect, LINK_INTERVAL, Offence, Session, Upload};
use roaring::RoaringBitmap;

use crate::net::{LinkReader, LinkWriter, PeerLink};
use crate::runtime::{ask, ask_slow, every};
use crate::store::{GetHolding, Put, Store};
use crate::swarm::uploader::{UploadEvent, Uploader};
use crate::swarm::{PeerSnapshot, SwarmEvent};
use crate::wire::WireError;

/// Event for the swarm.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum ConnectionEvent {
    /// The peer became interested in a file (true) or in none any more.
    Wants(PeerId, bool),
    /// State, every second.
    State(Box<PeerSnapshot>),
    /// The peer sent a chunk that fails verification.
    Corrupt(PeerId),
    /// The link is gone. Last event.
    Closed(PeerId, Addr<Connection>),
}

/// Changes the holdings; announced to the peer if it is interested.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum HoldingsChanged {
    /// Chunks held in addition.
    More(FileId, Geometry, RoaringBitmap),
    /// Chunks no longer held.
    Less(FileId, RoaringBitmap),
}

/// Changes the own position in a file; announced to the peer if it is interested.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct TellPosition {
    /// Content id.
    pub file: FileId,
    /// Position.
    pub position: PeerPosition,
}

/// Stops serving the peer (true) or resumes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetChoking(pub bool);

/// Closes the link.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct CloseConnection(pub ByeReason);

/// Identity of the peer.
#[derive(Debug)]
struct PeerInfo {
    peer: PeerId,
    name: String,
    address: SocketAddr,
    origin: bool,
}

/// The actor.
#[derive(Debug)]
pub struct Connection {
    info: PeerInfo,
    reader: Option<LinkReader<PeerMessage>>,
    writer: LinkWriter<PeerMessage>,
    session: Session,
    store: Addr<Store>,
    swarm: Recipient<ConnectionEvent>,
    schedulers: HashMap<FileId, Recipient<SwarmEvent>>,
    uploader: Addr<Uploader>,
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
            info: PeerInfo {
                peer: hello.peer,
                name: hello.name.clone(),
                address: link.remote,
                origin,
            },
            reader: Some(reader),
            writer: link.writer,
            session: Session::new(Instant::now()),
            store,
            swarm,
            schedulers: HashMap::new(),
            uploader,
        }
    }

    fn notify(&self, file: FileId, event: PeerEvent) {
        if let Some(scheduler) = self.schedulers.get(&file) {
            scheduler.do_send(SwarmEvent::Peer(self.info.peer, event));
        }
    }

    fn notify_all(&self, event: &PeerEvent) {
        for file in self.schedulers.keys() {
            self.notify(*file, event.clone());
        }
    }

    fn notify_uploader(&self, event: UploadEvent) {
        self.uploader.do_send(event);
    }

    /// Schedules the announcements that wait, when the first of them was queued.
    fn send_soon(&self, ctx: &mut Context<Self>, first: bool) {
        if first {
            ctx.run_later(COALESCE_DELAY, Self::send_waiting);
        }
    }

    fn send_waiting(&mut self, ctx: &mut Context<Self>) {
        for message in self.session.take_waiting() {
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

    /// Sends the reason and ends. The writer sends what is queued before it closes.
    fn close(&mut self, ctx: &mut Context<Self>, offence: &Offence) {
        tracing::info!(peer = %self.info.name, reason = ?offence.reason, text = offence.text, "link closed");
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
                let first = self.session.repeat_position(file);
                self.send_soon(ctx, first);
                self.announce_holdings(ctx, file);
            }
            Effect::Wants(wants) => self
                .swarm
                .do_send(ConnectionEvent::Wants(self.info.peer, wants)),
            Effect::Has(file, chunks) => self.notify(file, PeerEvent::Gained(chunks)),
            Effect::Lost(file, chunks) => self.notify(file, PeerEvent::Lost(chunks)),
            Effect::Choked(choked) => self.notify_all(&PeerEvent::Choked(choked)),
            Effect::Rtt(rtt) => self.notify_all(&PeerEvent::Rtt(rtt)),
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
            } => self.notify(file, PeerEvent::Rejected(chunk, reason)),
            Effect::Asked(file, chunk, deadline) => {
                let bytes = self.session.chunk_len(file, chunk);
                let upload = Upload {
                    file,
                    chunk,
                    bytes,
                    deadline,
                };
                self.notify_uploader(UploadEvent::Asked(self.info.peer, upload));
            }
            Effect::Cancelled(file, chunk) => {
                self.notify_uploader(UploadEvent::Cancelled(self.info.peer, file, chunk));
            }
            Effect::Recalled(file, chunk) => {
                self.notify_uploader(UploadEvent::Recalled(self.info.peer, file, chunk));
            }
            Effect::LostInterest(file) => {
                self.notify_uploader(UploadEvent::LostInterest(self.info.peer, file));
            }
            Effect::QueueDelay(delay) => self.notify_all(&PeerEvent::QueueDelay(delay)),
            Effect::Position(file, position) => {
                self.notify(file, PeerEvent::Position(position));
            }
            Effect::Bye(reason, text) => {
                tracing::info!(peer = %self.info.name, ?reason, text, "closed by the peer");
                ctx.stop();
            }
        }
    }

    /// Stores a chunk and notifies the scheduler of the result.
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
            let event = match result {
                Ok(()) => PeerEvent::Stored(chunk, bytes),
                Err(error) => PeerEvent::NotStored(chunk, error),
            };
            actor.notify(file, event);
            if corrupt {
                actor
                    .swarm
                    .do_send(ConnectionEvent::Corrupt(actor.info.peer));
                let offence = Offence {
                    reason: ByeReason::Corrupt,
                    text: "chunk fails verification",
                };
                actor.close(ctx, &offence);
            }
        }));
    }

    fn announce_holdings(&mut self, ctx: &mut Context<Self>, file: FileId) {
        let asked = ask(&self.store, GetHolding(file));
        ctx.spawn(asked.into_actor(self).map(move |holding, actor, ctx| {
            let Ok(Some(holding)) = holding else {
                return;
            };
            let empty = holding.have.is_empty();
            let message = actor.session.have(file, holding.geometry, holding.have);
            if let Some(message) = message.filter(|_| !empty) {
                actor.send(ctx, message);
            }
        }));
    }

    fn snapshot(&self) -> PeerSnapshot {
        let now = Instant::now();
        let micros = |rtt: Duration| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        PeerSnapshot {
            peer: self.info.peer,
            name: self.info.name.clone(),
            address: self.info.address,
            origin: self.info.origin,
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
        self.notify_uploader(UploadEvent::Joined(self.info.peer, turns));
        every(ctx, LINK_INTERVAL, Self::tick);
        self.tick(ctx);
    }

    fn stopped(&mut self, ctx: &mut Context<Self>) {
        self.notify_all(&PeerEvent::Disconnected);
        let turns = ctx.address().recipient();
        self.notify_uploader(UploadEvent::Gone(self.info.peer, turns));
        let closed = ConnectionEvent::Closed(self.info.peer, ctx.address());
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
                text: "malformed message",
            }),
            Err(error) => {
                tracing::debug!(peer = %self.info.name, %error, "link lost");
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
