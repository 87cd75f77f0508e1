//! Albums and artists: music by what it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use engine::catalogue::Search;
use engine::ids::FileId;
use engine::media::{FileEntry, SidecarRole};
use slint::ComponentHandle;
use tr::tr;

use crate::gui::UiContext;
use crate::gui::models::playback::{View, update};
use crate::gui::models::rows::Facts;
use crate::gui::models::stream_map::{Only, folded, songs};
use crate::gui::ui::{AppWindow, GroupItem, Grouping, LibraryAdapter};
use crate::gui::window::view;
use crate::player::Play;

/// What songs are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Not at all.
    #[default]
    Files,
    /// By album.
    Albums,
    /// By artist.
    Artists,
}

/// An album, or all of an artist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    kind: Kind,
    /// As the tags say; empty for what has none.
    name: String,
    /// Whose album it is, where the tags say so: of one name there may be several.
    of: String,
    /// Artist of an album, and how many songs there are.
    pub detail: String,
    /// Whose picture stands for it.
    pub poster: Option<FileId>,
}

impl Group {
    /// Its name, or that it has none.
    pub fn title(&self) -> String {
        match (self.kind, self.name.is_empty()) {
            (Kind::Artists, true) => tr!("Unknown artist"),
            (_, true) => tr!("No album"),
            _ => self.name.clone(),
        }
    }

    fn holds(&self, entry: &FileEntry) -> bool {
        let same = |one: &str, other: &str| folded(one) == folded(other);
        let (name, of) = key(self.kind, entry);
        same(name, &self.name) && same(of, &self.of)
    }
}

/// The name of a group, and whose it is.
fn key(kind: Kind, entry: &FileEntry) -> (&str, &str) {
    match kind {
        Kind::Artists => (&entry.info.artist, ""),
        Kind::Albums | Kind::Files if entry.info.album.is_empty() => ("", ""),
        Kind::Albums | Kind::Files => (&entry.info.album, &entry.info.album_artist),
    }
}

/// The groups of what holds all words, by name; those without one last.
pub fn all<'a>(
    entries: impl IntoIterator<Item = &'a FileEntry>,
    kind: Kind,
    search: &str,
) -> Vec<Group> {
    let words = Search::new(search);
    let mut groups: BTreeMap<(bool, String, String), Vec<&FileEntry>> = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| words.matches(entry)) {
        let (name, of) = key(kind, entry);
        let (name, of) = (folded(name), folded(of));
        let songs = groups.entry((name.is_empty(), name, of)).or_default();
        songs.push(entry);
    }
    let group = |entries: Vec<&FileEntry>| {
        let (name, whose) = key(kind, entries[0]);
        let mut posters = entries
            .iter()
            .filter_map(|e| e.info.sidecar(SidecarRole::Poster));
        Group {
            kind,
            name: name.to_owned(),
            of: whose.to_owned(),
            detail: detail(kind, &entries),
            poster: posters.next().map(|poster| poster.id),
        }
    };
    groups.into_values().map(group).collect()
}

