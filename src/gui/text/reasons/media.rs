//! Failures of ffmpeg and ffprobe.

use engine::media::MediaFailure;
use tr::tr;

use crate::gui::text::reasons::io_failure;

/// Text of a failure that ffmpeg or ffprobe reported.
pub fn media_failure(failure: &MediaFailure) -> String {
    match failure {
        MediaFailure::InvalidData => {
            tr!("damaged file or unsupported format")
        }
        MediaFailure::MissingIndex => {
            tr!("incomplete file: the index is missing")
        }
        MediaFailure::UnexpectedEnd => tr!("the file is truncated"),
        MediaFailure::NoSuchTrack => tr!("the track does not exist"),
        MediaFailure::NothingToPlay => {
            tr!("no playable video or audio")
        }
        MediaFailure::NoDecoder(codec) => tr!("ffmpeg has no decoder for {}", codec),
        MediaFailure::NotFound => tr!("the file is no longer shared"),
        MediaFailure::Server => tr!("temporarily unavailable"),
        MediaFailure::System(failure) => io_failure(*failure),
        MediaFailure::Silent => tr!("no response from ffprobe"),
        MediaFailure::Other(message) => message.clone(),
    }
}
