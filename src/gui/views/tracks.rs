//! Sound and subtitle tracks in the window.

use std::time::Duration;

use engine::media::{AudioTrack, Chapter, FileEntry, SubtitleTrack};
use engine::player::Control;
use engine::player::is_text;
use slint::{ComponentHandle, SharedString};
use tr::tr;

use crate::gui::UiContext;
use crate::gui::models::playback::{View, update};
use crate::gui::models::stream_map::codec;
use crate::gui::text::language::name_of;
use crate::gui::ui::{AppWindow, ChapterMark, PlayerAdapter};
use crate::gui::window::view;
use crate::player::{PlayerCommand, PlayerSnapshot};

/// Time after which going back goes to the beginning of a chapter, not to the one before.
const JUST_BEGUN: Duration = Duration::from_secs(3);

/// A track by its language, and by what tells it from others of that language: its
/// title, else what it is for.
fn track_name(number: usize, language: &str, title: &str, is_for: [(bool, String); 2]) -> String {
    let name = match language {
        "" | "und" => tr!("Track {}", number + 1),
        code => name_of(code),
    };
    let says_more = !title.is_empty() && title.to_lowercase() != name.to_lowercase();
    if says_more {
        return format!("{name} · {title}");
    }
    let is_for = is_for.into_iter().filter(|(is, _)| *is);
    let parts = std::iter::once(name).chain(is_for.map(|(_, what)| what));
    parts.collect::<Vec<_>>().join(" · ")
}

/// A sound track in words: `English · commentary · AAC · 5.1`
pub(crate) fn sound_name(number: usize, track: &AudioTrack) -> String {
    let is_for = [
        (track.commentary, tr!("commentary")),
        (track.described, tr!("audio description")),
    ];
    let name = track_name(number, &track.language, &track.title, is_for);
    let channels = match track.channels {
        1 => tr!("mono"),
        2 => tr!("stereo"),
        6 => "5.1".to_owned(),
        8 => "7.1".to_owned(),
        channels => tr!("{n} channel" | "{n} channels" % channels),
    };
    format!("{name} · {} · {channels}", codec(&track.codec))
}

/// A subtitle track in words: `English · forced`
pub(crate) fn subtitle_name(number: usize, track: &SubtitleTrack) -> String {
    let is_for = [(track.forced, tr!("forced")), (track.impaired, tr!("SDH"))];
    track_name(number, &track.language, &track.title, is_for)
}

/// How much later something is than it says.
fn late(late_ms: i32) -> String {
    match late_ms {
        0 => "0 s".into(),
        late => format!("{:+.2} s", f64::from(late) / 1000.0),
    }
}

