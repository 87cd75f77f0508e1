//! One run of decoders from one position of one file.
//!
//! Threads: sound decoder, picture decoder, picture pacing; for a film without
//! sound, a feeder of silence that keeps the clock a little ahead of the
//! pictures that are there. Dropping the pipeline stops them all and kills their
//! ffmpeg; they are not waited for, their reports carry the generation.

mod audio;
pub(super) mod standby;
pub(super) mod video;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use actix::prelude::*;
use engine::ids::Generation;
use engine::io_failure::IoFailure;
use engine::media::{MediaFailure, VideoTrack};
use engine::player::SAMPLE_RATE;
use engine::player::{Cue, Cues};
use engine::player::{PlaybackError, Report};

use crate::ffmpeg::{Killer, SpawnError};
use crate::player::Screen;
use crate::player::pipeline::audio::RING_FLOATS;
use crate::player::pipeline::standby::{Activation, StandbyDecoders};
use crate::player::sound::ring::{Follow, SoundControl};

/// Missing samples that count as starving: 0.15 s.
const STARVED_SAMPLES: u64 = SAMPLE_RATE as u64 * 15 / 100;

/// Longest sleep of what has nothing to do while time stands still.
const REST: Duration = Duration::from_millis(500);

/// How often the silence feeder looks.
const SILENCE_STEP: Duration = Duration::from_millis(5);

/// What is decoded, and from where.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The ffmpeg program.
    pub ffmpeg: PathBuf,
    /// The gateway's address of the file.
    pub url: String,
    /// Media time to begin at.
    pub from: Duration,
    /// Times normal.
    pub speed: f64,
    /// The picture, if there is one.
    pub video: Option<VideoTrack>,
    /// Number of the sound track, if there is sound.
    pub audio: Option<usize>,
    /// Which subtitles are to be shown, if any.
    pub subtitles: Option<SubtitleSource>,
}

/// Where subtitles come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubtitleSource {
    /// A track of the film.
    Track(usize),
    /// A file of their own, by its address.
    Beside(String),
}

/// What a pipeline says to the player.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct PipelineReport {
    /// Which pipeline.
    pub generation: Generation,
    /// What.
    pub report: Report,
}

/// What the threads of a pipeline share.
pub(super) struct Shared {
    /// Number of the pipeline; 0 while it only waits for its turn.
    generation: AtomicU64,
    pub(super) screen: Arc<dyn Screen>,
    pub(super) sound: Arc<SoundControl>,
    pub(super) delay: Duration,
    pub(super) shown: AtomicU64,
    pub(super) dropped: AtomicU64,
    /// Samples of silence that pictures allow, for a film without sound.
    pub(super) silence_until: AtomicU64,
    stop: AtomicBool,
    sound_over: AtomicBool,
    picture_over: AtomicBool,
    /// Samples put into the ring.
    pub(super) pushed: AtomicU64,
    failure: Mutex<Option<MediaFailure>>,
    cues: Mutex<Cues>,
    /// How much later than the picture sound is to be heard, in milliseconds.
    sound_late: AtomicI32,
    killers: Mutex<Vec<Killer>>,
    /// Rung when time goes on, or all is over.
    awake: (Mutex<()>, Condvar),
    reports: Recipient<PipelineReport>,
}

impl Shared {
    /// Sleeps while time stands still, until it goes on or all is over; no longer than
    /// [`REST`]. Otherwise for `moment`.
    pub(super) fn rest(&self, moment: Duration) {
        if !self.sound.paused.load(Ordering::Acquire) {
            return std::thread::sleep(moment);
        }
        let (lock, bell) = &self.awake;
        let Ok(guard) = lock.lock() else {
            return;
        };
        let still = |(): &mut ()| self.sound.paused.load(Ordering::Acquire) && !self.stopped();
        // Whether it rang or not, the caller looks for itself.
        let _ = bell.wait_timeout_while(guard, REST, still);
    }

