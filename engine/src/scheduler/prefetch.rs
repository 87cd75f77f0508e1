//! Order of background fetches: what may be fetched before anybody plays it.
//!
//! Two purposes exist: the preload of the next file in the queue, and downloads that a
//! user asked for. Both yield to readers: a task starts once no other file has a reader
//! that lacks chunks, and a task that fetches all of a file is suspended while one does.
//! A task that fetches a part of a file reads it to the end: it is short.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use crate::ids::FileId;

/// Byte ranges of a file to fetch before it is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefetchRange {
    /// Number of bytes at the beginning.
    pub head: u64,
    /// Range fetched after that; may be empty.
    pub place: Range<u64>,
}

impl PrefetchRange {
    /// All of a file, whatever its size.
    pub const ALL: Self = Self {
        head: u64::MAX,
        place: 0..0,
    };

    /// True if this is all of a file of `size` bytes.
    pub fn is_all(&self, size: u64) -> bool {
        self.head >= size
    }
}

/// State of an open stream, as far as background fetches depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamProgress {
    /// No reader lacks chunks.
    Idle,
    /// A reader lacks chunks between its position and the end of the file.
    Behind,
    /// All chunks are held.
    Complete,
}

/// Identity of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrefetchTask {
    /// The next file in the queue.
    Preload(FileId),
    /// A download by a user's wish.
    Download(FileId),
}

impl PrefetchTask {
    /// The file that it fetches.
    pub fn file(self) -> FileId {
        match self {
            Self::Preload(file) | Self::Download(file) => file,
        }
    }
}

/// A command to the performer of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefetchEffect {
    /// Opens the file's stream and fetches the range. Answered by
    /// [`Prefetcher::opened`], then by [`Prefetcher::finished`].
    Start(PrefetchTask, PrefetchRange),
    /// Stops fetching.
    Stop(PrefetchTask),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Opening,
    /// All of the file is fetched.
    FetchingAll,
    /// A part of the file is fetched.
    FetchingPart,
}

#[derive(Debug)]
struct Task {
    range: PrefetchRange,
    state: State,
}

/// Decides which background fetches run.
#[derive(Debug, Default)]
pub struct Prefetcher {
    tasks: BTreeMap<PrefetchTask, Task>,
    behind: BTreeSet<FileId>,
    complete: BTreeSet<FileId>,
    effects: VecDeque<PrefetchEffect>,
}

impl Prefetcher {
    /// The oldest effect that was not polled yet.
    pub fn poll_effect(&mut self) -> Option<PrefetchEffect> {
        self.effects.pop_front()
    }

    /// Files that are being downloaded, or will be.
    pub fn downloads(&self) -> Vec<FileId> {
        let downloads = self.tasks.keys().filter_map(|task| match task {
            PrefetchTask::Download(file) => Some(*file),
            PrefetchTask::Preload(_) => None,
        });
        downloads.collect()
    }

    /// Preloads a range of a file instead of the file preloaded before; or nothing.
    pub fn set_preload(&mut self, wanted: Option<(FileId, PrefetchRange)>) {
        let is_preload = |task: &PrefetchTask| matches!(task, PrefetchTask::Preload(_));
        let before: Vec<PrefetchTask> = self.tasks.keys().copied().filter(is_preload).collect();
        before.into_iter().for_each(|task| self.remove(task));
        if let Some((file, range)) = wanted {
            self.add(PrefetchTask::Preload(file), range);
        }
    }

    /// Downloads all of a file, or no longer.
    pub fn set_download(&mut self, file: FileId, wanted: bool) {
        let task = PrefetchTask::Download(file);
        match wanted {
            true if self.tasks.contains_key(&task) => {}
            true => self.add(task, PrefetchRange::ALL),
            false => self.remove(task),
        }
    }

    /// Records the progress of an open stream.
    pub fn stream_changed(&mut self, file: FileId, progress: StreamProgress) {
        set(&mut self.behind, file, progress == StreamProgress::Behind);
        let complete = progress == StreamProgress::Complete;
        set(&mut self.complete, file, complete);
        if complete {
            self.end_fetching_all(file);
        }
        self.decide();
    }

    /// Records that a stream ended; what was being fetched of it is given up.
    pub fn stream_closed(&mut self, file: FileId) {
        self.behind.remove(&file);
        self.complete.remove(&file);
        self.end_fetching_all(file);
        self.decide();
    }

    /// Records that the stream of a started task is open; `all` if the range turned out
    /// to be the whole file. Returns false if the task has been stopped.
    pub fn opened(&mut self, task: PrefetchTask, all: bool) -> bool {
        let Some(opened) = self.tasks.get_mut(&task) else {
            return false;
        };
        if opened.state != State::Opening {
            return false;
        }
        opened.state = match all {
            true => State::FetchingAll,
            false => State::FetchingPart,
        };
        if self.complete.contains(&task.file()) {
            self.remove(task);
            return false;
        }
        self.decide();
        self.tasks
            .get(&task)
            .is_some_and(|task| task.state != State::Waiting)
    }

    /// Records that a task has ended, or cannot go on.
    pub fn finished(&mut self, task: PrefetchTask) {
        self.tasks.remove(&task);
    }

    fn add(&mut self, task: PrefetchTask, range: PrefetchRange) {
        let state = State::Waiting;
        self.tasks.insert(task, Task { range, state });
        self.decide();
    }

    fn remove(&mut self, task: PrefetchTask) {
        let removed = self.tasks.remove(&task);
        if removed.is_some_and(|task| task.state != State::Waiting) {
            self.effects.push_back(PrefetchEffect::Stop(task));
        }
    }

