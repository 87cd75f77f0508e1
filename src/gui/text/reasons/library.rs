//! Reasons for which files are not shared.

use engine::library::SkipReason;
use engine::media::MediaFailure;
use tr::tr;

use crate::gui::text::reasons::{io_failure, media_failure};
use crate::library::{AddError, IndexError};

/// Text of the reason for which a file is not shared.
pub fn skip_reason(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Unreadable(failure) => tr!("cannot be read: {}", io_failure(*failure)),
        SkipReason::SymlinkLoop => tr!("circular link"),
        SkipReason::TooLarge => tr!("larger than 512 GiB"),
        SkipReason::NoProbe { program, error } => {
            let why = format!("{}: {}", program.display(), io_failure(*error));
            tr!(
                "cannot run {}; install ffmpeg (on Debian: apt install ffmpeg)",
                why
            )
        }
        SkipReason::ProbeTimeout(seconds) => {
            tr!("ffprobe timed out after {} s", seconds)
        }
        SkipReason::NotMedia(failure @ (MediaFailure::InvalidData | MediaFailure::Silent)) => {
            media_failure(failure)
        }
        SkipReason::NotMedia(failure) => {
            tr!("not a media file, or damaged: {}", media_failure(failure))
        }
        SkipReason::NothingToPlay => tr!("no video or audio"),
        SkipReason::NoDuration => tr!("damaged file: unknown duration"),
        SkipReason::Database(detail) => tr!("library database error: {}", detail),
    }
}

/// Text of a failure to share a path.
pub fn add_error(error: &AddError) -> String {
    match error {
        AddError::Unreadable { path, error } => {
            tr!("{} cannot be read: {}", path.display(), io_failure(*error))
        }
        AddError::Known(path) => tr!("{} is already shared", path.display()),
    }
}

/// Text of a failure of the library database.
pub fn index_error(error: &IndexError) -> String {
    match error {
        IndexError::InUse(path) => tr!(
            "data directory {} is in use by another Swarmplay",
            path.display()
        ),
        IndexError::Database(_) => tr!("library database error: {}", error.detail()),
    }
}
