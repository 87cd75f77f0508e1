//! Sound through kira: a ring of samples that the audio thread empties without
//! ever locking, and the count of what it played, which is the clock.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use engine::player::SAMPLE_RATE;
use kira::Frame;
use kira::info::Info;
use kira::sound::{Sound, SoundData};
use rtrb::{Consumer, Producer};

/// Time of a fade at pause, seek and gaps: too short to notice, long enough not
/// to click.
const FADE: Duration = Duration::from_millis(8);

/// What is shared with the audio thread: latest value wins, nothing locks.
#[derive(Debug, Default)]
pub struct SoundControl {
    /// Stopped by hand.
    pub paused: AtomicBool,
    /// Held until pictures are there.
    pub held: AtomicBool,
    /// To be dropped, once it has faded out.
    pub stopped: AtomicBool,
    /// No more samples will come.
    pub over: AtomicBool,
    /// Samples played of this pipeline.
    pub played: AtomicU64,
    /// Samples missing since the last one played; 0 while all is well.
    pub missing: AtomicU64,
    /// Times the output asked for samples.
    pub blocks: AtomicU64,
    gain: AtomicU32,
}

impl SoundControl {
    /// Loudness, 0 to 1.
    pub fn set_gain(&self, gain: f32) {
        self.gain.store(gain.to_bits(), Ordering::Relaxed);
    }
}

/// Samples that are to be heard right behind those of another pipeline.
#[derive(Debug)]
pub struct Follow {
    ring: Consumer<f32>,
    control: Arc<SoundControl>,
}

impl Follow {
    /// What comes through `ring`, two floats a sample, at 48 kHz.
    pub fn new(ring: Consumer<f32>, control: Arc<SoundControl>) -> Self {
        Self { ring, control }
    }
}

/// Followers that may wait: one, and one that took the place of another.
const FOLLOWERS: usize = 4;

/// One pipeline's sound, and behind its last sample that of the next.
#[derive(Debug)]
pub struct RingSound {
    ring: Consumer<f32>,
    control: Arc<SoundControl>,
    followers: Consumer<Follow>,
    before: Frame,
    after: Frame,
    /// PeerPosition between the two, 1 when the next is due.
    between: f64,
    fade: f32,
    gain: f32,
}

impl RingSound {
    /// Plays what comes through `ring`, two floats a sample, at 48 kHz; then what
    /// comes through the producer that is returned.
    pub fn new(ring: Consumer<f32>, control: Arc<SoundControl>) -> (Self, Producer<Follow>) {
        let (follow, followers) = rtrb::RingBuffer::new(FOLLOWERS);
        let sound = Self {
            ring,
            control,
            followers,
            before: Frame::ZERO,
            after: Frame::ZERO,
            between: 1.0,
            fade: 0.0,
            gain: 0.0,
        };
        (sound, follow)
    }

    /// Whether the last sample has been taken.
    fn is_drained(&self) -> bool {
        self.control.over.load(Ordering::Acquire) && self.ring.slots() < 2
    }

    /// Goes on with what is to follow, if this is over and something is. What was to
    /// follow and is no longer wanted is passed over.
    fn go_on(&mut self) -> bool {
        while self.is_drained() {
            let Ok(next) = self.followers.pop() else {
                return false;
            };
            if !next.control.stopped.load(Ordering::Acquire) {
                (self.ring, self.control) = (next.ring, next.control);
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
    /// Fills a block as far as there are samples of this ring; what is left of it
    /// if the next ring may fill that.
    fn fill<'a>(&mut self, out: &'a mut [Frame], dt: f64) -> &'a mut [Frame] {
        self.control.blocks.fetch_add(1, Ordering::Relaxed);
        let on = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        let silent =
            on(&self.control.paused) || on(&self.control.held) || on(&self.control.stopped);
        let over = on(&self.control.over);
        let gain = f32::from_bits(self.control.gain.load(Ordering::Relaxed));
        let fade_to = if silent { 0.0 } else { 1.0 };
        let fade_step = (dt / FADE.as_secs_f64()) as f32;
        // Devices at another rate are served by linear interpolation.
        let step = f64::from(SAMPLE_RATE) * dt;
        let step = if (step - 1.0).abs() < 1e-6 { 1.0 } else { step };
        let available = self.ring.slots() & !1;
        let Ok(chunk) = self.ring.read_chunk(available) else {
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
            while self.between >= 1.0 && used + 2 <= available {
                self.before = self.after;
                self.after = Frame::new(sample(used), sample(used + 1));
                used += 2;
                self.between -= 1.0;
            }
            if self.between >= 1.0 && over {
                break;
            }
            filled += 1;
            if self.between >= 1.0 {
                missing += 1;
                self.fade = 0.0;
                *frame = Frame::ZERO;
                continue;
            }
            let mixed = self.before + (self.after - self.before) * self.between as f32;
            *frame = mixed * (self.fade * self.gain);
            self.between += step;
        }
        chunk.commit(used);
        let played = (used / 2) as u64;
        self.control.played.fetch_add(played, Ordering::Release);
        if played > 0 && missing == 0 {
            self.control.missing.store(0, Ordering::Relaxed);
        } else {
            self.control.missing.fetch_add(missing, Ordering::Relaxed);
        }
        &mut out[filled..]
    }
}

impl Sound for RingSound {
    fn process(&mut self, out: &mut [Frame], dt: f64, _: &Info<'_>) {
        let mut rest = out;
        while !rest.is_empty() {
            rest = self.fill(rest, dt);
            if !self.go_on() {
                break;
            }
        }
        if !rest.is_empty() {
            self.fade = 0.0;
        }
        rest.fill(Frame::ZERO);
    }

