//! The player's mailbox.
//!
//! Below it: nothing but the gateway's address; ffmpeg reads from there. Above
//! it: the [`Screen`]. The state changes only here, and the screen is told after
//! each change.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::config::PlayerConfig;
use crate::ffmpeg::Killer;
use crate::ffmpeg::read_cover;
use crate::http::Gateway;
use crate::player::history_file::HistoryFile;
use crate::player::pipeline::video::later;
use crate::player::pipeline::{Pipeline, PipelineReport, Source, Start, SubtitleSource};
use crate::player::{
    Enqueue, Mark, Notice, Play, PlayerCommand, PlayerSnapshot, PlayerState, QueueSnapshot,
    SHOWN_UPCOMING, Screen,
};
use crate::runtime::Close;
use crate::scheduler::{PlayerStarves, StreamManager};

mod ahead;
mod hearing;
mod waiting;

use ahead::Preloader;
use engine::ids::{FileId, Generation};
use engine::media::FileEntry;
use engine::player::History;
use engine::player::Phase;
use engine::player::{Effect, PlaybackError, Report, State};
use hearing::AudioOutput;
use waiting::Waiting;

/// How often the clock is looked at: fast enough for a smooth seek bar.
const TICK: Duration = Duration::from_millis(50);

/// How often it is kept how far something was played.
const KEEP: Duration = Duration::from_secs(3);

/// The actor.
pub struct Player {
    config: PlayerConfig,
    gateway: Gateway,
    screen: Arc<dyn Screen>,
    /// They find out why nothing comes, and fetch what comes next.
    streams: Addr<StreamManager>,
    state: State,
    hearing: AudioOutput,
    pipeline: Option<Pipeline>,
    /// Loudness as chosen, and what makes the present song as loud as others.
    gain: f32,
    level: f32,
    ahead: Preloader,
    waiting: Waiting,
    notice: Option<Notice>,
    told: PlayerSnapshot,
    told_queue: u64,
    history: Option<Arc<HistoryFile>>,
    past_frames: (u64, u64),
    cover: Option<Killer>,
}

