//! Files to hash, one at a time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use crate::library::Stamp;

/// Shortest time that a rate is computed over, in seconds.
const MIN_TIME: f64 = 0.1;

/// Files that wait to be hashed, and the one being hashed.
#[derive(Debug, Default)]
pub struct HashQueue {
    waiting: VecDeque<(PathBuf, Stamp)>,
    current: Option<Current>,
    /// Start of the pause.
    paused: Option<Instant>,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    stamp: Stamp,
    /// Start of hashing, moved forward by every pause.
    begun: Instant,
}

/// Progress of the file being hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hashing {
    /// Path of the file.
    pub path: PathBuf,
    /// Bytes hashed.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Average rate in bytes per second, without pauses; 0 at first.
    pub rate: u64,
}

impl HashQueue {
    /// Replaces the waiting files; the one being hashed is not queued again.
    pub fn replace(&mut self, files: Vec<(PathBuf, Stamp)>) {
        let current = self.current.as_ref();
        let hashed = |file: &(PathBuf, Stamp)| {
            current.is_some_and(|current| current.path == file.0 && current.stamp == file.1)
        };
        self.waiting = files.into_iter().filter(|file| !hashed(file)).collect();
    }

    /// Drops waiting files.
    pub fn retain(&mut self, keep: impl Fn(&Path) -> bool) {
        self.waiting.retain(|(path, _)| keep(path));
    }

    /// Starts the next file; `None` while paused, busy or empty.
    pub fn start_next(&mut self, now: Instant) -> Option<(PathBuf, Stamp)> {
        if self.paused.is_some() || self.current.is_some() {
            return None;
        }
        let (path, stamp) = self.waiting.pop_front()?;
        self.current = Some(Current {
            path: path.clone(),
            stamp,
            begun: now,
        });
        Some((path, stamp))
    }

    /// Ends the current file.
    pub fn finish(&mut self) {
        self.current = None;
    }

    /// Pauses or resumes.
    pub fn set_paused(&mut self, paused: bool, now: Instant) {
        if paused {
            self.paused.get_or_insert(now);
        } else if let Some(since) = self.paused.take()
            && let Some(current) = &mut self.current
        {
            // A file started before the pause; the pause does not count.
            current.begun += now.saturating_duration_since(since);
        }
    }

    /// True while paused.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Path of the file being hashed.
    pub fn current(&self) -> Option<&Path> {
        self.current.as_ref().map(|current| current.path.as_path())
    }

    /// True if no file waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// True if no file waits or is being hashed.
    pub fn is_idle(&self) -> bool {
        self.is_empty() && self.current.is_none()
    }

    /// Number of waiting files.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of the waiting files.
    pub fn bytes(&self) -> u64 {
        self.waiting.iter().map(|(_, stamp)| stamp.size).sum()
    }

    /// Progress of the current file, of which `done` bytes are hashed.
    pub fn progress(&self, done: u64, now: Instant) -> Option<Hashing> {
        let current = self.current.as_ref()?;
        let until = self.paused.unwrap_or(now);
        let worked = until.saturating_duration_since(current.begun);
        let seconds = worked.as_secs_f64().max(MIN_TIME);
        Some(Hashing {
            path: current.path.clone(),
            done,
            total: current.stamp.size,
            rate: (done as f64 / seconds) as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn file(name: &str) -> (PathBuf, Stamp) {
        let stamp = Stamp {
            size: 1000,
            modified_ns: 0,
            inode: 1,
        };
        (name.into(), stamp)
    }

    #[test]
    fn one_file_is_hashed_at_a_time() {
        let now = Instant::now();
        let mut queue = HashQueue::default();
        queue.replace(vec![file("/a"), file("/b")]);
        assert_eq!(queue.start_next(now), Some(file("/a")));
        assert_eq!(queue.start_next(now), None);
        // A scan finds the current file again.
        queue.replace(vec![file("/a"), file("/b")]);
        assert_eq!((queue.len(), queue.bytes()), (1, 1000));
        queue.finish();
        assert_eq!(queue.start_next(now), Some(file("/b")));
        queue.finish();
        assert!(queue.is_idle());
    }

    #[test]
    fn paused_queue_starts_nothing() {
        let now = Instant::now();
        let mut queue = HashQueue::default();
        queue.replace(vec![file("/a")]);
        queue.set_paused(true, now);
        assert_eq!(queue.start_next(now), None);
        queue.set_paused(false, now);
        assert!(queue.start_next(now).is_some());
    }

    #[test]
    fn rate_excludes_pauses() {
        let start = Instant::now();
        let mut queue = HashQueue::default();
        queue.replace(vec![file("/a")]);
        queue.start_next(start);
        queue.set_paused(true, start + SECOND);
        let rate = |queue: &HashQueue, now| queue.progress(500, now).map(|hashing| hashing.rate);
        assert_eq!(rate(&queue, start + SECOND * 9), Some(500));
        queue.set_paused(false, start + SECOND * 9);
        assert_eq!(rate(&queue, start + SECOND * 10), Some(250));
    }

    #[test]
    fn retain_drops_waiting_files_only() {
        let mut queue = HashQueue::default();
        queue.replace(vec![file("/a"), file("/b"), file("/c")]);
        queue.start_next(Instant::now());
        queue.retain(|path| path != Path::new("/b"));
        assert_eq!((queue.current(), queue.len()), (Some(Path::new("/a")), 1));
    }
}
