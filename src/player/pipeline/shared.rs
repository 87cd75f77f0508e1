//! Values that the threads of a pipeline share: source, input, state, reports.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use actix::prelude::*;
use engine::ids::Generation;
use engine::io_failure::IoFailure;
use engine::media::{MediaFailure, VideoTrack};
use engine::player::{Cue, Cues, PlaybackError, Report};

use crate::ffmpeg::{Killer, SpawnError};
use crate::player::Screen;
use crate::player::sound::SoundControl;

/// Longest sleep of an idle thread while media time is held.
const MAX_IDLE: Duration = Duration::from_millis(500);

/// File to decode, and the position to start at.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The ffmpeg program.
    pub ffmpeg: PathBuf,
    /// URL of the file at the gateway.
    pub url: String,
    /// Media time to start at.
    pub from: Duration,
    /// Multiple of normal speed.
    pub speed: f64,
    /// Video track, if the file has one.
    pub video: Option<VideoTrack>,
    /// Number of the audio track, if the file has one.
    pub audio: Option<usize>,
    /// Subtitles to show, if any.
    pub subtitles: Option<SubtitleSource>,
}

/// Origin of subtitles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubtitleSource {
    /// Track of the file.
    Track(usize),
    /// Subtitle file, by its URL.
    Sidecar(String),
}

/// Input of an ffmpeg process.
#[derive(Debug, Clone)]
pub enum Input {
    /// File by URL, from a position.
    File(String, Duration),
    /// URL of a list in the format of ffconcat, which names file and position later.
    List(String),
}

impl Input {
    /// The file and the position of a source.
    pub fn of(source: &Source) -> Self {
        Self::File(source.url.clone(), source.from)
    }

    /// Arguments of ffmpeg.
    pub fn arguments(&self) -> Vec<String> {
        let (options, url) = match self {
            Self::File(url, from) => {
                let position = format!("{:.3}", from.as_secs_f64());
                (vec!["-ss".into(), position], url)
            }
            Self::List(url) => {
                let list = "-copyts -f concat -safe 0 -protocol_whitelist http,tcp";
                (list.split(' ').map(str::to_owned).collect(), url)
            }
        };
        let input = ["-i".to_owned(), url.clone()];
        options.into_iter().chain(input).collect()
    }
}

/// Report of a pipeline to the player.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct PipelineReport {
    /// Generation of the pipeline.
    pub generation: Generation,
    /// Content of the report.
    pub report: Report,
}

/// State that the threads of a pipeline share.
pub struct Shared {
    /// Generation of the pipeline; 0 while it is only preloaded.
    generation: AtomicU64,
    pub screen: Arc<dyn Screen>,
    pub sound: Arc<SoundControl>,
    /// Latency of the audio output.
    pub output_delay: Duration,
    pub frames_shown: AtomicU64,
    pub frames_dropped: AtomicU64,
    /// Samples of silence that the decoded pictures allow, for a file without sound.
    pub silence_until: AtomicU64,
    /// Samples written to the ring.
    pub pushed: AtomicU64,
    stop: AtomicBool,
    audio_ended: AtomicBool,
    video_ended: AtomicBool,
    failure: Mutex<Option<MediaFailure>>,
    cues: Mutex<Cues>,
    /// Delay of the sound against the picture in milliseconds.
    audio_delay_ms: AtomicI32,
    killers: Mutex<Vec<Killer>>,
    /// Notified when media time is released or the pipeline stops.
    wake: (Mutex<()>, Condvar),
    reports: Recipient<PipelineReport>,
}

impl Shared {
    pub fn new(
        generation: Generation,
        has_video: bool,
        output_delay: Duration,
        audio_delay_ms: i32,
        sound: Arc<SoundControl>,
        screen: Arc<dyn Screen>,
        reports: Recipient<PipelineReport>,
    ) -> Self {
        Self {
            generation: AtomicU64::new(generation.0),
            screen,
            sound,
            output_delay,
            frames_shown: AtomicU64::new(0),
            frames_dropped: AtomicU64::new(0),
            silence_until: AtomicU64::new(0),
            pushed: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            audio_ended: AtomicBool::new(false),
            video_ended: AtomicBool::new(!has_video),
            failure: Mutex::new(None),
            cues: Mutex::default(),
            audio_delay_ms: AtomicI32::new(audio_delay_ms),
            killers: Mutex::new(Vec::new()),
            wake: Default::default(),
            reports,
        }
    }

    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    pub fn set_generation(&self, generation: Generation) {
        self.generation.store(generation.0, Ordering::Release);
    }

