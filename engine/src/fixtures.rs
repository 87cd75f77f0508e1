//! Test films, songs, sidecars and peers, with values that tests may override.

use crate::ids::{FileId, PeerId};
use crate::media::{ChunkSize, FileEntry, MediaInfo, MediaKind, Sidecar, SidecarRole, VideoTrack};

/// Content id of test file `number`.
pub fn file_id(number: u8) -> FileId {
    FileId([number; 32])
}

/// Id of test peer `number`.
pub fn peer_id(number: u8) -> PeerId {
    PeerId([number; 16])
}

/// Catalogue entry of 1 byte and 1 s with one seed and no tracks.
pub fn entry(number: u8, kind: MediaKind, name: &str) -> FileEntry {
    FileEntry {
        id: file_id(number),
        name: name.into(),
        size: 1,
        chunk_size: ChunkSize::MIN.bytes(),
        info: MediaInfo::new(kind, 1000),
        sources: 1,
    }
}

/// Film without tracks.
pub fn film(number: u8, name: &str) -> FileEntry {
    entry(number, MediaKind::Video, name)
}

/// Song without tracks or tags.
pub fn song(number: u8, name: &str) -> FileEntry {
    entry(number, MediaKind::Audio, name)
}

/// H.264 track of the given size, at 25 frames per second.
pub fn video_track(width: u32, height: u32) -> VideoTrack {
    VideoTrack {
        codec: "h264".into(),
        width,
        height,
        millifps: 25_000,
        ..VideoTrack::default()
    }
}

/// Sidecar of 1 byte.
pub fn sidecar(role: SidecarRole, number: u8) -> Sidecar {
    Sidecar {
        role,
        id: file_id(number),
        size: 1,
        pictures: 0,
        language: String::new(),
    }
}
