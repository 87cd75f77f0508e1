//! Failures that ffmpeg and ffprobe report.

use serde::{Deserialize, Serialize};

use crate::io_failure::IoFailure;

/// Cause of a failed run of ffmpeg or ffprobe, classified from its standard error.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum MediaFailure {
    /// Unknown or damaged container or stream.
    #[error("invalid or unknown media data")]
    InvalidData,
    /// An mp4 without its index.
    #[error("incomplete file: no moov atom")]
    MissingIndex,
    /// The input ended early.
    #[error("unexpected end of file")]
    UnexpectedEnd,
    /// The selected track does not exist.
    #[error("no such track")]
    NoSuchTrack,
    /// No track can be decoded to video or sound.
    #[error("no playable track")]
    NothingToPlay,
    /// This ffmpeg build has no decoder for the codec.
    #[error("no decoder for {0}")]
    NoDecoder(String),
    /// The HTTP server does not know the file.
    #[error("file not found on the server")]
    NotFound,
    /// The HTTP server cannot serve the file at present.
    #[error("server error")]
    Server,
    /// A system call of the process failed.
    #[error("{0}")]
    System(IoFailure),
    /// The process failed without a message.
    #[error("no error message")]
    Silent,
    /// Any other message, in the words of ffmpeg.
    #[error("{0}")]
    Other(String),
}
