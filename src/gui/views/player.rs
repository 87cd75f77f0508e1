//! Controls and state of the current item.

use std::rc::Rc;
use std::time::Duration;

use engine::ids::FileId;
use engine::player::{Control, Phase};
use engine::scheduler::StallCause;
use engine::units::timestamp;
use slint::{ComponentHandle, Image, ModelRc};
use tr::tr;

use super::list_model::sync_rows;
use crate::gui::bridge::screen::FramePixels;
use crate::gui::context::{Handles, UiContext};
use crate::gui::models::playback::PlaybackModel;
use crate::gui::models::snapshot::AppSnapshot;
use crate::gui::models::stream_map::{cells_in_time, segments};
use crate::gui::text::format;
use crate::gui::text::reasons::{playback_error, stall_cause};
use crate::gui::ui::{AppWindow, PlayerAdapter, Segment};
use crate::player::{PlayerCommand, PlayerSnapshot};
use crate::scheduler::StreamSnapshot;

/// Chunk states that the seek bar can distinguish.
const SEEK_BAR_CELLS: u32 = 400;

/// Connects the label of the seek bar.
pub fn attach(app: &AppWindow, ui: &Rc<UiContext>) {
    let ui = ui.clone();
    let player = app.global::<PlayerAdapter>();
    player.on_time_at(move |share| time_at(&ui.models().playback, share).into());
}

/// Connects the controls to the player.
pub fn connect(app: &AppWindow, handles: &Handles) {
    let adapter = app.global::<PlayerAdapter>();
    let send = |control: Control| {
        let player = handles.player.clone();
        move || player.do_send(PlayerCommand(control))
    };
    adapter.on_toggle(send(Control::Toggle));
    adapter.on_next(send(Control::Next));
    adapter.on_previous(send(Control::Previous));
    adapter.on_toggle_mute(send(Control::ToggleMute));
    let player = handles.player.clone();
    adapter.on_seek(move |share| player.do_send(PlayerCommand(Control::SeekShare(share.into()))));
    let player = handles.player.clone();
    adapter
        .on_seek_by(move |seconds| player.do_send(PlayerCommand(Control::SeekBy(seconds.into()))));
    let player = handles.player.clone();
    adapter.on_set_volume(move |volume| {
        let percent = (volume * 100.0).round().max(0.0) as u32;
        player.do_send(PlayerCommand(Control::SetVolume(percent)));
    });
    let player = handles.player.clone();
    adapter.on_volume_by(move |step| player.do_send(PlayerCommand(Control::VolumeBy(step))));
    let player = handles.player.clone();
    adapter.on_speed_by(move |step| player.do_send(PlayerCommand(Control::SpeedBy(step.into()))));
}

/// Time at a point of the seek bar, and its chapter: `21:00 · The storm`.
fn time_at(playback: &PlaybackModel, share: f32) -> String {
    let time = playback.player.duration.mul_f32(share.clamp(0.0, 1.0));
    let chapter = playback.chapter_at(time).map(|chapter| &chapter.title);
    match chapter.filter(|title| !title.is_empty()) {
        Some(title) => format!("{} · {title}", timestamp(time)),
        None => timestamp(time),
    }
}

/// Clears what belongs to the previous file.
pub fn render_file_change(app: &AppWindow) {
    let adapter = app.global::<PlayerAdapter>();
    adapter.set_has_frame(false);
    adapter.set_has_cover(false);
    adapter.set_buffer_text(Default::default());
    adapter.set_segments(ModelRc::default());
}

/// Renders the state of the player.
pub fn render(app: &AppWindow, state: &PlayerSnapshot) {
    let adapter = app.global::<PlayerAdapter>();
    adapter.set_loaded(state.entry.is_some());
    if let Some(entry) = &state.entry {
        adapter.set_title(entry.display_title().into());
        adapter.set_detail(format::detail(entry).into());
        adapter.set_artist(entry.info.artist.clone().into());
        adapter.set_album(entry.info.album.clone().into());
    }
    let active = matches!(
        state.phase,
        Phase::Playing | Phase::Buffering | Phase::Loading
    );
    adapter.set_playing(active && !state.paused);
    adapter.set_loading(state.phase == Phase::Loading);
    adapter.set_buffering(state.phase == Phase::Buffering);
    let error = match &state.phase {
        Phase::Failed(error) => playback_error(error),
        _ => String::new(),
    };
    adapter.set_error(error.into());
    adapter.set_has_next(state.has_next);
    adapter.set_volume(state.volume as f32 / 100.0);
    adapter.set_muted(state.muted);
    render_time(app, state);
}

