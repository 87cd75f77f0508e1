//! The library's rows, each made when it comes into sight: of ten thousand files a
//! window shows thirty.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use engine::ids::FileId;
use engine::media::FileEntry;
use engine::player::PlayProgress;
use slint::{Model, ModelNotify, ModelTracker};

use crate::gui::models::playback::View;
use crate::gui::models::stream_map as show;
use crate::gui::models::stream_map::Only;
use crate::gui::ui::LibraryItem;
use crate::gui::views::library::{held, poster};

/// What rows are made of beside the catalogue.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    own: HashSet<FileId>,
    cached: HashMap<FileId, f32>,
    streamed: HashMap<FileId, f32>,
    seen: HashMap<FileId, PlayProgress>,
    current: Option<FileId>,
    /// Whether songs have the numbers that they have on their album.
    numbered: bool,
}

/// What of a row changes while its file stays the same: share that is here, share that
/// was played, whether all of it was, whether it plays.
type Mark = (f32, f32, bool, bool);

impl Facts {
    pub fn of(view: &View) -> Self {
        let overview = &view.overview;
        let shared = overview.library.shared.iter();
        let streams = overview.streams.iter();
        Self {
            own: shared.map(|shared| shared.entry.id).collect(),
            cached: overview.cached.iter().map(held).collect(),
            streamed: streams
                .map(|stream| (stream.file, show::held_share(Some(stream))))
                .collect(),
            seen: view.seen.iter().copied().collect(),
            current: view.current,
            numbered: view.open.is_some(),
        }
    }

    /// Share of a file that is on this machine, 0 to 1.
    fn held(&self, file: FileId) -> f32 {
        if self.own.contains(&file) {
            return 1.0;
        }
        // What is not played now may have been fetched before.
        let known = self.streamed.get(&file).or_else(|| self.cached.get(&file));
        known.copied().unwrap_or(0.0)
    }

    fn mark(&self, file: FileId) -> Mark {
        let seen = self.seen.get(&file);
        (
            self.held(file),
            seen.map_or(0.0, |seen| seen.share()),
            seen.is_some_and(|seen| seen.played),
            self.current == Some(file),
        )
    }

    /// Whether a file is among those to be shown.
    pub fn passes(&self, only: Only, file: FileId) -> bool {
        match only {
            Only::All => true,
            Only::Unseen => !self.seen.get(&file).is_some_and(|seen| seen.played),
            Only::Here => self.held(file) >= 1.0,
            Only::Lately => self.seen.get(&file).is_some_and(|seen| seen.started),
        }
    }

    fn row(&self, entry: &FileEntry) -> LibraryItem {
        let (held, played, done, current) = self.mark(entry.id);
        LibraryItem {
            title: entry.display_title().into(),
            detail: show::detail(entry).into(),
            artist: entry.info.artist.clone().into(),
            album: entry.info.album.clone().into(),
            size: show::size(entry.size).into(),
            duration: show::timestamp(entry.info.duration()).into(),
            sources: show::sources(entry.sources).into(),
            poster: poster(entry).into(),
            number: match (self.numbered, entry.info.track_number) {
                (false, _) | (_, 0) => Default::default(),
                (true, number) => number.to_string().into(),
            },
            playable: entry.sources > 0,
            current,
            local_share: held,
            progress: played,
            played: done,
        }
    }
}

/// All rows, as a model of Slint's.
#[derive(Default)]
pub(crate) struct Rows {
    entries: RefCell<Rc<Vec<FileEntry>>>,
    info: RefCell<Facts>,
    notify: ModelNotify,
}

impl Rows {
    /// Other files, or other things known of them. Rows that look as before stay as they
    /// are, so that scrolling and focus do; `said_anew` if all words are others.
    pub fn set(&self, entries: Rc<Vec<FileEntry>>, info: Facts, said_anew: bool) {
        let before = self.entries.replace(entries.clone());
        let known = self.info.replace(info);
        if before.len() != entries.len() {
            return self.notify.reset();
        }
        let changed = |(old, new): (&FileEntry, &FileEntry)| {
            let info = self.info.borrow();
            old != new || known.mark(old.id) != info.mark(new.id) || known.numbered != info.numbered
        };
        for (row, pair) in before.iter().zip(entries.iter()).enumerate() {
            if said_anew || changed(pair) {
                self.notify.row_changed(row);
            }
        }
    }

    /// Other things known of the same files; only `rows` can look otherwise.
    pub fn refresh(&self, info: Facts, rows: impl Iterator<Item = usize>) {
        let known = self.info.replace(info);
        let entries = self.entries.borrow().clone();
        for row in rows {
            let file = entries.get(row).map(|entry| entry.id);
            let changed = |file| known.mark(file) != self.info.borrow().mark(file);
            if file.is_some_and(changed) {
                self.notify.row_changed(row);
            }
        }
    }
}

impl Model for Rows {
    type Data = LibraryItem;

    fn row_count(&self) -> usize {
        self.entries.borrow().len()
    }

    fn row_data(&self, row: usize) -> Option<LibraryItem> {
        let entries = self.entries.borrow();
        let info = self.info.borrow();
        entries.get(row).map(|entry| info.row(entry))
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
