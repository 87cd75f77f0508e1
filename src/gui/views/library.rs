//! Library: search, filter, order and rows.

use std::rc::Rc;

use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};
use engine::player::PlayProgress;
use slint::{ComponentHandle, Model, ModelRc};
use tr::tr;

use super::list_model::sync_rows;
use crate::gui::context::{Change, Handles, UiContext};
use crate::gui::models::Models;
use crate::gui::models::artwork_cache::poster_key;
use crate::gui::models::library::{LibraryModel, LibraryQuery};
use crate::gui::models::rows::LibraryRows;
use crate::gui::text::format;
use crate::gui::ui::{AppWindow, ContinueItem, LibraryAdapter, LibraryFilter, Page};
use crate::player::Play;
use crate::tracker_client::{LinkState, TrackerLink};

/// Connects search, filter and order.
pub fn attach(app: &AppWindow, ui: &Rc<UiContext>) {
    let adapter = app.global::<LibraryAdapter>();
    let context = ui.clone();
    adapter.on_search(move |text| {
        context.update(Change::Query, |models| models.query.search = text.into());
    });
    let context = ui.clone();
    adapter.on_choose_filter(move |filter| {
        context.update(Change::Query, |models| models.query.filter = filter);
    });
    let context = ui.clone();
    adapter.on_sort(move |column| {
        context.update(Change::Order, |models| models.query.sort_by(column));
    });
}

/// Connects play and resume to the player.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<LibraryAdapter>();
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_play(move |row| {
        let list = context.models().library.shown.to_vec();
        let row = usize::try_from(row).ok().filter(|row| *row < list.len());
        if let Some(index) = row {
            player.do_send(Play { list, index });
            context.show_video();
        }
    });
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_resume(move |row| {
        let row = usize::try_from(row).ok();
        let models = context.models();
        let film = row.and_then(|row| models.library.to_continue.get(row));
        if let Some((film, _)) = film {
            let (list, index) = (vec![film.clone()], 0);
            player.do_send(Play { list, index });
            context.show_page(Page::Playing);
        }
    });
}

/// File in the selected row.
pub fn selected_file(app: &AppWindow, library: &LibraryModel) -> Option<FileId> {
    let row = app.global::<LibraryAdapter>().get_selected();
    let entry = library.shown.get(usize::try_from(row).ok()?)?;
    Some(entry.id)
}

/// Renders rows and order; the selection stays with its file.
pub fn render(app: &AppWindow, models: &Models, selected: Option<FileId>) {
    let Models { query, library, .. } = models;
    let catalogue = &models.snapshot.catalogue;
    let adapter = app.global::<LibraryAdapter>();
    let items = adapter.get_items();
    if items.as_any().downcast_ref::<LibraryRows>().is_none() {
        adapter.set_items(ModelRc::from(library.rows.clone()));
    }
    let row = selected.and_then(|file| library.row_of(file));
    adapter.set_selected(row.and_then(|row| i32::try_from(row).ok()).unwrap_or(-1));
    adapter.set_filter(query.filter);
    adapter.set_sorted_by(query.sort.column);
    adapter.set_descending(query.sort.descending);
    let total = catalogue.entries.len();
    adapter.set_total(i32::try_from(total).unwrap_or(i32::MAX));
    let (title, text) = empty_text(query, &catalogue.tracker, total);
    adapter.set_empty_title(title.into());
    adapter.set_empty_text(text.into());
    let rows = library.to_continue.iter().map(continue_item);
    sync_rows!(
        adapter,
        get_continue_watching,
        set_continue_watching,
        rows.collect()
    );
}

fn continue_item((entry, progress): &(FileEntry, PlayProgress)) -> ContinueItem {
    let left = progress.duration_ms.saturating_sub(progress.position_ms);
    ContinueItem {
        title: entry.display_title().into(),
        left: format::time_left(left).into(),
        poster: poster_key(entry).into(),
        progress: progress.share(),
        playable: entry.sources > 0,
    }
}

