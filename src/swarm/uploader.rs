//! The upload queue's mailbox: requests of all connections in, whose turn it is
//! out.
//!
//! Above it: the connections, which read from the store and write to their
//! sockets; and the swarm, which tells the tracker what the uplink carries. It
//! never sees payload.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::protocol::{QueueDelay, RejectReason};
use engine::swarm::{Upload, UploadQueue, UploadTuning};

use crate::net::LinkLimits;
use crate::runtime::every;

/// How often peers are told the backlog, and it is looked whether one that does
/// not read keeps others waiting.
const TICK: Duration = Duration::from_millis(200);

/// A change of the backlog that peers are told.
const NEWS: Duration = Duration::from_millis(250);

/// What a connection tells.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum UploadEvent {
    /// A connection that may ask begins.
    Joined(PeerId, Recipient<UploadTurn>),
    /// The peer asks for a chunk.
    Asked(PeerId, Upload),
    /// It takes a request back.
    TookBack(PeerId, FileId, ChunkIndex),
    /// It takes a request back if it still waits, and wants to know.
    Recalled(PeerId, FileId, ChunkIndex),
    /// It no longer wants a file.
    LostInterest(PeerId, FileId),
    /// It is no longer served: what it waits for is refused.
    Choked(PeerId),
    /// So many bytes are on their way to it, on a slow line nearly all of them on the
    /// line; none if it came to nothing.
    Finished(PeerId, u64),
    /// The connection ends.
    Gone(PeerId, Recipient<UploadTurn>),
}

/// What a connection is told of a request.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum UploadTurn {
    /// Send it now; answer with [`UploadEvent::Finished`].
    Serve(Upload),
    /// Time it takes to serve all that waits; for the peer to know.
    QueueDelay(QueueDelay),
    /// Refuse it.
    Refuse(Upload, RejectReason),
}

/// Another configured uplink, in bytes a second.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetUploadLimit(pub Option<u64>);

/// Asks what the uplink carries.
#[derive(Debug, Message)]
#[rtype(result = "UplinkState")]
pub struct Uplink;

/// What the uplink carries, in bytes a second; `None` while that is not known.
#[derive(Debug, Clone, Copy, Default, MessageResponse)]
pub struct UplinkState {
    /// All of it.
    pub carries: Option<u64>,
    /// What decides the share of new chunks to pass on: more while it is idle.
    pub share: Option<u64>,
}

impl UplinkState {
    /// Before anything is measured, the configured limit.
    pub fn limited(limit: Option<u64>) -> Self {
        Self {
            carries: limit,
            share: limit,
        }
    }
}

/// The actor.
#[derive(Debug)]
pub struct Uploader {
    uploads: UploadQueue,
    connections: HashMap<PeerId, Recipient<UploadTurn>>,
    told_backlog: QueueDelay,
    limits: LinkLimits,
}

impl Uploader {
    /// Nobody asks yet; `limit` is the configured uplink in bytes a second,
    /// `limits` those of all links.
    pub fn new(limit: Option<u64>, limits: LinkLimits) -> Self {
        Self {
            uploads: UploadQueue::new(Instant::now(), limit, UploadTuning::default()),
            connections: HashMap::new(),
            told_backlog: QueueDelay::default(),
            limits,
        }
    }

    fn serve(&mut self) {
        while let Some((peer, upload)) = self.uploads.next(Instant::now()) {
            self.tell(peer, UploadTurn::Serve(upload));
        }
    }

    fn tell_backlog(&mut self) {
        let backlog = self.uploads.backlog(Instant::now());
        let told = self.told_backlog;
        let news = backlog.all.abs_diff(told.all) >= NEWS;
        if !news && backlog.pressing.abs_diff(told.pressing) < NEWS {
            return;
        }
        self.told_backlog = backlog;
        for connection in self.connections.values() {
            connection.do_send(UploadTurn::QueueDelay(backlog));
        }
    }

    fn tell(&self, peer: PeerId, turn: UploadTurn) {
        if let Some(connection) = self.connections.get(&peer) {
            connection.do_send(turn);
        }
    }
}

impl Actor for Uploader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        every(ctx, TICK, |actor, _| {
            actor.serve();
            actor.tell_backlog();
            let uploads = &actor.uploads;
            actor.limits.set_line(uploads.pace(), uploads.uplink());
        });
    }
}

impl Handler<UploadEvent> for Uploader {
    type Result = ();

    fn handle(&mut self, event: UploadEvent, _: &mut Context<Self>) {
        match event {
            UploadEvent::Joined(peer, connection) => {
                self.connections.insert(peer, connection);
            }
            UploadEvent::Asked(peer, upload) => {
                if let Err(wait) = self.uploads.ask(Instant::now(), peer, upload) {
                    let reason = RejectReason::Busy(wait);
                    self.tell(peer, UploadTurn::Refuse(upload, reason));
                }
            }
            UploadEvent::TookBack(peer, file, chunk) => {
                self.uploads.cancel(peer, file, chunk);
            }
            UploadEvent::Recalled(peer, file, chunk) => {
                if let Some(upload) = self.uploads.cancel(peer, file, chunk) {
                    self.tell(peer, UploadTurn::Refuse(upload, RejectReason::Recalled));
                }
            }
            UploadEvent::LostInterest(peer, file) => self.uploads.forget_file(peer, file),
            UploadEvent::Choked(peer) => {
                for upload in self.uploads.forget(peer) {
                    self.tell(peer, UploadTurn::Refuse(upload, RejectReason::Choked));
                }
            }
            UploadEvent::Finished(peer, bytes) => {
                self.uploads.finished(Instant::now(), peer, bytes);
            }
            UploadEvent::Gone(peer, connection) => {
                // Another link to the same peer may have taken its place.
                if self.connections.get(&peer) == Some(&connection) {
                    self.uploads.gone(peer);
                    self.connections.remove(&peer);
                }
            }
        }
        self.serve();
    }
}

impl Handler<SetUploadLimit> for Uploader {
    type Result = ();

    fn handle(&mut self, SetUploadLimit(limit): SetUploadLimit, _: &mut Context<Self>) {
        self.uploads.set_limit(limit);
    }
}

impl Handler<Uplink> for Uploader {
    type Result = UplinkState;

    fn handle(&mut self, _: Uplink, _: &mut Context<Self>) -> Self::Result {
        UplinkState {
            carries: self.uploads.uplink(),
            share: self.uploads.share(Instant::now()),
        }
    }
}
