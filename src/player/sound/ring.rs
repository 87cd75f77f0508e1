//! Sound in kira's mixer: a ring of samples that the audio thread reads without locks.
//! The count of played samples is the clock.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use engine::player::SAMPLE_RATE;
use kira::Frame;
use kira::info::Info;
use kira::sound::{Sound, SoundData};
use rtrb::{Consumer, Producer};

/// Fade at pauses, seeks and gaps: too short to notice, long enough to avoid clicks.
const FADE: Duration = Duration::from_millis(8);

/// State shared with the audio thread. Latest value wins; nothing locks.
#[derive(Debug, Default)]
pub struct SoundControl {
    /// Paused by the user.
    pub paused: AtomicBool,
    /// Held until pictures are ready.
    pub held: AtomicBool,
    /// To be dropped once faded out.
    pub stopped: AtomicBool,
    /// No more samples will be written.
    pub ended: AtomicBool,
    /// Samples played.
    pub played: AtomicU64,
    /// Samples missing since the last one played; 0 without a gap.
    pub missing: AtomicU64,
    /// Requests of the output for samples.
    pub requests: AtomicU64,
    gain: AtomicU32,
}

impl SoundControl {
    /// Sets the linear gain, 0 to 1.
    pub fn set_gain(&self, gain: f32) {
        self.gain.store(gain.to_bits(), Ordering::Relaxed);
    }
}

/// Samples of a pipeline, two floats each at 48 kHz, and how they are played.
#[derive(Debug)]
pub struct SampleStream {
    ring: Consumer<f32>,
    control: Arc<SoundControl>,
}

impl SampleStream {
    /// Samples of a ring.
    pub fn new(ring: Consumer<f32>, control: Arc<SoundControl>) -> Self {
        Self { ring, control }
    }
}

/// Queue of streams to play behind the last sample of the present one.
pub type Successors = Producer<SampleStream>;

/// Successors that may wait: the next stream and those it replaced.
const MAX_SUCCESSORS: usize = 4;

/// Sound of one pipeline, followed by that of the next without a gap.
#[derive(Debug)]
pub struct RingSound {
    stream: SampleStream,
    successors: Consumer<SampleStream>,
    previous: Frame,
    next: Frame,
    /// Position between the two, 1 when another sample is due.
    phase: f64,
    fade: f32,
    gain: f32,
}

impl RingSound {
    /// Plays a stream, then those pushed to the returned queue.
    pub fn new(stream: SampleStream) -> (Self, Successors) {
        let (queue, successors) = rtrb::RingBuffer::new(MAX_SUCCESSORS);
        let sound = Self {
            stream,
            successors,
            previous: Frame::ZERO,
            next: Frame::ZERO,
            phase: 1.0,
            fade: 0.0,
            gain: 0.0,
        };
        (sound, queue)
    }

    /// True once the last sample has been read.
    fn is_drained(&self) -> bool {
        let stream = &self.stream;
        stream.control.ended.load(Ordering::Acquire) && stream.ring.slots() < 2
    }

    /// Continues with the next successor once the stream is drained. Successors stopped
    /// meanwhile are skipped.
    fn advance_stream(&mut self) -> bool {
        while self.is_drained() {
            let Ok(next) = self.successors.pop() else {
                return false;
            };
            if !next.control.stopped.load(Ordering::Acquire) {
                self.stream = next;
                return true;
            }
        }
        false
    }
}

impl SoundData for RingSound {
    type Error = Infallible;
    type Handle = ();

    fn into_sound(self) -> Result<(Box<dyn Sound>, ()), Infallible> {
        Ok((Box::new(self), ()))
    }
}

/// Moves a value towards a target by at most a step.
fn approach(value: f32, target: f32, step: f32) -> f32 {
    if value < target {
        (value + step).min(target)
    } else {
        (value - step).max(target)
    }
}

impl RingSound {
    /// Fills a block from the present stream. Returns the rest of the block, which the
    /// next stream may fill.
    fn fill<'a>(&mut self, out: &'a mut [Frame], dt: f64) -> &'a mut [Frame] {
        let SampleStream { ring, control } = &mut self.stream;
        control.requests.fetch_add(1, Ordering::Relaxed);
        let on = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        let silent = on(&control.paused) || on(&control.held) || on(&control.stopped);
        let ended = on(&control.ended);
        let gain = f32::from_bits(control.gain.load(Ordering::Relaxed));
        let fade_to = if silent { 0.0 } else { 1.0 };
        let fade_step = (dt / FADE.as_secs_f64()) as f32;
        // Devices at another rate get linear interpolation.
        let step = f64::from(SAMPLE_RATE) * dt;
        let step = if (step - 1.0).abs() < 1e-6 { 1.0 } else { step };
        let available = ring.slots() & !1;
        let Ok(chunk) = ring.read_chunk(available) else {
            out.fill(Frame::ZERO);
            return &mut [];
        };
        let (first, second) = chunk.as_slices();
        let sample = |index: usize| match index.checked_sub(first.len()) {
            None => first[index],
            Some(index) => second[index],
        };
        let (mut used, mut missing, mut filled) = (0, 0, 0);
        for frame in out.iter_mut() {
            self.fade = approach(self.fade, fade_to, fade_step);
            self.gain = approach(self.gain, gain, fade_step);
            if silent && self.fade == 0.0 {
                *frame = Frame::ZERO;
                filled += 1;
                continue;
            }
            while self.phase >= 1.0 && used + 2 <= available {
                self.previous = self.next;
                self.next = Frame::new(sample(used), sample(used + 1));
                used += 2;
                self.phase -= 1.0;
            }
            if self.phase >= 1.0 && ended {
                break;
            }
            filled += 1;
            if self.phase >= 1.0 {
                missing += 1;
                self.fade = 0.0;
                *frame = Frame::ZERO;
                continue;
            }
            let mixed = self.previous + (self.next - self.previous) * self.phase as f32;
            *frame = mixed * (self.fade * self.gain);
            self.phase += step;
        }
        chunk.commit(used);
        let played = (used / 2) as u64;
        control.played.fetch_add(played, Ordering::Release);
        if played > 0 && missing == 0 {
            control.missing.store(0, Ordering::Relaxed);
        } else {
            control.missing.fetch_add(missing, Ordering::Relaxed);
        }
        &mut out[filled..]
    }
}