    /// Ends all rest. What it waits for must have been noted before.
    fn wake(&self) {
        // Whoever is about to sleep holds this: the bell is not rung in vain.
        drop(self.awake.0.lock());
        self.awake.1.notify_all();
    }

    /// Notes a decoder that has to end when the pipeline does.
    pub(super) fn register(&self, killer: Killer) {
        if let Ok(mut killers) = self.killers.lock() {
            killers.push(killer.clone());
        }
        // The pipeline may have been dropped meanwhile.
        if self.stopped() {
            killer.kill();
        }
    }

    /// Keeps the last failure of a decoder for the end of playback.
    fn keep_failure(&self, failure: Option<MediaFailure>) {
        if let (Some(failure), Ok(mut kept)) = (failure, self.failure.lock()) {
            *kept = Some(failure);
        }
    }

    /// How much later than the picture sound is to be heard, in milliseconds.
    pub(super) fn sound_late(&self) -> i32 {
        self.sound_late.load(Ordering::Relaxed)
    }

    /// SubtitleSource to be shown at their time.
    pub(super) fn cue(&self, cue: Cue) {
        if let Ok(mut cues) = self.cues.lock() {
            cues.push(cue);
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn report(&self, report: Report) {
        self.reports.do_send(PipelineReport {
            generation: self.generation(),
            report,
        });
    }

    /// No more samples will come.
    fn end_sound(&self) {
        self.sound_over.store(true, Ordering::Release);
        self.sound.over.store(true, Ordering::Release);
    }

    fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }
}

/// A running pipeline.
pub struct Pipeline {
    from: Duration,
    /// What is to be heard behind its last sample.
    follow: Option<Followers>,
    speed: f64,
    shared: Arc<Shared>,
    starving: bool,
    started: bool,
    ended: bool,
}

/// What a pipeline is started with.
pub struct Start {
    /// Its number.
    pub generation: Generation,
    /// What to decode.
    pub source: Source,
    /// Whether time stands still at first.
    pub paused: bool,
    /// Loudness, 0 to 1.
    pub gain: f32,
    /// Time from the mixer to the ear.
    pub delay: Duration,
    /// How much later than the picture sound is to be heard, in milliseconds.
    pub sound_late: i32,
    /// Decoders that wait; used if they fit.
    pub spare: Option<StandbyDecoders>,
}

/// Has the threads of a pipeline begin: those of decoders that wait, or new ones.
fn begin(
    source: &Source,
    spare: Option<StandbyDecoders>,
    samples: rtrb::Producer<f32>,
    shared: &Arc<Shared>,
) {
    let turn = || Activation {
        from: source.from,
        shared: shared.clone(),
    };
    let waits = spare.as_ref().map(|spare| spare.picture.send(turn()));
    if source.video.is_some() && !matches!(waits, Some(Ok(()))) {
        let (source, shared) = (source.clone(), shared.clone());
        std::thread::spawn(move || picture(&source, None, &shared));
    }
    let waits = spare.as_ref().and_then(|spare| spare.sound.as_ref());
    let samples = match waits.map(|waits| (waits, turn())) {
        Some((waits, turn)) => match waits.send((turn, samples)) {
            Ok(()) => return,
            Err(back) => back.0.1,
        },
        None => samples,
    };
    let (source, shared) = (source.clone(), shared.clone());
    std::thread::spawn(move || match source.audio {
        Some(_) => sound(&source, None, samples, &shared),
        None => feed_silence(samples, 0, source.speed, &shared),
    });
}

/// What a pipeline lets be heard.
pub struct Heard {
    /// Samples, two floats each, at 48 kHz.
    pub ring: rtrb::Consumer<f32>,
    /// How they are played.
    pub control: Arc<SoundControl>,
}

/// Takes what is to be heard right behind a pipeline.
pub type Followers = rtrb::Producer<Follow>;

impl Pipeline {
    /// Starts the decoders. What they let be heard is played by an output, or follows
    /// what plays.
    pub fn prepare(
        start: Start,
        screen: Arc<dyn Screen>,
        reports: Recipient<PipelineReport>,
    ) -> (Self, Heard) {
        let source = start.source;
        let sound = Arc::new(SoundControl::default());
        sound.paused.store(start.paused, Ordering::Release);
        sound.held.store(source.video.is_some(), Ordering::Release);
        sound.set_gain(start.gain);
        let (samples, ring) = rtrb::RingBuffer::new(RING_FLOATS);
        let heard = Heard {
            ring,
            control: sound.clone(),
        };
        let shared = Arc::new(Shared {
            generation: AtomicU64::new(start.generation.0),
            screen,
            sound,
            delay: start.delay,
            shown: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            silence_until: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            sound_over: AtomicBool::new(false),
            picture_over: AtomicBool::new(source.video.is_none()),
            pushed: AtomicU64::new(0),
            failure: Mutex::new(None),
            cues: Mutex::default(),
            sound_late: AtomicI32::new(start.sound_late),
            killers: Mutex::new(Vec::new()),
            awake: Default::default(),
            reports,
        });
        let (from, speed) = (source.from, source.speed);
        let spare = start.spare.filter(|spare| spare.fits(&source));
        begin(&source, spare, samples, &shared);
        let pipeline = Self {
            from,
            speed,
            follow: None,
            shared,
            starving: false,
            started: false,
            ended: false,
        };
        (pipeline, heard)
    }

