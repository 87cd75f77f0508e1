//! Library: which files are shown, and in which order.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use engine::catalogue::{Search, Sort, filter_and_sort};
use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};
use engine::player::PlayProgress;

use super::groups::{self, Group};
use super::rows::{LibraryRows, RowStates};
use super::snapshot::AppSnapshot;
use crate::gui::ui::{Grouping, LibraryFilter, SortColumn};

/// Films offered under "Continue watching".
const TO_CONTINUE: usize = 4;

/// Recently played files whose rows are checked for changes.
const RECENT: usize = 50;

/// Column and direction of the order.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SortOrder {
    /// Column.
    pub column: SortColumn,
    /// Largest first.
    pub descending: bool,
}

impl SortOrder {
    /// Entries that match a search, sorted.
    fn apply(self, entries: &[FileEntry], search: &str) -> Vec<FileEntry> {
        let column = match self.column {
            SortColumn::Title => Sort::Title,
            SortColumn::Artist => Sort::Artist,
            SortColumn::Album => Sort::Album,
            SortColumn::Size => Sort::Size,
            SortColumn::Duration => Sort::Duration,
            SortColumn::Sources => Sort::Sources,
        };
        filter_and_sort(entries, search, column, self.descending)
    }
}

/// Selection and order of the library.
#[derive(Debug, Clone, PartialEq)]
pub struct LibraryQuery {
    /// Films or songs.
    pub kind: MediaKind,
    /// Text of the search field.
    pub search: String,
    /// Order of the rows.
    pub sort: SortOrder,
    /// Order to restore when the open group is closed.
    sort_outside: Option<SortOrder>,
    /// Grouping of songs.
    pub grouping: Grouping,
    /// Filter.
    pub filter: LibraryFilter,
    /// Open album or artist.
    pub open: Option<Group>,
}

impl Default for LibraryQuery {
    fn default() -> Self {
        Self {
            kind: MediaKind::Video,
            search: String::new(),
            sort: SortOrder::default(),
            sort_outside: None,
            grouping: Grouping::default(),
            filter: LibraryFilter::default(),
            open: None,
        }
    }
}

impl LibraryQuery {
    /// All files of a kind, by title.
    pub fn of(kind: MediaKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// Sorts by a column; reverses the order if it is the current column.
    pub fn sort_by(&mut self, column: SortColumn) {
        let descending = self.sort.column == column && !self.sort.descending;
        self.sort = SortOrder { column, descending };
    }

    /// Changes the grouping and closes the open group.
    pub fn group_by(&mut self, grouping: Grouping) {
        self.open(None);
        self.grouping = grouping;
    }

    /// Opens or closes a group. A group has its own order; closing it restores the
    /// order of the library.
    pub fn open(&mut self, group: Option<Group>) {
        match (&group, self.sort_outside) {
            (Some(_), None) => {
                self.sort_outside = Some(self.sort);
                self.sort = SortOrder::default();
            }
            (None, Some(outside)) => {
                self.sort = outside;
                self.sort_outside = None;
            }
            _ => {}
        }
        self.open = group;
    }

    /// Files that match the query, in order.
    fn select(
        &self,
        entries: &[FileEntry],
        states: &RowStates,
        recent: &[FileId],
    ) -> Vec<FileEntry> {
        let default_order = self.sort == SortOrder::default();
        let mut shown = match &self.open {
            Some(group) => {
                let mut found = groups::within(entries, group);
                let search = Search::new(&self.search);
                found.retain(|entry| search.matches(entry));
                match default_order {
                    true => found,
                    false => self.sort.apply(&found, ""),
                }
            }
            None => self.sort.apply(entries, &self.search),
        };
        if self.filter != LibraryFilter::All {
            shown.retain(|entry| states.passes(self.filter, entry.id));
        }
        if self.filter == LibraryFilter::Recent && self.open.is_none() && default_order {
            let recent = recent.iter().copied().zip(0..);
            let position: HashMap<FileId, usize> = recent.collect();
            shown.sort_by_key(|entry| position.get(&entry.id).copied());
        }
        shown
    }
}

/// Everything that decides which rows there are and in which order.
#[derive(Debug, PartialEq)]
struct RowsKey {
    query: LibraryQuery,
    version: u64,
    count: usize,
    shared: usize,
    cached: usize,
    /// Files that pass a filter by state.
    filtered: usize,
    /// Most recently played file, if the filter orders by it.
    last_played: Option<FileId>,
}

/// Rows of the library.
#[derive(Default)]
pub struct LibraryModel {
    /// Files in the order shown.
    pub shown: Rc<Vec<FileEntry>>,
    /// The same files, as a model for the window.
    pub rows: Rc<LibraryRows>,
    /// Row of each shown file.
    row_of: HashMap<FileId, usize>,
    /// Input the rows were built from; `None` forces a rebuild.
    built_from: Option<RowsKey>,
    /// Files whose rows may have changed.
    marked: Vec<FileId>,
    /// Albums or artists in the order shown.
    pub groups: Vec<Group>,
    /// Films under "Continue watching", with their progress.
    pub to_continue: Vec<(FileEntry, PlayProgress)>,
    /// Progress of all played files, most recent first.
    pub history: Vec<(FileId, PlayProgress)>,
}

impl LibraryModel {
    /// Updates rows, groups and films to continue. Rebuilds rows and groups only if their
    /// selection or order can differ; otherwise checks the rows that may have changed.
    /// True if it rebuilt them.
    pub fn update(
        &mut self,
        query: &LibraryQuery,
        snapshot: &AppSnapshot,
        current: Option<FileId>,
    ) -> bool {
        let key = self.key(query, snapshot);
        let numbered = query.open.is_some();
        let states = RowStates::of(snapshot, &self.history, current, numbered);
        let rebuilds = self.built_from.as_ref() != Some(&key);
        if rebuilds {
            self.rebuild(query, snapshot, states);
            self.built_from = Some(key);
        } else {
            self.refresh(snapshot, current, states);
        }
        let streams = snapshot.streams.iter().map(|stream| stream.file);
        self.marked = streams.chain(current).collect();
        self.to_continue = self.find_to_continue(query, &snapshot.catalogue.entries);
        rebuilds
    }

