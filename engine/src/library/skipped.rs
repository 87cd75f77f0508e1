//! Files that are not shared.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::io_failure::IoFailure;
use crate::media::MediaFailure;

/// File or folder that is not shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Path of the file or folder.
    pub path: PathBuf,
    /// Cause.
    pub reason: SkipReason,
}

/// Cause for which a file is not shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The system refuses to read it.
    #[error("cannot be read: {0}")]
    Unreadable(IoFailure),
    /// A folder that links back to one of its parents.
    #[error("symbolic link loop")]
    SymlinkLoop,
    /// It would have too many chunks.
    #[error("larger than 512 GiB")]
    TooLarge,
    /// ffprobe could not be started.
    #[error("cannot run {}: {error}; install ffmpeg (on Debian: apt install ffmpeg)", program.display())]
    NoProbe {
        /// Configured program.
        program: PathBuf,
        /// Failure to start it.
        error: IoFailure,
    },
    /// ffprobe did not finish in time.
    #[error("ffprobe timed out after {0} s")]
    ProbeTimeout(u64),
    /// Not a container that ffmpeg supports, or a damaged one.
    #[error("not a media file, or damaged: {0}")]
    NotMedia(MediaFailure),
    /// The container holds no video or audio.
    #[error("no video or audio track")]
    NothingToPlay,
    /// The duration is unknown.
    #[error("damaged media file: unknown duration")]
    NoDuration,
    /// The library database failed, with the message of the database.
    #[error("library database failed: {0}")]
    Database(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skip_reason_survives_json() {
        let reasons = [
            SkipReason::Unreadable(IoFailure { code: Some(13) }),
            SkipReason::NotMedia(MediaFailure::NoDecoder("av1".into())),
            SkipReason::ProbeTimeout(30),
            SkipReason::NothingToPlay,
        ];
        for reason in reasons {
            let json = serde_json::to_string(&reason).expect("serialises");
            let back: SkipReason = serde_json::from_str(&json).expect("deserialises");
            assert_eq!(back, reason);
        }
    }
}
