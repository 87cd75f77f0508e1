//! Kind, tracks and tags of a media file.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::media::sidecar::{Sidecar, SidecarRole};
use crate::media::timeline::Timeline;

/// Kind of a file. A client with a window lists one kind only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Video, with or without sound.
    Video,
    /// Sound alone; an embedded cover does not make it a video.
    Audio,
    /// Belongs to another file and is never listed.
    Sidecar,
}

impl MediaKind {
    /// True if a list of `wanted` includes this kind; `None` means video and audio.
    pub fn is_listed(self, wanted: Option<Self>) -> bool {
        self != Self::Sidecar && wanted.is_none_or(|wanted| wanted == self)
    }
}

impl std::fmt::Display for MediaKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Sidecar => "sidecar",
        })
    }
}

/// Video track.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VideoTrack {
    /// Codec name of ffprobe: `h264`, `vp9`.
    pub codec: String,
    /// In pixels, as stored.
    pub width: u32,
    /// In pixels, as stored.
    pub height: u32,
    /// Average frame rate in millihertz.
    pub millifps: u32,
    /// True if the frames are interlaced.
    #[serde(default)]
    pub interlaced: bool,
    /// True for the HDR transfer functions PQ and HLG.
    #[serde(default)]
    pub hdr: bool,
    /// Colour matrix that the file declares.
    #[serde(default)]
    pub matrix: ColourMatrix,
}

impl VideoTrack {
    /// Declared colour matrix, or the usual one for the frame size, as in other
    /// players.
    pub fn usual_matrix(&self) -> ColourMatrix {
        match self.matrix {
            ColourMatrix::Unknown if self.width >= 1280 || self.height > 576 => ColourMatrix::Bt709,
            ColourMatrix::Unknown => ColourMatrix::Bt601,
            matrix => matrix,
        }
    }
}

/// Conversion of luma and chroma to RGB (ITU-T H.273, MatrixCoefficients).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourMatrix {
    /// Not declared.
    #[default]
    Unknown,
    /// SD television.
    Bt601,
    /// HD.
    Bt709,
    /// Wide gamut, non-constant luminance.
    Bt2020,
    /// Any other, or RGB.
    Other,
}

/// Audio track.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AudioTrack {
    /// Codec name of ffprobe: `aac`, `opus`.
    pub codec: String,
    /// ISO 639 code, or empty.
    pub language: String,
    /// Number of channels.
    pub channels: u32,
    /// Title from the file, or empty.
    #[serde(default)]
    pub title: String,
    /// True for a commentary on the film.
    #[serde(default)]
    pub commentary: bool,
    /// True for an audio description for blind viewers.
    #[serde(default)]
    pub described: bool,
}

/// Subtitle track.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SubtitleTrack {
    /// Codec name of ffprobe: `subrip`, `ass`.
    pub codec: String,
    /// ISO 639 code, or empty.
    pub language: String,
    /// Title from the file, or empty.
    #[serde(default)]
    pub title: String,
    /// True if it covers foreign-language parts and signs only.
    #[serde(default)]
    pub forced: bool,
    /// True if it describes sounds for viewers who are hard of hearing.
    #[serde(default)]
    pub impaired: bool,
}

/// Chapter mark.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chapter {
    /// In milliseconds from the start of the media.
    pub start_ms: u64,
    /// Title from the file, or empty.
    pub title: String,
}

/// Properties of a media file that ffprobe reports, and its sidecars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// Video or audio.
    pub kind: MediaKind,
    /// In milliseconds.
    pub duration_ms: u64,
    /// First video track that is not a cover.
    pub video: Option<VideoTrack>,
    /// All audio tracks, in file order.
    pub audio: Vec<AudioTrack>,
    /// All subtitle tracks, in file order.
    pub subtitles: Vec<SubtitleTrack>,
    /// From the tags, or empty.
    pub title: String,
    /// From the tags, or empty.
    pub artist: String,
    /// From the tags, or empty.
    pub album: String,
    /// True if a cover picture is embedded.
    pub has_cover: bool,
    /// Track number on the album, from the tags; 0 if unknown.
    #[serde(default)]
    pub track_number: u32,
    /// Disc number of the album, from the tags; 0 if unknown.
    #[serde(default)]
    pub disc_number: u32,
    /// Artist of the album, from the tags, or empty.
    #[serde(default)]
    pub album_artist: String,
    /// Chapters in order; empty if the file has fewer than two.
    #[serde(default)]
    pub chapters: Vec<Chapter>,
    /// Gain to the ReplayGain 2 reference of -18 LUFS, in hundredths of a decibel:
    /// from the tags, else measured.
    #[serde(default)]
    pub gain_cdb: Option<i32>,
    /// Posters, storyboards, waveforms, and external subtitles.
    #[serde(default)]
    pub sidecars: Vec<Sidecar>,
    /// Bytes ↔ time; the default if unknown. Shared, because entries are cloned
    /// freely.
    #[serde(default)]
    pub timeline: Arc<Timeline>,
}

impl MediaInfo {
    /// Kind and duration in milliseconds; everything else is unknown.
    pub fn new(kind: MediaKind, duration_ms: u64) -> Self {
        Self {
            kind,
            duration_ms,
            video: None,
            audio: Vec::new(),
            subtitles: Vec::new(),
            title: String::new(),
            artist: String::new(),
            album: String::new(),
            has_cover: false,
            track_number: 0,
            disc_number: 0,
            album_artist: String::new(),
            chapters: Vec::new(),
            gain_cdb: None,
            sidecars: Vec::new(),
            timeline: Default::default(),
        }
    }

    /// Embedded subtitle tracks, then external subtitle files.
    pub fn all_subtitles(&self) -> Vec<SubtitleTrack> {
        let beside = self.subtitles_beside().map(|sidecar| SubtitleTrack {
            codec: "srt".into(),
            language: sidecar.language.clone(),
            ..SubtitleTrack::default()
        });
        self.subtitles.iter().cloned().chain(beside).collect()
    }

    /// External subtitle files.
    pub fn subtitles_beside(&self) -> impl Iterator<Item = &Sidecar> {
        let sidecars = self.sidecars.iter();
        sidecars.filter(|sidecar| sidecar.role == SidecarRole::Subtitles)
    }

    /// First sidecar of a role.
    pub fn sidecar(&self, role: SidecarRole) -> Option<&Sidecar> {
        self.sidecars.iter().find(|sidecar| sidecar.role == role)
    }

    /// Duration of the media.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_without_newer_fields_deserialise() {
        let audio = r#"{"codec":"aac","language":"eng","channels":2}"#;
        let audio: AudioTrack = serde_json::from_str(audio).expect("read");
        assert_eq!((audio.title.as_str(), audio.commentary), ("", false));
        let subtitles = r#"{"codec":"ass","language":"eng"}"#;
        let subtitles: SubtitleTrack = serde_json::from_str(subtitles).expect("read");
        assert!(!subtitles.forced && !subtitles.impaired);
    }
}
