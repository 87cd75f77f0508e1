//! State of playback and the effect of commands and reports on it.

use std::time::Duration;

use rand::rngs::StdRng;

use crate::ids::Generation;
use crate::media::{FileEntry, MediaFailure};
use crate::player::history::History;
use crate::player::queue::Queue;
use crate::player::recovery::{AfterFailure, Recovery, SkippedSong, StreamEnd};
use crate::player::tracks::Tracks;
use crate::player::volume::Volume;
use crate::player::{Control, Effect, Phase, PlaybackError, Report, Start};

/// "Previous" selects the previous file within this time, later it restarts the present
/// one.
const RESTART_AFTER: Duration = Duration::from_secs(3);

/// Distance from the end that a seek keeps, so that a picture is shown.
const END_MARGIN: Duration = Duration::from_millis(100);

/// Playing time after which the notice of a resumed file disappears.
const RESUME_NOTICE: Duration = Duration::from_secs(8);

/// Speed in percent: the range that ffmpeg's `atempo` filter covers in one step.
const MIN_SPEED: f64 = 50.0;
const MAX_SPEED: f64 = 200.0;

/// Halves of a pipeline that lack data.
#[derive(Debug, Clone, Copy, Default)]
struct Starving {
    audio: bool,
    video: bool,
}

/// Queue, playback settings and the state of the present file.
#[derive(Debug)]
pub struct State {
    queue: Queue,
    history: History,
    tracks: Tracks,
    volume: Volume,
    recovery: Recovery,
    rng: StdRng,
    phase: Phase,
    paused: bool,
    speed: u32,
    generation: Generation,
    position: Duration,
    starving: Starving,
    /// Position at which the present file resumed, while the notice is shown.
    resumed: Option<Duration>,
}

impl State {
    /// An empty queue at a volume of 0 to 100.
    pub fn new(volume: u32, history: History, rng: StdRng) -> Self {
        Self {
            queue: Queue::default(),
            history,
            tracks: Tracks::default(),
            volume: Volume::new(volume),
            recovery: Recovery::default(),
            rng,
            phase: Phase::default(),
            paused: false,
            speed: 100,
            generation: Generation::default(),
            position: Duration::ZERO,
            starving: Starving::default(),
            resumed: None,
        }
    }

    /// The queue.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Progress of all files.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Progress of all files, to mark one or to save the changes.
    pub fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// Position at which the present file resumed, while the notice is shown.
    pub fn resumed(&self) -> Option<Duration> {
        self.resumed
    }

    /// Selected tracks and their delays.
    pub fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// Phase of playback.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The present file.
    pub fn entry(&self) -> Option<&FileEntry> {
        self.queue.current()
    }

    /// Media time.
    pub fn position(&self) -> Duration {
        self.position
    }

    /// Volume and mute.
    pub fn volume(&self) -> Volume {
        self.volume
    }

    /// Speed in percent of normal.
    pub fn speed(&self) -> u32 {
        self.speed
    }

    /// True if the queue continues after the present file.
    pub fn has_next(&self) -> bool {
        self.queue.next(true).is_some()
    }

    /// True while paused by the user.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Duration of the present file.
    pub fn duration(&self) -> Duration {
        self.entry()
            .map_or(Duration::ZERO, |entry| entry.info.duration())
    }

    /// Replaces the queue and plays one of its files.
    pub fn play(&mut self, list: Vec<FileEntry>, index: usize) -> Vec<Effect> {
        if index >= list.len() {
            return Vec::new();
        }
        self.recovery.reset_failures();
        self.queue.replace(list, index, &mut self.rng);
        self.play_item(self.queue.index())
    }

    /// Adds files behind the present one or at the end. Plays the first of them if
    /// nothing plays.
    pub fn enqueue(&mut self, entries: Vec<FileEntry>, next: bool) -> Vec<Effect> {
        let idle = matches!(self.phase, Phase::Stopped | Phase::Ended);
        let at = match (next, self.queue.items().len()) {
            (true, 1..) => self.queue.index() + 1,
            (_, end) => end,
        };
        match next {
            true => self.queue.play_next(entries),
            false => self.queue.push(entries),
        }
        match idle {
            true => self.play_item(at),
            false => Vec::new(),
        }
    }

