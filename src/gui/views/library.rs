//! The library's rows: what there is, how much of it is here and how far it was played.

use std::collections::HashMap;
use std::rc::Rc;

use engine::catalogue::Search;
use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind, SidecarRole};
use engine::player::PlayProgress;
use slint::{ComponentHandle, Model, ModelRc};

use crate::gui::models::playback::{View, update};
use crate::gui::models::rows::{Facts, Rows};
use crate::gui::models::stream_map as show;
use crate::gui::models::stream_map::Only;
use crate::gui::ui::{AppWindow, ContinueItem, LibraryAdapter};
use crate::gui::views::groups;
use crate::store::CachedFile;

/// Films to go on with that are shown.
const TO_CONTINUE: usize = 4;

/// Files played lately whose rows are looked at.
const RECENT: usize = 50;

/// What decides which rows there are and in which order.
#[derive(Debug, PartialEq)]
pub(crate) struct Key {
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
    last: Option<FileId>,
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
        last: view.last(),
    };
    if view.rows_of.as_ref() == Some(&key) {
        refresh(view);
    } else {
        groups::show(app, view);
        rebuild(app, view);
        view.rows_of = Some(key);
    }
    let streams = view.overview.streams.iter().map(|stream| stream.file);
    view.marked = streams.chain(view.current).collect();
    let total = view.overview.catalogue.entries.len();
    let link = &view.overview.catalogue.tracker;
    let (title, text) = show::empty_text(view.kind, link, total, &view.search, view.only);
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
    let mut shown = match &view.open {
        Some(group) => {
            let mut found = groups::within(entries, group);
            let search = Search::new(&view.search);
            found.retain(|entry| search.matches(entry));
            // An album has an order of its own unless another is asked for.
            match (view.sort, view.descending) {
                (show::Sort::Title, false) => found,
                (sort, descending) => show::filter_and_sort(&found, "", sort, descending),
            }
        }
        None => show::filter_and_sort(entries, &view.search, view.sort, view.descending),
    };
    let info = Facts::of(view);
    if view.only != Only::All {
        shown.retain(|entry| info.passes(view.only, entry.id));
    }
    // The latest first, unless another order is asked for.
    let lately = view.only == Only::Lately && view.open.is_none();
    if lately && (view.sort, view.descending) == (show::Sort::Title, false) {
        let seen = view.seen.iter().map(|(file, _)| *file);
        let place: HashMap<FileId, usize> = seen.zip(0..).collect();
        shown.sort_by_key(|entry| place.get(&entry.id).copied());
    }
    let ids = shown.iter().map(|entry| entry.id);
    view.places = ids.zip(0..).collect();
    view.shown = Rc::new(shown);
    groups::tell(app, view);
    let said_anew = view.rows_of.is_none();
    view.rows.set(view.shown.clone(), info, said_anew);
    let items = adapter.get_items();
    if items.as_any().downcast_ref::<Rows>().is_none() {
        adapter.set_items(ModelRc::from(view.rows.clone()));
    }
    // The selection stays with its file when rows move.
    let row = selected.and_then(|id| view.places.get(&id).copied());
    adapter.set_selected(row.and_then(|row| i32::try_from(row).ok()).unwrap_or(-1));
}

/// The rows of what is fetched, plays, played or was played lately.
fn refresh(view: &View) {
    let streams = view.overview.streams.iter().map(|stream| stream.file);
    let seen = view.seen.iter().take(RECENT).map(|(id, _)| *id);
    let marked = view.marked.iter().copied();
    let files = streams.chain(seen).chain(view.current).chain(marked);
    let rows = files.filter_map(|file| view.places.get(&file).copied());
    view.rows.refresh(Facts::of(view), rows);
}

/// How much of a fetched file is here.
pub(crate) fn held(cached: &CachedFile) -> (FileId, f32) {
    let share = cached.bytes as f64 / cached.entry.size.max(1) as f64;
    (cached.entry.id, share as f32)
}

/// Where the picture of a file is had.
pub(crate) fn poster(entry: &FileEntry) -> String {
    let poster = entry.info.sidecar(SidecarRole::Poster);
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
    let known: Vec<(FileEntry, PlayProgress)> = known.take(TO_CONTINUE).collect();
    let row = |(entry, seen): &(FileEntry, PlayProgress)| {
        let left = seen.duration_ms.saturating_sub(seen.position_ms);
        ContinueItem {
            title: entry.display_title().into(),
            left: show::time_left(left).into(),
            poster: poster(entry).into(),
            progress: seen.share(),
            playable: entry.sources > 0,
        }
    };
    let adapter = app.global::<LibraryAdapter>();
    let rows = known.iter().map(row).collect();
    if let Some(model) = update(adapter.get_continue_watching(), rows) {
        adapter.set_continue_watching(model);
    }
    view.to_continue = known.into_iter().map(|(entry, _)| entry).collect();
}
