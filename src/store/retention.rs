//! Cached files that stay or go at the user's request: pin, export, forget.

use actix::prelude::*;
use engine::store::StoreError;

use crate::store::actor::Store;
use crate::store::disk;
use crate::store::write::{blocking, erase};
use crate::store::{Export, Forget, Pin};

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
                // The marker on disk decides after a restart.
                actor.ledger.pin(file, before);
            })
        }))
    }
}

impl Handler<Export> for Store {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, export: Export, _: &mut Context<Self>) -> Self::Result {
        let Export { file, path } = export;
        if let Some(shared) = self.contents.get(&file).and_then(|c| c.path().cloned()) {
            let copied = blocking(move || Ok(std::fs::copy(shared, path).map(drop)?));
            return Box::pin(copied.into_actor(self));
        }
        if self.ledger.is_kept(file) {
            return Box::pin(actix::fut::ready(Err(StoreError::Busy)));
        }
        if self.complete_entry(file).is_none() {
            return Box::pin(actix::fut::ready(Err(StoreError::NotHeld)));
        }
        let directory = disk::directory(&self.root, file);
        let to = path.clone();
        // Protects it from eviction and removal meanwhile.
        self.ledger.keep(file, true);
        let moved = blocking(move || Ok(disk::move_out(&directory, &to)?));
        Box::pin(moved.into_actor(self).map(move |moved, actor, _| {
            actor.ledger.keep(file, false);
            moved?;
            actor.serve_from(file, path);
            Ok(())
        }))
    }
}

impl Handler<Forget> for Store {
    type Result = bool;

    fn handle(&mut self, Forget(file): Forget, _: &mut Context<Self>) -> Self::Result {
        let Some(chunks) = self.ledger.have(file).cloned() else {
            return false;
        };
        if self.ledger.is_read(file) || self.ledger.is_kept(file) {
            return false;
        }
        self.ledger.pin(file, false);
        self.ledger.remove(file, &chunks);
        let erasures = self.evict(vec![(file, chunks)]);
        let directory = disk::directory(&self.root, file);
        actix_rt::task::spawn_blocking(move || {
            erase(erasures);
            if let Err(error) = disk::pin(&directory, false) {
                tracing::warn!(%error, "failed to clear pin marker");
            }
        });
        true
    }
}