    /// Executes a command of the user.
    pub fn control(&mut self, control: Control) -> Vec<Effect> {
        self.recovery.reset_failures();
        match control {
            Control::Toggle => self.toggle(),
            Control::Stop => self.stop(),
            Control::SeekTo(position) => self.seek(position),
            Control::SeekBy(seconds) => self.seek_by(seconds),
            Control::SeekShare(share) => self.seek(self.duration().mul_f64(share.clamp(0.0, 1.0))),
            Control::Next => self.next(),
            Control::Previous => self.previous(),
            Control::PlayItem(index) => self.play_item(index),
            Control::SpeedBy(step) => self.change_speed(step),
            Control::SetVolume(percent) => self.change_volume(|volume| volume.set(percent)),
            Control::VolumeBy(step) => self.change_volume(|volume| volume.change(step)),
            Control::ToggleMute => self.change_volume(Volume::toggle_mute),
            Control::ChooseAudio(track) => {
                let changed = self.tracks.choose_audio(self.queue.current(), track);
                self.restart_if(changed)
            }
            Control::ChooseSubtitles(track) => {
                let changed = self.tracks.choose_subtitles(self.queue.current(), track);
                self.restart_if(changed)
            }
            Control::DelaySubtitles(milliseconds) => {
                self.tracks.delay_subtitles(milliseconds);
                Vec::new()
            }
            Control::DelayAudio(milliseconds) => {
                self.tracks.delay_audio(milliseconds);
                vec![Effect::AudioDelay(self.tracks.audio_delay_ms)]
            }
            Control::Remove(index) => self.remove(index),
            Control::Move(from, to) => self.edit_queue(|queue, _| queue.move_item(from, to)),
            Control::ClearUpcoming => self.edit_queue(|queue, _| queue.clear_upcoming()),
            Control::ToggleShuffle => {
                self.edit_queue(|queue, rng| queue.set_shuffled(!queue.shuffled(), rng))
            }
            Control::SetShuffled(shuffled) => {
                self.edit_queue(|queue, rng| queue.set_shuffled(shuffled, rng))
            }
            Control::CycleRepeat => {
                self.edit_queue(|queue, _| queue.set_repeat(queue.repeat().next()))
            }
            Control::SetRepeat(repeat) => self.edit_queue(|queue, _| queue.set_repeat(repeat)),
        }
    }

    /// Restarts the pipeline at the present position.
    pub fn restart(&mut self) -> Vec<Effect> {
        self.start(self.position, false)
    }

    /// Takes in a report of a pipeline; reports of older generations are ignored.
    pub fn report(&mut self, generation: Generation, report: Report) -> Vec<Effect> {
        if generation != self.generation || self.phase == Phase::Stopped {
            return Vec::new();
        }
        match report {
            Report::Started => {
                self.recovery.reset_failures();
                if self.phase == Phase::Loading {
                    self.phase = Phase::Playing;
                }
            }
            Report::AudioStarving(starving) => self.starving.audio = starving,
            Report::VideoStarving(starving) => self.starving.video = starving,
            Report::Ended(failure) => return self.stream_ended(failure),
            Report::Failed(error) => return self.fail(error),
        }
        self.update_phase();
        Vec::new()
    }

    /// Takes in the position of a pipeline.
    pub fn set_position(&mut self, generation: Generation, position: Duration) {
        if generation == self.generation && self.is_running() {
            self.position = position.min(self.duration());
            self.record_progress();
            let recent = |from: &Duration| self.position < *from + RESUME_NOTICE;
            self.resumed = self.resumed.filter(recent);
        }
    }

    /// Takes the song that was skipped since the last call.
    pub fn take_skipped(&mut self) -> Option<SkippedSong> {
        self.recovery.take_skipped()
    }

    /// Plays an item of the queue.
    fn play_item(&mut self, index: usize) -> Vec<Effect> {
        self.paused = false;
        self.open_item(index)
    }

    /// Opens an item of the queue; a pause stays a pause.
    fn open_item(&mut self, index: usize) -> Vec<Effect> {
        if !self.queue.select(index) {
            return Vec::new();
        }
        self.recovery.file_chosen();
        self.tracks.begin(self.queue.current());
        let Some(entry) = self.queue.current() else {
            return Vec::new();
        };
        let from = self.history.resume_position(entry);
        self.history.start(entry);
        self.resumed = Some(from).filter(|from| !from.is_zero());
        self.start(from, true)
    }

    /// Starts a new generation at a position.
    fn start(&mut self, from: Duration, fresh: bool) -> Vec<Effect> {
        let Some(entry) = self.entry().cloned() else {
            return Vec::new();
        };
        self.generation = self.generation.next();
        self.position = from;
        self.phase = Phase::Loading;
        self.starving = Starving::default();
        let start = Start {
            generation: self.generation,
            entry,
            from,
            paused: self.paused,
            speed: self.speed,
            audio: self.tracks.audio,
            subtitles: self.tracks.subtitles,
            fresh,
        };
        vec![
            Effect::Start(Box::new(start)),
            Effect::Gain(self.volume.gain()),
        ]
    }

