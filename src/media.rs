//! What is shared and streamed: kinds, facts and the arithmetic of chunks.
//!
//! * [`geometry`]: bytes ↔ chunks ↔ time.
//! * [`facts`]: what is known of a file: kind, duration, codecs, tags.
//! * [`sidecar`]: posters, storyboards, waveforms, subtitles that travel beside a file.
//! * [`timeline`]: which bytes belong to which time, as bitrates vary.
//! * [`mod@probe`]: facts and timeline, read by ffprobe.
//! * [`tool`]: blocking: runs of ffprobe and ffmpeg, bounded.

pub mod facts;
pub mod geometry;
pub mod probe;
pub mod sidecar;
pub mod timeline;
pub mod tool;

pub use facts::{
    AudioTrack, Chapter, ColourMatrix, FileEntry, MediaFacts, MediaKind, SubtitleTrack, VideoTrack,
};
pub use geometry::{ChunkSize, Geometry};
pub use probe::{ProbeError, probe, probe_timeline};
pub use sidecar::{Sidecar, SidecarRole};
pub use timeline::Timeline;