/// How much later things are than they say, if anything is.
fn late_text(state: &PlayerSnapshot) -> String {
    let part = |what: String, late_ms: i32| match late_ms {
        0 => String::new(),
        late_ms => format!("{what} {}", late(late_ms)),
    };
    let parts = [
        part(tr!("subtitles"), state.subtitle_delay_ms),
        part(tr!("audio"), state.audio_delay_ms),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

/// What plays has changed: its chapters, and no storyboard yet.
pub(crate) fn chapters(app: &AppWindow, view: &mut View, state: &PlayerSnapshot) {
    let id = |entry: &Option<FileEntry>| entry.as_ref().map(|entry| entry.id);
    if id(&view.playing) == id(&state.entry) {
        return;
    }
    view.playing.clone_from(&state.entry);
    view.storyboard_wanted = false;
    let info = view.playing.as_ref().map(|entry| &entry.info);
    let marks = info.map_or(Vec::new(), |info| {
        let length = info.duration_ms.max(1) as f32;
        let mark = |chapter: &Chapter| ChapterMark {
            at: chapter.start_ms as f32 / length,
            title: chapter.title.clone().into(),
        };
        info.chapters.iter().map(mark).collect()
    });
    let adapter = app.global::<PlayerAdapter>();
    if let Some(model) = update(adapter.get_chapters(), marks) {
        adapter.set_chapters(model);
    }
    let address = view.gateway.as_ref().zip(view.playing.as_ref());
    let address = address.map(|(gateway, entry)| gateway.named_url(entry));
    adapter.set_stream_url(address.unwrap_or_default().into());
    crate::gui::bridge::artwork::beside_the_film(app, view);
}

/// The chapter that a moment belongs to.
pub(crate) fn chapter_at(view: &View, at: Duration) -> Option<&Chapter> {
    let chapters = &view.playing.as_ref()?.info.chapters;
    let begun = chapters.partition_point(|chapter| begins(chapter) <= at);
    chapters.get(begun.checked_sub(1)?)
}

fn begins(chapter: &Chapter) -> Duration {
    Duration::from_millis(chapter.start_ms)
}

/// Where to go for the chapter before or after; to the beginning of this one first
/// unless it has only just begun.
fn other_chapter(view: &View, step: i32) -> Option<Duration> {
    let chapters = &view.playing.as_ref()?.info.chapters;
    if step > 0 {
        let mut later = chapters.iter().map(begins);
        return later.find(|begins| *begins > view.position);
    }
    let settled = view.position.saturating_sub(JUST_BEGUN);
    let earlier = chapters.iter().map(begins).rev();
    let mut earlier = earlier.skip_while(|begins| *begins > settled);
    Some(earlier.next().unwrap_or_default()).filter(|_| !chapters.is_empty())
}

/// News of the player: the tracks there are, those chosen, the words to be seen.
/// Returns the numbers of the subtitle tracks that are listed.
pub fn show(app: &AppWindow, state: &PlayerSnapshot) -> Vec<usize> {
    let adapter = app.global::<PlayerAdapter>();
    let (mut sounds, mut words, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(entry) = &state.entry {
        let info = &entry.info;
        sounds.extend(info.audio.iter().enumerate().map(|(n, t)| sound_name(n, t)));
        for (number, track) in info.all_subtitles().iter().enumerate() {
            if is_text(track) {
                words.push(subtitle_name(number, track));
                numbers.push(number);
            }
        }
    }
    let shared = |names: Vec<String>| names.into_iter().map(SharedString::from).collect();
    if let Some(model) = update(adapter.get_audio_tracks(), shared(sounds)) {
        adapter.set_audio_tracks(model);
    }
    if let Some(model) = update(adapter.get_subtitle_tracks(), shared(words)) {
        adapter.set_subtitle_tracks(model);
    }
    adapter.set_audio_track(i32::try_from(state.audio_track).unwrap_or(0));
    let row = state
        .subtitle_track
        .and_then(|track| numbers.iter().position(|n| *n == track));
    adapter.set_subtitle_track(row.and_then(|row| i32::try_from(row).ok()).unwrap_or(-1));
    adapter.set_cue_text(state.subtitle.as_str().into());
    adapter.set_delay_text(late_text(state).into());
    adapter.set_subtitle_delay(late(state.subtitle_delay_ms).into());
    adapter.set_audio_delay(late(state.audio_delay_ms).into());
    numbers
}

/// Connects the callbacks to the player.
pub fn connect(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<PlayerAdapter>();
    let player = core.player.clone();
    adapter.on_chapter_by(move |step| {
        let view = view();
        let view = view.borrow();
        if let Some(begins) = other_chapter(&view, step) {
            let length = view.duration.as_secs_f64().max(0.001);
            player.do_send(PlayerCommand(Control::SeekShare(
                begins.as_secs_f64() / length,
            )));
        }
    });
    let player = core.player.clone();
    adapter.on_choose_audio(move |track| {
        if let Ok(track) = usize::try_from(track) {
            player.do_send(PlayerCommand(Control::ChooseAudio(track)));
        }
    });
    let player = core.player.clone();
    adapter.on_choose_subtitles(move |row| {
        let row = usize::try_from(row).ok();
        let track = row.and_then(|row| view().borrow().subtitle_tracks.get(row).copied());
        player.do_send(PlayerCommand(Control::ChooseSubtitles(track)));
    });
    let player = core.player.clone();
    adapter.on_adjust_subtitle_delay(move |by| {
        player.do_send(PlayerCommand(Control::DelaySubtitles(by)))
    });
    let player = core.player.clone();
    adapter.on_adjust_audio_delay(move |by| player.do_send(PlayerCommand(Control::DelayAudio(by))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_are_called_by_their_language() {
        let track = |language: &str, channels| AudioTrack {
            codec: "aac".into(),
            language: language.into(),
            channels,
            ..AudioTrack::default()
        };
        assert_eq!(sound_name(0, &track("por", 6)), "Portuguese · AAC · 5.1");
        assert_eq!(sound_name(1, &track("und", 2)), "Track 2 · AAC · stereo");
        assert_eq!(name_of("de"), "German");
        assert_eq!(name_of("qqq"), "QQQ");
    }

    #[test]
    fn tracks_of_one_language_are_told_apart() {
        let track = |title: &str, commentary, described| AudioTrack {
            codec: "ac3".into(),
            language: "eng".into(),
            channels: 2,
            title: title.into(),
            commentary,
            described,
        };
        let name = |title, commentary, described| {
            let name = sound_name(0, &track(title, commentary, described));
            name.strip_suffix(" · AC-3 · stereo").map(str::to_owned)
        };
        let told = |text: &str| Some(text.to_owned());
        let titled = name("Director's commentary", true, false);
        assert_eq!(titled, told("English · Director's commentary"));
        assert_eq!(name("", true, false), told("English · commentary"));
        assert_eq!(
            name("ENGLISH", false, true),
            told("English · audio description")
        );
        assert_eq!(name("english", false, false), told("English"));
        let name = |title: &str, forced, impaired| {
            let track = SubtitleTrack {
                codec: "ass".into(),
                language: String::new(),
                title: title.into(),
                forced,
                impaired,
            };
            subtitle_name(1, &track)
        };
        assert_eq!(name("Signs", true, false), "Track 2 · Signs");
        assert_eq!(name("", true, false), "Track 2 · forced");
        assert_eq!(name("", false, true), "Track 2 · SDH");
        assert_eq!(name("", false, false), "Track 2");
    }

    #[test]
    fn what_is_late_is_told() {
        let state = PlayerSnapshot {
            subtitle_delay_ms: -300,
            audio_delay_ms: 50,
            ..PlayerSnapshot::default()
        };
        assert_eq!(late_text(&state), "subtitles -0.30 s, audio +0.05 s");
        assert_eq!(late_text(&PlayerSnapshot::default()), "");
    }
}
