//! Order and search of catalogue entries, the same for tracker, client and window.
//!
//! Texts are compared [`folded`]: without case and without marks, so that `Öl`
//! stands beside `Ofen` and a search for `ecole` finds `École`.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::ids::FileId;
use crate::media::FileEntry;

/// Text for comparison: lowercase letters without marks.
pub fn folded(text: &str) -> String {
    let letters = text.nfd().filter(|letter| !is_combining_mark(*letter));
    letters.flat_map(char::to_lowercase).collect()
}

/// Words that must all occur in an entry's name, title, artist or album.
#[derive(Debug, Clone, Default)]
pub struct Search {
    words: Vec<String>,
}

impl Search {
    /// Splits a text into words.
    pub fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(folded).collect();
        Self { words }
    }

    /// True without any word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// True if the entry holds all words.
    pub fn matches(&self, entry: &FileEntry) -> bool {
        if self.is_empty() {
            return true;
        }
        let info = &entry.info;
        let texts = [&entry.name, &info.title, &info.artist, &info.album];
        let text = texts.map(|text| folded(text)).join("\n");
        self.words.iter().all(|word| text.contains(word))
    }
}

/// Column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// By title.
    #[default]
    Title,
    /// By artist, then as [`Sort::Album`]; entries without an artist last.
    Artist,
    /// By album, in its order; entries without an album last.
    Album,
    /// By bytes.
    Size,
    /// By length.
    Duration,
    /// By number of sources.
    Sources,
}

/// Sort key of the catalogue: the title, then the id, so that it never depends on
/// the order of arrival.
pub fn by_title(entry: &FileEntry) -> (String, FileId) {
    (folded(entry.display_title()), entry.id)
}

/// The entries that match a search, sorted.
pub fn filter_and_sort(
    entries: &[FileEntry],
    search: &str,
    sort: Sort,
    descending: bool,
) -> Vec<FileEntry> {
    let search = Search::new(search);
    let matching = entries.iter().filter(|entry| search.matches(entry));
    let mut found: Vec<FileEntry> = matching.cloned().collect();
    let title = |entry: &FileEntry| folded(entry.display_title());
    let unnamed_last = |name: &str| (name.is_empty(), folded(name));
    let on_album = |entry: &FileEntry| {
        let info = &entry.info;
        let place = (info.disc_number, info.track_number);
        let album = unnamed_last(&info.album);
        (album, unnamed_last(&info.album_artist), place)
    };
    match sort {
        Sort::Title => found.sort_by_cached_key(title),
        Sort::Artist => found.sort_by_cached_key(|entry| {
            let artist = unnamed_last(&entry.info.artist);
            (artist, on_album(entry), title(entry))
        }),
        Sort::Album => found.sort_by_cached_key(|entry| (on_album(entry), title(entry))),
        Sort::Size => found.sort_by_key(|entry| entry.size),
        Sort::Duration => found.sort_by_key(|entry| entry.info.duration_ms),
        Sort::Sources => found.sort_by_key(|entry| entry.sources),
    }
    if descending {
        found.reverse();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::film;

    fn entry(id: u8, title: &str, size: u64) -> FileEntry {
        let mut film = film(id, &format!("{title}.mp4"));
        film.size = size;
        film.sources = u32::from(id);
        film.info.title = title.into();
        film
    }

    fn titles(entries: &[FileEntry], search: &str, sort: Sort, descending: bool) -> Vec<String> {
        let found = filter_and_sort(entries, search, sort, descending);
        found.into_iter().map(|entry| entry.info.title).collect()
    }

    #[test]
    fn entries_are_filtered_and_sorted() {
        let entries = [entry(1, "b", 10), entry(2, "A", 30), entry(3, "c", 20)];
        let titles = |search, sort, descending| titles(&entries, search, sort, descending);
        assert_eq!(titles("", Sort::Title, false), ["A", "b", "c"]);
        assert_eq!(titles("", Sort::Size, true), ["A", "c", "b"]);
        assert_eq!(titles("", Sort::Sources, false), ["b", "A", "c"]);
        assert_eq!(titles("C.MP4", Sort::Title, false), ["c"]);
    }

    #[test]
    fn letters_with_marks_stand_beside_those_without() {
        let titles = ["Zebra", "Öffentlich", "Ofen", "école", "Eis", "olive"];
        let mut sorted = titles;
        sorted.sort_by_cached_key(|title| folded(title));
        let expected = ["école", "Eis", "Ofen", "Öffentlich", "olive", "Zebra"];
        assert_eq!(sorted, expected);
    }

    #[test]
    fn search_ignores_case_and_marks() {
        let school = entry(1, "École", 1);
        assert!(Search::new("ecole MP4").matches(&school));
        assert!(Search::new("").matches(&school));
        assert!(!Search::new("ecole two").matches(&school));
    }

    #[test]
    fn songs_are_sorted_by_artist_and_album_position() {
        let song = |id, title: &str, artist: &str, album: &str, number| {
            let mut song = entry(id, title, 1);
            (song.info.artist, song.info.album) = (artist.into(), album.into());
            song.info.track_number = number;
            song
        };
        let songs = [
            song(1, "loose", "", "", 0),
            song(2, "second", "them", "First", 2),
            song(3, "tenth", "Them", "first", 10),
            song(4, "other", "Us", "Another", 1),
        ];
        let titles = |sort, descending| titles(&songs, "", sort, descending);
        let by_artist = titles(Sort::Artist, false);
        assert_eq!(by_artist, ["second", "tenth", "other", "loose"]);
        let by_album = titles(Sort::Album, false);
        assert_eq!(by_album, ["other", "second", "tenth", "loose"]);
        let backwards = titles(Sort::Album, true);
        assert_eq!(backwards, ["loose", "tenth", "second", "other"]);
    }
}
