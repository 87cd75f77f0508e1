//! Sound: sample ring, output, and the device below kira.

mod device;
mod output;
mod ring;

pub use self::output::Output;
pub use self::ring::{RingSound, SampleStream, SoundControl, Successors};
