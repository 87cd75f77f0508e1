//! Reasons why playback fails.

use std::path::PathBuf;

use crate::io_failure::IoFailure;
use crate::media::MediaFailure;

/// Cause of failed playback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaybackError {
    /// ffmpeg does not exist at this path.
    FfmpegMissing(PathBuf),
    /// ffmpeg exists but cannot be started.
    FfmpegFailed(IoFailure),
    /// The file cannot be decoded.
    Media(MediaFailure),
    /// The audio output refuses the sound. The file is not at fault.
    Sound(SoundError),
}

impl From<MediaFailure> for PlaybackError {
    fn from(failure: MediaFailure) -> Self {
        Self::Media(failure)
    }
}

/// Cause of a failed audio output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundError {
    /// No sound device exists, or the device cannot be opened.
    NoDevice,
    /// The mixer holds as many sounds as it can.
    TooManySounds,
    /// The thread of the null output has ended.
    NullOutputEnded,
}