    fn restart_if(&mut self, changed: bool) -> Vec<Effect> {
        let has_pipeline = self.is_running() || self.phase == Phase::Loading;
        match changed && has_pipeline {
            true => self.restart(),
            false => Vec::new(),
        }
    }

    fn toggle(&mut self) -> Vec<Effect> {
        let from = match self.phase {
            Phase::Stopped | Phase::Ended => Duration::ZERO,
            Phase::Failed(_) => self.position,
            Phase::Loading | Phase::Buffering | Phase::Playing | Phase::Paused => {
                self.paused = !self.paused;
                self.update_phase();
                return vec![Effect::Pause(self.paused)];
            }
        };
        self.paused = false;
        self.start(from, self.phase == Phase::Stopped)
    }

    fn stop(&mut self) -> Vec<Effect> {
        self.phase = Phase::Stopped;
        self.position = Duration::ZERO;
        self.resumed = None;
        self.generation = self.generation.next();
        vec![Effect::Stop]
    }

    fn seek(&mut self, to: Duration) -> Vec<Effect> {
        self.resumed = None;
        let last = self.duration().saturating_sub(END_MARGIN);
        self.start(to.min(last), false)
    }

    fn seek_by(&mut self, seconds: f64) -> Vec<Effect> {
        let to = self.position.as_secs_f64() + seconds;
        self.seek(Duration::from_secs_f64(to.max(0.0)))
    }

    fn next(&mut self) -> Vec<Effect> {
        match self.queue.next(true) {
            Some(next) => self.play_item(next),
            None => Vec::new(),
        }
    }

    fn previous(&mut self) -> Vec<Effect> {
        match self.queue.previous() {
            Some(previous) if self.position <= RESTART_AFTER => self.play_item(previous),
            _ => self.seek(Duration::ZERO),
        }
    }

    fn change_speed(&mut self, step: f64) -> Vec<Effect> {
        let speed = f64::from(self.speed) + step * 100.0;
        self.speed = speed.round().clamp(MIN_SPEED, MAX_SPEED) as u32;
        self.restart_if(true)
    }

    fn change_volume(&mut self, change: impl FnOnce(&mut Volume)) -> Vec<Effect> {
        change(&mut self.volume);
        vec![Effect::Gain(self.volume.gain())]
    }

    fn edit_queue(&mut self, edit: impl FnOnce(&mut Queue, &mut StdRng)) -> Vec<Effect> {
        edit(&mut self.queue, &mut self.rng);
        Vec::new()
    }

    /// Removes an item of the queue; if it is the present one, the one behind it plays.
    fn remove(&mut self, index: usize) -> Vec<Effect> {
        let last = index + 1 == self.queue.items().len();
        if !self.queue.remove(index) || self.phase == Phase::Stopped {
            return Vec::new();
        }
        match last {
            true => {
                self.phase = Phase::Stopped;
                self.generation = self.generation.next();
                vec![Effect::Stop]
            }
            false => self.play_item(index),
        }
    }

    fn is_running(&self) -> bool {
        matches!(
            self.phase,
            Phase::Playing | Phase::Paused | Phase::Buffering
        )
    }

    /// Derives the phase of a running pipeline.
    fn update_phase(&mut self) {
        if !self.is_running() {
            return;
        }
        self.phase = if self.paused {
            Phase::Paused
        } else if self.starving.audio || self.starving.video {
            Phase::Buffering
        } else {
            Phase::Playing
        };
    }

    fn stream_ended(&mut self, failure: Option<MediaFailure>) -> Vec<Effect> {
        let duration = self.duration();
        match self.recovery.stream_ended(self.position, duration, failure) {
            StreamEnd::Complete => self.finish_file(),
            StreamEnd::Retry => self.restart(),
            StreamEnd::Fail(failure) => self.fail(failure.into()),
        }
    }

    fn finish_file(&mut self) -> Vec<Effect> {
        self.position = self.duration();
        self.record_progress();
        if let Some(next) = self.queue.next(false) {
            // A pause at the very end stays a pause.
            return self.open_item(next);
        }
        self.phase = Phase::Ended;
        vec![Effect::Stop]
    }

    fn fail(&mut self, error: PlaybackError) -> Vec<Effect> {
        let (next, length) = (self.queue.next(true), self.queue.items().len());
        let entry = self.queue.current();
        match self.recovery.failed(error, entry, next, length) {
            AfterFailure::Skip(next) => self.play_item(next),
            AfterFailure::Stop(error) => {
                self.phase = Phase::Failed(error);
                vec![Effect::Stop]
            }
        }
    }

    fn record_progress(&mut self) {
        if let Some(file) = self.queue.current().map(|entry| entry.id) {
            self.history.record(file, self.position);
        }
    }
}

#[cfg(test)]
mod tests;
