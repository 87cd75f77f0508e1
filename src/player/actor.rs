//! Mailbox of the player.
//!
//! Below it: the gateway, from which ffmpeg reads, and the streams, which prefetch. Above
//! it: the [`Screen`]. Every message becomes a call of [`State`], whose effects are
//! performed; a snapshot is published afterwards.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use engine::ids::{FileId, Generation};
use engine::media::FileEntry;
use engine::player::{Effect, History, Phase, PlaybackError, Report, Start, State};
use engine::scheduler::Playhead;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::config::PlayerConfig;
use crate::http::Gateway;
use crate::player::audio_output::AudioOutput;
use crate::player::cover::{CoverLoader, CoverStarted};
use crate::player::history_file::HistoryFile;
use crate::player::pipeline::{
    Pipeline, PipelineReport, PipelineStart, Source, StandbyDecoders, SubtitleSource,
};
use crate::player::playback::{Playback, normalising_gain};
use crate::player::preload::{PREFETCH_BEFORE_END, PREPARE_BEFORE_END, Preloader};
use crate::player::publisher::{Publisher, snapshot};
use crate::player::{Enqueue, Mark, Play, PlayerCommand, PlayerSnapshot, PlayerState, Screen};
use crate::runtime::Close;
use crate::scheduler::{ReportPlayhead, StreamManager};

/// Interval at which the pipeline is polled: short enough for a smooth seek bar.
const TICK: Duration = Duration::from_millis(50);

/// Interval at which progress is saved.
const SAVE_INTERVAL: Duration = Duration::from_secs(3);

/// Interval between reports of the playhead to the scheduler.
const PLAYHEAD_INTERVAL: Duration = Duration::from_millis(250);

/// Actor of the player.
pub struct Player {
    config: PlayerConfig,
    gateway: Gateway,
    streams: Addr<StreamManager>,
    state: State,
    playback: Playback,
    preloader: Preloader,
    standby: StandbyDecoders,
    output: AudioOutput,
    cover: CoverLoader,
    publisher: Publisher,
    history_file: Option<Arc<HistoryFile>>,
}

impl Player {
    /// A player that shows on `screen`. Without a `history` file, progress ends with the
    /// process.
    pub fn new(
        config: PlayerConfig,
        gateway: Gateway,
        screen: Arc<dyn Screen>,
        streams: Addr<StreamManager>,
        history: Option<HistoryFile>,
    ) -> Self {
        let saved = history.as_ref().map_or(Ok(Vec::new()), HistoryFile::load);
        let saved = saved.unwrap_or_else(|error| {
            tracing::warn!(%error, "history not loaded");
            Vec::new()
        });
        let rng = StdRng::from_os_rng();
        Self {
            state: State::new(config.volume, History::new(saved), rng),
            config,
            gateway,
            playback: Playback::default(),
            preloader: Preloader::new(streams.clone()),
            streams,
            standby: StandbyDecoders::default(),
            output: AudioOutput::default(),
            cover: CoverLoader::default(),
            publisher: Publisher::new(screen),
            history_file: history.map(Arc::new),
        }
    }

