//! Decisions after a failure: retry, skip to the next song, or stop.
//!
//! A stream that breaks off is retried once at the same position. A song that cannot be
//! played is skipped, unless every item of the queue has failed since one last started.

use std::time::Duration;

use crate::media::{FileEntry, MediaFailure, MediaKind};
use crate::player::PlaybackError;

/// Distance from the end of the file that still counts as its end, at least. Containers
/// round their durations.
const END_TOLERANCE: Duration = Duration::from_secs(2);

/// Share of the duration, as a divisor, that still counts as the end of the file.
const END_TOLERANCE_DIVISOR: u32 = 50;

/// Song that could not be played and was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedSong {
    /// Title of the song.
    pub title: String,
    /// Cause of the failure.
    pub error: PlaybackError,
}

/// Decision after the end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEnd {
    /// The file is over.
    Complete,
    /// The stream broke off: start again at the same position.
    Retry,
    /// The file cannot be decoded any further.
    Fail(MediaFailure),
}

/// Decision after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterFailure {
    /// Play this item of the queue instead.
    Skip(usize),
    /// Stop and show the error.
    Stop(PlaybackError),
}

/// Failures of the present file and of those before it.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Position at which the stream last broke off: tells progress from a loop.
    broke_at: Option<Duration>,
    /// Failures since a file last started.
    failures: usize,
    skipped: Option<SkippedSong>,
}

impl Recovery {
    /// Another file was chosen.
    pub fn file_chosen(&mut self) {
        self.broke_at = None;
    }

    /// A file started, or the user gave a command: all songs may be tried again.
    pub fn reset_failures(&mut self) {
        self.failures = 0;
    }

    /// Decides after the end of a stream at a position of a file.
    pub fn stream_ended(
        &mut self,
        position: Duration,
        duration: Duration,
        failure: Option<MediaFailure>,
    ) -> StreamEnd {
        let tolerance = END_TOLERANCE.max(duration / END_TOLERANCE_DIVISOR);
        if position + tolerance >= duration {
            return StreamEnd::Complete;
        }
        let progressed = self
            .broke_at
            .is_none_or(|before| position > before + END_TOLERANCE);
        self.broke_at = Some(position);
        match failure {
            _ if progressed => StreamEnd::Retry,
            Some(failure) => StreamEnd::Fail(failure),
            // Without a failure, the file is shorter than its header says.
            None => StreamEnd::Complete,
        }
    }

    /// Decides after a failure of `entry`; `next` is the item that follows in a queue of
    /// `length` items.
    pub fn failed(
        &mut self,
        error: PlaybackError,
        entry: Option<&FileEntry>,
        next: Option<usize>,
        length: usize,
    ) -> AfterFailure {
        // The next file would not be heard either.
        if matches!(error, PlaybackError::Sound(_)) {
            return AfterFailure::Stop(error);
        }
        self.failures += 1;
        let song = entry.filter(|entry| entry.info.kind == MediaKind::Audio);
        let next = next.filter(|_| self.failures < length);
        let (Some(song), Some(next)) = (song, next) else {
            return AfterFailure::Stop(error);
        };
        let title = song.display_title().to_owned();
        tracing::warn!(title, ?error, "song skipped");
        self.skipped = Some(SkippedSong { title, error });
        AfterFailure::Skip(next)
    }

    /// Takes the song that was skipped since the last call.
    pub fn take_skipped(&mut self) -> Option<SkippedSong> {
        self.skipped.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const FILM: Duration = Duration::from_secs(6000);

    #[test]
    fn end_within_tolerance_completes_the_file() {
        let mut recovery = Recovery::default();
        let end = |recovery: &mut Recovery, at, duration| {
            recovery.stream_ended(at, duration, Some(MediaFailure::UnexpectedEnd))
        };
        let short = 10 * SECOND;
        let complete = StreamEnd::Complete;
        assert_eq!(end(&mut recovery, 8 * SECOND, short), complete);
        assert_eq!(end(&mut recovery, 7 * SECOND, short), StreamEnd::Retry);
        assert_eq!(end(&mut recovery, 5880 * SECOND, FILM), complete);
        assert_eq!(end(&mut recovery, 5879 * SECOND, FILM), StreamEnd::Retry);
    }

    #[test]
    fn broken_stream_is_retried_while_it_progresses() {
        let mut recovery = Recovery::default();
        let failure = Some(MediaFailure::InvalidData);
        for minute in 1..5 {
            let end = recovery.stream_ended(minute * 60 * SECOND, FILM, failure.clone());
            assert_eq!(end, StreamEnd::Retry);
        }
        let again = recovery.stream_ended(241 * SECOND, FILM, failure.clone());
        assert_eq!(again, StreamEnd::Fail(MediaFailure::InvalidData));
        recovery.file_chosen();
        let other = recovery.stream_ended(241 * SECOND, FILM, failure);
        assert_eq!(other, StreamEnd::Retry);
    }

    #[test]
    fn second_break_without_failure_completes_the_file() {
        let mut recovery = Recovery::default();
        assert_eq!(recovery.stream_ended(SECOND, FILM, None), StreamEnd::Retry);
        assert_eq!(
            recovery.stream_ended(SECOND, FILM, None),
            StreamEnd::Complete
        );
    }
}
