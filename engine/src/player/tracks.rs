//! Selection of audio and subtitle tracks, and their delays.
//!
//! The language of a selected track is remembered for the next file.

use crate::media::{AudioTrack, FileEntry, SubtitleTrack};
use crate::player::cues::is_text;

/// Largest delay in either direction, in milliseconds.
const MAX_DELAY_MS: i32 = 60_000;

/// Selected tracks of the present file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tracks {
    /// Number of the audio track.
    pub audio: usize,
    /// Number of the subtitle track, if one is shown.
    pub subtitles: Option<usize>,
    /// Delay of the subtitles in milliseconds, negative if early.
    pub subtitle_delay_ms: i32,
    /// Delay of the sound against the picture in milliseconds, negative if early.
    pub audio_delay_ms: i32,
    audio_language: String,
    subtitle_language: Option<String>,
}

impl Tracks {
    /// Selects tracks for another file: those in the languages selected before, else the
    /// first audio track and no subtitles. Commentary, audio description and forced
    /// subtitles come last. Resets the delays.
    pub fn begin(&mut self, entry: Option<&FileEntry>) {
        (self.subtitle_delay_ms, self.audio_delay_ms) = (0, 0);
        (self.audio, self.subtitles) = (0, None);
        let Some(info) = entry.map(|entry| &entry.info) else {
            return;
        };
        let wanted = &self.audio_language;
        let rank = |track: &AudioTrack| {
            let foreign = !wanted.is_empty() && track.language != *wanted;
            (foreign, track.commentary, track.described)
        };
        let tracks = info.audio.iter().enumerate();
        let best = tracks.min_by_key(|(_, track)| rank(track));
        self.audio = best.map_or(0, |(number, _)| number);
        let wanted = self.subtitle_language.as_ref();
        let all = info.all_subtitles();
        let fits = |track: &SubtitleTrack| is_text(track) && Some(&track.language) == wanted;
        let fitting = all.iter().enumerate().filter(|(_, track)| fits(track));
        let best = fitting.min_by_key(|(_, track)| track.forced);
        self.subtitles = best.map(|(number, _)| number);
    }

    /// Selects an audio track; false if nothing changed.
    pub fn choose_audio(&mut self, entry: Option<&FileEntry>, track: usize) -> bool {
        let chosen = entry.and_then(|entry| entry.info.audio.get(track));
        let Some(chosen) = chosen.filter(|_| track != self.audio) else {
            return false;
        };
        self.audio_language.clone_from(&chosen.language);
        self.audio = track;
        true
    }

    /// Selects a subtitle track or none; false if nothing changed.
    pub fn choose_subtitles(&mut self, entry: Option<&FileEntry>, track: Option<usize>) -> bool {
        let tracks = entry
            .map(|entry| entry.info.all_subtitles())
            .unwrap_or_default();
        let chosen = track.and_then(|track| tracks.get(track));
        let offered = track.is_none() || chosen.is_some_and(is_text);
        if !offered || track == self.subtitles {
            return false;
        }
        self.subtitle_language = chosen.map(|track| track.language.clone());
        self.subtitles = track;
        true
    }

    /// Delays the subtitles by milliseconds, advances them if negative.
    pub fn delay_subtitles(&mut self, milliseconds: i32) {
        self.subtitle_delay_ms = shifted(self.subtitle_delay_ms, milliseconds);
    }

    /// Delays the sound by milliseconds, advances it if negative.
    pub fn delay_audio(&mut self, milliseconds: i32) {
        self.audio_delay_ms = shifted(self.audio_delay_ms, milliseconds);
    }
}