impl Player {
    /// A player that shows on `screen` and tells the streams when it has to wait. Without
    /// a `history` it remembers nothing over a restart.
    pub fn new(
        config: PlayerConfig,
        gateway: Gateway,
        screen: Arc<dyn Screen>,
        streams: Addr<StreamManager>,
        history: Option<HistoryFile>,
    ) -> Self {
        let kept = history.as_ref().map_or(Ok(Vec::new()), HistoryFile::load);
        let kept = kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was played before cannot be read");
            Vec::new()
        });
        let rng = StdRng::from_os_rng();
        Self {
            streams,
            history: history.map(Arc::new),
            state: State::new(config.volume, History::new(kept), rng),
            config,
            gateway,
            screen,
            hearing: AudioOutput::default(),
            pipeline: None,
            gain: 0.0,
            level: 1.0,
            ahead: Preloader::default(),
            waiting: Waiting::default(),
            notice: None,
            told: PlayerSnapshot::default(),
            told_queue: 0,
            past_frames: (0, 0),
            cover: None,
        }
    }

    fn perform(&mut self, ctx: &mut Context<Self>, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Start {
                    generation,
                    entry,
                    from,
                    paused,
                    speed,
                    audio,
                    subtitles,
                    fresh,
                } => {
                    if fresh {
                        self.past_frames = (0, 0);
                        self.fetch_cover(ctx, &entry);
                    }
                    // What was fetched for later must not come in the way of this.
                    self.keep_ahead(entry.id);
                    self.level = self.level_of(&entry);
                    let mut source = self.source(&entry, from, speed);
                    source.audio = source.audio.map(|_| audio);
                    source.subtitles = subtitles.and_then(|track| self.words(&entry, track));
                    self.start(ctx, generation, source, paused);
                }
                Effect::Stop => {
                    self.end_pipeline();
                    self.give_up_ahead();
                    self.waiting = Waiting::default();
                    self.end_cover();
                }
                Effect::Pause(paused) => {
                    // The device first: its opening is not part of the film.
                    if !paused {
                        self.listen(ctx);
                    }
                    let next = self.ahead.pipeline();
                    for pipeline in self.pipeline.iter().chain(next) {
                        pipeline.pause(paused);
                    }
                }
                Effect::SoundLate(milliseconds) => {
                    if let Some(pipeline) = &self.pipeline {
                        pipeline.set_sound_late(milliseconds);
                    }
                }
                Effect::Gain(gain) => {
                    self.gain = gain;
                    if let Some(pipeline) = &self.pipeline {
                        pipeline.set_gain(gain * self.level);
                    }
                    if let Some(pipeline) = self.ahead.pipeline() {
                        pipeline.set_gain(gain * self.ahead.level());
                    }
                }
            }
        }
        self.tell();
    }

    fn end_pipeline(&mut self) -> Option<Pipeline> {
        let pipeline = self.pipeline.take()?;
        let (shown, dropped) = pipeline.frames();
        self.past_frames.0 += shown;
        self.past_frames.1 += dropped;
        Some(pipeline)
    }

    fn source(&self, entry: &FileEntry, from: Duration, speed: u32) -> Source {
        Source {
            ffmpeg: self.config.ffmpeg.clone(),
            url: self.gateway.url(entry.id),
            from,
            speed: f64::from(speed) / 100.0,
            video: entry.info.video.clone(),
            audio: (!entry.info.audio.is_empty()).then_some(0),
            subtitles: None,
        }
    }

    fn start(
        &mut self,
        ctx: &mut Context<Self>,
        generation: Generation,
        source: Source,
        paused: bool,
    ) {
        let before = self.end_pipeline();
        if let Some(next) = self.ahead.take(generation, &source, before) {
            next.pause(paused);
            next.set_gain(self.gain * self.level);
            self.pipeline = Some(next);
            return self.listen(ctx);
        }
        let spare = self.waiting.take(&source);
        let start = Start {
            spare,
            ..self.start_of(generation, source, paused)
        };
        let reports = ctx.address().recipient();
        let screen = self.screen.clone();
        // The decoders load while the device is opened.
        let (mut pipeline, sound) = Pipeline::prepare(start, screen, reports);
        match self.play(sound) {
            Ok(followers) => {
                pipeline.leads(followers);
                self.pipeline = Some(pipeline);
            }
            Err(error) => {
                let report = Report::Failed(PlaybackError::Sound(error));
                let effects = self.state.report(generation, report);
                self.perform(ctx, effects);
            }
        }
    }

    fn start_of(&self, generation: Generation, source: Source, paused: bool) -> Start {
        Start {
            generation,
            source,
            paused,
            gain: self.gain * self.level,
            delay: self.config.audio_delay.0,
            sound_late: self.state.tracks().sound_late,
            spare: None,
        }
    }

    /// What makes a song as loud as others. None is raised above what it is, which
    /// could distort it; most music is lowered.
    fn level_of(&self, entry: &FileEntry) -> f32 {
        let song = entry.info.video.is_none() && self.config.normalise;
        let gain = entry.info.gain_cdb.filter(|_| song);
        gain.map_or(1.0, |gain| 10_f32.powf(gain as f32 / 2000.0).min(1.0))
    }

    /// Where the subtitles of a number come from.
    fn words(&self, entry: &FileEntry, track: usize) -> Option<SubtitleSource> {
        let info = &entry.info;
        match track.checked_sub(info.subtitles.len()) {
            None => Some(SubtitleSource::Track(track)),
            Some(beside) => {
                let sidecar = info.subtitles_beside().nth(beside)?;
                Some(SubtitleSource::Beside(self.gateway.sidecar_url(sidecar.id)))
            }
        }
    }

    /// Reads a song's cover beside the playing, on the blocking pool.
    fn fetch_cover(&mut self, ctx: &mut Context<Self>, entry: &FileEntry) {
        self.end_cover();
        let (file, screen) = (entry.id, self.screen.clone());
        screen.show_cover(file, None);
        if entry.info.video.is_some() || !entry.info.has_cover {
            return;
        }
        let (ffmpeg, url) = (self.config.ffmpeg.clone(), self.gateway.url(file));
        let player = ctx.address();
        actix_rt::task::spawn_blocking(move || {
            let started = |killer| player.do_send(CoverStarted(file, killer));
            if let Some(cover) = read_cover(&ffmpeg, &url, screen.as_ref(), started) {
                screen.show_cover(file, Some(cover));
            }
        });
    }

    /// A cover of another song is no longer wanted.
    fn end_cover(&mut self) {
        if let Some(killer) = self.cover.take() {
            killer.kill();
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.let_rest();
        let Some(pipeline) = &mut self.pipeline else {
            return;
        };
        let (generation, reports) = (pipeline.generation(), pipeline.poll());
        let position = pipeline.position();
        for report in reports {
            let effects = self.state.report(generation, report);
            self.perform(ctx, effects);
        }
        self.state.at(generation, position);
        self.watch_output(ctx);
        self.look_ahead(ctx);
        self.keep_spare();
        self.tell();
    }

    fn snapshot(&self) -> PlayerSnapshot {
        let frames = self.pipeline.as_ref().map_or((0, 0), Pipeline::frames);
        let tracks = self.state.tracks();
        let words = |pipeline: &Pipeline| {
            let time = later(self.state.position(), -tracks.subtitles_late);
            pipeline.words_at(time)
        };
        PlayerSnapshot {
            phase: self.state.phase().clone(),
            entry: self.state.entry().cloned(),
            position: self.state.position(),
            duration: self.state.duration(),
            volume: self.state.volume(),
            paused: self.state.paused(),
            muted: self.state.muted(),
            speed: self.state.speed(),
            audio_track: tracks.audio,
            subtitle_track: tracks.subtitles,
            subtitle: self.pipeline.as_ref().map(words).unwrap_or_default(),
            subtitles_late_ms: tracks.subtitles_late,
            sound_late_ms: tracks.sound_late,
            has_next: self.state.has_next(),
            shuffled: self.state.queue().shuffled(),
            repeat: self.state.queue().repeat(),
            resumed: self.state.resumed(),
            notice: self.notice,
            frames_shown: self.past_frames.0 + frames.0,
            frames_dropped: self.past_frames.1 + frames.1,
        }
    }

    /// Keeps how far everything was played, beside the playing or at once.
    fn keep_history(&mut self, now: bool) {
        let changes = self.state.history().take_changes();
        if changes.is_empty() {
            return;
        }
        self.screen.history_changed(self.state.history().recent());
        let Some(file) = self.history.clone() else {
            return;
        };
        let number = file.number();
        let save = move || {
            if let Err(error) = file.save(number, &changes) {
                tracing::warn!(%error, "how far this was played is not kept");
            }
        };
        match now {
            true => save(),
            false => drop(actix_rt::task::spawn_blocking(save)),
        }
    }

    fn tell_queue(&mut self) {
        if self.told_queue == self.state.queue_version() {
            return;
        }
        self.told_queue = self.state.queue_version();
        let queue = self.state.queue();
        let first = (queue.index() + 1).min(queue.items().len());
        let upcoming = &queue.items()[first..];
        self.screen.queue_changed(QueueSnapshot {
            first,
            count: upcoming.len(),
            upcoming: upcoming.iter().take(SHOWN_UPCOMING).cloned().collect(),
        });
    }

    fn tell(&mut self) {
        self.tell_queue();
        let snapshot = self.snapshot();
        let waits = (&self.told.phase, &snapshot.phase) == (&Phase::Playing, &Phase::Buffering);
        if let Some(entry) = snapshot.entry.as_ref().filter(|_| waits) {
            let (file, at) = (entry.id, snapshot.position);
            self.streams.do_send(PlayerStarves { file, at });
        }
        if let Some(song) = self.state.take_passed_over() {
            self.screen.passed_over(song);
        }
        if snapshot != self.told {
            self.told = snapshot.clone();
            self.screen.changed(snapshot);
        }
    }
}

