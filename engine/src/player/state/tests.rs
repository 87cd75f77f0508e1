//! Effects of commands and reports.

use rand::SeedableRng;

use super::*;
use crate::fixtures::film;
use crate::media::MediaKind;

const SECOND: Duration = Duration::from_secs(1);

fn entry(id: u8) -> FileEntry {
    let mut film = film(id, &format!("{id}.mp4"));
    film.info.duration_ms = 60_000;
    film
}

fn damaged() -> PlaybackError {
    MediaFailure::InvalidData.into()
}

/// A state that plays the first of three files.
fn playing() -> State {
    let mut state = State::new(50, History::default(), StdRng::seed_from_u64(3));
    state.play(vec![entry(1), entry(2), entry(3)], 0);
    state.report(state.generation, Report::Started);
    assert_eq!(*state.phase(), Phase::Playing);
    state
}

fn started(effects: &[Effect]) -> Option<(u8, Duration, bool)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start(start) => Some((start.entry.id.0[0], start.from, start.paused)),
        _ => None,
    })
}

#[test]
fn end_of_file_plays_the_next_until_the_queue_ends() {
    let mut state = playing();
    let end = |state: &mut State| {
        state.report(state.generation, Report::Started);
        state.set_position(state.generation, 60 * SECOND);
        state.report(state.generation, Report::Ended(None))
    };
    let effects = end(&mut state);
    assert_eq!(started(&effects), Some((2, Duration::ZERO, false)));
    end(&mut state);
    let effects = end(&mut state);
    assert_eq!(
        (effects, state.phase()),
        (vec![Effect::Stop], &Phase::Ended)
    );
    assert_eq!(state.position(), 60 * SECOND);
    let again = state.control(Control::Toggle);
    assert_eq!(started(&again), Some((3, Duration::ZERO, false)));
}

#[test]
fn reports_of_older_generations_are_ignored() {
    let mut state = playing();
    let old = state.generation;
    state.control(Control::SeekTo(30 * SECOND));
    assert!(state.report(old, Report::Ended(None)).is_empty());
    state.set_position(old, 5 * SECOND);
    assert_eq!(
        (state.position(), state.phase()),
        (30 * SECOND, &Phase::Loading)
    );
}

#[test]
fn pause_survives_a_seek() {
    let mut state = playing();
    assert_eq!(state.control(Control::Toggle), [Effect::Pause(true)]);
    let effects = state.control(Control::SeekBy(10.0));
    assert_eq!(started(&effects), Some((1, 10 * SECOND, true)));
    state.report(state.generation, Report::Started);
    assert_eq!(*state.phase(), Phase::Paused);
}

#[test]
fn seeks_are_clamped_to_the_file() {
    let mut state = playing();
    let effects = state.control(Control::SeekBy(-10.0));
    assert_eq!(started(&effects).map(|s| s.1), Some(Duration::ZERO));
    let effects = state.control(Control::SeekTo(500 * SECOND));
    assert_eq!(
        started(&effects).map(|s| s.1),
        Some(60 * SECOND - END_MARGIN)
    );
    let effects = state.control(Control::SeekShare(0.5));
    assert_eq!(started(&effects).map(|s| s.1), Some(30 * SECOND));
}

#[test]
fn buffering_follows_starvation_unless_paused() {
    let mut state = playing();
    state.report(state.generation, Report::VideoStarving(true));
    assert_eq!(*state.phase(), Phase::Buffering);
    state.report(state.generation, Report::VideoStarving(false));
    assert_eq!(*state.phase(), Phase::Playing);
    state.control(Control::Toggle);
    state.report(state.generation, Report::VideoStarving(true));
    assert_eq!(*state.phase(), Phase::Paused);
}

#[test]
fn previous_restarts_a_file_that_has_played_a_while() {
    let mut state = playing();
    state.control(Control::Next);
    state.report(state.generation, Report::Started);
    state.set_position(state.generation, 10 * SECOND);
    let effects = state.control(Control::Previous);
    assert_eq!(started(&effects).map(|s| s.0), Some(2));
    let effects = state.control(Control::Previous);
    assert_eq!(started(&effects).map(|s| s.0), Some(1));
}

