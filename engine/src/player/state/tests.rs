//! What a person at the controls may expect.

use rand::SeedableRng;

use super::*;
use crate::ids::FileId;
use crate::media::{MediaInfo, MediaKind};

const SECOND: Duration = Duration::from_secs(1);

fn entry(id: u8) -> FileEntry {
    FileEntry {
        id: FileId([id; 32]),
        name: format!("{id}.mp4"),
        size: 1000,
        chunk_size: 16 << 10,
        info: MediaInfo::new(MediaKind::Video, 60_000),
        sources: 1,
    }
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
        Effect::Start {
            entry,
            from,
            paused,
            ..
        } => Some((entry.id.0[0], *from, *paused)),
        _ => None,
    })
}

#[test]
fn the_end_of_a_file_goes_on_with_the_next_and_the_last_one_ends() {
    let mut state = playing();
    let end = |state: &mut State| {
        state.report(state.generation, Report::Started);
        state.at(state.generation, 60 * SECOND);
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
fn an_older_pipeline_is_ignored() {
    let mut state = playing();
    let old = state.generation;
    state.control(Control::SeekTo(30 * SECOND));
    assert!(state.report(old, Report::Ended(None)).is_empty());
    state.at(old, 5 * SECOND);
    assert_eq!(
        (state.position(), state.phase()),
        (30 * SECOND, &Phase::Loading)
    );
}

#[test]
fn a_paused_film_stays_paused_over_a_seek() {
    let mut state = playing();
    assert_eq!(state.control(Control::Toggle), [Effect::Pause(true)]);
    let effects = state.control(Control::SeekBy(10.0));
    assert_eq!(started(&effects), Some((1, 10 * SECOND, true)));
    state.report(state.generation, Report::Started);
    assert_eq!(*state.phase(), Phase::Paused);
}

#[test]
fn seeks_stay_within_the_film() {
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
fn buffering_comes_and_goes_by_itself_but_not_while_paused() {
    let mut state = playing();
    state.report(state.generation, Report::PictureStarving(true));
    assert_eq!(*state.phase(), Phase::Buffering);
    state.report(state.generation, Report::PictureStarving(false));
    assert_eq!(*state.phase(), Phase::Playing);
    state.control(Control::Toggle);
    state.report(state.generation, Report::PictureStarving(true));
    assert_eq!(*state.phase(), Phase::Paused);
}

#[test]
fn previous_restarts_a_file_that_has_run_for_a_while() {
    let mut state = playing();
    state.control(Control::Next);
    state.report(state.generation, Report::Started);
    state.at(state.generation, 10 * SECOND);
    let effects = state.control(Control::Previous);
    assert_eq!(started(&effects).map(|s| s.0), Some(2));
    let effects = state.control(Control::Previous);
    assert_eq!(started(&effects).map(|s| s.0), Some(1));
}

#[test]
fn stopped_by_hand_at_the_very_end_the_next_file_waits() {
    let mut state = playing();
    state.at(state.generation, 60 * SECOND);
    state.control(Control::Toggle);
    let effects = state.report(state.generation, Report::Ended(None));
    assert_eq!(started(&effects), Some((2, Duration::ZERO, true)));
    let effects = state.control(Control::Next);
    assert_eq!(started(&effects), Some((3, Duration::ZERO, false)));
}

#[test]
fn mute_keeps_the_volume_and_a_volume_ends_mute() {
    let mut state = playing();
    assert_eq!(state.control(Control::ToggleMute), [Effect::Gain(0.0)]);
    assert_eq!(state.volume(), 50);
    assert_eq!(state.control(Control::VolumeBy(50)), [Effect::Gain(1.0)]);
    assert!(!state.muted());
    state.control(Control::VolumeBy(-500));
    assert_eq!(state.volume(), 0);
}

#[test]
fn a_failure_says_why_and_can_be_tried_again() {
    let mut state = playing();
    state.at(state.generation, 7 * SECOND);
    state.report(state.generation, Report::Failed(damaged()));
    assert_eq!(*state.phase(), Phase::Failed(damaged()));
    let effects = state.control(Control::Toggle);
    assert_eq!(started(&effects), Some((1, 7 * SECOND, false)));
}

#[test]
fn a_song_that_cannot_be_played_is_passed_over_unless_all_are_so() {
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
    let passed_over = state.take_passed_over().expect("a word about it");
    assert_eq!(passed_over.error, damaged());
    let effects = state.report(state.generation, failed());
    assert_eq!(started(&effects).map(|s| s.0), Some(3));
    assert_eq!(state.report(state.generation, failed()), [Effect::Stop]);
    assert_eq!(*state.phase(), Phase::Failed(damaged()));
    // One that plays ends the series.
    state.play(vec![song(1), song(2)], 0);
    state.report(state.generation, Report::Started);
    let effects = state.report(state.generation, failed());
    assert_eq!(started(&effects).map(|s| s.0), Some(2));
}

#[test]
fn speed_stays_within_bounds_and_goes_on_where_it_is() {
    let mut state = playing();
    state.at(state.generation, 9 * SECOND);
    let effects = state.control(Control::SpeedBy(0.1));
    assert_eq!(started(&effects).map(|s| s.1), Some(9 * SECOND));
    assert_eq!(state.speed(), 110);
    state.control(Control::SpeedBy(7.0));
    assert_eq!(state.speed(), 200);
    state.control(Control::SpeedBy(-7.0));
    assert_eq!(state.speed(), 50);
}

#[test]
fn a_stream_that_breaks_off_goes_on_where_it_was() {
    let mut state = playing();
    state.at(state.generation, 20 * SECOND);
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
    assert_eq!(effects, [Effect::Stop], "no endless loop");
    assert_eq!(*state.phase(), Phase::Failed(damaged()));
}

#[test]
fn a_file_that_holds_less_than_its_head_says_still_ends() {
    let mut state = playing();
    state.at(state.generation, 40 * SECOND);
    state.report(state.generation, Report::Ended(None));
    state.report(state.generation, Report::Started);
    let effects = state.report(state.generation, Report::Ended(None));
    assert_eq!(started(&effects).map(|s| s.0), Some(2), "on to the next");
}

#[test]
fn it_plays_again_only_when_both_sound_and_picture_are_there() {
    let mut state = playing();
    state.report(state.generation, Report::SoundStarving(true));
    state.report(state.generation, Report::PictureStarving(true));
    state.report(state.generation, Report::SoundStarving(false));
    assert_eq!(*state.phase(), Phase::Buffering);
    state.control(Control::Toggle);
    state.control(Control::Toggle);
    assert_eq!(
        *state.phase(),
        Phase::Buffering,
        "a pause changes nothing about it"
    );
    state.report(state.generation, Report::PictureStarving(false));
    assert_eq!(*state.phase(), Phase::Playing);
}

#[test]
fn what_is_put_into_the_list_plays_in_its_turn_and_at_once_if_nothing_does() {
    let mut state = playing();
    assert_eq!(state.enqueue(vec![entry(9)], true), [], "not at once");
    let next = state.control(Control::Next);
    assert_eq!(started(&next), Some((9, Duration::ZERO, false)));
    assert_eq!(state.control(Control::Stop), [Effect::Stop]);
    let again = state.control(Control::Toggle);
    assert_eq!(
        started(&again),
        Some((9, Duration::ZERO, false)),
        "the list is still there"
    );
    state.control(Control::Stop);
    let first = state.enqueue(vec![entry(4), entry(5)], false);
    assert_eq!(started(&first), Some((4, Duration::ZERO, false)));
    assert!(state.has_next());
}

#[test]
fn what_plays_can_be_taken_out_of_the_list() {
    let mut state = playing();
    assert_eq!(state.control(Control::Remove(2)), [], "another one");
    let instead = state.control(Control::Remove(0));
    assert_eq!(started(&instead), Some((2, Duration::ZERO, false)));
    let version = state.queue_version();
    assert_eq!(state.control(Control::Remove(0)), [Effect::Stop]);
    assert_eq!((state.phase(), state.entry()), (&Phase::Stopped, None));
    assert_ne!(state.queue_version(), version, "the window hears of it");
}

#[test]
fn a_file_that_repeats_begins_again_until_the_next_is_asked_for() {
    let mut state = playing();
    state.control(Control::CycleRepeat);
    state.control(Control::CycleRepeat);
    state.at(state.generation, 60 * SECOND);
    let again = state.report(state.generation, Report::Ended(None));
    assert_eq!(started(&again), Some((1, Duration::ZERO, false)));
    let next = state.control(Control::Next);
    assert_eq!(started(&next), Some((2, Duration::ZERO, false)));
}

#[test]
fn a_film_goes_on_where_it_was_left_and_says_so_for_a_while() {
    let mut state = playing();
    state.at(state.generation, 20 * SECOND);
    state.control(Control::Next);
    let back = state.control(Control::Previous);
    assert_eq!(started(&back), Some((1, 20 * SECOND, false)));
    assert_eq!(state.resumed(), Some(20 * SECOND));
    state.report(state.generation, Report::Started);
    state.at(state.generation, 29 * SECOND);
    assert_eq!(state.resumed(), None);
}
