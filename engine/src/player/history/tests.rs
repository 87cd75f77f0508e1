//! Resume positions and played marks.

use super::*;
use crate::fixtures;

const MINUTE: Duration = Duration::from_secs(60);

fn entry(id: u8, kind: MediaKind, minutes: u64) -> FileEntry {
    let mut entry = fixtures::entry(id, kind, &id.to_string());
    entry.info.duration_ms = minutes * 60_000;
    entry
}

fn played(entry: &FileEntry, to: Duration) -> History {
    let mut history = History::default();
    history.start(entry);
    history.record(entry.id, to);
    history
}

#[test]
fn film_resumes_unless_barely_begun_or_nearly_over() {
    let film = entry(1, MediaKind::Video, 100);
    let resume = |to| played(&film, to).resume_position(&film);
    assert_eq!(resume(40 * MINUTE), 40 * MINUTE);
    assert_eq!(resume(Duration::from_secs(4)), Duration::ZERO);
    assert_eq!(resume(96 * MINUTE), Duration::ZERO);
    let mut history = played(&film, 96 * MINUTE);
    assert!(history.progress(film.id).expect("progress").played);
    history.record(film.id, 10 * MINUTE);
    let progress = history.progress(film.id).expect("progress");
    assert!(
        progress.played && progress.is_begun(),
        "played and begun again"
    );
    assert!((progress.share() - 0.1).abs() < 0.001);
}

#[test]
fn only_long_audio_resumes() {
    let song = entry(1, MediaKind::Audio, 4);
    assert_eq!(
        played(&song, 2 * MINUTE).resume_position(&song),
        Duration::ZERO
    );
    let lecture = entry(2, MediaKind::Audio, 90);
    assert_eq!(
        played(&lecture, 2 * MINUTE).resume_position(&lecture),
        2 * MINUTE
    );
}

#[test]
fn short_clip_counts_as_played_in_its_second_half() {
    let mut clip = entry(1, MediaKind::Video, 0);
    clip.info.duration_ms = 16_000;
    let history = played(&clip, Duration::from_secs(7));
    assert_eq!(history.resume_position(&clip), Duration::from_secs(7));
    let history = played(&clip, Duration::from_secs(9));
    assert!(history.progress(clip.id).expect("progress").played);
}

#[test]
fn mark_overrides_recorded_progress() {
    let film = entry(1, MediaKind::Video, 100);
    let mut history = played(&film, 40 * MINUTE);
    history.mark(&film, true);
    // Playback may continue meanwhile.
    history.record(film.id, 50 * MINUTE);
    let progress = history.progress(film.id).expect("progress");
    assert!(progress.played && progress.started && !progress.is_begun());
    history.start(&film);
    history.record(film.id, 50 * MINUTE);
    assert!(
        history.progress(film.id).expect("progress").is_begun(),
        "recorded again"
    );
    history.mark(&film, false);
    history.record(film.id, 60 * MINUTE);
    assert_eq!(history.progress(film.id), None, "forgotten");
    assert_eq!(history.take_changes(), [(film.id, None)]);
    history.mark(&film, true);
    let progress = history.progress(film.id).expect("known again");
    assert!(progress.played && !progress.started);
}

#[test]
fn history_is_ordered_by_last_start_and_bounded() {
    let mut history = History::default();
    let films: Vec<FileEntry> = (1..=3).map(|id| entry(id, MediaKind::Video, 10)).collect();
    films.iter().for_each(|film| history.start(film));
    history.start(&films[0]);
    let order: Vec<u8> = history.recent().iter().map(|(id, _)| id.0[0]).collect();
    assert_eq!(order, [1, 3, 2]);
    for number in 0..MAX_FILES {
        let mut film = entry(9, MediaKind::Video, 10);
        film.id.0[..8].copy_from_slice(&(number as u64).to_be_bytes());
        history.start(&film);
    }
    assert_eq!(history.recent().len(), MAX_FILES);
    assert_eq!(history.progress(films[1].id), None);
    assert!(history.take_changes().contains(&(films[1].id, None)));
}

#[test]
fn progress_keeps_the_stored_field_names() {
    let stored = r#"{"position_ms":5000,"duration_ms":60000,"done":true,"order":3}"#;
    let progress: PlayProgress = serde_json::from_str(stored).expect("earlier releases");
    assert!(progress.played && progress.started);
    let json = serde_json::to_value(progress).expect("serializable");
    assert_eq!(
        (&json["done"], &json["played"]),
        (&true.into(), &true.into())
    );
}
