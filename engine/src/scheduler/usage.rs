//! Use of a scheduler: readers, and wishes to have all of the file.

use std::time::{Duration, Instant};

use crate::scheduler::demand::ReaderId;

/// Use of one scheduler.
#[derive(Debug)]
pub struct Usage {
    /// Number of readers opened so far.
    readers: u64,
    last_read: Instant,
    /// Number of wishes to have all of the file.
    downloads: usize,
}

impl Usage {
    /// A scheduler without reader.
    pub fn new(now: Instant) -> Self {
        Self {
            readers: 0,
            last_read: now,
            downloads: 0,
        }
    }

    /// Adds a reader.
    pub fn open_reader(&mut self, now: Instant) -> ReaderId {
        self.read(now);
        self.readers += 1;
        ReaderId(self.readers)
    }

    /// Records an action of a reader or player.
    pub fn read(&mut self, now: Instant) {
        self.last_read = now;
    }

    /// Time since the last such action.
    pub fn unread_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_read)
    }

    /// Adds or withdraws a wish to have all of the file. Returns true while one lasts.
    pub fn set_download(&mut self, wanted: bool) -> bool {
        self.downloads = match wanted {
            true => self.downloads + 1,
            false => self.downloads.saturating_sub(1),
        };
        self.downloads > 0
    }
}
