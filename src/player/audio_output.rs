//! Device policy: the output is opened at first use, suspended while nothing is heard and
//! replaced when its device is gone.

use std::time::{Duration, Instant};

use engine::player::SoundError;

use crate::player::Notice;
use crate::player::sound::{Output, RingSound, SampleStream, Successors};

/// Time without requests for samples after which an output is dead. Opening a device may
/// take a second.
const DEAD: Duration = Duration::from_secs(4);

/// Time without sound after which the output is suspended: short pauses end without the
/// delay of opening a device.
const SUSPEND_AFTER: Duration = Duration::from_secs(5);

/// Delay before the search for a device is repeated; doubled each time up to the maximum.
const RETRY_DELAY: Duration = Duration::from_secs(5);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(60);

/// A device lost within this time of being opened is not opened again at once.
const UNSTABLE: Duration = Duration::from_secs(2);

/// Output of the player and its health.
#[derive(Default)]
pub struct AudioOutput {
    output: Option<Output>,
    /// Time of the last failed search for a device, and the delay of the next one.
    retry: Option<(Instant, Duration)>,
    /// Time of the last search for a device.
    searched_at: Option<Instant>,
    /// Requests for samples, and the time of their last change.
    heartbeats: Option<(u64, Instant)>,
    silent_since: Option<Instant>,
    notice: Option<Notice>,
}

impl AudioOutput {
    /// Condition of the output that the user should know about.
    pub fn notice(&self) -> Option<Notice> {
        self.notice
    }

    /// Plays a stream; returns the queue for those that follow it.
    ///
    /// # Errors
    /// The output refuses the stream.
    pub fn play(&mut self, stream: SampleStream) -> Result<Successors, SoundError> {
        let (sound, successors) = RingSound::new(stream);
        self.heartbeats = None;
        self.silent_since = None;
        // A suspended output that cannot resume has lost its device. In place of the null
        // output there may be a device by now.
        let output = self.output.take().filter(|_| !self.is_retry_due());
        let output = output.and_then(|mut output| output.resume().is_ok().then_some(output));
        let output = output.unwrap_or_else(|| {
            let (output, error) = Output::open();
            self.note_search(error.is_some());
            output
        });
        self.output.insert(output).play(sound)?;
        Ok(successors)
    }

    /// Resumes a suspended output.
    ///
    /// # Errors
    /// The device is gone; [`AudioOutput::discard`] and a restart replace it.
    pub fn resume(&mut self) -> Result<(), SoundError> {
        self.heartbeats = None;
        self.silent_since = None;
        self.output.as_mut().map_or(Ok(()), Output::resume)
    }

    /// Closes the output; the next stream opens another one.
    pub fn discard(&mut self) {
        *self = Self::default();
    }

    /// Suspends the output once nothing has been heard for a while.
    pub fn suspend_when_silent(&mut self, silent: bool) {
        let Some(output) = self.output.as_mut().filter(|_| silent) else {
            self.silent_since = None;
            return;
        };
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        if since.elapsed() > SUSPEND_AFTER && !output.is_suspended() {
            output.suspend();
        }
    }

    /// Checks the device, given the count of requests for samples. True if the output was
    /// replaced, so that the pipeline has to restart.
    pub fn check(&mut self, heartbeats: u64) -> bool {
        if self.output.as_mut().is_none_or(Output::is_suspended) {
            self.heartbeats = None;
            return false;
        }
        if self.output.as_mut().is_some_and(Output::is_lost) {
            tracing::warn!("sound device lost");
            self.replace_lost_device();
            return true;
        }
        if self.is_retry_due() {
            return self.retry_device();
        }
        let now = Instant::now();
        match self.heartbeats {
            Some((before, at)) if before == heartbeats => {
                let dead = now.saturating_duration_since(at) > DEAD;
                if dead {
                    tracing::warn!("sound device stalled");
                    self.discard();
                }
                dead
            }
            _ => {
                self.heartbeats = Some((heartbeats, now));
                false
            }
        }
    }

    fn is_retry_due(&self) -> bool {
        self.retry
            .is_some_and(|(failed, delay)| failed.elapsed() > delay)
    }

    /// Notes the result of a search for a device.
    fn note_search(&mut self, failed: bool) {
        let now = Instant::now();
        let delay = self.retry.map_or(RETRY_DELAY, |(_, last)| last * 2);
        self.retry = failed.then_some((now, delay.min(MAX_RETRY_DELAY)));
        self.searched_at = Some(now);
        self.notice = failed.then_some(Notice::NoSoundDevice);
    }

    /// Opens a device that has appeared, in place of the null output.
    fn retry_device(&mut self) -> bool {
        let (output, error) = Output::open();
        self.note_search(error.is_some());
        if error.is_none() {
            self.output = Some(output);
        }
        error.is_none()
    }

    fn replace_lost_device(&mut self) {
        let opened = self.searched_at.take();
        if opened.is_some_and(|opened| opened.elapsed() < UNSTABLE) {
            self.note_search(true);
            self.output = Some(Output::null());
        } else {
            self.discard();
        }
    }
}
