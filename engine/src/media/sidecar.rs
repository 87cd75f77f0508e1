//! Sidecars: small files that belong to a media file, such as its poster,
//! storyboard, waveform and subtitles.
//!
//! The peer that shares the media file generates them once. They are fetched and
//! verified like any other file; the catalogue entry lists their ids.

use serde::{Deserialize, Serialize};

use crate::ids::FileId;

/// Bytes per chunk of a sidecar.
pub const SIDECAR_CHUNK: u32 = 64 << 10;

/// Largest sidecar, in bytes: ten times the subtitles of a long film.
pub const MAX_SIDECAR: u64 = 4 << 20;

/// Most sidecars of one media file.
pub const MAX_SIDECARS: usize = 12;

/// Pictures per row of a storyboard.
pub const STORYBOARD_COLUMNS: u32 = 10;

/// Most pictures of a storyboard.
pub const MAX_PICTURES: u32 = 100;

/// Purpose of a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SidecarRole {
    /// JPEG of the embedded cover, or of a representative frame.
    Poster,
    /// JPEG of equally sized pictures in rows of [`STORYBOARD_COLUMNS`], the last row
    /// padded. The film is divided into `n` equal intervals; picture `i` shows the
    /// middle of interval `i`.
    Storyboard,
    /// Peak of each of many equal intervals of the sound, one byte each; 255 is full
    /// scale.
    Waveform,
    /// SRT or WebVTT text.
    Subtitles,
}

/// Sidecar as listed in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Purpose.
    pub role: SidecarRole,
    /// Content id.
    pub id: FileId,
    /// In bytes; at most [`MAX_SIDECAR`].
    pub size: u64,
    /// Pictures of a storyboard, at most [`MAX_PICTURES`]; 0 for others.
    pub pictures: u32,
    /// Language of subtitles: an ISO 639 code, other text from the file name, or empty.
    pub language: String,
}
