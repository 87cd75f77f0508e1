//! What a pipeline reports, and what follows from it.

use std::time::Duration;

use crate::ids::Generation;
use crate::media::{MediaFailure, MediaKind};
use crate::player::state::{Effect, Report, State};
use crate::player::{PassedOver, Phase, PlaybackError};

/// An end this close to the file's own, or within a fiftieth of its length, is
/// the end: containers round.
const END_TOLERANCE: Duration = Duration::from_secs(2);

impl State {
    /// Takes in what a pipeline says; older ones are ignored.
    pub fn report(&mut self, generation: Generation, report: Report) -> Vec<Effect> {
        if generation != self.generation || self.phase == Phase::Stopped {
            return Vec::new();
        }
        match report {
            Report::Started => {
                self.failures = 0;
                if self.phase == Phase::Loading {
                    self.phase = Phase::Playing;
                }
            }
            Report::SoundStarving(starving) => self.sound_starving = starving,
            Report::PictureStarving(starving) => self.picture_starving = starving,
            Report::Ended(failure) if self.broke_off() => return self.resume(failure),
            Report::Ended(_) => {
                self.position = self.duration();
                self.note_position();
                if let Some(next) = self.queue.next(false) {
                    // Stopped by hand at the very end, it stays so.
                    return self.go_on(next);
                }
                self.phase = Phase::Ended;
                return vec![Effect::Stop];
            }
            // The next file would not be heard either.
            Report::Failed(error @ PlaybackError::Sound(_)) => {
                self.phase = Phase::Failed(error);
                return vec![Effect::Stop];
            }
            Report::Failed(error) => return self.fail(error),
        }
        self.settle();
        Vec::new()
    }

    /// A song that cannot be played is passed over, unless none of the list can be.
    fn fail(&mut self, error: PlaybackError) -> Vec<Effect> {
        self.failures += 1;
        let song = self
            .entry()
            .filter(|entry| entry.info.kind == MediaKind::Audio);
        let title = song.map(|entry| entry.display_title().to_owned());
        let next = self.queue.next(true);
        let next = next.filter(|_| self.failures < self.queue.items().len());
        if let (Some(title), Some(next)) = (title, next) {
            tracing::warn!(title, ?error, "song skipped");
            self.passed_over = Some(PassedOver { title, error });
            return self.go(next);
        }
        self.phase = Phase::Failed(error);
        vec![Effect::Stop]
    }

    /// What was passed over since this was last asked.
    pub fn take_passed_over(&mut self) -> Option<PassedOver> {
        self.passed_over.take()
    }

    /// Whether the end came well before the file's own.
    fn broke_off(&self) -> bool {
        let margin = END_TOLERANCE.max(self.duration() / 50);
        self.position + margin < self.duration()
    }

    /// Goes on where the stream broke off. A second end at the same place is
    /// the file's fault: it says why, if the decoder did.
    fn resume(&mut self, failure: Option<MediaFailure>) -> Vec<Effect> {
        let here = self.position;
        let again = self.broke_at.is_some_and(|at| here <= at + END_TOLERANCE);
        self.broke_at = Some(here);
        if !again {
            return self.restart();
        }
        if let Some(failure) = failure {
            return self.fail(failure.into());
        }
        // It simply holds less than its head says.
        self.position = self.duration();
        let generation = self.generation;
        self.report(generation, Report::Ended(None))
    }
}
