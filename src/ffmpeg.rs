//! FFmpeg child processes: probing, decoding, pictures.

#[cfg(feature = "gui")]
mod child;
#[cfg(feature = "gui")]
mod cover;
mod failure;
#[cfg(feature = "gui")]
mod frames;
mod job;
#[cfg(feature = "gui")]
mod ppm;
mod probe;

#[cfg(feature = "gui")]
pub use self::child::{Decoder, DecoderPipe, Killer, SpawnError};
#[cfg(feature = "gui")]
pub use self::cover::read_cover;
pub use self::failure::classify;
#[cfg(feature = "gui")]
pub use self::frames::Planes;
pub use self::job::{Answer, Output, Tool, all, lines};
#[cfg(feature = "gui")]
pub use self::probe::probe_start;
pub use self::probe::{ProbeError, probe, probe_timeline};