/// Whose songs of a group these are, and how many.
fn detail(kind: Kind, entries: &[&FileEntry]) -> String {
    let Some(first) = entries.first() else {
        return String::new();
    };
    let artists: BTreeSet<&str> = entries.iter().map(|e| e.info.artist.as_str()).collect();
    let albums: BTreeSet<&str> = entries.iter().map(|e| e.info.album.as_str()).collect();
    let (_, whose) = key(kind, first);
    let of = match (kind, artists.len(), albums.len()) {
        (Kind::Artists, _, albums) => tr!("1 album" | "{n} albums" % albums),
        _ if !whose.is_empty() => whose.to_owned(),
        (_, 1, _) => artists.first().copied().unwrap_or_default().to_owned(),
        _ => tr!("Various artists"),
    };
    let parts = [of, songs(entries.len())];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// What belongs to a group, in the order of the album.
pub fn within(entries: &[FileEntry], group: &Group) -> Vec<FileEntry> {
    let mut found: Vec<FileEntry> = entries.iter().filter(|e| group.holds(e)).cloned().collect();
    found.sort_by_cached_key(|entry| {
        let title = folded(entry.display_title());
        let info = &entry.info;
        let place = (info.disc_number, info.track_number);
        let album = (folded(&info.album), folded(&info.album_artist));
        (album, place, title)
    });
    found
}

/// The groups of the shelf that is looked at, and the one that is open.
pub(crate) fn show(app: &AppWindow, view: &mut View) {
    let adapter = app.global::<LibraryAdapter>();
    let entries = &view.overview.catalogue.entries;
    view.groups = match (view.shelf, &view.open) {
        (Kind::Files, _) | (_, Some(_)) => Vec::new(),
        (kind, None) => {
            let info = (view.only != Only::All).then(|| Facts::of(view));
            let passes = |entry: &&FileEntry| {
                let info = info.as_ref();
                info.is_none_or(|info| info.passes(view.only, entry.id))
            };
            all(entries.iter().filter(passes), kind, &view.search)
        }
    };
    let row = |group: &Group| GroupItem {
        title: group.title().into(),
        detail: group.detail.clone().into(),
        poster: poster(group.poster).into(),
    };
    let rows = view.groups.iter().map(row).collect();
    if let Some(model) = update(adapter.get_groups(), rows) {
        adapter.set_groups(model);
    }
    let open = view.open.as_ref();
    adapter.set_group_title(open.map(Group::title).unwrap_or_default().into());
    adapter.set_grouping(match view.shelf {
        Kind::Files => Grouping::Files,
        Kind::Albums => Grouping::Albums,
        Kind::Artists => Grouping::Artists,
    });
}

/// What the open group shows: it may be searched, and filtered.
pub(crate) fn tell(app: &AppWindow, view: &View) {
    let shown: Vec<&FileEntry> = view.shown.iter().collect();
    let told = view.open.as_ref().map(|open| detail(open.kind, &shown));
    let adapter = app.global::<LibraryAdapter>();
    adapter.set_group_detail(told.unwrap_or_default().into());
}

/// Where a picture is had, for the window.
pub(crate) fn poster(id: Option<FileId>) -> String {
    id.map_or(String::new(), |id| id.to_string())
}

fn change(app: &AppWindow, change: impl FnOnce(&mut View)) {
    let view = view();
    let mut view = view.borrow_mut();
    change(&mut view);
    app.global::<LibraryAdapter>().set_selected(-1);
    crate::gui::views::library::show(app, &mut view);
}

/// What is opened has an order of its own; outside, what was sorted stays so.
fn set_open(app: &AppWindow, view: &mut View, group: Option<Group>) {
    match (&group, view.sort_outside) {
        (Some(_), None) => {
            view.sort_outside = Some((view.sort, view.descending));
            (view.sort, view.descending) = Default::default();
        }
        (None, Some(outside)) => {
            (view.sort, view.descending) = outside;
            view.sort_outside = None;
        }
        _ => {}
    }
    view.open = group;
    crate::gui::window::show_order(app, view);
}

/// Looks through another shelf.
pub fn turn(app: &AppWindow, shelf: Grouping) {
    change(app, |view| {
        set_open(app, view, None);
        view.shelf = match shelf {
            Grouping::Files => Kind::Files,
            Grouping::Albums => Kind::Albums,
            Grouping::Artists => Kind::Artists,
        };
    });
}

/// Opens the album or artist at a place.
pub fn open(app: &AppWindow, index: i32) {
    change(app, |view| {
        let group = usize::try_from(index).ok().and_then(|i| view.groups.get(i));
        let group = group.cloned();
        set_open(app, view, group);
    });
}

/// Connects what turns from shelf to shelf.
pub fn connect(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<LibraryAdapter>();
    let with = |act: fn(&AppWindow, i32)| {
        let weak = app.as_weak();
        move |index| {
            if let Some(app) = weak.upgrade() {
                act(&app, index);
            }
        }
    };
    adapter.on_open_group(with(open));
    let close = with(|app, _| change(app, |view| set_open(app, view, None)));
    adapter.on_close_group(move || close(0));
    let weak = app.as_weak();
    adapter.on_choose_grouping(move |shelf| {
        if let Some(app) = weak.upgrade() {
            turn(&app, shelf);
        }
    });
    let player = core.player.clone();
    adapter.on_play_group(move |index| {
        let view = view();
        let view = view.borrow();
        let group = usize::try_from(index).ok().and_then(|i| view.groups.get(i));
        if let Some(group) = group {
            let mut list = within(&view.overview.catalogue.entries, group);
            if view.only != Only::All {
                let info = Facts::of(&view);
                list.retain(|entry| info.passes(view.only, entry.id));
            }
            player.do_send(Play { list, index: 0 });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::fixtures;

    fn song(id: u8, title: &str, artist: &str, album: &str, number: u32) -> FileEntry {
        let mut song = fixtures::song(id, &format!("{title}.flac"));
        song.info.title = title.into();
        song.info.artist = artist.into();
        song.info.album = album.into();
        song.info.track_number = number;
        song
    }

    fn songs() -> Vec<FileEntry> {
        vec![
            song(1, "b", "Them", "First", 2),
            song(2, "a", "Them", "first", 10),
            song(3, "c", "Us", "Both", 1),
            song(4, "d", "Them", "Both", 2),
            song(5, "e", "Us", "", 0),
        ]
    }

    #[test]
    fn albums_are_put_together_whatever_their_case() {
        let told = |group: &Group| (group.title(), group.detail.clone());
        let albums: Vec<_> = all(&songs(), Kind::Albums, "").iter().map(told).collect();
        let expected = [
            ("Both", "Various artists · 2 songs"),
            ("First", "Them · 2 songs"),
            ("No album", "Us · 1 song"),
        ];
        assert_eq!(albums, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let artists = all(&songs(), Kind::Artists, "us");
        let artists: Vec<_> = artists.iter().map(told).collect();
        assert_eq!(
            artists,
            [("Us".to_owned(), "2 albums · 2 songs".to_owned())]
        );
    }

    #[test]
    fn an_album_is_in_its_own_order() {
        let albums = all(&songs(), Kind::Albums, "");
        let titles = within(&songs(), &albums[1]);
        let titles: Vec<_> = titles.iter().map(FileEntry::display_title).collect();
        assert_eq!(titles, ["b", "a"], "track 2, track 10");
    }

    #[test]
    fn albums_of_one_name_stay_apart_and_discs_follow_each_other() {
        let on = |id, disc, number, whose: &str| {
            let mut song = song(id, "x", "Them", "Best", number);
            (song.info.disc_number, song.info.album_artist) = (disc, whose.into());
            song
        };
        let songs = [
            on(1, 2, 1, "Them"),
            on(2, 1, 2, "Them"),
            on(3, 1, 1, "them"),
            on(4, 0, 1, "Us"),
        ];
        let albums = all(&songs, Kind::Albums, "");
        let details: Vec<&str> = albums.iter().map(|album| album.detail.as_str()).collect();
        assert_eq!(details, ["Them · 3 songs", "Us · 1 song"]);
        let order = within(&songs, &albums[0]);
        let ids: Vec<u8> = order.iter().map(|song| song.id.0[0]).collect();
        assert_eq!(ids, [3, 2, 1]);
    }
}
