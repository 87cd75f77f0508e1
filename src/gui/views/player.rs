//! What is awaited, why, and what is done about it, in words.

use engine::player::Phase;
use engine::scheduler::StallCause;
use slint::ComponentHandle;
use tr::tr;

use crate::gui::models::playback::View;
use crate::gui::models::stream_map::stall_cause;
use crate::gui::text::language::of_actors;
use crate::gui::ui::{AppWindow, PlayerAdapter};
use crate::player::PlayerSnapshot;
use crate::scheduler::StreamSnapshot;

/// Shows it; the cause may change while the player's state stays.
pub(crate) fn show(app: &AppWindow, view: &View) {
    let text = text(&view.player, view.current_stream());
    app.global::<PlayerAdapter>().set_waiting_text(text.into());
}

/// The cause where it is known; at a start or after a jump only when it takes long.
fn text(state: &PlayerSnapshot, stream: Option<&StreamSnapshot>) -> String {
    let unshared = state.entry.as_ref().is_some_and(|entry| entry.sources == 0);
    let cause = match state.phase {
        Phase::Loading => stream.and_then(|stream| stream.stalled),
        _ => stream.and_then(stall_cause),
    };
    match (&state.phase, cause) {
        (Phase::Buffering | Phase::Loading, Some(StallCause::NoSource)) => {
            tr!("Nobody online has this. It goes on when somebody does")
        }
        (Phase::Loading, None) if unshared => {
            tr!("Nobody online has this. It starts when somebody does")
        }
        (Phase::Buffering | Phase::Loading, Some(cause)) => {
            tr!("Waiting: {}; {}", of_actors(cause.text()), remedy(cause))
        }
        (Phase::Buffering, None) => tr!("Waiting for data"),
        _ => tr!("Loading"),
    }
}

/// What is done about it, or can be.
fn remedy(cause: StallCause) -> String {
    match cause {
        StallCause::NoSource => tr!("it goes on when somebody comes who has it"),
        StallCause::SlowSource => tr!("all who have it are asked"),
        StallCause::Choked => tr!("it goes on when their limits allow it"),
        StallCause::Disk => tr!("it goes on when there is space"),
        StallCause::OwnLimit => tr!("it can be raised under Sharing"),
        StallCause::Decoder => tr!("fewer programs at once, or mpv or VLC, may help"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::models::stream_map::tests::stream;

    #[test]
    fn the_cause_is_told_and_what_is_done_about_it() {
        let mut state = PlayerSnapshot {
            phase: Phase::Loading,
            ..PlayerSnapshot::default()
        };
        let mut film = stream(0..10, 0..100);
        assert_eq!(text(&state, Some(&film)), "Loading", "a moment is usual");
        film.stalled = Some(StallCause::SlowSource);
        let slow = "Waiting: the sources are too slow; all who have it are asked";
        assert_eq!(text(&state, Some(&film)), slow);
        state.phase = Phase::Buffering;
        assert_eq!(text(&state, Some(&film)), slow);
        film.stalled = Some(StallCause::NoSource);
        assert!(text(&state, Some(&film)).starts_with("Nobody online has this."));
        assert_eq!(text(&state, None), "Waiting for data");
    }
}
