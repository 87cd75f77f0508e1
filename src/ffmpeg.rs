//! Child processes of ffmpeg and ffprobe.
//!
//! * [`job`]: blocking: one bounded run whose output is collected.
//! * [`child`]: a decoder that runs until it is dropped.
//! * [`mod@probe`]: blocking: tracks, tags and timeline of a file, by ffprobe.
//! * [`frames`]: video frames from a pipe.
//! * [`cover`]: blocking: the picture embedded in a song.
//! * [`failure`]: standard error → [`MediaFailure`](engine::media::MediaFailure).

#[cfg(feature = "gui")]
mod child;
#[cfg(feature = "gui")]
mod cover;
mod failure;
#[cfg(feature = "gui")]
mod frames;
mod job;
mod probe;

#[cfg(feature = "gui")]
pub use self::child::{Decoder, DecoderPipe, Killer, SpawnError};
#[cfg(feature = "gui")]
pub use self::cover::{Picture, read_cover};
#[cfg(feature = "gui")]
pub use self::frames::Planes;
pub use self::job::{Answer, Output, Tool, all, lines};
#[cfg(feature = "gui")]
pub use self::probe::probe_start;
pub use self::probe::{ProbeError, probe, probe_timeline};
