//! What is known of a media file.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::media::geometry::Geometry;
use crate::media::sidecar::{Sidecar, SidecarRole};
use crate::media::timeline::Timeline;

/// What a client shows: it has one kind and never sees the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Moving pictures, with or without sound.
    Video,
    /// Sound alone; a cover is no moving picture.
    Audio,
    /// Belongs to a file of another kind and is never listed.
    Sidecar,
}

impl MediaKind {
    /// Whether a file of this kind is listed where `wanted` is, `None` being both.
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

/// The picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VideoTrack {
    /// As ffprobe names it: `h264`, `vp9`.
    pub codec: String,
    /// In pixels, as stored.
    pub width: u32,
    /// In pixels, as stored.
    pub height: u32,
    /// Average frames in 1000 s.
    pub millifps: u32,
    /// Whether its lines were taken in turns.
    #[serde(default)]
    pub interlaced: bool,
    /// Whether it is made for screens that are brighter than most (PQ or HLG).
    #[serde(default)]
    pub hdr: bool,
    /// How its colours are coded, as it says itself.
    #[serde(default)]
    pub matrix: ColourMatrix,
}

impl VideoTrack {
    /// How its colours are coded; what does not say is taken for what is usual for its
    /// size, as other players do.
    pub fn usual_matrix(&self) -> ColourMatrix {
        match self.matrix {
            ColourMatrix::Unknown if self.width >= 1280 || self.height > 576 => ColourMatrix::Bt709,
            ColourMatrix::Unknown => ColourMatrix::Bt601,
            matrix => matrix,
        }
    }
}

/// How luma and chroma make colours (ITU-T H.273, MatrixCoefficients).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourMatrix {
    /// The file does not say.
    #[default]
    Unknown,
    /// Television before HD.
    Bt601,
    /// HD.
    Bt709,
    /// Wide colours, not of constant luminance.
    Bt2020,
    /// Another, or red, green and blue.
    Other,
}

/// One sound track.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AudioTrack {
    /// As ffprobe names it: `aac`, `opus`.
    pub codec: String,
    /// ISO 639 code, or empty.
    pub language: String,
    /// Number of channels.
    pub channels: u32,
    /// As the file calls it, or empty.
    #[serde(default)]
    pub title: String,
    /// Whether somebody speaks about the film in it.
    #[serde(default)]
    pub commentary: bool,
    /// Whether it tells what is to be seen, for those who cannot see it.
    #[serde(default)]
    pub described: bool,
}

/// One subtitle track.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SubtitleTrack {
    /// As ffprobe names it: `subrip`, `ass`.
    pub codec: String,
    /// ISO 639 code, or empty.
    pub language: String,
    /// As the file calls it, or empty.
    #[serde(default)]
    pub title: String,
    /// Whether it has only what must be read, such as signs in another language.
    #[serde(default)]
    pub forced: bool,
    /// Whether it tells sounds, too, for those who cannot hear them.
    #[serde(default)]
    pub impaired: bool,
}

/// Where a chapter begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chapter {
    /// In milliseconds from the beginning.
    pub start_ms: u64,
    /// As the file calls it, or empty.
    pub title: String,
}

/// What ffprobe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// Video or audio.
    pub kind: MediaKind,
    /// In milliseconds.
    pub duration_ms: u64,
    /// The first moving picture.
    pub video: Option<VideoTrack>,
    /// All sound tracks, in order.
    pub audio: Vec<AudioTrack>,
    /// All subtitle tracks, in order.
    pub subtitles: Vec<SubtitleTrack>,
    /// From the tags, or empty.
    pub title: String,
    /// From the tags, or empty.
    pub artist: String,
    /// From the tags, or empty.
    pub album: String,
    /// Whether a cover picture is embedded.
    pub has_cover: bool,
    /// PeerPosition on the album, from the tags; 0 if it has none.
    #[serde(default)]
    pub track_number: u32,
    /// Which disc of the album, from the tags; 0 if they do not say.
    #[serde(default)]
    pub disc_number: u32,
    /// Whose album it is, from the tags, or empty.
    #[serde(default)]
    pub album_artist: String,
    /// Chapters, in order; none if the file has fewer than two.
    #[serde(default)]
    pub chapters: Vec<Chapter>,
    /// By how many hundredths of a decibel to raise the sound so that all sounds
    /// alike (ReplayGain 2: -18 LUFS): from the tags, else measured.
    #[serde(default)]
    pub gain_cdb: Option<i32>,
    /// Posters, storyboards, waveforms, subtitles beside the file.
    #[serde(default)]
    pub sidecars: Vec<Sidecar>,
    /// Which bytes belong to which time; the default one if that is unknown.
    /// Shared, as entries are copied freely.
    #[serde(default)]
    pub timeline: Arc<Timeline>,
}

