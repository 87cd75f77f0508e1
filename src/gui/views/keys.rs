//! Keyboard shortcuts: runs the action that `ui/keys.slint` gives a key.

use slint::{ComponentHandle, Model};

use crate::gui::ui::{
    AppWindow, DetailsAdapter, KeyAction, KeyPage, LibraryAdapter, Page, PlayerAdapter,
    QueueAdapter, ShellAdapter, Shortcut, Shortcuts,
};

/// Step of the playback speed.
const SPEED_STEP: f32 = 0.1;

/// Step of the volume, in percent.
const VOLUME_STEP: i32 = 5;

/// Seconds of the short seek.
const SEEK: f32 = 5.0;

/// Seconds of the long seek.
const LONG_SEEK: f32 = 60.0;

/// Step of the subtitle delay, in milliseconds.
const SUBTITLE_STEP: i32 = 100;

/// Step of the audio delay, in milliseconds.
const AUDIO_STEP: i32 = 50;

/// Lets the window look up and run its shortcuts.
pub fn attach(app: &AppWindow) {
    let shortcuts = app.global::<Shortcuts>();
    let weak = app.as_weak();
    shortcuts.on_press(move |key, control| {
        let app = weak.upgrade();
        app.is_some_and(|app| press(&app, &key, control))
    });
    let weak = app.as_weak();
    shortcuts.on_repeats(move |key| {
        let app = weak.upgrade();
        let repeats = |one: &Shortcut| one.repeats && position(one, &key).is_some();
        app.is_some_and(|app| all(&app).iter().any(repeats))
    });
}

/// All shortcuts, in the order in which they are tried.
fn all(app: &AppWindow) -> Vec<Shortcut> {
    let shortcuts = app.global::<Shortcuts>();
    let (first, then) = (shortcuts.get_queue_and_library(), shortcuts.get_playback());
    first.iter().chain(then.iter()).collect()
}

/// Position of a key among those of a shortcut.
fn position(shortcut: &Shortcut, key: &str) -> Option<usize> {
    let mut keys = shortcut.keys.chars();
    keys.position(|one| key.chars().eq([one]))
}

/// Runs the first action that takes the key; false if none does.
fn press(app: &AppWindow, key: &str, control: bool) -> bool {
    let in_library = app.global::<ShellAdapter>().get_page() == Page::Library;
    all(app).iter().any(|shortcut| {
        let here = match shortcut.page {
            KeyPage::Any => true,
            KeyPage::Library => in_library,
            KeyPage::Elsewhere => !in_library,
        };
        here && shortcut.control == control
            && position(shortcut, key).is_some_and(|at| run(app, shortcut.action, at))
    })
}

/// Runs an action for the key at a position of its shortcut: of a pair, the first goes
/// back and the second forward. False if there is nothing to act on.
fn run(app: &AppWindow, action: KeyAction, at: usize) -> bool {
    let player = app.global::<PlayerAdapter>();
    let queue = app.global::<QueueAdapter>();
    let step = if at == 0 { -1 } else { 1 };
    match action {
        KeyAction::PlayPause => player.invoke_toggle(),
        KeyAction::SeekSeconds => player.invoke_seek_by(SEEK * step as f32),
        KeyAction::SeekMinute => player.invoke_seek_by(LONG_SEEK * step as f32),
        KeyAction::SeekTenth => player.invoke_seek(at as f32 / 10.0),
        KeyAction::Speed => player.invoke_speed_by(SPEED_STEP * step as f32),
        KeyAction::Mute => player.invoke_toggle_mute(),
        KeyAction::Volume => player.invoke_volume_by(VOLUME_STEP * step),
        KeyAction::Fullscreen => app.invoke_toggle_fullscreen(),
        KeyAction::Fill => player.set_fill(!player.get_fill()),
        KeyAction::Chapter => player.invoke_chapter_by(step),
        KeyAction::Subtitles => return next_subtitles(&player),
        KeyAction::Audio => return next_audio(&player),
        KeyAction::SubtitleDelay => player.invoke_adjust_subtitle_delay(SUBTITLE_STEP * step),
        KeyAction::AudioDelay => player.invoke_adjust_audio_delay(AUDIO_STEP * step),
        KeyAction::Skip if at == 0 => player.invoke_previous(),
        KeyAction::Skip => player.invoke_next(),
        KeyAction::Shuffle => queue.invoke_toggle_shuffle(),
        KeyAction::Repeat => queue.invoke_cycle_repeat(),
        KeyAction::Queue => queue.invoke_toggle(),
        KeyAction::EnqueueNext => return on_selected(app, |row| queue.invoke_enqueue(row, true)),
        KeyAction::EnqueueLast => return on_selected(app, |row| queue.invoke_enqueue(row, false)),
        KeyAction::Select => return app.invoke_select(at as i32),
        KeyAction::Play => {
            return on_selected(app, |row| app.global::<LibraryAdapter>().invoke_play(row));
        }
        KeyAction::Details => return details(app, &player),
        KeyAction::Search => app.invoke_search(),
        KeyAction::Back => app.invoke_back(),
        KeyAction::Help => app.invoke_show_shortcuts(),
    }
    true
}

/// Acts on the selected file, if there is one.
fn on_selected(app: &AppWindow, act: impl FnOnce(i32)) -> bool {
    let selected = app.get_selected_file();
    if selected >= 0 {
        act(selected);
    }
    selected >= 0
}

/// Shows details of the current item, or of the selected file.
fn details(app: &AppWindow, player: &PlayerAdapter) -> bool {
    let details = app.global::<DetailsAdapter>();
    let playing = app.global::<ShellAdapter>().get_page() == Page::Playing;
    if playing && player.get_loaded() {
        details.invoke_show_playing();
        return true;
    }
    on_selected(app, |row| details.invoke_show(row))
}

/// Chooses the next subtitle track; after the last, none.
fn next_subtitles(player: &PlayerAdapter) -> bool {
    let count = player.get_subtitle_tracks().row_count() as i32;
    let next = player.get_subtitle_track() + 1;
    if count > 0 {
        player.invoke_choose_subtitles(if next < count { next } else { -1 });
    }
    count > 0
}

/// Chooses the next audio track, if there are several.
fn next_audio(player: &PlayerAdapter) -> bool {
    let count = player.get_audio_tracks().row_count() as i32;
    if count > 1 {
        player.invoke_choose_audio((player.get_audio_track() + 1) % count);
    }
    count > 1
}
