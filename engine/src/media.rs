//! What is shared and streamed: kinds, facts and the arithmetic of chunks.
//!
//! * [`geometry`]: bytes ↔ chunks ↔ time.
//! * [`info`]: what is known of a file: kind, duration, codecs, tags.
//! * [`sidecar`]: posters, storyboards, waveforms, subtitles that travel beside a file.
//! * [`timeline`]: which bytes belong to which time, as bitrates vary.
//! * [`mod@probe`]: facts and timeline, read by ffprobe.
//! * [`tool`]: blocking: runs of ffprobe and ffmpeg, bounded.

mod failure;
mod geometry;
mod info;
mod sidecar;
mod timeline;

pub use self::failure::MediaFailure;
pub use self::geometry::{ChunkSize, Geometry};
pub use self::info::{
    AudioTrack, Chapter, ColourMatrix, FileEntry, MediaInfo, MediaKind, SubtitleTrack, VideoTrack,
    clock,
};
pub use self::sidecar::{
    MAX_PICTURES, MAX_SIDECAR, MAX_SIDECARS, SIDECAR_CHUNK, STORYBOARD_COLUMNS, Sidecar,
    SidecarRole,
};
pub use self::timeline::{MAX_INDEX_RANGES, MAX_POINTS, Point, Timeline, TimelineBuilder};