    /// Starts the decoders of what is to be heard right behind this. It says nothing
    /// before its [`turn`](Self::turn).
    pub fn follow_with(
        &mut self,
        start: Start,
        screen: Arc<dyn Screen>,
        reports: Recipient<PipelineReport>,
    ) -> Option<Self> {
        let start = Start {
            generation: Generation::default(),
            ..start
        };
        let (next, Heard { ring, control }) = Self::prepare(start, screen, reports);
        let place = self.follow.as_mut()?;
        place.push(Follow::new(ring, control)).ok()?;
        Some(next)
    }

    /// It is heard; what comes through `followers` right behind it.
    pub fn leads(&mut self, followers: Followers) {
        self.follow = Some(followers);
    }

    /// What was to follow is heard now, in place of what `before` played.
    pub fn turn(&mut self, generation: Generation, before: &mut Self) {
        self.follow = before.follow.take();
        self.shared
            .generation
            .store(generation.0, Ordering::Release);
    }

    /// Whether all of it was heard.
    pub fn is_over(&self) -> bool {
        self.ended
    }

    /// Its number.
    pub fn generation(&self) -> Generation {
        self.shared.generation()
    }

    /// Holds time, or lets it go on.
    pub fn pause(&self, paused: bool) {
        self.shared.sound.paused.store(paused, Ordering::Release);
        self.shared.wake();
    }

    /// Loudness, 0 to 1.
    pub fn set_gain(&self, gain: f32) {
        self.shared.sound.set_gain(gain);
    }

    /// Media time played.
    pub fn position(&self) -> Duration {
        let played = self.shared.sound.played.load(Ordering::Acquire);
        let sounded = played as f64 / f64::from(SAMPLE_RATE);
        self.from + Duration::from_secs_f64(sounded * self.speed)
    }

    /// Sound later than the picture by milliseconds, earlier if negative.
    pub fn set_sound_late(&self, milliseconds: i32) {
        self.shared
            .sound_late
            .store(milliseconds, Ordering::Relaxed);
    }

    /// SubtitleSource to be seen at a media time.
    pub fn words_at(&self, time: Duration) -> String {
        let cues = self.shared.cues.lock();
        cues.map(|cues| cues.at(time)).unwrap_or_default()
    }

