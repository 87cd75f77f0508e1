//! The catalogue and its changes in messages of allowed length.

use crate::ids::FileId;
use crate::media::{FileEntry, MediaKind};
use crate::protocol::{CatalogueDelta, MAX_ENTRIES, MAX_REMOVED, TrackerMessage};

/// The whole catalogue, for a new subscriber; at least one message.
pub(super) fn first_pages(entries: &[FileEntry], clients: u32) -> Vec<TrackerMessage> {
    let pages = entries.len().div_ceil(MAX_ENTRIES).max(1);
    let page = |index: usize| {
        let first = index * MAX_ENTRIES;
        let last = (first + MAX_ENTRIES).min(entries.len());
        TrackerMessage::CatalogueDelta(CatalogueDelta {
            reset: index == 0,
            changed: entries[first..last].to_vec(),
            removed: Vec::new(),
            clients,
            more: index + 1 < pages,
        })
    };
    (0..pages).map(page).collect()
}

/// A change of the catalogue; at least one message, since the number of clients may be
/// the news.
pub(super) fn deltas<'a>(
    kind: Option<MediaKind>,
    changed: &'a [FileEntry],
    removed: &'a [FileId],
    clients: u32,
) -> impl Iterator<Item = TrackerMessage> + use<'a> {
    let of_kind = move |entry: &&FileEntry| entry.info.kind.is_listed(kind);
    let changed: Vec<FileEntry> = changed.iter().filter(of_kind).cloned().collect();
    let messages = changed.len().div_ceil(MAX_ENTRIES);
    let messages = messages.max(removed.len().div_ceil(MAX_REMOVED)).max(1);
    (0..messages).map(move |index| {
        let page = |len: usize, size: usize| (index * size).min(len)..((index + 1) * size).min(len);
        TrackerMessage::CatalogueDelta(CatalogueDelta {
            reset: false,
            changed: changed[page(changed.len(), MAX_ENTRIES)].to_vec(),
            removed: removed[page(removed.len(), MAX_REMOVED)].to_vec(),
            clients,
            more: false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaInfo;

    fn entries(count: u8) -> Vec<FileEntry> {
        let entry = |id| FileEntry {
            id: FileId([id; 32]),
            name: format!("{id}.mp3"),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Audio, 1000),
            sources: 1,
        };
        (0..count).map(entry).collect()
    }

    /// Entries, `reset` and `more` of each message.
    fn shape(messages: &[TrackerMessage]) -> Vec<(usize, bool, bool)> {
        let shape = |message: &TrackerMessage| match message {
            TrackerMessage::CatalogueDelta(delta) => (delta.changed.len(), delta.reset, delta.more),
            other => panic!("a delta: {other:?}"),
        };
        messages.iter().map(shape).collect()
    }

    #[test]
    fn first_pages_reset_once_and_say_what_follows() {
        assert_eq!(shape(&first_pages(&[], 3)), [(0, true, false)]);
        let pages = first_pages(&entries(40), 3);
        let expected = [(16, true, true), (16, false, true), (8, false, false)];
        assert_eq!(shape(&pages), expected);
    }

    #[test]
    fn deltas_hold_entries_of_the_kind() {
        let entries = entries(20);
        let audio: Vec<_> = deltas(Some(MediaKind::Audio), &entries, &[], 3).collect();
        assert_eq!(shape(&audio), [(16, false, false), (4, false, false)]);
        let video: Vec<_> = deltas(Some(MediaKind::Video), &entries, &[], 3).collect();
        assert_eq!(shape(&video), [(0, false, false)]);
    }
}
