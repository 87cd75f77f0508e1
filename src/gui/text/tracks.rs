//! Names of audio and subtitle tracks, and their delays.

use engine::media::{AudioTrack, SubtitleTrack};
use tr::tr;

use super::codecs::{codec_name, language_name};

/// Language of a track, then its title; without a title, its purpose.
fn track_name(number: usize, language: &str, title: &str, purposes: [(bool, String); 2]) -> String {
    let name = match language {
        "" | "und" => tr!("Track {}", number + 1),
        code => language_name(code),
    };
    let adds_information = !title.is_empty() && title.to_lowercase() != name.to_lowercase();
    if adds_information {
        return format!("{name} · {title}");
    }
    let purposes = purposes.into_iter().filter(|(is, _)| *is);
    let parts = std::iter::once(name).chain(purposes.map(|(_, purpose)| purpose));
    parts.collect::<Vec<_>>().join(" · ")
}

/// `English · commentary · AAC · 5.1`
pub fn audio_track(number: usize, track: &AudioTrack) -> String {
    let purposes = [
        (track.commentary, tr!("commentary")),
        (track.described, tr!("audio description")),
    ];
    let name = track_name(number, &track.language, &track.title, purposes);
    let channels = match track.channels {
        1 => tr!("mono"),
        2 => tr!("stereo"),
        6 => "5.1".to_owned(),
        8 => "7.1".to_owned(),
        channels => tr!("{n} channel" | "{n} channels" % channels),
    };
    format!("{name} · {} · {channels}", codec_name(&track.codec))
}

/// `English · forced`
pub fn subtitle_track(number: usize, track: &SubtitleTrack) -> String {
    let purposes = [(track.forced, tr!("forced")), (track.impaired, tr!("SDH"))];
    track_name(number, &track.language, &track.title, purposes)
}

/// `+0.05 s`
pub fn delay(milliseconds: i32) -> String {
    match milliseconds {
        0 => "0 s".into(),
        milliseconds => format!("{:+.2} s", f64::from(milliseconds) / 1000.0),
    }
}

/// Delays that are not zero: `subtitles -0.30 s, audio +0.05 s`.
pub fn delays(subtitles_ms: i32, audio_ms: i32) -> String {
    let parts = [(tr!("subtitles"), subtitles_ms), (tr!("audio"), audio_ms)];
    let parts = parts
        .into_iter()
        .filter(|(_, milliseconds)| *milliseconds != 0);
    let parts = parts.map(|(what, milliseconds)| format!("{what} {}", delay(milliseconds)));
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_track_starts_with_its_language() {
        let track = |language: &str, channels| AudioTrack {
            codec: "aac".into(),
            language: language.into(),
            channels,
            ..AudioTrack::default()
        };
        assert_eq!(audio_track(0, &track("por", 6)), "Portuguese · AAC · 5.1");
        assert_eq!(audio_track(1, &track("und", 2)), "Track 2 · AAC · stereo");
    }

    #[test]
    fn audio_tracks_of_one_language_differ_by_title_or_purpose() {
        let name = |title: &str, commentary, described| {
            let track = AudioTrack {
                codec: "ac3".into(),
                language: "eng".into(),
                channels: 2,
                title: title.into(),
                commentary,
                described,
            };
            let name = audio_track(0, &track);
            let name = name.strip_suffix(" · AC-3 · stereo").expect("suffix");
            name.to_owned()
        };
        let titled = name("Director's commentary", true, false);
        assert_eq!(titled, "English · Director's commentary");
        assert_eq!(name("", true, false), "English · commentary");
        assert_eq!(name("ENGLISH", false, true), "English · audio description");
        assert_eq!(name("english", false, false), "English");
    }

    #[test]
    fn subtitle_tracks_differ_by_title_or_purpose() {
        let name = |title: &str, forced, impaired| {
            let track = SubtitleTrack {
                codec: "ass".into(),
                language: String::new(),
                title: title.into(),
                forced,
                impaired,
            };
            subtitle_track(1, &track)
        };
        assert_eq!(name("Signs", true, false), "Track 2 · Signs");
        assert_eq!(name("", true, false), "Track 2 · forced");
        assert_eq!(name("", false, true), "Track 2 · SDH");
        assert_eq!(name("", false, false), "Track 2");
    }

    #[test]
    fn delays_omit_zero() {
        assert_eq!(delays(-300, 50), "subtitles -0.30 s, audio +0.05 s");
        assert_eq!(delays(0, 0), "");
    }
}
