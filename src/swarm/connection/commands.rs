//! Commands of the swarm and the schedulers to a connection.

use actix::prelude::*;
use engine::scheduler::PeerEvent;

use crate::swarm::connection::{Connection, HoldingsChanged, SetChoking, TellPosition};
use crate::swarm::uploader::UploadEvent;
use crate::swarm::{ChunkRequest, JoinFile, LeaveFile, SwarmEvent};

impl Handler<JoinFile> for Connection {
    type Result = ();

    fn handle(&mut self, join: JoinFile, ctx: &mut Context<Self>) {
        join.events.do_send(SwarmEvent::PeerUp {
            peer: self.info.peer,
            requests: ctx.address().recipient(),
            name: self.info.name.clone(),
            origin: self.info.origin,
        });
        self.schedulers.insert(join.file, join.events);
        if let Some(rtt) = self.session.rtt() {
            self.notify(join.file, PeerEvent::Rtt(rtt));
        }
        if self.session.is_choked() {
            self.notify(join.file, PeerEvent::Choked(true));
        }
        let interested = self.session.want(join.file, join.geometry);
        self.send(ctx, interested);
    }
}

impl Handler<LeaveFile> for Connection {
    type Result = ();

    fn handle(&mut self, leave: LeaveFile, ctx: &mut Context<Self>) {
        self.schedulers.remove(&leave.0);
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
        let message = match changed {
            HoldingsChanged::More(file, geometry, chunks) => {
                self.session.have(file, geometry, chunks)
            }
            HoldingsChanged::Less(file, chunks) => self.session.evicted(file, chunks),
        };
        if let Some(message) = message {
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
            self.notify_uploader(UploadEvent::Choked(self.info.peer));
        }
    }
}

impl Handler<TellPosition> for Connection {
    type Result = ();

    fn handle(&mut self, tell: TellPosition, ctx: &mut Context<Self>) {
        let first = self.session.set_position(tell.file, tell.position);
        self.send_soon(ctx, first);
    }
}