    /// Frames shown and dropped.
    pub fn frames(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.shared.shown), count(&self.shared.dropped))
    }

    /// Times the sound output asked for samples; stands still if it is dead.
    pub fn heartbeats(&self) -> u64 {
        self.shared.sound.blocks.load(Ordering::Relaxed)
    }

    /// Looks at the sound: begun, starving, over. Call every 50 ms or so.
    pub fn poll(&mut self) -> Vec<Report> {
        let sound = &self.shared.sound;
        let mut reports = Vec::new();
        let played = sound.played.load(Ordering::Acquire);
        if !self.started && played > 0 {
            self.started = true;
            reports.push(Report::Started);
        }
        let missing = sound.missing.load(Ordering::Relaxed);
        let over = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        let sound_over = over(&self.shared.sound_over);
        let starving = !sound_over && missing > STARVED_SAMPLES;
        if starving != self.starving {
            self.starving = starving;
            reports.push(Report::SoundStarving(starving));
        }
        let drained = played >= self.shared.pushed.load(Ordering::Acquire);
        let all_over = sound_over && over(&self.shared.picture_over) && drained;
        if all_over && !std::mem::replace(&mut self.ended, true) {
            let failure = self.shared.failure.lock();
            reports.push(Report::Ended(failure.ok().and_then(|kept| kept.clone())));
        }
        reports
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.sound.stopped.store(true, Ordering::Release);
        self.shared.wake();
        if let Ok(killers) = self.shared.killers.lock() {
            killers.iter().for_each(Killer::kill);
        }
    }
}

fn spawn_failure(error: SpawnError) -> PlaybackError {
    tracing::warn!(%error, "decoder not started");
    match error {
        SpawnError::Missing(path) => PlaybackError::FfmpegMissing(path),
        SpawnError::Failed(error) => PlaybackError::FfmpegFailed(IoFailure::from(&error)),
    }
}

/// Decodes and shows pictures, with a decoder that is ready if there is one.
fn picture(source: &Source, ready: Option<video::Started>, shared: &Arc<Shared>) {
    match video::run(source, ready, shared) {
        Ok(decoded) if decoded.empty => {
            let failure = decoded.failure.unwrap_or(MediaFailure::NothingToPlay);
            shared.report(Report::Failed(failure.into()));
        }
        Ok(decoded) => shared.keep_failure(decoded.failure),
        Err(error) => shared.report(Report::Failed(spawn_failure(error))),
    }
    shared.picture_over.store(true, Ordering::Release);
}

/// Decodes sound, with a decoder that is ready if there is one.
fn sound(
    source: &Source,
    ready: Option<audio::Started>,
    mut samples: rtrb::Producer<f32>,
    shared: &Shared,
) {
    let alone = source.video.is_none();
    let first = || {
        if alone {
            shared.report(Report::Started);
        }
    };
    match audio::decode(source, ready, &mut samples, shared, first) {
        // A film whose sound is broken or short still has its pictures.
        Ok(decoded) if !alone => {
            shared.keep_failure(decoded.failure);
            return feed_silence(samples, decoded.samples, source.speed, shared);
        }
        Ok(decoded) if decoded.samples == 0 => {
            let failure = decoded.failure.unwrap_or(MediaFailure::NothingToPlay);
            shared.report(Report::Failed(failure.into()));
        }
        Ok(decoded) => shared.keep_failure(decoded.failure),
        Err(error) => shared.report(Report::Failed(spawn_failure(error))),
    }
    shared.end_sound();
}

/// Keeps the clock just ahead of the pictures where there is no sound (any
/// more), from the sample numbered `fed` on.
fn feed_silence(mut samples: rtrb::Producer<f32>, mut fed: u64, speed: f64, shared: &Shared) {
    while !shared.stopped() {
        // Pictures that are shown later than their sound is counted need it all the same.
        let late = shared.delay.as_secs_f64() - f64::from(shared.sound_late().min(0)) / 1e3 / speed;
        let late = (late * f64::from(SAMPLE_RATE)) as u64;
        let allowed = shared.silence_until.load(Ordering::Acquire) + late;
        let missing = allowed.saturating_sub(fed) as usize;
        let silence = std::iter::repeat_n(0.0, missing * 2);
        audio::push(&mut samples, silence, shared);
        fed += missing as u64;
        if shared.picture_over.load(Ordering::Acquire) {
            break;
        }
        shared.rest(SILENCE_STEP);
    }
    shared.end_sound();
}

/// A time as ffmpeg takes it.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}