/// A cover's decoder runs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct CoverStarted(FileId, Killer);

impl Handler<CoverStarted> for Player {
    type Result = ();

    fn handle(&mut self, started: CoverStarted, _: &mut Context<Self>) {
        match self.state.entry() {
            Some(entry) if entry.id == started.0 => self.cover = Some(started.1),
            _ => started.1.kill(),
        }
    }
}

impl Actor for Player {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(TICK, Self::tick);
        ctx.run_interval(KEEP, |actor, _| actor.keep_history(false));
        self.screen.history_changed(self.state.history().recent());
        self.tell();
    }
}

impl Handler<Play> for Player {
    type Result = ();

    fn handle(&mut self, play: Play, ctx: &mut Context<Self>) {
        let effects = self.state.play(play.list, play.index);
        self.perform(ctx, effects);
    }
}

impl Handler<Enqueue> for Player {
    type Result = ();

    fn handle(&mut self, enqueue: Enqueue, ctx: &mut Context<Self>) {
        let effects = self.state.enqueue(enqueue.entries, enqueue.next);
        self.perform(ctx, effects);
    }
}

impl Handler<Mark> for Player {
    type Result = ();

    fn handle(&mut self, Mark { entry, done }: Mark, _: &mut Context<Self>) {
        self.state.history().mark(&entry, done);
        self.keep_history(false);
    }
}

impl Handler<PlayerCommand> for Player {
    type Result = ();

    fn handle(&mut self, PlayerCommand(control): PlayerCommand, ctx: &mut Context<Self>) {
        let effects = self.state.control(control);
        self.perform(ctx, effects);
    }
}

impl Handler<PipelineReport> for Player {
    type Result = ();

    fn handle(&mut self, report: PipelineReport, ctx: &mut Context<Self>) {
        let effects = self.state.report(report.generation, report.report);
        self.perform(ctx, effects);
    }
}

impl Handler<PlayerState> for Player {
    type Result = MessageResult<PlayerState>;

    fn handle(&mut self, _: PlayerState, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.snapshot())
    }
}

impl Handler<Close> for Player {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        self.pipeline = None;
        self.end_cover();
        self.hearing = AudioOutput::default();
        self.keep_history(true);
        ctx.stop();
    }
}
