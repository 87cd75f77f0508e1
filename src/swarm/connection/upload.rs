//! The serving half of a connection: the peer's requests go to the uploader, which
//! says when each is sent.

use std::time::Instant;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::protocol::{MAX_PAYLOAD, PeerMessage, RejectReason};
use engine::store::StoreError;
use engine::swarm::Upload;

use crate::runtime::ask_slow;
use crate::store::ReadChunk;
use crate::swarm::connection::Connection;
use crate::swarm::uploader::{UploadEvent, UploadTurn};

impl Connection {
    pub(super) fn tell_uploader(&self, event: UploadEvent) {
        self.uploader.do_send(event);
    }

    /// Bytes of a chunk, as far as we know the file; else the most there can be.
    pub(super) fn chunk_len(&self, file: FileId, chunk: ChunkIndex) -> u32 {
        let known = self.told.get(&file);
        known.map_or(MAX_PAYLOAD as u32, |geometry| geometry.chunk_len(chunk))
    }

    /// It is this peer's turn: its request is read and handed to the writer.
    fn serve(&mut self, ctx: &mut Context<Self>, upload: Upload) {
        let Upload { file, chunk, .. } = upload;
        let (read, writer) = (
            ask_slow(&self.store, ReadChunk { file, chunk }),
            self.writer.clone(),
        );
        let held = async move {
            let slot = writer.reserve_payload().await.ok();
            (slot, read.await)
        };
        ctx.spawn(held.into_actor(self).then(move |(slot, held), actor, ctx| {
            let wanted = actor.session.answer(file, chunk);
            let written = match (slot, held) {
                (Some(slot), Ok(Ok(held))) if wanted => {
                    let bytes = held.payload.len() as u64;
                    actor.session.note_sent(Instant::now(), file, bytes);
                    let told = slot.send(PeerMessage::Chunk {
                        file,
                        chunk,
                        proof: held.proof,
                        payload: held.payload,
                    });
                    Some((told, bytes))
                }
                (_, Ok(Err(error))) if wanted => {
                    actor.refuse(ctx, upload, reason_of(&error));
                    None
                }
                // Taken back meanwhile, or the link is gone.
                _ => None,
            };
            let written = async move {
                match written {
                    Some((told, bytes)) => told.await.map_or(0, |()| bytes),
                    None => 0,
                }
            };
            written.into_actor(actor).map(|bytes, actor, _| {
                actor.tell_uploader(UploadEvent::Finished(actor.peer, bytes));
            })
        }));
    }

    fn refuse(&mut self, ctx: &mut Context<Self>, upload: Upload, reason: RejectReason) {
        let message = PeerMessage::Reject {
            file: upload.file,
            chunk: upload.chunk,
            reason,
        };
        self.send(ctx, message);
    }
}

impl Handler<UploadTurn> for Connection {
    type Result = ();

    fn handle(&mut self, turn: UploadTurn, ctx: &mut Context<Self>) {
        match turn {
            UploadTurn::Serve(upload) => self.serve(ctx, upload),
            UploadTurn::QueueDelay(backlog) => {
                if self.session.is_wanted() {
                    self.send_soon(ctx, PeerMessage::QueueDelay(backlog));
                }
            }
            UploadTurn::Refuse(upload, reason) => {
                if self.session.answer(upload.file, upload.chunk) {
                    self.refuse(ctx, upload, reason);
                }
            }
        }
    }
}

/// What the peer is told of an error of ours.
fn reason_of(error: &StoreError) -> RejectReason {
    match error {
        StoreError::Disk(_) | StoreError::DiskFull => RejectReason::Disk,
        _ => RejectReason::NotHeld,
    }
}
