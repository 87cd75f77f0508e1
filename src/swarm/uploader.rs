//! Mailbox of the upload queue: requests of all connections in, upload turns out.
//!
//! Above it: the connections, which read from the store and write to their
//! sockets; and the swarm, which reports the uplink to the tracker. Payload never
//! passes through it.

use std::collections::HashMap;
use std::time::Instant;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::protocol::{QueueDelay, RejectReason, SourceShare};
use engine::swarm::{QUEUE_DELAY_CHANGE, QUEUE_DELAY_INTERVAL, Upload, UploadQueue, UploadTuning};

use crate::net::LinkLimits;
use crate::runtime::every;

/// Event of a connection.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum UploadEvent {
    /// A connection begins.
    Joined(PeerId, Recipient<UploadTurn>),
    /// The peer requests a chunk.
    Asked(PeerId, Upload),
    /// The peer cancels a request.
    Cancelled(PeerId, FileId, ChunkIndex),
    /// The peer recalls a request; refused as recalled if it still waits.
    Recalled(PeerId, FileId, ChunkIndex),
    /// The peer is no longer interested in a file.
    LostInterest(PeerId, FileId),
    /// The peer is choked: its waiting requests are refused.
    Choked(PeerId),
    /// Bytes of a served request have been sent, on a slow uplink drained from the
    /// kernel queue; 0 if it failed.
    Finished(PeerId, u64),
    /// The connection ends.
    Gone(PeerId, Recipient<UploadTurn>),
}

/// Decision on a request.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum UploadTurn {
    /// Send the chunk now; answer with [`UploadEvent::Finished`].
    Serve(Upload),
    /// Announce this queue delay to the peer.
    QueueDelay(QueueDelay),
    /// Refuse the request.
    Refuse(Upload, RejectReason),
}

/// Sets the configured uplink in bytes a second.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetUploadLimit(pub Option<u64>);

/// Asks for the capacity of the uplink.
#[derive(Debug, Message)]
#[rtype(result = "UplinkState")]
pub struct Uplink;

/// State of the uplink.
#[derive(Debug, Clone, Copy, MessageResponse)]
pub struct UplinkState {
    /// Capacity in bytes a second; `None` while unknown.
    pub capacity: Option<u64>,
    /// Share of the new chunks to pass on: more while it idles.
    pub share: SourceShare,
}

impl UplinkState {
    /// Before anything is measured, the configured limit.
    pub fn limited(limit: Option<u64>) -> Self {
        Self {
            capacity: limit,
            share: limit.map_or(SourceShare::Unknown, SourceShare::Weight),
        }
    }
}

/// The actor.
#[derive(Debug)]
pub struct Uploader {
    uploads: UploadQueue,
    connections: HashMap<PeerId, Recipient<UploadTurn>>,
    announced_delay: QueueDelay,
    limits: LinkLimits,
}

impl Uploader {
    /// An empty queue. `limit` is the configured uplink in bytes a second, `limits`
    /// are those of all links.
    pub fn new(limit: Option<u64>, limits: LinkLimits) -> Self {
        Self {
            uploads: UploadQueue::new(Instant::now(), limit, UploadTuning::default()),
            connections: HashMap::new(),
            announced_delay: QueueDelay::default(),
            limits,
        }
    }

    fn serve(&mut self) {
        while let Some((peer, upload)) = self.uploads.next(Instant::now()) {
            self.notify(peer, UploadTurn::Serve(upload));
        }
    }

    fn announce_delay(&mut self) {
        let delay = self.uploads.queue_delay(Instant::now());
        let announced = self.announced_delay;
        let changed = delay.all.abs_diff(announced.all) >= QUEUE_DELAY_CHANGE;
        if !changed && delay.critical.abs_diff(announced.critical) < QUEUE_DELAY_CHANGE {
            return;
        }
        self.announced_delay = delay;
        for connection in self.connections.values() {
            connection.do_send(UploadTurn::QueueDelay(delay));
        }
    }

    fn notify(&self, peer: PeerId, turn: UploadTurn) {
        if let Some(connection) = self.connections.get(&peer) {
            connection.do_send(turn);
        }
    }
}

impl Actor for Uploader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        every(ctx, QUEUE_DELAY_INTERVAL, |actor, _| {
            actor.serve();
            actor.announce_delay();
            let uploads = &actor.uploads;
            actor.limits.set_uplink(uploads.pace(), uploads.uplink());
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
                    self.notify(peer, UploadTurn::Refuse(upload, reason));
                }
            }
            UploadEvent::Cancelled(peer, file, chunk) => {
                self.uploads.cancel(peer, file, chunk);
            }
            UploadEvent::Recalled(peer, file, chunk) => {
                if let Some(upload) = self.uploads.cancel(peer, file, chunk) {
                    self.notify(peer, UploadTurn::Refuse(upload, RejectReason::Recalled));
                }
            }
            UploadEvent::LostInterest(peer, file) => self.uploads.forget_file(peer, file),
            UploadEvent::Choked(peer) => {
                for upload in self.uploads.forget(peer) {
                    self.notify(peer, UploadTurn::Refuse(upload, RejectReason::Choked));
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
            capacity: self.uploads.uplink(),
            share: self.uploads.share(Instant::now()),
        }
    }
}
