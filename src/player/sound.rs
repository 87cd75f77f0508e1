//! Sound: sample ring, output, and the device below kira.

pub mod device;
pub mod output;
pub mod ring;
