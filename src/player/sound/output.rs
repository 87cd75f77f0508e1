//! Where sound goes: to the system's device, or nowhere.
//!
//! Where there is no sound device, kira's mock backend is driven by a thread of
//! our own in real time: nothing is heard and time passes all the same.

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engine::player::{SAMPLE_RATE, SoundError};
use kira::backend::mock::{MockBackend, MockBackendSettings};
use kira::{AudioManager, AudioManagerSettings, PlaySoundError};

use crate::player::sound::device::Device;
use crate::player::sound::ring::RingSound;

/// Samples that are mixed at once: 10 ms.
pub(super) const BLOCK: usize = 480;

/// How often the silent backend wakes.
const SILENT_STEP: Duration = Duration::from_millis(5);

/// The silent backend does not catch up with more than this, after the machine
/// slept.
const MAX_CATCH_UP: u64 = SAMPLE_RATE as u64 / 2;

/// Where sound goes.
pub enum Output {
    /// The system's device.
    Device(Box<AudioManager<Device>>),
    /// Nowhere, in real time.
    Silent(SilentOutput),
}

impl Output {
    /// The system's device, or silence and the reason.
    pub fn open() -> (Self, Option<SoundError>) {
        let settings = AudioManagerSettings {
            internal_buffer_size: BLOCK,
            ..AudioManagerSettings::default()
        };
        match AudioManager::<Device>::new(settings) {
            Ok(manager) => (Self::Device(Box::new(manager)), None),
            Err(error) => {
                tracing::warn!(%error, "sound device unavailable");
                (Self::silence(), Some(SoundError::NoDevice))
            }
        }
    }

    /// Nothing is heard, and time passes all the same.
    pub fn silence() -> Self {
        Self::Silent(SilentOutput::start())
    }

    /// Plays a pipeline's sound beside whatever still fades out. Says why not,
    /// if it cannot.
    pub fn play(&mut self, sound: RingSound) -> Result<(), SoundError> {
        match self {
            Self::Device(manager) => manager.play(sound).map_err(play_error),
            Self::Silent(silent) => silent.tell(Order::Play(sound)),
        }
    }

    /// Takes no more samples, and no time of the processor, until [`Self::wake`].
    pub fn rest(&mut self) {
        match self {
            Self::Device(manager) => manager.backend_mut().rest(),
            Self::Silent(silent) => {
                silent.rests = true;
                // One whose thread has ended rests.
                let _ = silent.tell(Order::Rest);
            }
        }
    }

    /// Whether it rests.
    pub fn rests(&mut self) -> bool {
        match self {
            Self::Device(manager) => manager.backend_mut().rests(),
            Self::Silent(silent) => silent.rests,
        }
    }

    /// Whether the device is gone.
    pub fn is_lost(&mut self) -> bool {
        match self {
            Self::Device(manager) => manager.backend_mut().is_lost(),
            Self::Silent(_) => false,
        }
    }

    /// Goes on, if it rests.
    ///
    /// # Errors
    /// The device is gone; why.
    pub fn wake(&mut self) -> Result<(), SoundError> {
        match self {
            Self::Device(manager) => manager.backend_mut().wake().map_err(|error| {
                tracing::warn!(%error, "sound device unavailable");
                SoundError::NoDevice
            }),
            Self::Silent(silent) => {
                silent.rests = false;
                silent.tell(Order::Wake)
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

/// What the silent thread is told.
enum Order {
    Play(RingSound),
    Rest,
    Wake,
}

/// The mock backend on a thread of its own.
pub struct SilentOutput {
    orders: mpsc::Sender<Order>,
    rests: bool,
}

impl SilentOutput {
    /// The thread ends when this is dropped.
    fn start() -> Self {
        let (orders, queue) = mpsc::channel();
        std::thread::spawn(move || run_silently(&queue));
        Self {
            orders,
            rests: false,
        }
    }

    fn tell(&self, order: Order) -> Result<(), SoundError> {
        let sent = self.orders.send(order);
        sent.map_err(|_| SoundError::NullOutputEnded)
    }
}

fn run_silently(queue: &mpsc::Receiver<Order>) {
    let Some(mut silence) = Silence::new(Instant::now()) else {
        return;
    };
    loop {
        let order = match silence.start {
            None => queue.recv().map_err(mpsc::RecvTimeoutError::from),
            Some(_) => queue.recv_timeout(SILENT_STEP),
        };
        match order {
            Ok(order) => silence.obey(order, Instant::now()),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        silence.go_on(Instant::now());
    }
}

/// The mock backend, which takes as many samples as time has passed.
struct Silence {
    manager: AudioManager<MockBackend>,
    /// When it began to take them; not while it rests.
    start: Option<Instant>,
    /// Samples taken since.
    done: u64,
}

impl Silence {
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
            done: 0,
        })
    }

    fn obey(&mut self, order: Order, now: Instant) {
        match order {
            Order::Play(sound) => {
                // More sounds than kira holds: this one stays silent, as all do.
                let _ = self.manager.play(sound);
            }
            Order::Rest => self.start = None,
            Order::Wake if self.start.is_none() => (self.start, self.done) = (Some(now), 0),
            Order::Wake => {}
        }
    }

    fn go_on(&mut self, now: Instant) {
        let Some(start) = self.start else {
            return;
        };
        let passed = now.saturating_duration_since(start);
        let due = (passed.as_secs_f64() * f64::from(SAMPLE_RATE)) as u64;
        self.done = self.done.max(due.saturating_sub(MAX_CATCH_UP));
        self.manager.backend_mut().on_start_processing();
        while self.done + BLOCK as u64 <= due {
            self.manager.backend_mut().process();
            self.done += BLOCK as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::player::sound::ring::SoundControl;

    #[test]
    fn what_rests_takes_no_samples_and_goes_on_where_it_was() {
        let (mut samples, ring) = rtrb::RingBuffer::new(SAMPLE_RATE as usize);
        samples
            .push_entire_slice(&vec![0.5; SAMPLE_RATE as usize])
            .expect("room");
        let control = Arc::new(SoundControl::default());
        let (sound, _follow) = RingSound::new(ring, control.clone());
        let played = || control.played.load(Ordering::Acquire);
        let (step, mut now) = (Duration::from_millis(100), Instant::now());
        let mut silence = Silence::new(now).expect("the mock backend");
        silence.obey(Order::Play(sound), now);
        now += step;
        silence.go_on(now);
        assert_eq!(played(), 4800);
        silence.obey(Order::Rest, now);
        now += step;
        silence.go_on(now);
        assert_eq!(played(), 4800);
        silence.obey(Order::Wake, now);
        silence.obey(Order::Wake, now + step);
        now += step;
        silence.go_on(now);
        assert_eq!(played(), 9600, "the time it rested is not made up for");
    }
}