/// Title and explanation of an empty list, of `total` files in the catalogue.
fn empty_text(query: &LibraryQuery, link: &TrackerLink, total: usize) -> (String, String) {
    let film = query.kind == MediaKind::Video;
    let search = &query.search;
    if total > 0 && search.is_empty() && query.filter != LibraryFilter::All {
        return nothing_passes(query.filter, film);
    }
    if total > 0 {
        let title = match film {
            true => tr!("No films match “{}”", search),
            false => tr!("No songs match “{}”", search),
        };
        return (title, tr!("Try different search terms."));
    }
    let pending = matches!(link.state, LinkState::Connecting | LinkState::Online);
    if !link.listed && pending {
        let text = tr!("Fetching the file list from the tracker.");
        return (tr!("Loading library"), text);
    }
    if !link.state.is_online() {
        let text = tr!(
            "Check that the server is running and that the tracker address at the bottom left is correct; you can change it in Settings. Swarmplay keeps retrying. Files shared from this device still appear here."
        );
        return (tr!("Cannot reach the tracker"), text);
    }
    match film {
        true => (
            tr!("No films yet"),
            tr!("No films are shared at the moment. Open Sharing to share your own."),
        ),
        false => (
            tr!("No songs yet"),
            tr!("No songs are shared at the moment. Open Sharing to share your own."),
        ),
    }
}

/// Title and explanation of a filter that no file passes.
fn nothing_passes(filter: LibraryFilter, film: bool) -> (String, String) {
    match (filter, film) {
        (LibraryFilter::Unplayed | LibraryFilter::All, true) => {
            let text = tr!("You have watched all films.");
            (tr!("No unwatched films"), text)
        }
        (LibraryFilter::Unplayed | LibraryFilter::All, false) => {
            let text = tr!("You have played all songs.");
            (tr!("No unplayed songs"), text)
        }
        (LibraryFilter::Recent, _) => {
            let text = tr!("Recently played titles appear here.");
            (tr!("Nothing played yet"), text)
        }
        (LibraryFilter::Local, _) => {
            let text = tr!("Shared files and completed downloads appear here.");
            (tr!("Nothing on this device"), text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker_client::LinkFailure;

    const CLOSED: LinkState = LinkState::Unreachable(LinkFailure::Closed);

    fn link(state: LinkState, listed: bool) -> TrackerLink {
        TrackerLink {
            state,
            listed,
            ..TrackerLink::default()
        }
    }

    fn title(link: &TrackerLink, total: usize, search: &str, filter: LibraryFilter) -> String {
        let mut query = LibraryQuery::of(MediaKind::Audio);
        query.search = search.into();
        query.filter = filter;
        empty_text(&query, link, total).0
    }

    #[test]
    fn empty_library_explains_the_tracker_link() {
        let title = |link: &TrackerLink| title(link, 0, "", LibraryFilter::All);
        let title = |state, listed| title(&link(state, listed));
        assert_eq!(title(LinkState::Connecting, false), "Loading library");
        assert_eq!(title(LinkState::Online, false), "Loading library");
        assert_eq!(title(CLOSED, false), "Cannot reach the tracker");
        assert_eq!(title(LinkState::Online, true), "No songs yet");
        assert_eq!(title(CLOSED, true), "Cannot reach the tracker");
    }

    #[test]
    fn empty_list_explains_search_before_filter() {
        let up = link(LinkState::Online, true);
        let title = |total, search: &str, filter| title(&up, total, search, filter);
        assert_eq!(title(3, "x", LibraryFilter::All), "No songs match “x”");
        assert_eq!(title(5, "", LibraryFilter::Unplayed), "No unplayed songs");
        assert_eq!(title(5, "", LibraryFilter::Local), "Nothing on this device");
        assert_eq!(title(5, "x", LibraryFilter::Local), "No songs match “x”");
        assert_eq!(title(0, "", LibraryFilter::Local), "No songs yet");
    }
}