    fn finished(&self) -> bool {
        let stopped = self.control.stopped.load(Ordering::Acquire);
        let goes_on = self.is_drained() && self.followers.slots() > 0;
        stopped && self.fade == 0.0 && !goes_on
    }
}

#[cfg(test)]
mod tests {
    use kira::backend::mock::{MockBackend, MockBackendSettings};
    use kira::{AudioManager, AudioManagerSettings};

    use super::*;
    use crate::player::sound::output::BLOCK;

    #[test]
    fn samples_are_counted_and_what_is_missing_too() {
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
        let (sound, _follow) = RingSound::new(ring, control.clone());
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

    /// A ring of samples that are all alike, and how it is controlled.
    fn tone(level: f32, samples: usize) -> (Consumer<f32>, Arc<SoundControl>) {
        let (mut into, ring) = rtrb::RingBuffer::new(samples * 2);
        into.push_entire_slice(&vec![level; samples * 2])
            .expect("room");
        let control = Arc::new(SoundControl::default());
        control.set_gain(1.0);
        control.over.store(true, Ordering::Relaxed);
        (ring, control)
    }

    fn heard(sound: &mut RingSound, frames: usize) -> Vec<f32> {
        let info = kira::info::MockInfoBuilder::new().build();
        let mut out = vec![Frame::ZERO; frames];
        sound.process(&mut out, 1.0 / f64::from(SAMPLE_RATE), &info);
        out.iter().map(|frame| frame.left).collect()
    }

    #[test]
    fn one_pipeline_follows_another_without_a_gap() {
        let (first, first_control) = tone(0.5, 1000);
        let (unwanted, unwanted_control) = tone(1.0, 1000);
        let (second, second_control) = tone(0.25, 1000);
        let (mut sound, mut follow) = RingSound::new(first, first_control.clone());
        unwanted_control.stopped.store(true, Ordering::Relaxed);
        let followers = [
            Follow::new(unwanted, unwanted_control),
            Follow::new(second, second_control.clone()),
        ];
        for next in followers {
            follow.push(next).expect("room");
        }
        let heard = heard(&mut sound, 1600);
        let begun = heard
            .iter()
            .position(|level| *level == 0.5)
            .expect("faded in");
        let change = heard[begun..].iter().position(|level| *level == 0.25);
        let change = begun + change.expect("goes on");
        // Interpolation is a sample behind.
        assert_eq!(change, 1001, "right behind the last sample");
        assert!(heard[begun..1001].iter().all(|level| *level == 0.5));
        assert!(heard[1001..].iter().all(|level| *level == 0.25));
        let played = |control: &SoundControl| control.played.load(Ordering::Relaxed);
        assert_eq!(
            (played(&first_control), played(&second_control)),
            (1000, 600)
        );
    }

    #[test]
    fn what_is_stopped_fades_out_before_it_ends() {
        let (ring, control) = tone(0.5, 4000);
        let (mut sound, _follow) = RingSound::new(ring, control.clone());
        heard(&mut sound, 1000);
        control.stopped.store(true, Ordering::Relaxed);
        assert!(!sound.finished(), "that would click");
        let fading = heard(&mut sound, 500);
        let steps = fading.windows(2).map(|two| (two[0] - two[1]).abs());
        assert!(steps.fold(0.0, f32::max) < 0.01, "no step can be heard");
        assert!(sound.finished());
    }
}
