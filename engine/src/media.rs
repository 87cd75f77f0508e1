//! Media files: tracks and tags, catalogue entries, and the arithmetic of chunks.
//!
//! * [`geometry`]: bytes ↔ chunks.
//! * [`info`]: kind, duration, tracks and tags of a file.
//! * [`entry`]: a shared file as the catalogue lists it.
//! * [`failure`]: failures that ffmpeg reports.
//! * [`sidecar`]: posters, storyboards, waveforms and subtitles that belong to a file.
//! * [`timeline`]: bytes ↔ time, for variable bitrates.
//! * [`timeline_builder`]: a timeline from the list of packets.

mod entry;
mod failure;
mod geometry;
mod info;
mod sidecar;
mod timeline;
mod timeline_builder;

pub use self::entry::FileEntry;
pub use self::failure::MediaFailure;
pub use self::geometry::{ChunkSize, Geometry};
pub use self::info::{
    AudioTrack, Chapter, ColourMatrix, MediaInfo, MediaKind, SubtitleTrack, VideoTrack,
};
pub use self::sidecar::{
    MAX_PICTURES, MAX_SIDECAR, MAX_SIDECARS, SIDECAR_CHUNK, STORYBOARD_COLUMNS, Sidecar,
    SidecarRole,
};
pub use self::timeline::{MAX_INDEX_RANGES, MAX_POINTS, Point, Timeline};
pub use self::timeline_builder::TimelineBuilder;
