//! Progress of played files: resume positions, played marks, order of last use.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::media::{FileEntry, MediaKind};

/// Files remembered; the least recently played one is forgotten first.
const MAX_FILES: usize = 5000;

/// Position below which a file counts as not begun.
const BEGUN: Duration = Duration::from_secs(5);

/// Audio of at least this length resumes; shorter songs start from the beginning.
const LONG_AUDIO: Duration = Duration::from_secs(600);

/// Time before the end from which a file counts as played: a twentieth of its duration
/// (closing credits), within these bounds.
const MIN_CREDITS: Duration = Duration::from_secs(10);
const MAX_CREDITS: Duration = Duration::from_secs(300);

/// Progress of a file. The stored field names are those of earlier releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlayProgress {
    /// Media time reached last, in milliseconds; 0 at the start and once played.
    pub position_ms: u64,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// True once played to the end, or marked as played.
    #[serde(rename = "done")]
    pub played: bool,
    /// True once started; false if only marked as played.
    #[serde(rename = "played", default = "yes")]
    pub started: bool,
    /// Sequence number of the last start: the highest was played last.
    pub order: u64,
}

fn yes() -> bool {
    true
}

impl PlayProgress {
    /// Share of the duration reached last, 0 to 1.
    pub fn share(self) -> f32 {
        match self.duration_ms {
            0 => 0.0,
            duration => (self.position_ms as f32 / duration as f32).min(1.0),
        }
    }

    /// True if playback can resume within the file.
    pub fn is_begun(self) -> bool {
        self.position_ms > 0
    }
}

/// Progress of all files.
#[derive(Debug, Default)]
pub struct History {
    files: HashMap<FileId, PlayProgress>,
    order: u64,
    /// Files changed since the last [`History::take_changes`].
    changed: Vec<FileId>,
    /// File marked by the user, whose progress is not recorded until it starts again.
    marked: Option<FileId>,
}

impl History {
    /// A history with saved progress.
    pub fn new(saved: impl IntoIterator<Item = (FileId, PlayProgress)>) -> Self {
        let files: HashMap<FileId, PlayProgress> = saved.into_iter().collect();
        let order = files
            .values()
            .map(|progress| progress.order)
            .max()
            .unwrap_or(0);
        Self {
            files,
            order,
            changed: Vec::new(),
            marked: None,
        }
    }

    /// Progress of a file.
    pub fn progress(&self, file: FileId) -> Option<PlayProgress> {
        self.files.get(&file).copied()
    }

    /// All files, most recently played first.
    pub fn recent(&self) -> Vec<(FileId, PlayProgress)> {
        let mut all: Vec<(FileId, PlayProgress)> = self
            .files
            .iter()
            .map(|(id, progress)| (*id, *progress))
            .collect();
        all.sort_by_key(|(_, progress)| std::cmp::Reverse(progress.order));
        all
    }

    /// Position at which a file resumes; zero for short audio.
    pub fn resume_position(&self, entry: &FileEntry) -> Duration {
        let long = entry.info.kind == MediaKind::Video || entry.info.duration() >= LONG_AUDIO;
        match self.progress(entry.id) {
            Some(progress) if long => Duration::from_millis(progress.position_ms),
            _ => Duration::ZERO,
        }
    }

    /// Records the start of a file.
    pub fn start(&mut self, entry: &FileEntry) {
        self.order += 1;
        self.marked = None;
        let order = self.order;
        let progress = self.files.entry(entry.id).or_insert(PlayProgress {
            position_ms: 0,
            duration_ms: entry.info.duration_ms,
            played: false,
            started: true,
            order,
        });
        (progress.order, progress.started) = (order, true);
        self.note_changed(entry.id);
        self.forget_oldest();
    }

    /// Records the position of a started file.
    pub fn record(&mut self, file: FileId, position: Duration) {
        let recorded = self.marked != Some(file);
        let Some(progress) = self.files.get_mut(&file).filter(|_| recorded) else {
            return;
        };
        let duration = Duration::from_millis(progress.duration_ms);
        let left = duration.saturating_sub(position);
        let over = left
            <= (duration / 20)
                .clamp(MIN_CREDITS, MAX_CREDITS)
                .min(duration / 2);
        let position = match over || position < BEGUN {
            true => Duration::ZERO,
            false => position,
        };
        let new = PlayProgress {
            position_ms: position.as_millis() as u64,
            played: progress.played || over,
            ..*progress
        };
        if new != *progress {
            *progress = new;
            self.note_changed(file);
        }
    }

    /// Marks a file as played, or forgets its progress. Progress of a file that plays
    /// now is not recorded until the file starts again.
    pub fn mark(&mut self, entry: &FileEntry, played: bool) {
        self.marked = Some(entry.id);
        if !played {
            if self.files.remove(&entry.id).is_some() {
                self.note_changed(entry.id);
            }
            return;
        }
        let progress = self.files.entry(entry.id).or_insert(PlayProgress {
            position_ms: 0,
            duration_ms: entry.info.duration_ms,
            played,
            started: false,
            order: self.order,
        });
        (progress.position_ms, progress.played) = (0, played);
        self.note_changed(entry.id);
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        if self.files.len() > MAX_FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, progress)| progress.order)
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

    /// Takes the changes since the last call; `None` for forgotten files.
    pub fn take_changes(&mut self) -> Vec<(FileId, Option<PlayProgress>)> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .map(|id| (id, self.progress(id)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
