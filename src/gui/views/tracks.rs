//! Chapters, audio and subtitle tracks of the current item.

use std::rc::Rc;

use engine::media::Chapter;
use engine::player::Control;
use slint::{ComponentHandle, SharedString};

use super::list_model::sync_rows;
use crate::gui::context::{Handles, UiContext};
use crate::gui::models::playback::PlaybackModel;
use crate::gui::text::tracks;
use crate::gui::ui::{AppWindow, ChapterMark, PlayerAdapter};
use crate::player::PlayerCommand;

/// Renders the chapters of the current file, and its URL for other players.
pub fn render_file(app: &AppWindow, playback: &PlaybackModel, stream_url: String) {
    let adapter = app.global::<PlayerAdapter>();
    let info = playback.entry().map(|entry| &entry.info);
    let marks = info.map_or(Vec::new(), |info| {
        let duration = info.duration_ms.max(1) as f32;
        let mark = |chapter: &Chapter| ChapterMark {
            at: chapter.start_ms as f32 / duration,
            title: chapter.title.clone().into(),
        };
        info.chapters.iter().map(mark).collect()
    });
    sync_rows!(adapter, get_chapters, set_chapters, marks);
    adapter.set_stream_url(stream_url.into());
}

/// Renders the tracks, the chosen ones, the current subtitle and the delays.
pub fn render(app: &AppWindow, playback: &PlaybackModel) {
    let adapter = app.global::<PlayerAdapter>();
    let state = &playback.player;
    let info = playback.entry().map(|entry| &entry.info);
    let audio = info.map(|info| info.audio.as_slice()).unwrap_or_default();
    let audio = audio.iter().enumerate();
    let audio = audio.map(|(number, track)| tracks::audio_track(number, track));
    let audio = audio.map(SharedString::from).collect();
    sync_rows!(adapter, get_audio_tracks, set_audio_tracks, audio);
    let all = info.map(|info| info.all_subtitles()).unwrap_or_default();
    let numbers = &playback.subtitle_tracks;
    let listed = numbers.iter().filter_map(|n| Some((*n, all.get(*n)?)));
    let subtitles = listed.map(|(number, track)| tracks::subtitle_track(number, track));
    let subtitles = subtitles.map(SharedString::from).collect();
    sync_rows!(adapter, get_subtitle_tracks, set_subtitle_tracks, subtitles);
    adapter.set_audio_track(i32::try_from(state.audio_track).unwrap_or(0));
    let chosen = state.subtitle_track;
    let row = chosen.and_then(|track| numbers.iter().position(|number| *number == track));
    adapter.set_subtitle_track(row.and_then(|row| i32::try_from(row).ok()).unwrap_or(-1));
    adapter.set_cue_text(state.subtitle.as_str().into());
    let delays = tracks::delays(state.subtitle_delay_ms, state.audio_delay_ms);
    adapter.set_delay_text(delays.into());
    adapter.set_subtitle_delay(tracks::delay(state.subtitle_delay_ms).into());
    adapter.set_audio_delay(tracks::delay(state.audio_delay_ms).into());
}

/// Connects the menus to the player.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<PlayerAdapter>();
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_chapter_by(move |step| {
        let models = context.models();
        if let Some(start) = models.playback.chapter_by(step) {
            player.do_send(PlayerCommand(Control::SeekTo(start)));
        }
    });
    let player = handles.player.clone();
    adapter.on_choose_audio(move |track| {
        if let Ok(track) = usize::try_from(track) {
            player.do_send(PlayerCommand(Control::ChooseAudio(track)));
        }
    });
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_choose_subtitles(move |row| {
        let models = context.models();
        let row = usize::try_from(row).ok();
        let track = row.and_then(|row| models.playback.subtitle_tracks.get(row).copied());
        player.do_send(PlayerCommand(Control::ChooseSubtitles(track)));
    });
    let player = handles.player.clone();
    adapter.on_adjust_subtitle_delay(move |step| {
        player.do_send(PlayerCommand(Control::DelaySubtitles(step)));
    });
    let player = handles.player.clone();
    adapter.on_adjust_audio_delay(move |step| {
        player.do_send(PlayerCommand(Control::DelayAudio(step)));
    });
}
