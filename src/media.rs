//! What is shared and streamed: kinds, facts and the arithmetic of chunks.
//!
//! * [`geometry`]: bytes ↔ chunks ↔ time.
//! * [`facts`]: what is known of a file: kind, duration, codecs, tags.
//! * [`timeline`]: which bytes belong to which time, as bitrates vary.
//! * [`mod@probe`]: facts and timeline, read by ffprobe.

pub mod facts;
pub mod geometry;
pub mod probe;
pub mod timeline;

pub use facts::{AudioTrack, FileEntry, MediaFacts, MediaKind, SubtitleTrack, VideoTrack};
pub use geometry::{ChunkSize, Geometry};
pub use probe::{ProbeError, probe, probe_timeline};
pub use timeline::Timeline;
