//! A whole file leaves the cache and is served where it then lies.

use actix::prelude::*;
use engine::ids::FileId;
use engine::store::StoreError;

use crate::store::Export;
use crate::store::actor::{Store, blocking};
use crate::store::disk;

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
        if self.is_complete(file).is_none() {
            return Box::pin(actix::fut::ready(Err(StoreError::NotHeld)));
        }
        let directory = disk::directory(&self.root, file);
        let to = path.clone();
        // Nothing of it may be evicted or removed meanwhile.
        self.ledger.keep(file, true);
        let moved = blocking(move || Ok(disk::give_away(&directory, &to)?));
        Box::pin(moved.into_actor(self).map(move |moved, actor, _| {
            actor.ledger.keep(file, false);
            moved?;
            actor.serve_from(file, path);
            Ok(())
        }))
    }
}

impl Store {
    /// The cached copy became a file of its own.
    fn serve_from(&mut self, file: FileId, path: std::path::PathBuf) {
        if let Some(content) = self.contents.get_mut(&file) {
            content.moved(path);
        }
        if let Some(all) = self.ledger.have(file).cloned() {
            self.ledger.remove(file, &all);
        }
        self.open.retain(|open| *open != file);
    }
}
