//! The library's rows: what there is, how much of it is here and how far it was played.

use std::collections::{HashMap, HashSet};

use slint::{ComponentHandle, Model};

use super::apply::{View, update};
use super::groups;
use super::ui::{AppWindow, ContinueItem, LibraryAdapter, LibraryItem, Only};
use super::view_model as show;
use crate::ids::FileId;
use crate::media::facts::search_words;
use crate::media::{FileEntry, MediaKind, SidecarRole};
use crate::player::Seen;
use crate::store::CachedFile;

/// Films to go on with that are shown.
const TO_CONTINUE: usize = 4;

/// Files played lately whose rows are looked at.
const RECENT: usize = 50;

/// What decides which rows there are and in which order.
#[derive(Debug, PartialEq)]
pub(super) struct Key {
    version: u64,
    count: usize,
    own: usize,
    cached: usize,
    search: String,
    sort: show::Sort,
    descending: bool,
    shelf: groups::Kind,
    open: Option<groups::Group>,
    only: Only,
    /// Files that count as played or as here, while that matters.
    kept: usize,
}

/// The library's rows, and what to go on with. Rows are made anew only when others are
/// to be seen; else those that may have changed are looked at.
pub fn show(app: &AppWindow, view: &mut View) {
    let catalogue = &view.overview.catalogue;
    let key = Key {
        version: catalogue.version,
        count: catalogue.entries.len(),
        own: view.overview.library.shared.len(),
        cached: view.overview.cached.len(),
        search: view.search.clone(),
        sort: view.sort,
        descending: view.descending,
        shelf: view.shelf,
        open: view.open.clone(),
        only: view.only,
        kept: view.kept(),
    };
    if view.rows_of.as_ref() == Some(&key) {
        refresh(app, view);
    } else {
        groups::show(app, view);
        rebuild(app, view);
        view.rows_of = Some(key);
    }
    let streams = view.overview.streams.iter().map(|stream| stream.file);
    view.marked = streams.chain(view.current).collect();
    let total = view.overview.catalogue.entries.len();
    let online = view.overview.catalogue.tracker.online;
    let (title, text) = show::empty_text(view.kind, online, total, &view.search);
    let adapter = app.global::<LibraryAdapter>();
    adapter.set_total(i32::try_from(total).unwrap_or(i32::MAX));
    adapter.set_empty_title(title.into());
    adapter.set_empty_text(text.into());
    to_continue(app, view);
}

/// All rows anew.
fn rebuild(app: &AppWindow, view: &mut View) {
    let adapter = app.global::<LibraryAdapter>();
    let selected = usize::try_from(adapter.get_selected()).ok();
    let selected = selected
        .and_then(|row| view.shown.get(row))
        .map(|entry| entry.id);
    let entries = &view.overview.catalogue.entries;
    view.shown = match &view.open {
        Some(group) => {
            let mut found = groups::within(entries, group);
            let words = search_words(&view.search);
            found.retain(|entry| entry.matches(&words));
            // An album has an order of its own unless another is asked for.
            match (view.sort, view.descending) {
                (show::Sort::Title, false) => found,
                (sort, descending) => show::filter_and_sort(&found, "", sort, descending),
            }
        }
        None => show::filter_and_sort(entries, &view.search, view.sort, view.descending),
    };
    let facts = Facts::of(view);
    let kept = |entry: &FileEntry| facts.passes(entry);
    let kept: Vec<FileEntry> = match view.only {
        Only::All => view.shown.clone(),
        _ => view.shown.iter().filter(|e| kept(e)).cloned().collect(),
    };
    view.shown = kept;
    let ids = view.shown.iter().map(|entry| entry.id);
    view.places = ids.zip(0..).collect();
    let facts = Facts::of(view);
    let rows: Vec<LibraryItem> = view.shown.iter().map(|entry| facts.row(entry)).collect();
    if let Some(model) = update(adapter.get_items(), rows) {
        adapter.set_items(model);
    }
    // The selection stays with its file when rows move.
    let row = selected.and_then(|id| view.places.get(&id).copied());
    adapter.set_selected(row.and_then(|row| i32::try_from(row).ok()).unwrap_or(-1));
}