#[test]
fn pause_at_the_end_holds_the_next_file() {
    let mut state = playing();
    state.set_position(state.generation, 60 * SECOND);
    state.control(Control::Toggle);
    let effects = state.report(state.generation, Report::Ended(None));
    assert_eq!(started(&effects), Some((2, Duration::ZERO, true)));
    let effects = state.control(Control::Next);
    assert_eq!(started(&effects), Some((3, Duration::ZERO, false)));
}

#[test]
fn mute_keeps_the_volume_and_a_new_volume_unmutes() {
    let mut state = playing();
    assert_eq!(state.control(Control::ToggleMute), [Effect::Gain(0.0)]);
    assert_eq!(state.volume().percent(), 50);
    assert_eq!(state.control(Control::VolumeBy(50)), [Effect::Gain(1.0)]);
    assert!(!state.volume().muted());
    state.control(Control::VolumeBy(-500));
    assert_eq!(state.volume().percent(), 0);
}

#[test]
fn failed_file_shows_its_error_and_can_be_retried() {
    let mut state = playing();
    state.set_position(state.generation, 7 * SECOND);
    state.report(state.generation, Report::Failed(damaged()));
    assert_eq!(*state.phase(), Phase::Failed(damaged()));
    let effects = state.control(Control::Toggle);
    assert_eq!(started(&effects), Some((1, 7 * SECOND, false)));
}

#[test]
fn unplayable_song_is_skipped_unless_all_fail() {
    let song = |id| {
        let mut song = entry(id);
        song.info.kind = MediaKind::Audio;
        song
    };
    let mut state = State::new(50, History::default(), StdRng::seed_from_u64(3));
    state.play(vec![song(1), song(2), song(3)], 0);
    let failed = || Report::Failed(damaged());
    let effects = state.report(state.generation, failed());
    assert_eq!(started(&effects).map(|s| s.0), Some(2));
    let skipped = state.take_skipped().expect("a skipped song");
    assert_eq!(skipped.error, damaged());
    let effects = state.report(state.generation, failed());
    assert_eq!(started(&effects).map(|s| s.0), Some(3));
    assert_eq!(state.report(state.generation, failed()), [Effect::Stop]);
    assert_eq!(*state.phase(), Phase::Failed(damaged()));
    // A song that starts resets the count of failures.
    state.play(vec![song(1), song(2)], 0);
    state.report(state.generation, Report::Started);
    let effects = state.report(state.generation, failed());
    assert_eq!(started(&effects).map(|s| s.0), Some(2));
}

#[test]
fn speed_is_clamped_and_keeps_the_position() {
    let mut state = playing();
    state.set_position(state.generation, 9 * SECOND);
    let effects = state.control(Control::SpeedBy(0.1));
    assert_eq!(started(&effects).map(|s| s.1), Some(9 * SECOND));
    assert_eq!(state.speed(), 110);
    state.control(Control::SpeedBy(7.0));
    assert_eq!(state.speed(), 200);
    state.control(Control::SpeedBy(-7.0));
    assert_eq!(state.speed(), 50);
}

#[test]
fn broken_stream_is_retried_once_at_its_position() {
    let mut state = playing();
    state.set_position(state.generation, 20 * SECOND);
    let effects = state.report(
        state.generation,
        Report::Ended(Some(MediaFailure::UnexpectedEnd)),
    );
    assert_eq!(started(&effects), Some((1, 20 * SECOND, false)));
    state.report(state.generation, Report::Started);
    let effects = state.report(
        state.generation,
        Report::Ended(Some(MediaFailure::InvalidData)),
    );
    assert_eq!(effects, [Effect::Stop], "retried once");
    assert_eq!(*state.phase(), Phase::Failed(damaged()));
}

