//! What is awaited, why, and what is done about it, in words.

use engine::player::Phase;
use engine::scheduler::StallCause;
use slint::ComponentHandle;
use tr::tr;

use crate::gui::models::playback::View;
use crate::gui::text::language::stall_text;
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
    let cause = stream.and_then(|stream| stream.stalled);
    match (&state.phase, cause) {
        (Phase::Buffering | Phase::Loading, Some(StallCause::NoSource)) => {
            tr!("No source online. Playback resumes when one is available")
        }
        (Phase::Loading, None) if unshared => {
            tr!("No source online. Playback starts when one is available")
        }
        (Phase::Buffering | Phase::Loading, Some(cause)) => {
            tr!("Buffering: {}; {}", stall_text(cause), remedy(cause))
        }
        (Phase::Buffering, None) => tr!("Buffering"),
        _ => tr!("Loading"),
    }
}

/// What is done about it, or can be.
fn remedy(cause: StallCause) -> String {
    match cause {
        StallCause::NoSource => tr!("resumes when a source is available"),
        StallCause::SlowSource => tr!("requesting from all sources"),
        StallCause::Choked => tr!("resumes when their upload limits allow"),
        StallCause::Disk => tr!("resumes when space is available"),
        StallCause::OwnLimit => tr!("change it under Sharing"),
        StallCause::Decoder => tr!("close other programs, or try mpv or VLC"),
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
        let slow = "Buffering: sources are too slow; requesting from all sources";
        assert_eq!(text(&state, Some(&film)), slow);
        state.phase = Phase::Buffering;
        assert_eq!(text(&state, Some(&film)), slow);
        film.stalled = Some(StallCause::NoSource);
        assert!(text(&state, Some(&film)).starts_with("No source online."));
        assert_eq!(text(&state, None), "Buffering");
    }
}
