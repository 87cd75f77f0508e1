//! Albums and artists of the songs.

use std::collections::{BTreeMap, BTreeSet};

use engine::catalogue::{Search, folded};
use engine::ids::FileId;
use engine::media::{FileEntry, SidecarRole};
use tr::tr;

use crate::gui::text::format::songs;
use crate::gui::ui::Grouping;

/// An album, or all songs of an artist.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    grouping: Grouping,
    /// From the tags; empty for songs without the tag.
    name: String,
    /// Album artist from the tags: several albums may have the same name.
    album_artist: String,
    /// Artist of an album, or number of albums of an artist; and the number of songs.
    pub detail: String,
    /// Poster of the first song that has one.
    pub poster: Option<FileId>,
}

impl Group {
    /// Name, or a placeholder for songs without the tag.
    pub fn title(&self) -> String {
        match (self.grouping, self.name.is_empty()) {
            (Grouping::Artists, true) => tr!("Unknown artist"),
            (_, true) => tr!("No album"),
            _ => self.name.clone(),
        }
    }

    /// Detail line for a part of its songs.
    pub fn detail_of(&self, shown: &[FileEntry]) -> String {
        let shown: Vec<&FileEntry> = shown.iter().collect();
        detail(self.grouping, &shown)
    }

    fn contains(&self, entry: &FileEntry) -> bool {
        let same = |one: &str, other: &str| folded(one) == folded(other);
        let (name, album_artist) = key(self.grouping, entry);
        same(name, &self.name) && same(album_artist, &self.album_artist)
    }
}

/// Name and album artist of the group that a song belongs to.
fn key(grouping: Grouping, entry: &FileEntry) -> (&str, &str) {
    match grouping {
        Grouping::Artists => (&entry.info.artist, ""),
        Grouping::Albums | Grouping::Files if entry.info.album.is_empty() => ("", ""),
        Grouping::Albums | Grouping::Files => (&entry.info.album, &entry.info.album_artist),
    }
}

/// Groups of the songs that contain all words of a search, by name; songs without the
/// tag come last.
pub fn all<'a>(
    entries: impl IntoIterator<Item = &'a FileEntry>,
    grouping: Grouping,
    search: &str,
) -> Vec<Group> {
    let search = Search::new(search);
    let mut groups: BTreeMap<(bool, String, String), Vec<&FileEntry>> = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| search.matches(entry)) {
        let (name, album_artist) = key(grouping, entry);
        let (name, album_artist) = (folded(name), folded(album_artist));
        let songs = groups.entry((name.is_empty(), name, album_artist));
        songs.or_default().push(entry);
    }
    let group = |entries: Vec<&FileEntry>| {
        let (name, album_artist) = key(grouping, entries[0]);
        let mut posters = entries
            .iter()
            .filter_map(|e| e.info.sidecar(SidecarRole::Poster));
        Group {
            grouping,
            name: name.to_owned(),
            album_artist: album_artist.to_owned(),
            detail: detail(grouping, &entries),
            poster: posters.next().map(|poster| poster.id),
        }
    };
    groups.into_values().map(group).collect()
}

/// Artist or number of albums, and number of songs.
fn detail(grouping: Grouping, entries: &[&FileEntry]) -> String {
    let Some(first) = entries.first() else {
        return String::new();
    };
    let artists: BTreeSet<&str> = entries.iter().map(|e| e.info.artist.as_str()).collect();
    let albums: BTreeSet<&str> = entries.iter().map(|e| e.info.album.as_str()).collect();
    let (_, album_artist) = key(grouping, first);
    let of = match (grouping, artists.len(), albums.len()) {
        (Grouping::Artists, _, albums) => tr!("1 album" | "{n} albums" % albums),
        _ if !album_artist.is_empty() => album_artist.to_owned(),
        (_, 1, _) => artists.first().copied().unwrap_or_default().to_owned(),
        _ => tr!("Various artists"),
    };
    let parts = [of, songs(entries.len())];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// Songs of a group in the order of the album.
pub fn within(entries: &[FileEntry], group: &Group) -> Vec<FileEntry> {
    let found = entries.iter().filter(|entry| group.contains(entry));
    let mut found: Vec<FileEntry> = found.cloned().collect();
    found.sort_by_cached_key(|entry| {
        let title = folded(entry.display_title());
        let info = &entry.info;
        let number = (info.disc_number, info.track_number);
        let album = (folded(&info.album), folded(&info.album_artist));
        (album, number, title)
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::media::{MediaInfo, MediaKind};

    fn song(id: u8, title: &str, artist: &str, album: &str, number: u32) -> FileEntry {
        FileEntry {
            id: FileId([id; 32]),
            name: format!("{title}.flac"),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo {
                title: title.into(),
                artist: artist.into(),
                album: album.into(),
                track_number: number,
                ..MediaInfo::new(MediaKind::Audio, 1000)
            },
            sources: 1,
        }
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
    fn albums_ignore_case() {
        let texts = |group: &Group| (group.title(), group.detail.clone());
        let albums = all(&songs(), Grouping::Albums, "");
        let albums: Vec<_> = albums.iter().map(texts).collect();
        let expected = [
            ("Both", "Various artists · 2 songs"),
            ("First", "Them · 2 songs"),
            ("No album", "Us · 1 song"),
        ];
        assert_eq!(albums, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let artists = all(&songs(), Grouping::Artists, "us");
        let artists: Vec<_> = artists.iter().map(texts).collect();
        let expected = ("Us".to_owned(), "2 albums · 2 songs".to_owned());
        assert_eq!(artists, [expected]);
    }

    #[test]
    fn album_orders_songs_by_track_number() {
        let albums = all(&songs(), Grouping::Albums, "");
        let titles = within(&songs(), &albums[1]);
        let titles: Vec<_> = titles.iter().map(FileEntry::display_title).collect();
        assert_eq!(titles, ["b", "a"], "track 2, track 10");
    }

    #[test]
    fn albums_of_one_name_differ_by_album_artist() {
        let on = |id, disc, number, album_artist: &str| {
            let mut song = song(id, "x", "Them", "Best", number);
            (song.info.disc_number, song.info.album_artist) = (disc, album_artist.into());
            song
        };
        let songs = [
            on(1, 2, 1, "Them"),
            on(2, 1, 2, "Them"),
            on(3, 1, 1, "them"),
            on(4, 0, 1, "Us"),
        ];
        let albums = all(&songs, Grouping::Albums, "");
        let details: Vec<&str> = albums.iter().map(|album| album.detail.as_str()).collect();
        assert_eq!(details, ["Them · 3 songs", "Us · 1 song"]);
        let order = within(&songs, &albums[0]);
        let ids: Vec<u8> = order.iter().map(|song| song.id.0[0]).collect();
        assert_eq!(ids, [3, 2, 1], "by disc, then track");
    }
}
