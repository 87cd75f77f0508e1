//! What the swarm and the schedulers tell a connection to do.

use actix::prelude::*;
use engine::ids::FileId;
use engine::protocol::PeerMessage;

use crate::swarm::connection::{Connection, HoldingsChanged, SetChoking, TellPosition};
use crate::swarm::uploader::UploadEvent;
use crate::swarm::{ChunkRequest, JoinFile, LeaveFile, SwarmEventKind};

impl Handler<JoinFile> for Connection {
    type Result = ();

    fn handle(&mut self, join: JoinFile, ctx: &mut Context<Self>) {
        self.schedulers.insert(join.file, join.events);
        let up = SwarmEventKind::PeerUp {
            requests: ctx.address().recipient(),
            name: self.name.clone(),
            origin: self.origin,
        };
        self.tell(join.file, up);
        if let Some(rtt) = self.session.rtt() {
            self.tell(join.file, SwarmEventKind::Rtt(rtt));
        }
        if self.session.is_choked() {
            self.tell(join.file, SwarmEventKind::Choked(true));
        }
        let interested = self.session.want(join.file, join.geometry);
        self.send(ctx, interested);
    }
}

impl Handler<LeaveFile> for Connection {
    type Result = ();

    fn handle(&mut self, leave: LeaveFile, ctx: &mut Context<Self>) {
        self.schedulers.remove(&leave.0);
        self.places.remove(&leave.0);
        let message = self.session.unwant(leave.0);
        self.send(ctx, message);
    }
}

impl Handler<ChunkRequest> for Connection {
    type Result = ();

    fn handle(&mut self, request: ChunkRequest, ctx: &mut Context<Self>) {
        let message = match request {
            ChunkRequest::Request {
                file,
                chunk,
                deadline,
            } => Some(self.session.request(file, chunk, deadline)),
            ChunkRequest::Cancel { file, chunk } => self.session.cancel(file, chunk),
            ChunkRequest::Recall { file, chunk } => self.session.recall(file, chunk),
        };
        if let Some(message) = message {
            self.send(ctx, message);
        }
    }
}

impl Handler<HoldingsChanged> for Connection {
    type Result = ();

    fn handle(&mut self, changed: HoldingsChanged, ctx: &mut Context<Self>) {
        let (file, message) = match changed {
            HoldingsChanged::More(file, geometry, chunks) => (
                file,
                PeerMessage::Have {
                    file,
                    geometry,
                    chunks,
                },
            ),
            HoldingsChanged::Less(file, chunks) => (file, PeerMessage::Evicted { file, chunks }),
        };
        if self.session.is_interested(file) {
            if let PeerMessage::Have { geometry, .. } = &message {
                self.told.insert(file, *geometry);
            }
            self.send(ctx, message);
        }
    }
}

impl Handler<SetChoking> for Connection {
    type Result = ();

    fn handle(&mut self, set: SetChoking, ctx: &mut Context<Self>) {
        if let Some(message) = self.session.set_choking(set.0) {
            self.send(ctx, message);
        }
        if set.0 {
            self.tell_uploader(UploadEvent::Choked(self.peer));
        }
    }
}

impl Handler<TellPosition> for Connection {
    type Result = ();

    fn handle(&mut self, tell: TellPosition, ctx: &mut Context<Self>) {
        self.places.insert(tell.file, tell.place);
        if self.session.is_interested(tell.file) {
            self.tell_place(ctx, tell.file);
        }
    }
}

impl Connection {
    /// Says where we are in a file, if we are anywhere.
    pub(super) fn tell_place(&mut self, ctx: &mut Context<Self>, file: FileId) {
        if let Some(place) = self.places.get(&file).cloned() {
            let position = place;
            self.send_soon(ctx, PeerMessage::Position { file, position });
        }
    }
}
