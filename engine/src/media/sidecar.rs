//! Small files that belong to a media file and travel beside it: its poster, a
//! storyboard, a waveform, subtitles.
//!
//! Each is made once, by whoever shares the media file, and fetched and verified
//! like any other file; the catalogue only names it.

use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::media::info::{FileEntry, MediaInfo, MediaKind};

/// Bytes of a sidecar's chunk.
pub const SIDECAR_CHUNK: u32 = 64 << 10;

/// Longest sidecar, in bytes: subtitles of a long film are a tenth of it.
pub const MAX_SIDECAR: u64 = 4 << 20;

/// Sidecars that one media file may have.
pub const MAX_SIDECARS: usize = 12;

/// Pictures in one row of a storyboard.
pub const STORYBOARD_COLUMNS: u32 = 10;

/// Most pictures of a storyboard.
pub const MAX_PICTURES: u32 = 100;

/// What a sidecar is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SidecarRole {
    /// A JPEG: the embedded cover, else a good frame.
    Poster,
    /// A JPEG of equal pictures in rows of [`STORYBOARD_COLUMNS`], the last row
    /// filled up; picture `i` of `n` shows the middle of the `i`-th of `n` equal
    /// parts of the film.
    Storyboard,
    /// The loudest sample of each of equal parts of the sound, a byte each: 255 is
    /// full scale.
    Waveform,
    /// Text as SRT or WebVTT.
    Subtitles,
}

/// A sidecar as the catalogue names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// What it is for.
    pub role: SidecarRole,
    /// Content id.
    pub id: FileId,
    /// In bytes; at most [`MAX_SIDECAR`].
    pub size: u64,
    /// Pictures of a storyboard, at most [`MAX_PICTURES`]; 0 for others.
    pub pictures: u32,
    /// Of subtitles: the ISO 639 code, or what else the file's name says, or empty.
    pub language: String,
}

impl Sidecar {
    /// How it is fetched: as a file of its own.
    pub fn entry(&self) -> FileEntry {
        let name = match self.role {
            SidecarRole::Poster => "poster.jpg",
            SidecarRole::Storyboard => "storyboard.jpg",
            SidecarRole::Waveform => "waveform.bin",
            SidecarRole::Subtitles => "subtitles.txt",
        };
        FileEntry {
            id: self.id,
            name: name.into(),
            size: self.size,
            chunk_size: SIDECAR_CHUNK,
            info: MediaInfo::new(MediaKind::Sidecar, 1),
            sources: 0,
        }
    }
}
