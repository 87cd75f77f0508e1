//! What is shared, as a person says: folders come and go, looking at them may pause.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::prelude::*;

use crate::library::actor::Library;
use crate::library::scan::expand_home;
use crate::library::{AddError, AddFolder, Pause, RemoveFolder};

impl Handler<AddFolder> for Library {
    type Result = Result<(), AddError>;

    fn handle(&mut self, add: AddFolder, ctx: &mut Context<Self>) -> Self::Result {
        let path = expand_home(add.0);
        let unreadable = |error: std::io::Error| AddError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        };
        let real = std::fs::canonicalize(&path).map_err(unreadable)?;
        if self.covers(&real) {
            return Err(AddError::Known(real));
        }
        self.settings.folders.push(real);
        self.watch(ctx);
        self.walk(ctx);
        Ok(())
    }
}

impl Handler<RemoveFolder> for Library {
    type Result = ();

    fn handle(&mut self, remove: RemoveFolder, ctx: &mut Context<Self>) {
        self.settings.folders.retain(|folder| *folder != remove.0);
        let path = self.current.as_ref().map(|(path, _)| path);
        if path.is_some_and(|path| !self.covers(path)) {
            self.progress.cancelled.store(true, Ordering::Relaxed);
        }
        if self.extras.making().is_some_and(|path| !self.covers(path)) {
            self.extras.cancel();
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.retain(|(path, _)| self.covers(path));
        self.queue = queue;
        let shared = self.shared.keys();
        let gone: Vec<PathBuf> = shared.filter(|path| !self.covers(path)).cloned().collect();
        self.withdraw(&gone);
        self.watch(ctx);
        self.walk(ctx);
    }
}

impl Handler<Pause> for Library {
    type Result = ();

    fn handle(&mut self, Pause(paused): Pause, ctx: &mut Context<Self>) {
        self.progress.paused.store(paused, Ordering::Relaxed);
        if paused {
            self.paused.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.paused.take() {
            // The pace is that of the time it was worked.
            self.begun += since.elapsed();
        }
        self.next(ctx);
    }
}