impl MediaInfo {
    /// Facts that say no more than kind and length, in milliseconds.
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

    /// Subtitle tracks of the file, then the files of subtitles beside it.
    pub fn all_subtitles(&self) -> Vec<SubtitleTrack> {
        let beside = self.subtitles_beside().map(|sidecar| SubtitleTrack {
            codec: "srt".into(),
            language: sidecar.language.clone(),
            ..SubtitleTrack::default()
        });
        self.subtitles.iter().cloned().chain(beside).collect()
    }

    /// Files of subtitles beside the file.
    pub fn subtitles_beside(&self) -> impl Iterator<Item = &Sidecar> {
        let sidecars = self.sidecars.iter();
        sidecars.filter(|sidecar| sidecar.role == SidecarRole::Subtitles)
    }

    /// The first sidecar of a role.
    pub fn sidecar(&self, role: SidecarRole) -> Option<&Sidecar> {
        self.sidecars.iter().find(|sidecar| sidecar.role == role)
    }

    /// Length of the media.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}

/// A length as people write it: `1:02:03`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A shared file as everybody sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Content id.
    pub id: FileId,
    /// Display text only; it never becomes a path.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Bytes of a chunk, chosen by the first who shared the file.
    pub chunk_size: u32,
    /// Kind, duration, codecs, tags.
    #[serde(rename = "facts")]
    pub info: MediaInfo,
    /// Peers that have all of it, as far as the tracker knows.
    pub sources: u32,
}

impl FileEntry {
    /// The title to show: from the tags, else the name without its extension.
    pub fn display_title(&self) -> &str {
        if !self.info.title.is_empty() {
            return &self.info.title;
        }
        match self.name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => &self.name,
        }
    }

    /// A name for a file on this machine: no folders, nothing hidden.
    pub fn local_name(&self) -> String {
        let harmless = |c| if c == '/' || c == '\\' { '_' } else { c };
        let name: String = self.name.chars().map(harmless).collect();
        match name.trim_start_matches('.') {
            "" => self.id.to_string(),
            name => name.to_owned(),
        }
    }

    /// How the file is cut; `None` where the announced numbers are not allowed.
    pub fn geometry(&self) -> Option<Geometry> {
        Geometry::checked(self.size, self.chunk_size)
    }

    /// Which bytes belong to which time; a constant bitrate where it is unknown.
    pub fn timeline(&self) -> Arc<Timeline> {
        let (known, duration) = (&self.info.timeline, self.info.duration());
        if known.fits(self.size, duration) {
            return known.clone();
        }
        Arc::new(Timeline::constant(self.size, duration))
    }

    /// Bytes of media a second, averaged over the file.
    pub fn byte_rate(&self) -> u64 {
        let millis = self.info.duration_ms.max(1);
        (u128::from(self.size) * 1000 / u128::from(millis)).max(1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_network_never_leaves_the_folder() {
        let mut entry = FileEntry {
            id: FileId([0; 32]),
            name: "../../etc/passwd".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Video, 1),
            sources: 1,
        };
        assert_eq!(entry.local_name(), "_.._etc_passwd");
        entry.name = "...".into();
        assert_eq!(entry.local_name(), entry.id.to_string());
    }

    #[test]
    fn tracks_of_an_older_database_are_still_read() {
        let audio = r#"{"codec":"aac","language":"eng","channels":2}"#;
        let audio: AudioTrack = serde_json::from_str(audio).expect("read");
        assert_eq!((audio.title.as_str(), audio.commentary), ("", false));
        let subtitles = r#"{"codec":"ass","language":"eng"}"#;
        let subtitles: SubtitleTrack = serde_json::from_str(subtitles).expect("read");
        assert!(!subtitles.forced && !subtitles.impaired);
    }

    #[test]
    fn lengths_read_like_a_clock() {
        assert_eq!(clock(Duration::from_secs(63)), "1:03");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
    }
}
