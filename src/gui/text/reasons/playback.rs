//! Failures of playback.

use engine::player::{PlaybackError, SoundError};
use engine::scheduler::StallCause;
use tr::tr;

use crate::gui::text::reasons::{io_failure, media_failure};
use crate::player::Notice;

/// Text of a failed playback.
pub fn playback_error(error: &PlaybackError) -> String {
    match error {
        PlaybackError::FfmpegMissing(path) => tr!(
            "ffmpeg not found ({}). Install it (Debian, Ubuntu: sudo apt install ffmpeg) or set player.ffmpeg to its path",
            path.display()
        ),
        PlaybackError::FfmpegFailed(failure) => {
            tr!("cannot start ffmpeg: {}", io_failure(*failure))
        }
        PlaybackError::Media(failure) => media_failure(failure),
        PlaybackError::Sound(error) => tr!("no audio: {}", sound_error(*error)),
    }
}

/// Text of a failed audio output.
fn sound_error(error: SoundError) -> String {
    match error {
        SoundError::NoDevice => tr!("No audio device"),
        SoundError::TooManySounds => tr!("too many audio streams"),
        SoundError::NullOutputEnded => tr!("the null audio output stopped"),
    }
}

/// Text of the player's banner.
pub fn player_notice(notice: Notice) -> String {
    match notice {
        Notice::NoSoundDevice => tr!("No audio device"),
    }
}

/// Cause of a stall.
pub fn stall_cause(cause: StallCause) -> String {
    match cause {
        StallCause::NoSource => tr!("no source has this part"),
        StallCause::SlowSource => tr!("sources are too slow"),
        StallCause::Choked => tr!("sources are not sending at the moment"),
        StallCause::Disk => tr!("the disk is full or failing"),
        StallCause::OwnLimit => tr!("download limit reached"),
        StallCause::Decoder => tr!("this device decodes too slowly"),
    }
}

#[cfg(test)]
mod tests {
    use engine::io_failure::IoFailure;
    use engine::media::MediaFailure;

    use super::*;
    use crate::gui::text::language::tests::assert_translated;

    /// True for every variant; stops compiling when one is added.
    fn is_listed(error: &PlaybackError) -> bool {
        match error {
            PlaybackError::FfmpegMissing(_) | PlaybackError::FfmpegFailed(_) => true,
            PlaybackError::Media(failure) => match failure {
                MediaFailure::InvalidData | MediaFailure::MissingIndex => true,
                MediaFailure::UnexpectedEnd | MediaFailure::NoSuchTrack => true,
                MediaFailure::NothingToPlay | MediaFailure::NoDecoder(_) => true,
                MediaFailure::NotFound | MediaFailure::Server => true,
                MediaFailure::System(_) | MediaFailure::Silent => true,
                MediaFailure::Other(_) => true,
            },
            PlaybackError::Sound(error) => match error {
                SoundError::NoDevice | SoundError::TooManySounds => true,
                SoundError::NullOutputEnded => true,
            },
        }
    }

    #[test]
    fn every_playback_error_is_translated() {
        let denied = IoFailure {
            code: Some(libc::EACCES),
        };
        let media = [
            MediaFailure::InvalidData,
            MediaFailure::MissingIndex,
            MediaFailure::UnexpectedEnd,
            MediaFailure::NoSuchTrack,
            MediaFailure::NothingToPlay,
            MediaFailure::NoDecoder("av1".into()),
            MediaFailure::NotFound,
            MediaFailure::Server,
            MediaFailure::System(denied),
            MediaFailure::Silent,
        ];
        let sound = [
            SoundError::NoDevice,
            SoundError::TooManySounds,
            SoundError::NullOutputEnded,
        ];
        for error in sound {
            assert_translated(&sound_error(error));
        }
        let start = [
            PlaybackError::FfmpegMissing("/usr/bin/ffmpeg".into()),
            PlaybackError::FfmpegFailed(denied),
        ];
        let media = media.map(PlaybackError::Media);
        let sound = sound.map(PlaybackError::Sound);
        for error in start.into_iter().chain(media).chain(sound) {
            assert!(is_listed(&error));
            assert_translated(&playback_error(&error));
        }
    }

    #[test]
    fn every_player_notice_is_translated() {
        let Notice::NoSoundDevice = Notice::NoSoundDevice;
        assert_translated(&player_notice(Notice::NoSoundDevice));
    }

    #[test]
    fn unclassified_failure_is_shown_verbatim() {
        let line = MediaFailure::Other("12 {odd} things".into());
        assert_eq!(playback_error(&line.into()), "12 {odd} things");
    }
}