    /// Sleeps for `duration`; while media time is held, until it is released or the
    /// pipeline stops, but no longer than [`MAX_IDLE`].
    pub fn sleep(&self, duration: Duration) {
        if !self.sound.paused.load(Ordering::Acquire) {
            return std::thread::sleep(duration);
        }
        let (lock, wake) = &self.wake;
        let Ok(guard) = lock.lock() else {
            return;
        };
        let idle = |(): &mut ()| self.sound.paused.load(Ordering::Acquire) && !self.stopped();
        // The caller checks its condition itself, after a timeout as well.
        let _ = wake.wait_timeout_while(guard, MAX_IDLE, idle);
    }

    /// Wakes all sleeping threads. The condition they wait for must be set before.
    fn wake(&self) {
        // A thread about to sleep holds the lock: this waits, so it is notified.
        drop(self.wake.0.lock());
        self.wake.1.notify_all();
    }

    pub fn set_paused(&self, paused: bool) {
        self.sound.paused.store(paused, Ordering::Release);
        self.wake();
    }

    /// Registers a decoder to be killed when the pipeline stops.
    pub fn register(&self, killer: Killer) {
        if let Ok(mut killers) = self.killers.lock() {
            killers.push(killer.clone());
        }
        // The pipeline may have stopped meanwhile.
        if self.stopped() {
            killer.kill();
        }
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Stops all threads and kills their decoders.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.sound.stopped.store(true, Ordering::Release);
        self.wake();
        if let Ok(killers) = self.killers.lock() {
            killers.iter().for_each(Killer::kill);
        }
    }

    /// Keeps the last failure of a decoder for the report of the end.
    pub fn keep_failure(&self, failure: Option<MediaFailure>) {
        if let (Some(failure), Ok(mut kept)) = (failure, self.failure.lock()) {
            *kept = Some(failure);
        }
    }

    pub fn failure(&self) -> Option<MediaFailure> {
        self.failure.lock().ok().and_then(|kept| kept.clone())
    }

    /// Delay of the sound against the picture in milliseconds.
    pub fn audio_delay_ms(&self) -> i32 {
        self.audio_delay_ms.load(Ordering::Relaxed)
    }

    pub fn set_audio_delay_ms(&self, milliseconds: i32) {
        self.audio_delay_ms.store(milliseconds, Ordering::Relaxed);
    }

    pub fn add_cue(&self, cue: Cue) {
        if let Ok(mut cues) = self.cues.lock() {
            cues.push(cue);
        }
    }

    /// Subtitle text at a media time.
    pub fn subtitle_at(&self, time: Duration) -> String {
        let cues = self.cues.lock();
        cues.map(|cues| cues.at(time)).unwrap_or_default()
    }

    pub fn report(&self, report: Report) {
        self.reports.do_send(PipelineReport {
            generation: self.generation(),
            report,
        });
    }

    /// Reports that a decoder cannot be started.
    pub fn report_spawn_error(&self, error: SpawnError) {
        tracing::warn!(%error, "decoder not started");
        let error = match error {
            SpawnError::Missing(path) => PlaybackError::FfmpegMissing(path),
            SpawnError::Failed(error) => PlaybackError::FfmpegFailed(IoFailure::from(&error)),
        };
        self.report(Report::Failed(error));
    }

    /// Reports that a decoder yielded nothing.
    pub fn report_no_data(&self, failure: Option<MediaFailure>) {
        let failure = failure.unwrap_or(MediaFailure::NothingToPlay);
        self.report(Report::Failed(failure.into()));
    }

    /// No more samples will be written to the ring.
    pub fn end_audio(&self) {
        self.audio_ended.store(true, Ordering::Release);
        self.sound.ended.store(true, Ordering::Release);
    }

    pub fn audio_ended(&self) -> bool {
        self.audio_ended.load(Ordering::Acquire)
    }

    /// No more pictures will be shown.
    pub fn end_video(&self) {
        self.video_ended.store(true, Ordering::Release);
    }

    pub fn video_ended(&self) -> bool {
        self.video_ended.load(Ordering::Acquire)
    }
}

/// A media time moved by milliseconds, not below zero.
pub fn shifted(time: Duration, milliseconds: i32) -> Duration {
    let by = Duration::from_millis(milliseconds.unsigned_abs().into());
    match milliseconds >= 0 {
        true => time + by,
        false => time.saturating_sub(by),
    }
}