fn render_time(app: &AppWindow, state: &PlayerSnapshot) {
    let adapter = app.global::<PlayerAdapter>();
    adapter.set_position_text(timestamp(state.position).into());
    adapter.set_duration_text(timestamp(state.duration).into());
    let total = state.duration.as_secs_f32().max(0.001);
    adapter.set_position((state.position.as_secs_f32() / total).clamp(0.0, 1.0));
    let resumed = state.resumed.map(timestamp).unwrap_or_default();
    adapter.set_resumed_text(resumed.into());
    let speed = match state.speed {
        0 | 100 => String::new(),
        percent => format!("{}×", f64::from(percent) / 100.0),
    };
    adapter.set_speed_text(speed.into());
    adapter.set_speed(i32::try_from(state.speed.max(1)).unwrap_or(100));
}

/// Renders buffer and chunk states of the current stream.
pub fn render_stream(app: &AppWindow, playback: &PlaybackModel, stream: &StreamSnapshot) {
    let adapter = app.global::<PlayerAdapter>();
    adapter.set_buffer_text(format::buffer(stream.buffer).into());
    let timeline = playback.timeline(stream);
    let duration: Duration = playback.player.duration;
    let cells = cells_in_time(stream, &timeline, duration, SEEK_BAR_CELLS);
    let rows = segments(&cells).into_iter();
    let rows = rows.map(|(start, end, state)| Segment { start, end, state });
    sync_rows!(adapter, get_segments, set_segments, rows.collect());
}

/// Renders the cause of loading or buffering.
pub fn render_waiting(app: &AppWindow, playback: &PlaybackModel, snapshot: &AppSnapshot) {
    let text = waiting_text(&playback.player, playback.stream(snapshot));
    app.global::<PlayerAdapter>().set_waiting_text(text.into());
}

/// Cause of loading or buffering.
fn waiting_text(state: &PlayerSnapshot, stream: Option<&StreamSnapshot>) -> String {
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
            tr!("Buffering: {}; {}", stall_cause(cause), remedy(cause))
        }
        (Phase::Buffering, None) => tr!("Buffering"),
        _ => tr!("Loading"),
    }
}

/// Remedy for a stall, by the program or by the user.
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

/// Renders a frame of the current video.
pub fn render_frame(app: &AppWindow, frame: FramePixels) {
    let adapter = app.global::<PlayerAdapter>();
    adapter.set_frame(Image::from_rgb8(frame));
    adapter.set_has_frame(true);
}

/// Renders the cover of a song, unless another file plays by now.
pub fn render_cover(
    app: &AppWindow,
    playback: &PlaybackModel,
    file: FileId,
    cover: Option<FramePixels>,
) {
    if playback.current().is_some_and(|current| current != file) {
        return;
    }
    let adapter = app.global::<PlayerAdapter>();
    adapter.set_has_cover(cover.is_some());
    if let Some(cover) = cover {
        adapter.set_cover(Image::from_rgb8(cover));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gui::models::stream_map::tests::stream;

    #[test]
    fn waiting_text_names_cause_and_remedy() {
        let mut state = PlayerSnapshot {
            phase: Phase::Loading,
            ..PlayerSnapshot::default()
        };
        let mut film = stream(0..10, 0..100);
        assert_eq!(waiting_text(&state, Some(&film)), "Loading", "not yet late");
        film.stalled = Some(StallCause::SlowSource);
        let slow = "Buffering: sources are too slow; requesting from all sources";
        assert_eq!(waiting_text(&state, Some(&film)), slow);
        state.phase = Phase::Buffering;
        assert_eq!(waiting_text(&state, Some(&film)), slow);
        film.stalled = Some(StallCause::NoSource);
        let none = waiting_text(&state, Some(&film));
        assert!(none.starts_with("No source online."), "{none}");
        assert_eq!(waiting_text(&state, None), "Buffering");
    }
}