    /// Replaces the playback history.
    pub fn set_history(&mut self, history: Vec<(FileId, PlayProgress)>) {
        let before = std::mem::replace(&mut self.history, history);
        let before: HashSet<(FileId, PlayProgress)> = before.into_iter().collect();
        let now: HashSet<(FileId, PlayProgress)> = self.history.iter().copied().collect();
        let changed = now.symmetric_difference(&before);
        self.marked.extend(changed.map(|(file, _)| *file));
    }

    /// Makes the next update build all rows again, for texts in another language.
    pub fn invalidate(&mut self) {
        self.built_from = None;
    }

    /// Row of a file.
    pub fn row_of(&self, file: FileId) -> Option<usize> {
        self.row_of.get(&file).copied()
    }

    /// Progress of a file.
    pub fn progress(&self, file: FileId) -> Option<&PlayProgress> {
        let mut history = self.history.iter();
        history
            .find(|(id, _)| *id == file)
            .map(|(_, progress)| progress)
    }

    /// Songs of a group that pass the filter, in the order of the album.
    pub fn songs_of(
        &self,
        group: usize,
        query: &LibraryQuery,
        snapshot: &AppSnapshot,
    ) -> Vec<FileEntry> {
        let Some(group) = self.groups.get(group) else {
            return Vec::new();
        };
        let mut songs = groups::within(&snapshot.catalogue.entries, group);
        if query.filter != LibraryFilter::All {
            let states = RowStates::of(snapshot, &self.history, None, false);
            songs.retain(|entry| states.passes(query.filter, entry.id));
        }
        songs
    }

    fn key(&self, query: &LibraryQuery, snapshot: &AppSnapshot) -> RowsKey {
        let history = &self.history;
        let recent = query.filter == LibraryFilter::Recent;
        RowsKey {
            query: query.clone(),
            version: snapshot.catalogue.version,
            count: snapshot.catalogue.entries.len(),
            shared: snapshot.library.shared.len(),
            cached: snapshot.cached.len(),
            filtered: match query.filter {
                LibraryFilter::All => 0,
                LibraryFilter::Unplayed => history.iter().filter(|(_, seen)| seen.played).count(),
                LibraryFilter::Local => snapshot.cached.iter().filter(|c| c.whole).count(),
                LibraryFilter::Recent => history.len(),
            },
            last_played: history.first().map(|(file, _)| *file).filter(|_| recent),
        }
    }

    fn rebuild(&mut self, query: &LibraryQuery, snapshot: &AppSnapshot, states: RowStates) {
        let entries = &snapshot.catalogue.entries;
        self.groups = match (query.grouping, &query.open) {
            (Grouping::Files, _) | (_, Some(_)) => Vec::new(),
            (grouping, None) => {
                let passes = |entry: &&FileEntry| states.passes(query.filter, entry.id);
                groups::all(entries.iter().filter(passes), grouping, &query.search)
            }
        };
        let recent: Vec<FileId> = self.history.iter().map(|(file, _)| *file).collect();
        let shown = query.select(entries, &states, &recent);
        self.row_of = shown.iter().map(|entry| entry.id).zip(0..).collect();
        self.shown = Rc::new(shown);
        // Without a previous build the language may have changed: all texts are new.
        let all_changed = self.built_from.is_none();
        self.rows.set(self.shown.clone(), states, all_changed);
    }

    /// Checks the rows of files that stream, play, or were played recently.
    fn refresh(&self, snapshot: &AppSnapshot, current: Option<FileId>, states: RowStates) {
        let streams = snapshot.streams.iter().map(|stream| stream.file);
        let recent = self.history.iter().take(RECENT).map(|(id, _)| *id);
        let marked = self.marked.iter().copied();
        let files = streams.chain(recent).chain(current).chain(marked);
        self.rows
            .refresh(states, files.filter_map(|file| self.row_of(file)));
    }

    /// Films that were begun and not finished, most recent first; none during a search.
    fn find_to_continue(
        &self,
        query: &LibraryQuery,
        entries: &[FileEntry],
    ) -> Vec<(FileEntry, PlayProgress)> {
        if query.kind != MediaKind::Video || !query.search.is_empty() {
            return Vec::new();
        }
        let begun = self
            .history
            .iter()
            .filter(|(_, progress)| progress.is_begun());
        let known = begun.filter_map(|(id, progress)| {
            let entry = entries.iter().find(|entry| entry.id == *id)?;
            Some((entry.clone(), *progress))
        });
        known.take(TO_CONTINUE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::media::MediaInfo;

    #[test]
    fn closing_a_group_restores_the_order() {
        let mut query = LibraryQuery::of(MediaKind::Audio);
        query.sort_by(SortColumn::Duration);
        let song = FileEntry {
            id: FileId([1; 32]),
            name: "song.flac".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Audio, 1000),
            sources: 1,
        };
        query.open(groups::all([&song], Grouping::Albums, "").pop());
        assert_eq!(query.sort, SortOrder::default());
        query.sort_by(SortColumn::Title);
        assert!(query.sort.descending);
        query.group_by(Grouping::Files);
        assert_eq!(query.sort.column, SortColumn::Duration);
        assert!(!query.sort.descending);
    }
}