impl Sound for RingSound {
    fn process(&mut self, out: &mut [Frame], dt: f64, _: &Info<'_>) {
        let mut rest = out;
        while !rest.is_empty() {
            rest = self.fill(rest, dt);
            if !self.advance_stream() {
                break;
            }
        }
        if !rest.is_empty() {
            self.fade = 0.0;
        }
        rest.fill(Frame::ZERO);
    }

    fn finished(&self) -> bool {
        let stopped = self.stream.control.stopped.load(Ordering::Acquire);
        let continues = self.is_drained() && self.successors.slots() > 0;
        stopped && self.fade == 0.0 && !continues
    }
}

#[cfg(test)]
mod tests {
    use kira::backend::mock::{MockBackend, MockBackendSettings};
    use kira::{AudioManager, AudioManagerSettings};

    use super::*;
    use crate::player::sound::output::BLOCK;

    #[test]
    fn played_and_missing_samples_are_counted() {
        let (mut samples, ring) = rtrb::RingBuffer::new(2000);
        let control = Arc::new(SoundControl::default());
        control.set_gain(1.0);
        let settings = AudioManagerSettings {
            internal_buffer_size: BLOCK,
            backend_settings: MockBackendSettings {
                sample_rate: SAMPLE_RATE,
            },
            ..AudioManagerSettings::default()
        };
        let mut manager = AudioManager::<MockBackend>::new(settings).expect("mock");
        samples.push_entire_slice(&[0.5; 1000]).expect("room");
        let (sound, _successors) = RingSound::new(SampleStream::new(ring, control.clone()));
        manager.play(sound).expect("plays");
        manager.backend_mut().on_start_processing();
        manager.backend_mut().process();
        assert_eq!(control.played.load(Ordering::Relaxed), 480);
        assert_eq!(control.missing.load(Ordering::Relaxed), 0);
        manager.backend_mut().process();
        assert_eq!(control.played.load(Ordering::Relaxed), 500);
        assert_eq!(control.missing.load(Ordering::Relaxed), 460);
        control.paused.store(true, Ordering::Relaxed);
        samples.push_entire_slice(&[0.5; 1000]).expect("room");
        manager.backend_mut().process();
        manager.backend_mut().process();
        let fading = control.played.load(Ordering::Relaxed) - 500;
        assert!(fading <= 400, "only the fade plays while paused: {fading}");
    }

    /// A stream of equal samples, and its control.
    fn tone(level: f32, samples: usize) -> (SampleStream, Arc<SoundControl>) {
        let (mut into, ring) = rtrb::RingBuffer::new(samples * 2);
        into.push_entire_slice(&vec![level; samples * 2])
            .expect("room");
        let control = Arc::new(SoundControl::default());
        control.set_gain(1.0);
        control.ended.store(true, Ordering::Relaxed);
        (SampleStream::new(ring, control.clone()), control)
    }

    fn render(sound: &mut RingSound, frames: usize) -> Vec<f32> {
        let info = kira::info::MockInfoBuilder::new().build();
        let mut out = vec![Frame::ZERO; frames];
        sound.process(&mut out, 1.0 / f64::from(SAMPLE_RATE), &info);
        out.iter().map(|frame| frame.left).collect()
    }

    #[test]
    fn successor_follows_without_a_gap() {
        let (first, first_control) = tone(0.5, 1000);
        let (unwanted, unwanted_control) = tone(1.0, 1000);
        let (second, second_control) = tone(0.25, 1000);
        let (mut sound, mut successors) = RingSound::new(first);
        unwanted_control.stopped.store(true, Ordering::Relaxed);
        for next in [unwanted, second] {
            successors.push(next).expect("room");
        }
        let played = render(&mut sound, 1600);
        let begun = played
            .iter()
            .position(|level| *level == 0.5)
            .expect("fade-in ends");
        let change = played[begun..].iter().position(|level| *level == 0.25);
        let change = begun + change.expect("second tone");
        // Interpolation is a sample behind.
        assert_eq!(change, 1001, "right behind the last sample");
        assert!(played[begun..1001].iter().all(|level| *level == 0.5));
        assert!(played[1001..].iter().all(|level| *level == 0.25));
        let count = |control: &SoundControl| control.played.load(Ordering::Relaxed);
        assert_eq!((count(&first_control), count(&second_control)), (1000, 600));
    }

    #[test]
    fn stopped_sound_fades_out_before_it_finishes() {
        let (stream, control) = tone(0.5, 4000);
        let (mut sound, _successors) = RingSound::new(stream);
        render(&mut sound, 1000);
        control.stopped.store(true, Ordering::Relaxed);
        assert!(!sound.finished(), "would click");
        let fading = render(&mut sound, 500);
        let steps = fading.windows(2).map(|two| (two[0] - two[1]).abs());
        assert!(steps.fold(0.0, f32::max) < 0.01, "no step can be heard");
        assert!(sound.finished());
    }
}
