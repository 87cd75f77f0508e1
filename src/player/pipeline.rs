//! Pipeline: one run of decoders from one position of one file.
//!
//! Threads: audio decoder, video decoder, pacing of pictures. For a film without sound a
//! feeder of silence keeps the clock just ahead of the decoded pictures. Dropping the
//! pipeline stops all threads and kills their ffmpeg processes without waiting for them;
//! their reports carry the generation.

mod audio;
mod pacing;
mod shared;
mod standby;
mod video;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::prelude::*;
use engine::ids::Generation;
use engine::player::{Report, SAMPLE_RATE};
use rtrb::Producer;

use crate::player::Screen;
use crate::player::pipeline::audio::{RING_FLOATS, feed_silence};
use crate::player::pipeline::shared::Shared;
use crate::player::pipeline::standby::{Activation, StandbyPair};
use crate::player::sound::{SampleStream, SoundControl, Successors};

pub use self::shared::{PipelineReport, Source, SubtitleSource, shifted};
pub use self::standby::StandbyDecoders;

/// Missing samples that count as starving: 0.15 s.
const STARVED_SAMPLES: u64 = SAMPLE_RATE as u64 * 15 / 100;

/// Running pipeline.
pub struct Pipeline {
    from: Duration,
    speed: f64,
    /// Takes the sound to play behind the last sample.
    successors: Option<Successors>,
    shared: Arc<Shared>,
    starving: bool,
    started: bool,
    ended: bool,
}

/// Parameters of a new pipeline.
pub struct PipelineStart {
    /// Generation of the pipeline; 0 for a preloaded one.
    pub generation: Generation,
    /// File and position.
    pub source: Source,
    /// True if media time is held at first.
    pub paused: bool,
    /// Linear gain, 0 to 1.
    pub gain: f32,
    /// Latency of the audio output.
    pub output_delay: Duration,
    /// Delay of the sound against the picture in milliseconds.
    pub audio_delay_ms: i32,
    /// Standby decoders, used if they fit the source.
    pub standby: Option<StandbyPair>,
}

/// Frames since the pipeline or the file started.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameCount {
    /// Frames shown.
    pub shown: u64,
    /// Frames dropped because they were late.
    pub dropped: u64,
}

impl Pipeline {
    /// Starts the decoders. The samples go to an output, or behind those of the pipeline
    /// that plays.
    pub fn prepare(
        start: PipelineStart,
        screen: Arc<dyn Screen>,
        reports: Recipient<PipelineReport>,
    ) -> (Self, SampleStream) {
        let source = start.source;
        let sound = Arc::new(SoundControl::default());
        sound.paused.store(start.paused, Ordering::Release);
        sound.held.store(source.video.is_some(), Ordering::Release);
        sound.set_gain(start.gain);
        let (ring, samples) = rtrb::RingBuffer::new(RING_FLOATS);
        let stream = SampleStream::new(samples, sound.clone());
        let shared = Arc::new(Shared::new(
            start.generation,
            source.video.is_some(),
            start.output_delay,
            start.audio_delay_ms,
            sound,
            screen,
            reports,
        ));
        let standby = start.standby.filter(|standby| standby.fits(&source));
        start_video(&source, standby.as_ref(), &shared);
        start_audio(&source, standby.as_ref(), ring, &shared);
        let pipeline = Self {
            from: source.from,
            speed: source.speed,
            successors: None,
            shared,
            starving: false,
            started: false,
            ended: false,
        };
        (pipeline, stream)
    }

    /// Starts the decoders of a pipeline to play right behind this one. It sends no
    /// reports before [`activate`](Self::activate).
    pub fn prepare_successor(
        &mut self,
        start: PipelineStart,
        screen: Arc<dyn Screen>,
        reports: Recipient<PipelineReport>,
    ) -> Option<Self> {
        let (next, stream) = Self::prepare(start, screen, reports);
        self.successors.as_mut()?.push(stream).ok()?;
        Some(next)
    }

    /// Sets the queue of the output that plays this pipeline.
    pub fn set_successors(&mut self, successors: Successors) {
        self.successors = Some(successors);
    }

