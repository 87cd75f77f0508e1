//! Audio output: the system's device or, without one, the null output.
//!
//! The null output drives kira's mock backend in real time on a thread of its own: nothing
//! is heard, but media time advances.

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engine::player::{SAMPLE_RATE, SoundError};
use kira::backend::mock::{MockBackend, MockBackendSettings};
use kira::{AudioManager, AudioManagerSettings, PlaySoundError};

use crate::player::sound::device::Device;
use crate::player::sound::ring::RingSound;

/// Samples mixed at once: 10 ms.
pub(super) const BLOCK: usize = 480;

/// Interval at which the null output takes samples.
const NULL_STEP: Duration = Duration::from_millis(5);

/// Samples that the null output catches up at most, after the machine slept.
const MAX_CATCH_UP: u64 = SAMPLE_RATE as u64 / 2;

/// Destination of the sound.
pub enum Output {
    /// The system's device.
    Device(Box<AudioManager<Device>>),
    /// Nothing, in real time.
    Null(NullOutput),
}

impl Output {
    /// Opens the system's device, or the null output with the reason.
    pub fn open() -> (Self, Option<SoundError>) {
        let settings = AudioManagerSettings {
            internal_buffer_size: BLOCK,
            ..AudioManagerSettings::default()
        };
        match AudioManager::<Device>::new(settings) {
            Ok(manager) => (Self::Device(Box::new(manager)), None),
            Err(error) => {
                tracing::warn!(%error, "sound device unavailable");
                (Self::null(), Some(SoundError::NoDevice))
            }
        }
    }

    /// Starts the null output.
    pub fn null() -> Self {
        Self::Null(NullOutput::start())
    }

    /// Plays a sound beside those that still fade out.
    ///
    /// # Errors
    /// The mixer is full, or the null output has ended.
    pub fn play(&mut self, sound: RingSound) -> Result<(), SoundError> {
        match self {
            Self::Device(manager) => manager.play(sound).map_err(play_error),
            Self::Null(null) => null.send(Command::Play(sound)),
        }
    }

    /// Stops taking samples, and using the processor, until [`Self::resume`].
    pub fn suspend(&mut self) {
        match self {
            Self::Device(manager) => manager.backend_mut().suspend(),
            Self::Null(null) => {
                null.suspended = true;
                // A thread that has ended takes no samples either.
                let _ = null.send(Command::Suspend);
            }
        }
    }

    /// True while suspended.
    pub fn is_suspended(&mut self) -> bool {
        match self {
            Self::Device(manager) => manager.backend_mut().is_suspended(),
            Self::Null(null) => null.suspended,
        }
    }

    /// True once the device is gone.
    pub fn is_lost(&mut self) -> bool {
        match self {
            Self::Device(manager) => manager.backend_mut().is_lost(),
            Self::Null(_) => false,
        }
    }

    /// Resumes a suspended output.
    ///
    /// # Errors
    /// The device is gone, or the null output has ended.
    pub fn resume(&mut self) -> Result<(), SoundError> {
        match self {
            Self::Device(manager) => manager.backend_mut().resume().map_err(|error| {
                tracing::warn!(%error, "sound device unavailable");
                SoundError::NoDevice
            }),
            Self::Null(null) => {
                null.suspended = false;
                null.send(Command::Resume)
            }
        }
    }
}

fn play_error(error: PlaySoundError<Infallible>) -> SoundError {
    match error {
        PlaySoundError::SoundLimitReached => SoundError::TooManySounds,
        PlaySoundError::IntoSoundError(never) => match never {},
    }
}

/// Command to the thread of the null output.
enum Command {
    Play(RingSound),
    Suspend,
    Resume,
}

/// Output that plays nothing, on a thread of its own.
pub struct NullOutput {
    commands: mpsc::Sender<Command>,
    suspended: bool,
}

impl NullOutput {
    /// Starts the thread, which ends when the value is dropped.
    fn start() -> Self {
        let (commands, queue) = mpsc::channel();
        std::thread::spawn(move || run_null_output(&queue));
        Self {
            commands,
            suspended: false,
        }
    }

    fn send(&self, command: Command) -> Result<(), SoundError> {
        let sent = self.commands.send(command);
        sent.map_err(|_| SoundError::NullOutputEnded)
    }
}

fn run_null_output(queue: &mpsc::Receiver<Command>) {
    let Some(mut mixer) = NullMixer::new(Instant::now()) else {
        return;
    };
    loop {
        let command = match mixer.start {
            None => queue.recv().map_err(mpsc::RecvTimeoutError::from),
            Some(_) => queue.recv_timeout(NULL_STEP),
        };
        match command {
            Ok(command) => mixer.apply(command, Instant::now()),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        mixer.advance(Instant::now());
    }
}

/// Mixer that takes samples in real time and discards them.
struct NullMixer {
    manager: AudioManager<MockBackend>,
    /// Time of the first sample; `None` while suspended.
    start: Option<Instant>,
    /// Samples taken since.
    taken: u64,
}

impl NullMixer {
    fn new(now: Instant) -> Option<Self> {
        let settings = AudioManagerSettings {
            internal_buffer_size: BLOCK,
            backend_settings: MockBackendSettings {
                sample_rate: SAMPLE_RATE,
            },
            ..AudioManagerSettings::default()
        };
        Some(Self {
            manager: AudioManager::<MockBackend>::new(settings).ok()?,
            start: Some(now),
            taken: 0,
        })
    }

    fn apply(&mut self, command: Command, now: Instant) {
        match command {
            Command::Play(sound) => {
                // A sound beyond kira's limit is not heard either way.
                let _ = self.manager.play(sound);
            }
            Command::Suspend => self.start = None,
            Command::Resume if self.start.is_none() => (self.start, self.taken) = (Some(now), 0),
            Command::Resume => {}
        }
    }

    fn advance(&mut self, now: Instant) {
        let Some(start) = self.start else {
            return;
        };
        let passed = now.saturating_duration_since(start);
        let due = (passed.as_secs_f64() * f64::from(SAMPLE_RATE)) as u64;
        self.taken = self.taken.max(due.saturating_sub(MAX_CATCH_UP));
        self.manager.backend_mut().on_start_processing();
        while self.taken + BLOCK as u64 <= due {
            self.manager.backend_mut().process();
            self.taken += BLOCK as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::player::sound::ring::{SampleStream, SoundControl};

    #[test]
    fn suspended_null_output_takes_no_samples() {
        let (mut samples, ring) = rtrb::RingBuffer::new(SAMPLE_RATE as usize);
        samples
            .push_entire_slice(&vec![0.5; SAMPLE_RATE as usize])
            .expect("room");
        let control = Arc::new(SoundControl::default());
        let (sound, _successors) = RingSound::new(SampleStream::new(ring, control.clone()));
        let played = || control.played.load(Ordering::Acquire);
        let (step, mut now) = (Duration::from_millis(100), Instant::now());
        let mut mixer = NullMixer::new(now).expect("the mock backend");
        mixer.apply(Command::Play(sound), now);
        now += step;
        mixer.advance(now);
        assert_eq!(played(), 4800);
        mixer.apply(Command::Suspend, now);
        now += step;
        mixer.advance(now);
        assert_eq!(played(), 4800);
        mixer.apply(Command::Resume, now);
        mixer.apply(Command::Resume, now + step);
        now += step;
        mixer.advance(now);
        assert_eq!(played(), 9600, "suspended time is not caught up");
    }
}