fn shifted(delay: i32, by: i32) -> i32 {
    delay.saturating_add(by).clamp(-MAX_DELAY_MS, MAX_DELAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::media::{MediaInfo, MediaKind};

    fn film(audio: &[&str], subtitles: &[(&str, &str)]) -> FileEntry {
        let mut info = MediaInfo::new(MediaKind::Video, 1000);
        let audio_track = |language: &&str| AudioTrack {
            codec: "aac".into(),
            language: (*language).into(),
            channels: 2,
            ..AudioTrack::default()
        };
        let subtitle_track = |(codec, language): &(&str, &str)| SubtitleTrack {
            codec: (*codec).into(),
            language: (*language).into(),
            ..SubtitleTrack::default()
        };
        info.audio = audio.iter().map(audio_track).collect();
        info.subtitles = subtitles.iter().map(subtitle_track).collect();
        FileEntry {
            info,
            ..fixtures::film(1, "film")
        }
    }

    #[test]
    fn selected_language_carries_over_to_the_next_file() {
        let one = film(&["eng", "deu"], &[("ass", "eng"), ("subrip", "por")]);
        let mut tracks = Tracks::default();
        tracks.begin(Some(&one));
        assert_eq!((tracks.audio, tracks.subtitles), (0, None));
        assert!(tracks.choose_audio(Some(&one), 1));
        assert!(tracks.choose_subtitles(Some(&one), Some(1)));
        tracks.delay_subtitles(-250);
        let two = film(&["deu", "eng"], &[("subrip", "por")]);
        tracks.begin(Some(&two));
        assert_eq!((tracks.audio, tracks.subtitles), (0, Some(0)));
        assert_eq!(tracks.subtitle_delay_ms, 0);
        tracks.begin(Some(&film(&["fra"], &[("hdmv_pgs_subtitle", "por")])));
        assert_eq!((tracks.audio, tracks.subtitles), (0, None));
        assert!(tracks.choose_subtitles(Some(&two), Some(0)));
        assert!(tracks.choose_subtitles(Some(&two), None));
        tracks.begin(Some(&two));
        assert_eq!(tracks.subtitles, None, "subtitles stay off");
    }

    #[test]
    fn commentary_and_description_are_selected_last() {
        let mut film = film(&["eng", "deu", "deu", "deu", "eng"], &[]);
        film.info.audio[0].described = true;
        film.info.audio[1].commentary = true;
        film.info.audio[2].described = true;
        let mut tracks = Tracks::default();
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 3, "the first main track");
        assert!(tracks.choose_audio(Some(&film), 2));
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 3);
        film.info.audio.truncate(3);
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 2, "the only German track");
        film.info.audio.truncate(2);
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 1, "the only German track");
        film.info.audio.truncate(1);
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 0, "the only track");
    }

    #[test]
    fn full_subtitles_are_preferred_to_forced_ones() {
        let mut film = film(&["eng"], &[("ass", "deu"), ("ass", "eng"), ("ass", "deu")]);
        film.info.subtitles[0].forced = true;
        let mut tracks = Tracks::default();
        tracks.begin(Some(&film));
        assert!(tracks.choose_subtitles(Some(&film), Some(0)));
        tracks.begin(Some(&film));
        assert_eq!(tracks.subtitles, Some(2));
        film.info.subtitles.pop();
        tracks.begin(Some(&film));
        assert_eq!(tracks.subtitles, Some(0), "the only track in the language");
    }

    #[test]
    fn missing_or_bitmap_tracks_cannot_be_selected() {
        let film = film(&["eng"], &[("dvd_subtitle", "eng")]);
        let mut tracks = Tracks::default();
        tracks.begin(Some(&film));
        assert!(!tracks.choose_audio(Some(&film), 1));
        assert!(!tracks.choose_audio(Some(&film), 0), "already selected");
        assert!(!tracks.choose_subtitles(Some(&film), Some(0)));
        assert!(!tracks.choose_subtitles(None, Some(0)));
        assert_eq!(tracks, Tracks::default());
        (0..9).for_each(|_| tracks.delay_audio(10_000));
        assert_eq!(tracks.audio_delay_ms, MAX_DELAY_MS);
    }
}
