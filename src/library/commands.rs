//! Commands of the user: sharing folders or not, pausing hashing.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::prelude::*;
use engine::io_failure::IoFailure;

use crate::library::actor::Library;
use crate::library::scan::expand_home;
use crate::library::{AddError, AddFolder, Pause, RemoveFolder};

impl Handler<AddFolder> for Library {
    type Result = Result<(), AddError>;

    fn handle(&mut self, add: AddFolder, ctx: &mut Context<Self>) -> Self::Result {
        let path = expand_home(add.0);
        let real = std::fs::canonicalize(&path).map_err(|error| AddError::Unreadable {
            path,
            error: IoFailure::from(&error),
        })?;
        if self.folders.covers(&real) {
            return Err(AddError::Known(real));
        }
        self.folders.add(real);
        self.watch(ctx);
        self.scan(ctx);
        Ok(())
    }
}

impl Handler<RemoveFolder> for Library {
    type Result = ();

    fn handle(&mut self, remove: RemoveFolder, ctx: &mut Context<Self>) {
        self.folders.remove(&remove.0);
        let folders = &self.folders;
        let outside = |path: &Path| !folders.covers(path);
        if self.queue.current().is_some_and(outside) {
            self.progress.cancelled.store(true, Ordering::Relaxed);
        }
        if self.sidecars.current().is_some_and(|path| outside(path)) {
            self.sidecars_cancelled.store(true, Ordering::Relaxed);
        }
        self.queue.retain(|path| folders.covers(path));
        let shared = self.files.iter().map(|(path, _)| path);
        let gone: Vec<PathBuf> = shared.filter(|path| outside(path)).cloned().collect();
        self.withdraw(&gone);
        self.watch(ctx);
        self.scan(ctx);
    }
}

impl Handler<Pause> for Library {
    type Result = ();

    fn handle(&mut self, Pause(paused): Pause, ctx: &mut Context<Self>) {
        self.progress.paused.store(paused, Ordering::Relaxed);
        self.queue.set_paused(paused, Instant::now());
        self.next(ctx);
    }
}
