//! Where a person finds a film again.

use super::*;
use crate::media::MediaInfo;

const MINUTE: Duration = Duration::from_secs(60);

fn entry(id: u8, kind: MediaKind, minutes: u64) -> FileEntry {
    FileEntry {
        id: FileId([id; 32]),
        name: id.to_string(),
        size: 1000,
        chunk_size: 16 << 10,
        info: MediaInfo::new(kind, minutes * 60_000),
        sources: 1,
    }
}

fn played(entry: &FileEntry, to: Duration) -> History {
    let mut history = History::default();
    history.begins(entry);
    history.at(entry.id, to);
    history
}

#[test]
fn a_film_goes_on_where_it_was_left_unless_it_is_nearly_over_or_hardly_begun() {
    let film = entry(1, MediaKind::Video, 100);
    let resume = |to| played(&film, to).resume(&film);
    assert_eq!(resume(40 * MINUTE), 40 * MINUTE);
    assert_eq!(resume(Duration::from_secs(4)), Duration::ZERO);
    assert_eq!(resume(96 * MINUTE), Duration::ZERO);
    let mut history = played(&film, 96 * MINUTE);
    assert!(history.seen(film.id).expect("seen").done);
    history.at(film.id, 10 * MINUTE);
    let seen = history.seen(film.id).expect("seen");
    assert!(seen.done && seen.is_begun(), "seen, and begun again");
    assert!((seen.share() - 0.1).abs() < 0.001);
}

#[test]
fn songs_begin_at_the_start_and_lectures_do_not() {
    let song = entry(1, MediaKind::Audio, 4);
    assert_eq!(played(&song, 2 * MINUTE).resume(&song), Duration::ZERO);
    let lecture = entry(2, MediaKind::Audio, 90);
    assert_eq!(played(&lecture, 2 * MINUTE).resume(&lecture), 2 * MINUTE);
}

#[test]
fn a_short_clip_is_done_in_its_second_half_at_the_earliest() {
    let mut clip = entry(1, MediaKind::Video, 0);
    clip.info.duration_ms = 16_000;
    let history = played(&clip, Duration::from_secs(7));
    assert_eq!(history.resume(&clip), Duration::from_secs(7));
    let history = played(&clip, Duration::from_secs(9));
    assert!(history.seen(clip.id).expect("seen").done);
}

#[test]
fn a_person_may_know_better_what_was_watched() {
    let film = entry(1, MediaKind::Video, 100);
    let mut history = played(&film, 40 * MINUTE);
    history.mark(&film, true);
    // It may play on meanwhile.
    history.at(film.id, 50 * MINUTE);
    let seen = history.seen(film.id).expect("seen");
    assert!(seen.done && seen.played && !seen.is_begun());
    history.begins(&film);
    history.at(film.id, 50 * MINUTE);
    assert!(history.seen(film.id).expect("seen").is_begun(), "anew");
    history.mark(&film, false);
    history.at(film.id, 60 * MINUTE);
    assert_eq!(history.seen(film.id), None, "forgotten");
    assert_eq!(history.take_changes(), [(film.id, None)]);
    history.mark(&film, true);
    let seen = history.seen(film.id).expect("known again");
    assert!(seen.done && !seen.played);
}

#[test]
fn what_was_played_last_comes_first_and_the_oldest_is_forgotten() {
    let mut history = History::default();
    let films: Vec<FileEntry> = (1..=3).map(|id| entry(id, MediaKind::Video, 10)).collect();
    films.iter().for_each(|film| history.begins(film));
    history.begins(&films[0]);
    let order: Vec<u8> = history.recent().iter().map(|(id, _)| id.0[0]).collect();
    assert_eq!(order, [1, 3, 2]);
    for number in 0..MAX_FILES {
        let mut film = entry(9, MediaKind::Video, 10);
        film.id.0[..8].copy_from_slice(&(number as u64).to_be_bytes());
        history.begins(&film);
    }
    assert_eq!(history.recent().len(), MAX_FILES);
    assert_eq!(history.seen(films[1].id), None);
    assert!(history.take_changes().contains(&(films[1].id, None)));
}
