//! What was played and how far: where to go on, what is done, what was last.
//!
//! [`History`] is pure; [`HistoryFile`] keeps it in an embedded database in the data
//! directory.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::media::{FileEntry, MediaKind};

/// Files remembered; the one that was played longest ago is forgotten first.
const MAX_FILES: usize = 5000;

/// Less than this of a file was only looked into.
const BEGUN: Duration = Duration::from_secs(5);

/// Songs are played from the start; a lecture goes on where it was left.
const LONG_AUDIO: Duration = Duration::from_secs(600);

/// What is left of a file that is as good as done: a twentieth, within these bounds.
const LEFT_MIN: Duration = Duration::from_secs(10);
const LEFT_MAX: Duration = Duration::from_secs(300);

/// How far a file was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlayProgress {
    /// Media time reached last, in milliseconds.
    pub position_ms: u64,
    /// Length, in milliseconds.
    pub duration_ms: u64,
    /// Whether it was played to the end, or nearly, at some time.
    pub done: bool,
    /// Whether it was played at all: what is done may only be said to be.
    #[serde(default = "yes")]
    pub played: bool,
    /// Grows from one played file to the next: the highest was played last.
    pub order: u64,
}

fn yes() -> bool {
    true
}

impl PlayProgress {
    /// Share that was played last, 0 to 1; 0 if it is done.
    pub fn share(self) -> f32 {
        match self.duration_ms {
            0 => 0.0,
            duration => (self.position_ms as f32 / duration as f32).min(1.0),
        }
    }

    /// Whether it is begun and not over.
    pub fn is_begun(self) -> bool {
        self.position_ms > 0
    }
}

/// How far each file was played.
#[derive(Debug, Default)]
pub struct History {
    files: HashMap<FileId, PlayProgress>,
    order: u64,
    /// Changed since they were last kept.
    changed: Vec<FileId>,
    /// What a person said how it is while it may have played.
    settled: Option<FileId>,
}

impl History {
    /// A history as it was kept.
    pub fn new(kept: impl IntoIterator<Item = (FileId, PlayProgress)>) -> Self {
        let files: HashMap<FileId, PlayProgress> = kept.into_iter().collect();
        let order = files.values().map(|seen| seen.order).max().unwrap_or(0);
        Self {
            files,
            order,
            changed: Vec::new(),
            settled: None,
        }
    }

    /// How far a file was played.
    pub fn seen(&self, file: FileId) -> Option<PlayProgress> {
        self.files.get(&file).copied()
    }

    /// All files, the one played last first.
    pub fn recent(&self) -> Vec<(FileId, PlayProgress)> {
        let mut all: Vec<(FileId, PlayProgress)> =
            self.files.iter().map(|(id, s)| (*id, *s)).collect();
        all.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.order));
        all
    }

    /// Where a file goes on: where it was left, or at the start.
    pub fn resume(&self, entry: &FileEntry) -> Duration {
        let long = entry.info.kind == MediaKind::Video || entry.info.duration() >= LONG_AUDIO;
        match self.seen(entry.id) {
            Some(seen) if long => Duration::from_millis(seen.position_ms),
            _ => Duration::ZERO,
        }
    }

    /// A file begins to play.
    pub fn begins(&mut self, entry: &FileEntry) {
        self.order += 1;
        self.settled = None;
        let order = self.order;
        let seen = self.files.entry(entry.id).or_insert(PlayProgress {
            position_ms: 0,
            duration_ms: entry.info.duration_ms,
            done: false,
            played: true,
            order,
        });
        (seen.order, seen.played) = (order, true);
        self.note_changed(entry.id);
        self.forget_oldest();
    }

    /// A file that began is at a media time.
    pub fn at(&mut self, file: FileId, position: Duration) {
        let followed = self.settled != Some(file);
        let Some(seen) = self.files.get_mut(&file).filter(|_| followed) else {
            return;
        };
        let duration = Duration::from_millis(seen.duration_ms);
        let left = duration.saturating_sub(position);
        let over = left <= (duration / 20).clamp(LEFT_MIN, LEFT_MAX).min(duration / 2);
        let position = match over || position < BEGUN {
            true => Duration::ZERO,
            false => position,
        };
        let new = PlayProgress {
            position_ms: position.as_millis() as u64,
            done: seen.done || over,
            ..*seen
        };
        if new != *seen {
            *seen = new;
            self.note_changed(file);
        }
    }

    /// A person says that a file is done, or that it may be forgotten. What plays is not
    /// followed any more until it begins anew.
    pub fn mark(&mut self, entry: &FileEntry, done: bool) {
        self.settled = Some(entry.id);
        if !done {
            if self.files.remove(&entry.id).is_some() {
                self.note_changed(entry.id);
            }
            return;
        }
        let seen = self.files.entry(entry.id).or_insert(PlayProgress {
            position_ms: 0,
            duration_ms: entry.info.duration_ms,
            done,
            played: false,
            order: self.order,
        });
        (seen.position_ms, seen.done) = (0, done);
        self.note_changed(entry.id);
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        if self.files.len() > MAX_FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, seen)| seen.order)
        {
            let oldest = *oldest.0;
            self.files.remove(&oldest);
            self.note_changed(oldest);
        }
    }

    fn note_changed(&mut self, file: FileId) {
        if !self.changed.contains(&file) {
            self.changed.push(file);
        }
    }

    /// What changed since the last call; `None` for what is forgotten.
    pub fn take_changes(&mut self) -> Vec<(FileId, Option<PlayProgress>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|id| (id, self.seen(id))).collect()
    }
}

#[cfg(test)]
mod tests;