    fn perform(&mut self, ctx: &mut Context<Self>, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Start(start) => self.start(ctx, *start),
                Effect::Stop => self.stop(),
                Effect::Pause(paused) => self.pause(ctx, paused),
                Effect::AudioDelay(milliseconds) => self.playback.set_audio_delay_ms(milliseconds),
                Effect::Gain(gain) => {
                    self.playback.set_volume_gain(gain);
                    self.preloader.set_volume_gain(gain);
                }
            }
        }
        self.publish();
    }

    /// Replaces the pipeline: by the preloaded one if it fits, else by a new one.
    fn start(&mut self, ctx: &mut Context<Self>, start: Start) {
        let entry = &start.entry;
        // Before the decoders open the file: its chunks are requested meanwhile.
        self.report_playhead(entry.id, start.generation, start.from);
        // A prefetch for later must not compete with the file that plays now.
        self.preloader.keep_only(entry.id);
        let source = self.source(&start);
        let track_gain = self.track_gain(entry);
        let previous = self.playback.end();
        if start.fresh {
            self.playback.reset_frames();
            self.load_cover(ctx, entry);
        }
        self.playback.set_track_gain(track_gain);
        let next = self.preloader.take(start.generation, &source, previous);
        if let Some(next) = next {
            next.set_paused(start.paused);
            self.playback.begin(next);
            return self.resume_output(ctx);
        }
        let standby = self.standby.take(&source);
        let gain = self.playback.gain();
        let parameters = PipelineStart {
            paused: start.paused,
            standby,
            ..self.pipeline_start(start.generation, source, gain)
        };
        let (screen, reports) = (self.publisher.screen(), ctx.address().recipient());
        // The decoders load while the device is opened.
        let (mut pipeline, stream) = Pipeline::prepare(parameters, screen, reports);
        match self.output.play(stream) {
            Ok(successors) => {
                pipeline.set_successors(successors);
                self.playback.begin(pipeline);
            }
            Err(error) => {
                let report = Report::Failed(PlaybackError::Sound(error));
                let effects = self.state.report(start.generation, report);
                self.perform(ctx, effects);
            }
        }
    }

    fn stop(&mut self) {
        drop(self.playback.end());
        self.preloader.clear();
        self.standby = StandbyDecoders::default();
        self.cover.cancel();
    }

    fn pause(&mut self, ctx: &mut Context<Self>, paused: bool) {
        // The device first: media time must not advance while it opens.
        if !paused {
            self.resume_output(ctx);
        }
        self.playback.set_paused(paused);
        self.preloader.set_paused(paused);
    }

    fn restart(&mut self, ctx: &mut Context<Self>) {
        let effects = self.state.restart();
        self.perform(ctx, effects);
    }

    fn resume_output(&mut self, ctx: &mut Context<Self>) {
        if let Err(error) = self.output.resume() {
            tracing::warn!(?error, "audio output lost");
            self.output.discard();
            self.restart(ctx);
        }
    }

    fn source(&self, start: &Start) -> Source {
        let info = &start.entry.info;
        let subtitles = start.subtitles;
        Source {
            ffmpeg: self.config.ffmpeg.clone(),
            url: self.gateway.url(start.entry.id),
            from: start.from,
            speed: f64::from(start.speed) / 100.0,
            video: info.video.clone(),
            audio: (!info.audio.is_empty()).then_some(start.audio),
            subtitles: subtitles.and_then(|track| self.subtitle_source(&start.entry, track)),
        }
    }

    /// Origin of a subtitle track: tracks of the file come first, then sidecars.
    fn subtitle_source(&self, entry: &FileEntry, track: usize) -> Option<SubtitleSource> {
        let info = &entry.info;
        match track.checked_sub(info.subtitles.len()) {
            None => Some(SubtitleSource::Track(track)),
            Some(number) => {
                let sidecar = info.subtitles_beside().nth(number)?;
                let url = self.gateway.sidecar_url(sidecar.id);
                Some(SubtitleSource::Sidecar(url))
            }
        }
    }

    fn track_gain(&self, entry: &FileEntry) -> f32 {
        match self.config.normalise {
            true => normalising_gain(entry),
            false => 1.0,
        }
    }

    fn pipeline_start(&self, generation: Generation, source: Source, gain: f32) -> PipelineStart {
        PipelineStart {
            generation,
            source,
            paused: false,
            gain,
            output_delay: self.config.audio_delay.0,
            audio_delay_ms: self.state.tracks().audio_delay_ms,
            standby: None,
        }
    }

    fn load_cover(&mut self, ctx: &mut Context<Self>, entry: &FileEntry) {
        self.cover.cancel();
        let screen = self.publisher.screen();
        screen.show_cover(entry.id, None);
        if entry.info.video.is_none() && entry.info.has_cover {
            let (url, ffmpeg) = (self.gateway.url(entry.id), self.config.ffmpeg.clone());
            let player = ctx.address().recipient();
            self.cover.load(entry.id, url, ffmpeg, screen, player);
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.output.suspend_when_silent(match self.state.phase() {
            Phase::Stopped | Phase::Paused | Phase::Ended | Phase::Failed(_) => true,
            Phase::Loading | Phase::Playing | Phase::Buffering => false,
        });
        let Some(progress) = self.playback.poll() else {
            return;
        };
        for report in progress.reports {
            let effects = self.state.report(progress.generation, report);
            self.perform(ctx, effects);
        }
        self.state
            .set_position(progress.generation, progress.position);
        let heartbeats = self.playback.pipeline().map(Pipeline::heartbeats);
        if heartbeats.is_some_and(|heartbeats| self.output.check(heartbeats)) {
            self.restart(ctx);
        }
        self.preload_next(ctx);
        self.maintain_standby();
        self.publish();
    }

    /// Prefetches the next item near the end of the present one, and prepares its
    /// pipeline.
    fn preload_next(&mut self, ctx: &mut Context<Self>) {
        if *self.state.phase() != Phase::Playing {
            return;
        }
        let left = self.state.duration().saturating_sub(self.state.position());
        let queue = self.state.queue();
        let next = queue.next(false).filter(|_| left < PREFETCH_BEFORE_END);
        let next = next.and_then(|next| queue.items().get(next));
        let history = self.state.history();
        let next = next.map(|item| (item.entry.clone(), history.resume_position(&item.entry)));
        self.preloader
            .prefetch(next.as_ref().map(|(entry, from)| (entry, *from)));
        match next {
            Some((next, from)) if left < PREPARE_BEFORE_END => self.prepare_next(ctx, next, from),
            _ => self.preloader.discard_pipeline(),
        }
    }

    /// Starts the decoder of a song that follows a song.
    fn prepare_next(&mut self, ctx: &mut Context<Self>, next: FileEntry, from: Duration) {
        let is_song = |entry: &FileEntry| entry.info.video.is_none();
        if !is_song(&next) || !self.state.entry().is_some_and(is_song) {
            return;
        }
        let track_gain = self.track_gain(&next);
        let source = self.source(&Start {
            generation: Generation::default(),
            entry: next,
            from,
            paused: false,
            speed: self.state.speed(),
            audio: 0,
            subtitles: None,
            fresh: true,
        });
        if self.preloader.has_prepared(&source) {
            return;
        }
        // A pipeline prepared for another song first gives up its place at the output.
        self.preloader.discard_pipeline();
        let gain = self.playback.volume_gain() * track_gain;
        let start = self.pipeline_start(Generation::default(), source.clone(), gain);
        let (screen, reports) = (self.publisher.screen(), ctx.address().recipient());
        let present = self.playback.pipeline_mut();
        let pipeline =
            present.and_then(|present| present.prepare_successor(start, screen, reports));
        self.preloader.set_prepared(source, pipeline, track_gain);
    }

    fn maintain_standby(&mut self) {
        let steady = matches!(self.state.phase(), Phase::Playing | Phase::Paused);
        if let Some(entry) = self.state.entry().filter(|_| steady) {
            self.standby
                .maintain(entry, &self.config.ffprobe, &self.gateway);
        }
    }

    fn report_playhead(&self, file: FileId, generation: Generation, time: Duration) {
        let speed = match self.state.paused() {
            true => 0,
            false => self.state.speed(),
        };
        let playhead = Playhead {
            time,
            speed,
            generation,
        };
        self.streams.do_send(ReportPlayhead { file, playhead });
    }

    fn snapshot(&self) -> PlayerSnapshot {
        snapshot(&self.state, &self.playback, self.output.notice())
    }

    fn publish(&mut self) {
        self.publisher.publish_queue(self.state.queue());
        let snapshot = self.snapshot();
        if let Some(song) = self.state.take_skipped() {
            self.publisher.publish_skipped(song);
        }
        self.publisher.publish(snapshot);
    }

    /// Saves the progress of files on the blocking pool, or before returning.
    fn save_history(&mut self, wait: bool) {
        let changes = self.state.history_mut().take_changes();
        if changes.is_empty() {
            return;
        }
        let recent = self.state.history().recent();
        self.publisher.publish_history(recent);
        let Some(file) = self.history_file.clone() else {
            return;
        };
        let batch = file.next_batch();
        let save = move || {
            if let Err(error) = file.save(batch, &changes) {
                tracing::warn!(%error, "history not saved");
            }
        };
        match wait {
            true => save(),
            false => drop(actix_rt::task::spawn_blocking(save)),
        }
    }
}

impl Actor for Player {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(TICK, Self::tick);
        ctx.run_interval(PLAYHEAD_INTERVAL, |actor, _| {
            if let (Some(entry), Some(pipeline)) = (actor.state.entry(), actor.playback.pipeline())
            {
                let generation = pipeline.generation();
                actor.report_playhead(entry.id, generation, actor.state.position());
            }
        });
        ctx.run_interval(SAVE_INTERVAL, |actor, _| actor.save_history(false));
        let recent = self.state.history().recent();
        self.publisher.publish_history(recent);
        self.publish();
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

    fn handle(&mut self, Mark { entry, played }: Mark, _: &mut Context<Self>) {
        self.state.history_mut().mark(&entry, played);
        self.save_history(false);
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

impl Handler<CoverStarted> for Player {
    type Result = ();

    fn handle(&mut self, started: CoverStarted, _: &mut Context<Self>) {
        let present = self.state.entry().map(|entry| entry.id);
        self.cover.started(started, present);
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
        drop(self.playback.end());
        self.cover.cancel();
        self.output.discard();
        self.save_history(true);
        ctx.stop();
    }
}
