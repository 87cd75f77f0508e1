//! What is cached of a file stays when room is short.

use actix::prelude::*;
use engine::store::StoreError;

use crate::store::Pin;
use crate::store::actor::{Store, blocking};
use crate::store::disk;

impl Handler<Pin> for Store {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, Pin { file, pinned }: Pin, _: &mut Context<Self>) -> Self::Result {
        let before = self.ledger.is_pinned(file);
        if !self.ledger.pin(file, pinned) {
            return Box::pin(actix::fut::ready(Err(StoreError::NotHeld)));
        }
        let directory = disk::directory(&self.root, file);
        let noted = blocking(move || Ok(disk::pin(&directory, pinned)?));
        Box::pin(noted.into_actor(self).map(move |noted, actor, _| {
            noted.inspect_err(|_| {
                // It would be forgotten with the program.
                actor.ledger.pin(file, before);
            })
        }))
    }
}