#[test]
fn file_shorter_than_its_header_still_ends() {
    let mut state = playing();
    state.set_position(state.generation, 40 * SECOND);
    state.report(state.generation, Report::Ended(None));
    state.report(state.generation, Report::Started);
    let effects = state.report(state.generation, Report::Ended(None));
    assert_eq!(started(&effects).map(|s| s.0), Some(2), "on to the next");
}

#[test]
fn playback_resumes_once_audio_and_video_have_data() {
    let mut state = playing();
    state.report(state.generation, Report::AudioStarving(true));
    state.report(state.generation, Report::VideoStarving(true));
    state.report(state.generation, Report::AudioStarving(false));
    assert_eq!(*state.phase(), Phase::Buffering);
    state.control(Control::Toggle);
    state.control(Control::Toggle);
    assert_eq!(
        *state.phase(),
        Phase::Buffering,
        "a pause does not end buffering"
    );
    state.report(state.generation, Report::VideoStarving(false));
    assert_eq!(*state.phase(), Phase::Playing);
}

#[test]
fn queued_file_plays_in_turn_or_at_once_when_idle() {
    let mut state = playing();
    assert_eq!(state.enqueue(vec![entry(9)], true), [], "not at once");
    let next = state.control(Control::Next);
    assert_eq!(started(&next), Some((9, Duration::ZERO, false)));
    assert_eq!(state.control(Control::Stop), [Effect::Stop]);
    let again = state.control(Control::Toggle);
    assert_eq!(
        started(&again),
        Some((9, Duration::ZERO, false)),
        "the queue is kept"
    );
    state.control(Control::Stop);
    let first = state.enqueue(vec![entry(4), entry(5)], false);
    assert_eq!(started(&first), Some((4, Duration::ZERO, false)));
    assert!(state.has_next());
}

#[test]
fn current_item_can_be_removed() {
    let mut state = playing();
    assert_eq!(state.control(Control::Remove(2)), [], "another one");
    let instead = state.control(Control::Remove(0));
    assert_eq!(started(&instead), Some((2, Duration::ZERO, false)));
    let version = state.queue().version();
    assert_eq!(state.control(Control::Remove(0)), [Effect::Stop]);
    assert_eq!((state.phase(), state.entry()), (&Phase::Stopped, None));
    assert_ne!(
        state.queue().version(),
        version,
        "the publisher sees the change"
    );
}

#[test]
fn repeated_file_restarts_until_next_is_requested() {
    let mut state = playing();
    state.control(Control::CycleRepeat);
    state.control(Control::CycleRepeat);
    state.set_position(state.generation, 60 * SECOND);
    let again = state.report(state.generation, Report::Ended(None));
    assert_eq!(started(&again), Some((1, Duration::ZERO, false)));
    let next = state.control(Control::Next);
    assert_eq!(started(&next), Some((2, Duration::ZERO, false)));
}

#[test]
fn resume_notice_disappears_after_a_while() {
    let mut state = playing();
    state.set_position(state.generation, 20 * SECOND);
    state.control(Control::Next);
    let back = state.control(Control::Previous);
    assert_eq!(started(&back), Some((1, 20 * SECOND, false)));
    assert_eq!(state.resumed(), Some(20 * SECOND));
    state.report(state.generation, Report::Started);
    state.set_position(state.generation, 29 * SECOND);
    assert_eq!(state.resumed(), None);
}

#[test]
fn sound_error_does_not_skip_to_the_next_song() {
    let mut song = entry(1);
    song.info.kind = MediaKind::Audio;
    let mut state = State::new(50, History::default(), StdRng::seed_from_u64(3));
    state.play(vec![song.clone(), song], 0);
    let error = PlaybackError::Sound(crate::player::SoundError::TooManySounds);
    let effects = state.report(state.generation, Report::Failed(error.clone()));
    assert_eq!(effects, [Effect::Stop]);
    assert_eq!(*state.phase(), Phase::Failed(error));
    assert_eq!(state.take_skipped(), None);
}
