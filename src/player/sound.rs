//! Sound: the sample ring, the output, and the device below kira.

pub mod device;
pub mod output;
pub mod ring;
