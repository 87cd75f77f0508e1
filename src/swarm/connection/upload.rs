//! Service of the peer's requests: they go to the uploader, which decides when
//! each is sent.

use std::time::Instant;

use actix::prelude::*;
use engine::protocol::{PeerMessage, RejectReason};
use engine::store::StoreError;
use engine::swarm::Upload;

use crate::runtime::ask_slow;
use crate::store::ReadChunk;
use crate::swarm::connection::Connection;
use crate::swarm::uploader::{UploadEvent, UploadTurn};

impl Handler<UploadTurn> for Connection {
    type Result = ();

    fn handle(&mut self, turn: UploadTurn, ctx: &mut Context<Self>) {
        match turn {
            UploadTurn::Serve(upload) => serve(self, ctx, upload),
            UploadTurn::QueueDelay(delay) => {
                let first = self.session.announce_delay(delay);
                self.send_soon(ctx, first);
            }
            UploadTurn::Refuse(upload, reason) => {
                if self.session.answer(upload.file, upload.chunk) {
                    refuse(self, ctx, upload, reason);
                }
            }
        }
    }
}

/// Reads the chunk and hands it to the writer: it is this peer's turn.
fn serve(connection: &Connection, ctx: &mut Context<Connection>, upload: Upload) {
    let Upload { file, chunk, .. } = upload;
    let read = ask_slow(&connection.store, ReadChunk { file, chunk });
    let writer = connection.writer.clone();
    let held = async move {
        let slot = writer.reserve_payload().await.ok();
        (slot, read.await)
    };
    let held = held.into_actor(connection);
    ctx.spawn(held.then(move |(slot, held), actor, ctx| {
        let wanted = actor.session.answer(file, chunk);
        let written = match (slot, held) {
            (Some(slot), Ok(Ok(held))) if wanted => {
                let bytes = held.payload.len() as u64;
                actor.session.note_sent(Instant::now(), file, bytes);
                let written = slot.send(PeerMessage::Chunk {
                    file,
                    chunk,
                    proof: held.proof,
                    payload: held.payload,
                });
                Some((written, bytes))
            }
            (_, Ok(Err(error))) if wanted => {
                refuse(actor, ctx, upload, reject_reason(&error));
                None
            }
            // Cancelled meanwhile, or the link is gone.
            _ => None,
        };
        let written = async move {
            match written {
                Some((written, bytes)) => written.await.map_or(0, |()| bytes),
                None => 0,
            }
        };
        written.into_actor(actor).map(|bytes, actor, _| {
            actor.notify_uploader(UploadEvent::Finished(actor.info.peer, bytes));
        })
    }));
}

fn refuse(
    connection: &mut Connection,
    ctx: &mut Context<Connection>,
    upload: Upload,
    reason: RejectReason,
) {
    let message = PeerMessage::Reject {
        file: upload.file,
        chunk: upload.chunk,
        reason,
    };
    connection.send(ctx, message);
}

/// Reason on the wire for a failure to read a chunk.
fn reject_reason(error: &StoreError) -> RejectReason {
    match error {
        StoreError::Disk(_) | StoreError::DiskFull => RejectReason::Disk,
        _ => RejectReason::NotHeld,
    }
}
