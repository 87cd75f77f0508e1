//! Rows of the library, created when they become visible: of ten thousand files a window
//! shows about thirty.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use engine::ids::FileId;
use engine::media::FileEntry;
use engine::player::PlayProgress;
use slint::{Model, ModelNotify, ModelTracker};

use super::artwork_cache::poster_key;
use super::snapshot::AppSnapshot;
use super::stream_map::local_share;
use crate::gui::text::format;
use crate::gui::ui::{LibraryFilter, LibraryItem};
use crate::store::CachedFile;

/// State of all files that rows show beside the catalogue.
#[derive(Debug, Default)]
pub struct RowStates {
    shared: HashSet<FileId>,
    cached: HashMap<FileId, f32>,
    streamed: HashMap<FileId, f32>,
    history: HashMap<FileId, PlayProgress>,
    current: Option<FileId>,
    /// Songs show their track number.
    numbered: bool,
}

/// The changing part of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
struct RowState {
    local_share: f32,
    progress: f32,
    played: bool,
    current: bool,
}

/// Cached share of a file, 0 to 1.
fn cached_share(cached: &CachedFile) -> f32 {
    (cached.bytes as f64 / cached.entry.size.max(1) as f64) as f32
}

impl RowStates {
    /// States in a snapshot.
    pub fn of(
        snapshot: &AppSnapshot,
        history: &[(FileId, PlayProgress)],
        current: Option<FileId>,
        numbered: bool,
    ) -> Self {
        let shared = snapshot.library.shared.iter();
        let cached = snapshot.cached.iter();
        let streams = snapshot.streams.iter();
        Self {
            shared: shared.map(|shared| shared.entry.id).collect(),
            cached: cached.map(|c| (c.entry.id, cached_share(c))).collect(),
            streamed: streams.map(|s| (s.file, local_share(Some(s)))).collect(),
            history: history.iter().copied().collect(),
            current,
            numbered,
        }
    }

    /// Share of a file that is stored on this device, 0 to 1.
    fn local_share(&self, file: FileId) -> f32 {
        if self.shared.contains(&file) {
            return 1.0;
        }
        // The stream is more recent than the list of cached files.
        let known = self.streamed.get(&file).or_else(|| self.cached.get(&file));
        known.copied().unwrap_or(0.0)
    }

    fn of_file(&self, file: FileId) -> RowState {
        let progress = self.history.get(&file);
        RowState {
            local_share: self.local_share(file),
            progress: progress.map_or(0.0, |progress| progress.share()),
            played: progress.is_some_and(|progress| progress.played),
            current: self.current == Some(file),
        }
    }

    /// True if a filter shows the file.
    pub fn passes(&self, filter: LibraryFilter, file: FileId) -> bool {
        let progress = self.history.get(&file);
        match filter {
            LibraryFilter::All => true,
            LibraryFilter::Unplayed => !progress.is_some_and(|progress| progress.played),
            LibraryFilter::Local => self.local_share(file) >= 1.0,
            LibraryFilter::Recent => progress.is_some_and(|progress| progress.started),
        }
    }

    fn row(&self, entry: &FileEntry) -> LibraryItem {
        let state = self.of_file(entry.id);
        LibraryItem {
            title: entry.display_title().into(),
            detail: format::detail(entry).into(),
            artist: entry.info.artist.clone().into(),
            album: entry.info.album.clone().into(),
            size: format::size(entry.size).into(),
            duration: format::timestamp(entry.info.duration()).into(),
            sources: format::sources(entry.sources).into(),
            poster: poster_key(entry).into(),
            number: match (self.numbered, entry.info.track_number) {
                (false, _) | (_, 0) => Default::default(),
                (true, number) => number.to_string().into(),
            },
            playable: entry.sources > 0,
            current: state.current,
            local_share: state.local_share,
            progress: state.progress,
            played: state.played,
        }
    }
}

/// Slint model of all rows.
#[derive(Default)]
pub struct LibraryRows {
    entries: RefCell<Rc<Vec<FileEntry>>>,
    states: RefCell<RowStates>,
    notify: ModelNotify,
}

impl LibraryRows {
    /// Replaces files and states. Notifies only rows that look different, so that scroll
    /// position and focus stay; all rows if `all_changed`.
    pub fn set(&self, entries: Rc<Vec<FileEntry>>, states: RowStates, all_changed: bool) {
        let old_entries = self.entries.replace(entries.clone());
        let old_states = self.states.replace(states);
        if old_entries.len() != entries.len() {
            return self.notify.reset();
        }
        let changed = |(old, new): (&FileEntry, &FileEntry)| {
            let states = self.states.borrow();
            old != new
                || old_states.of_file(old.id) != states.of_file(new.id)
                || old_states.numbered != states.numbered
        };
        for (row, pair) in old_entries.iter().zip(entries.iter()).enumerate() {
            if all_changed || changed(pair) {
                self.notify.row_changed(row);
            }
        }
    }

    /// Replaces the states and notifies those of `rows` that changed.
    pub fn refresh(&self, states: RowStates, rows: impl Iterator<Item = usize>) {
        let old = self.states.replace(states);
        let entries = self.entries.borrow().clone();
        for row in rows {
            let file = entries.get(row).map(|entry| entry.id);
            let changed = |file| old.of_file(file) != self.states.borrow().of_file(file);
            if file.is_some_and(changed) {
                self.notify.row_changed(row);
            }
        }
    }
}

impl Model for LibraryRows {
    type Data = LibraryItem;

    fn row_count(&self) -> usize {
        self.entries.borrow().len()
    }

    fn row_data(&self, row: usize) -> Option<LibraryItem> {
        let entries = self.entries.borrow();
        let states = self.states.borrow();
        entries.get(row).map(|entry| states.row(entry))
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