    /// Makes a prepared successor the current pipeline, in place of `previous`.
    pub fn activate(&mut self, generation: Generation, previous: &mut Self) {
        self.successors = previous.successors.take();
        self.shared.set_generation(generation);
    }

    /// True once all samples have been played.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Generation of the pipeline.
    pub fn generation(&self) -> Generation {
        self.shared.generation()
    }

    /// Holds media time, or releases it.
    pub fn set_paused(&self, paused: bool) {
        self.shared.set_paused(paused);
    }

    /// Sets the linear gain, 0 to 1.
    pub fn set_gain(&self, gain: f32) {
        self.shared.sound.set_gain(gain);
    }

    /// Delays the sound against the picture by milliseconds, advances it if negative.
    pub fn set_audio_delay_ms(&self, milliseconds: i32) {
        self.shared.set_audio_delay_ms(milliseconds);
    }

    /// Media time played.
    pub fn position(&self) -> Duration {
        let played = self.shared.sound.played.load(Ordering::Acquire);
        let seconds = played as f64 / f64::from(SAMPLE_RATE);
        self.from + Duration::from_secs_f64(seconds * self.speed)
    }

    /// Subtitle text at a media time.
    pub fn subtitle_at(&self, time: Duration) -> String {
        self.shared.subtitle_at(time)
    }

    /// Frames since the pipeline started.
    pub fn frames(&self) -> FrameCount {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FrameCount {
            shown: count(&self.shared.frames_shown),
            dropped: count(&self.shared.frames_dropped),
        }
    }

    /// Requests of the audio output for samples; constant if the output is dead.
    pub fn heartbeats(&self) -> u64 {
        self.shared.sound.requests.load(Ordering::Relaxed)
    }

    /// Derives reports from the state of the sound: started, starving, ended. To be
    /// called every 50 ms or so.
    pub fn poll(&mut self) -> Vec<Report> {
        let sound = &self.shared.sound;
        let mut reports = Vec::new();
        let played = sound.played.load(Ordering::Acquire);
        if !self.started && played > 0 {
            self.started = true;
            reports.push(Report::Started);
        }
        let missing = sound.missing.load(Ordering::Relaxed);
        let audio_ended = self.shared.audio_ended();
        let starving = !audio_ended && missing > STARVED_SAMPLES;
        if starving != self.starving {
            self.starving = starving;
            reports.push(Report::AudioStarving(starving));
        }
        let drained = played >= self.shared.pushed.load(Ordering::Acquire);
        let all_ended = audio_ended && self.shared.video_ended() && drained;
        if all_ended && !std::mem::replace(&mut self.ended, true) {
            reports.push(Report::Ended(self.shared.failure()));
        }
        reports
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn activation(source: &Source, shared: &Arc<Shared>) -> Activation {
    Activation {
        from: source.from,
        shared: shared.clone(),
    }
}

/// Activates the standby decoder of the pictures, or starts a new one.
fn start_video(source: &Source, standby: Option<&StandbyPair>, shared: &Arc<Shared>) {
    let activated = standby.is_some_and(|pair| pair.activate_video(activation(source, shared)));
    if source.video.is_some() && !activated {
        let (source, shared) = (source.clone(), shared.clone());
        std::thread::spawn(move || video::run(&source, None, &shared));
    }
}

/// Activates the standby decoder of the sound, or starts a new one; without an audio
/// track, silence.
fn start_audio(
    source: &Source,
    standby: Option<&StandbyPair>,
    ring: Producer<f32>,
    shared: &Arc<Shared>,
) {
    let ring = match standby {
        Some(pair) => match pair.activate_audio(activation(source, shared), ring) {
            Ok(()) => return,
            Err(ring) => ring,
        },
        None => ring,
    };
    let (source, shared) = (source.clone(), shared.clone());
    std::thread::spawn(move || match source.audio {
        Some(_) => audio::run(&source, None, ring, &shared),
        None => feed_silence(ring, 0, source.speed, &shared),
    });
}
