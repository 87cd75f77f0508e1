//! What is shared and streamed: kinds, facts and the arithmetic of chunks.
//!
//! * [`geometry`]: bytes ↔ chunks ↔ time.
//! * [`facts`]: what is known of a file: kind, duration, codecs, tags.
//! * [`mod@probe`]: those facts, read by ffprobe.
//! * [`timeline`]: which bytes belong to which time.

pub mod facts;
pub mod geometry;
pub mod probe;
pub mod timeline;

pub use facts::{AudioTrack, FileEntry, MediaFacts, MediaKind, SubtitleTrack, VideoTrack};
pub use timeline::Timeline;
pub use geometry::{ChunkSize, Geometry};
pub use probe::{ProbeError, probe};