    fn end_fetching_all(&mut self, file: FileId) {
        for task in [PrefetchTask::Preload(file), PrefetchTask::Download(file)] {
            let state = self.tasks.get(&task).map(|task| task.state);
            if state == Some(State::FetchingAll) {
                self.remove(task);
            }
        }
    }

    /// Starts waiting tasks and suspends running ones.
    fn decide(&mut self) {
        for (id, task) in &mut self.tasks {
            // The reader of the file itself does not hold up its fetch.
            let free = self.behind.iter().all(|file| *file == id.file());
            match task.state {
                State::Waiting if free => {
                    task.state = State::Opening;
                    let start = PrefetchEffect::Start(*id, task.range.clone());
                    self.effects.push_back(start);
                }
                State::FetchingAll if !free => {
                    task.state = State::Waiting;
                    self.effects.push_back(PrefetchEffect::Stop(*id));
                }
                _ => {}
            }
        }
    }
}

fn set(files: &mut BTreeSet<FileId>, file: FileId, contained: bool) {
    match contained {
        true => files.insert(file),
        false => files.remove(&file),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILM: FileId = FileId([1; 32]);
    const NEXT: FileId = FileId([2; 32]);

    fn effects(prefetcher: &mut Prefetcher) -> Vec<PrefetchEffect> {
        std::iter::from_fn(|| prefetcher.poll_effect()).collect()
    }

    fn start(task: PrefetchTask) -> PrefetchEffect {
        PrefetchEffect::Start(task, PrefetchRange::ALL)
    }

    #[test]
    fn task_waits_until_readers_of_other_files_are_served() {
        let mut prefetcher = Prefetcher::default();
        prefetcher.stream_changed(FILM, StreamProgress::Behind);
        prefetcher.set_download(NEXT, true);
        assert_eq!(effects(&mut prefetcher), []);
        assert_eq!(prefetcher.downloads(), [NEXT]);
        prefetcher.stream_changed(FILM, StreamProgress::Idle);
        let task = PrefetchTask::Download(NEXT);
        assert_eq!(effects(&mut prefetcher), [start(task)]);
    }

    #[test]
    fn own_reader_does_not_hold_up_a_task() {
        let mut prefetcher = Prefetcher::default();
        prefetcher.stream_changed(FILM, StreamProgress::Behind);
        prefetcher.set_download(FILM, true);
        let task = PrefetchTask::Download(FILM);
        assert_eq!(effects(&mut prefetcher), [start(task)]);
    }

    #[test]
    fn download_is_suspended_while_another_file_plays() {
        let mut prefetcher = Prefetcher::default();
        prefetcher.set_download(NEXT, true);
        let task = PrefetchTask::Download(NEXT);
        assert_eq!(effects(&mut prefetcher), [start(task)]);
        assert!(prefetcher.opened(task, true));
        prefetcher.stream_changed(FILM, StreamProgress::Behind);
        assert_eq!(effects(&mut prefetcher), [PrefetchEffect::Stop(task)]);
        prefetcher.stream_changed(FILM, StreamProgress::Complete);
        assert_eq!(effects(&mut prefetcher), [start(task)]);
        assert!(prefetcher.opened(task, true));
        prefetcher.stream_changed(NEXT, StreamProgress::Complete);
        assert_eq!(effects(&mut prefetcher), [PrefetchEffect::Stop(task)]);
        assert_eq!(prefetcher.downloads(), []);
    }

    #[test]
    fn download_of_a_complete_file_ends_when_opened() {
        let mut prefetcher = Prefetcher::default();
        prefetcher.stream_changed(FILM, StreamProgress::Complete);
        prefetcher.set_download(FILM, true);
        let task = PrefetchTask::Download(FILM);
        assert!(!prefetcher.opened(task, true));
        let stop = PrefetchEffect::Stop(task);
        assert_eq!(effects(&mut prefetcher), [start(task), stop]);
        assert_eq!(prefetcher.downloads(), []);
    }

    #[test]
    fn preload_of_a_part_is_not_interrupted() {
        let mut prefetcher = Prefetcher::default();
        let range = PrefetchRange {
            head: 100,
            place: 0..0,
        };
        assert!(range.is_all(100) && !range.is_all(101));
        prefetcher.set_preload(Some((NEXT, range.clone())));
        let task = PrefetchTask::Preload(NEXT);
        let started = PrefetchEffect::Start(task, range);
        assert_eq!(effects(&mut prefetcher), [started]);
        assert!(prefetcher.opened(task, false));
        prefetcher.stream_changed(FILM, StreamProgress::Behind);
        assert_eq!(effects(&mut prefetcher), []);
        prefetcher.finished(task);
        prefetcher.set_preload(None);
        assert_eq!(effects(&mut prefetcher), []);
    }

    #[test]
    fn new_preload_replaces_the_one_before() {
        let mut prefetcher = Prefetcher::default();
        prefetcher.set_preload(Some((FILM, PrefetchRange::ALL)));
        prefetcher.set_preload(Some((NEXT, PrefetchRange::ALL)));
        let (before, now) = (PrefetchTask::Preload(FILM), PrefetchTask::Preload(NEXT));
        let stop = PrefetchEffect::Stop(before);
        assert_eq!(effects(&mut prefetcher), [start(before), stop, start(now)]);
        assert!(!prefetcher.opened(before, true), "stopped meanwhile");
    }

    #[test]
    fn closed_stream_ends_its_download() {
        let mut prefetcher = Prefetcher::default();
        prefetcher.set_download(FILM, true);
        let task = PrefetchTask::Download(FILM);
        assert!(prefetcher.opened(task, true));
        prefetcher.stream_closed(FILM);
        let stop = PrefetchEffect::Stop(task);
        assert_eq!(effects(&mut prefetcher), [start(task), stop]);
        assert_eq!(prefetcher.downloads(), []);
    }
}
