//! Which sound and subtitle tracks are chosen, and how late they are; pure.
//!
//! A choice is remembered by its language, for the next film.

use crate::media::{AudioTrack, FileEntry, SubtitleTrack};
use crate::player::cues::is_text;

/// Milliseconds that a track may be moved either way.
const MOST_LATE: i32 = 60_000;

/// The tracks of the present file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tracks {
    /// Number of the sound track.
    pub audio: usize,
    /// Number of the subtitle track, if one is shown.
    pub subtitles: Option<usize>,
    /// How much later than they say subtitles are shown, in milliseconds.
    pub subtitles_late: i32,
    /// How much later than the picture sound is heard, in milliseconds.
    pub sound_late: i32,
    audio_language: String,
    subtitle_language: Option<String>,
}

impl Tracks {
    /// Another file: the tracks in the languages that were chosen before, else the
    /// first sound and no subtitles; nothing is late. What is not simply the film's
    /// sound, or not all of its words, comes last.
    pub fn begin(&mut self, entry: Option<&FileEntry>) {
        (self.subtitles_late, self.sound_late) = (0, 0);
        (self.audio, self.subtitles) = (0, None);
        let Some(info) = entry.map(|entry| &entry.info) else {
            return;
        };
        let wanted = &self.audio_language;
        let last = |track: &AudioTrack| {
            let foreign = !wanted.is_empty() && track.language != *wanted;
            (foreign, track.commentary, track.described)
        };
        let sounds = info.audio.iter().enumerate();
        let best = sounds.min_by_key(|(_, track)| last(track));
        self.audio = best.map_or(0, |(number, _)| number);
        let wanted = self.subtitle_language.as_ref();
        let all = info.all_subtitles();
        let fits = |track: &SubtitleTrack| is_text(track) && Some(&track.language) == wanted;
        let words = all.iter().enumerate().filter(|(_, track)| fits(track));
        let best = words.min_by_key(|(_, track)| track.forced);
        self.subtitles = best.map(|(number, _)| number);
    }

    /// Another sound track. Returns whether anything changed.
    pub fn choose_audio(&mut self, entry: Option<&FileEntry>, track: usize) -> bool {
        let chosen = entry.and_then(|entry| entry.info.audio.get(track));
        let Some(chosen) = chosen.filter(|_| track != self.audio) else {
            return false;
        };
        self.audio_language.clone_from(&chosen.language);
        self.audio = track;
        true
    }

    /// Other subtitles, or none. Returns whether anything changed.
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

    /// Subtitles later by milliseconds, earlier if negative.
    pub fn subtitles_by(&mut self, milliseconds: i32) {
        self.subtitles_late = moved(self.subtitles_late, milliseconds);
    }

    /// Sound later by milliseconds, earlier if negative.
    pub fn sound_by(&mut self, milliseconds: i32) {
        self.sound_late = moved(self.sound_late, milliseconds);
    }
}

fn moved(late: i32, by: i32) -> i32 {
    late.saturating_add(by).clamp(-MOST_LATE, MOST_LATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FileId;
    use crate::media::{MediaInfo, MediaKind};

    fn film(audio: &[&str], subtitles: &[(&str, &str)]) -> FileEntry {
        let mut info = MediaInfo::new(MediaKind::Video, 1000);
        let sound = |language: &&str| AudioTrack {
            codec: "aac".into(),
            language: (*language).into(),
            channels: 2,
            ..AudioTrack::default()
        };
        let words = |(codec, language): &(&str, &str)| SubtitleTrack {
            codec: (*codec).into(),
            language: (*language).into(),
            ..SubtitleTrack::default()
        };
        info.audio = audio.iter().map(sound).collect();
        info.subtitles = subtitles.iter().map(words).collect();
        FileEntry {
            id: FileId([1; 32]),
            name: "film".into(),
            size: 1,
            chunk_size: 16 << 10,
            info,
            sources: 1,
        }
    }

    #[test]
    fn a_language_that_was_chosen_is_chosen_in_the_next_film_too() {
        let one = film(&["eng", "deu"], &[("ass", "eng"), ("subrip", "por")]);
        let mut tracks = Tracks::default();
        tracks.begin(Some(&one));
        assert_eq!((tracks.audio, tracks.subtitles), (0, None));
        assert!(tracks.choose_audio(Some(&one), 1));
        assert!(tracks.choose_subtitles(Some(&one), Some(1)));
        tracks.subtitles_by(-250);
        let two = film(&["deu", "eng"], &[("subrip", "por")]);
        tracks.begin(Some(&two));
        assert_eq!((tracks.audio, tracks.subtitles), (0, Some(0)));
        assert_eq!(tracks.subtitles_late, 0);
        tracks.begin(Some(&film(&["fra"], &[("hdmv_pgs_subtitle", "por")])));
        assert_eq!((tracks.audio, tracks.subtitles), (0, None));
        assert!(tracks.choose_subtitles(Some(&two), Some(0)));
        assert!(tracks.choose_subtitles(Some(&two), None));
        tracks.begin(Some(&two));
        assert_eq!(tracks.subtitles, None, "switched off stays off");
    }

    #[test]
    fn what_is_not_simply_the_sound_of_the_film_is_chosen_last() {
        let mut film = film(&["eng", "deu", "deu", "deu", "eng"], &[]);
        film.info.audio[0].described = true;
        film.info.audio[1].commentary = true;
        film.info.audio[2].described = true;
        let mut tracks = Tracks::default();
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 3, "the first that is none of these");
        assert!(tracks.choose_audio(Some(&film), 2));
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 3);
        film.info.audio.truncate(3);
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 2, "there is no other in German");
        film.info.audio.truncate(2);
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 1, "there is no other in German");
        film.info.audio.truncate(1);
        tracks.begin(Some(&film));
        assert_eq!(tracks.audio, 0, "there is no other at all");
    }

    #[test]
    fn all_words_are_rather_chosen_than_those_that_must_be_read() {
        let mut film = film(&["eng"], &[("ass", "deu"), ("ass", "eng"), ("ass", "deu")]);
        film.info.subtitles[0].forced = true;
        let mut tracks = Tracks::default();
        tracks.begin(Some(&film));
        assert!(tracks.choose_subtitles(Some(&film), Some(0)));
        tracks.begin(Some(&film));
        assert_eq!(tracks.subtitles, Some(2));
        film.info.subtitles.pop();
        tracks.begin(Some(&film));
        assert_eq!(tracks.subtitles, Some(0), "better than none");
    }

    #[test]
    fn what_is_not_there_or_cannot_be_drawn_is_not_chosen() {
        let film = film(&["eng"], &[("dvd_subtitle", "eng")]);
        let mut tracks = Tracks::default();
        tracks.begin(Some(&film));
        assert!(!tracks.choose_audio(Some(&film), 1));
        assert!(!tracks.choose_audio(Some(&film), 0), "it is already");
        assert!(!tracks.choose_subtitles(Some(&film), Some(0)));
        assert!(!tracks.choose_subtitles(None, Some(0)));
        assert_eq!(tracks, Tracks::default());
        (0..9).for_each(|_| tracks.sound_by(10_000));
        assert_eq!(tracks.sound_late, MOST_LATE);
    }
}