/// The rows of what is fetched, plays, played or was played lately.
fn refresh(app: &AppWindow, view: &View) {
    let items = app.global::<LibraryAdapter>().get_items();
    let facts = Facts::of(view);
    let streams = view.overview.streams.iter().map(|stream| stream.file);
    let seen = view.seen.iter().take(RECENT).map(|(id, _)| *id);
    let marked = view.marked.iter().copied();
    for file in streams.chain(seen).chain(view.current).chain(marked) {
        let Some(place) = view.places.get(&file).copied() else {
            continue;
        };
        let row = facts.row(&view.shown[place]);
        if items.row_data(place).as_ref() != Some(&row) {
            items.set_row_data(place, row);
        }
    }
}

/// What rows are made of beside the catalogue.
struct Facts<'a> {
    view: &'a View,
    own: HashSet<FileId>,
    cached: HashMap<FileId, f32>,
    seen: HashMap<FileId, Seen>,
}

impl<'a> Facts<'a> {
    fn of(view: &'a View) -> Self {
        let shared = view.overview.library.shared.iter();
        Self {
            view,
            own: shared.map(|shared| shared.entry.id).collect(),
            cached: view.overview.cached.iter().map(held).collect(),
            seen: view.seen.iter().copied().collect(),
        }
    }

    /// Share of a file that is on this machine, 0 to 1.
    fn held(&self, entry: &FileEntry) -> f32 {
        match self.own.contains(&entry.id) {
            true => 1.0,
            false => match self.view.stream_of(entry.id) {
                Some(stream) => show::held_share(Some(stream)),
                // Fetched before, and not played now.
                None => self.cached.get(&entry.id).copied().unwrap_or(0.0),
            },
        }
    }

    /// Whether it is among what is to be shown.
    fn passes(&self, entry: &FileEntry) -> bool {
        match self.view.only {
            Only::All => true,
            Only::Unseen => !self.seen.get(&entry.id).is_some_and(|seen| seen.done),
            Only::Here => self.held(entry) >= 1.0,
        }
    }

    fn row(&self, entry: &FileEntry) -> LibraryItem {
        let seen = self.seen.get(&entry.id);
        LibraryItem {
            title: entry.display_title().into(),
            detail: show::detail(entry).into(),
            artist: entry.facts.artist.clone().into(),
            album: entry.facts.album.clone().into(),
            size: show::size(entry.size).into(),
            duration: show::clock(entry.facts.duration()).into(),
            sources: show::sources(entry.sources).into(),
            poster: poster(entry).into(),
            number: match (&self.view.open, entry.facts.track_number) {
                (None, _) | (_, 0) => Default::default(),
                (Some(_), number) => number.to_string().into(),
            },
            playable: entry.sources > 0,
            current: self.view.current == Some(entry.id),
            held: self.held(entry),
            played: seen.map_or(0.0, |seen| seen.share()),
            done: seen.is_some_and(|seen| seen.done),
        }
    }
}

/// How much of a fetched file is here.
fn held(cached: &CachedFile) -> (FileId, f32) {
    let share = cached.bytes as f64 / cached.entry.size.max(1) as f64;
    (cached.entry.id, share as f32)
}

/// Where the picture of a file is had.
pub(super) fn poster(entry: &FileEntry) -> String {
    let poster = entry.facts.sidecar(SidecarRole::Poster);
    groups::poster(poster.map(|poster| poster.id))
}

/// What was begun and not ended, the last played first; while nothing is searched.
fn to_continue(app: &AppWindow, view: &mut View) {
    let entries = &view.overview.catalogue.entries;
    let searching = !view.search.is_empty();
    let wanted = view.kind == MediaKind::Video && !searching;
    let begun = view
        .seen
        .iter()
        .filter(|(_, seen)| seen.is_begun() && wanted);
    let known = begun.filter_map(|(id, seen)| {
        let entry = entries.iter().find(|entry| entry.id == *id)?;
        Some((entry.clone(), *seen))
    });
    let known: Vec<(FileEntry, Seen)> = known.take(TO_CONTINUE).collect();
    let row = |(entry, seen): &(FileEntry, Seen)| {
        let left = seen.duration_ms.saturating_sub(seen.position_ms);
        ContinueItem {
            title: entry.display_title().into(),
            left: show::time_left(left).into(),
            poster: poster(entry).into(),
            played: seen.share(),
            playable: entry.sources > 0,
        }
    };
    let adapter = app.global::<LibraryAdapter>();
    let rows = known.iter().map(row).collect();
    if let Some(model) = update(adapter.get_to_continue(), rows) {
        adapter.set_to_continue(model);
    }
    view.to_continue = known.into_iter().map(|(entry, _)| entry).collect();
}
