//! What is playing and what a command changes: no process, no clock.

mod reports;

use std::time::Duration;

use rand::rngs::StdRng;

use crate::ids::Generation;
use crate::media::{FileEntry, MediaFailure};
use crate::player::history::History;
use crate::player::queue::Queue;
use crate::player::tracks::Tracks;
use crate::player::{Control, PassedOver, Phase, PlaybackError};

/// "Previous" within this time goes to the file before, later to the start.
const RESTART_AFTER: Duration = Duration::from_secs(3);

/// A seek to the very end lands this far before it, so that something is seen.
const END_MARGIN: Duration = Duration::from_millis(100);

/// A person is told that a film goes on where it was left until this much of it has
/// played.
const TOLD_RESUMED: Duration = Duration::from_secs(8);

/// What to do with the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// End what runs, begin anew.
    Start {
        /// Number of the new pipeline.
        generation: Generation,
        /// What to play.
        entry: Box<FileEntry>,
        /// From where.
        from: Duration,
        /// Whether time stands still.
        paused: bool,
        /// Speed in percent of normal.
        speed: u32,
        /// Number of the sound track.
        audio: usize,
        /// Number of the subtitle track, if one is shown.
        subtitles: Option<usize>,
        /// Whether the file is another one than before.
        fresh: bool,
    },
    /// End what runs.
    Stop,
    /// Hold time, or let it go on.
    Pause(bool),
    /// Loudness, 0 to 1.
    Gain(f32),
    /// Sound later than the picture by milliseconds.
    SoundLate(i32),
}

/// What a pipeline reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The first picture or sound is there.
    Started,
    /// Bytes of the sound are late, or there again.
    SoundStarving(bool),
    /// Bytes of the picture are late, or there again.
    PictureStarving(bool),
    /// Playback reached its end, with the last failure that a decoder reported.
    Ended(Option<MediaFailure>),
    /// Playback cannot continue.
    Failed(PlaybackError),
}

/// The playing list and the state of its present file.
#[derive(Debug)]
pub struct State {
    queue: Queue,
    /// Counts the changes of the queue.
    queue_version: u64,
    history: History,
    /// Where the present file went on, while that is news.
    resumed: Option<Duration>,
    rng: StdRng,
    phase: Phase,
    paused: bool,
    volume: u32,
    muted: bool,
    speed: u32,
    generation: Generation,
    position: Duration,
    sound_starving: bool,
    picture_starving: bool,
    tracks: Tracks,
    /// Where the stream last broke off, to tell progress from a loop.
    broke_at: Option<Duration>,
    /// Files that failed since one last began.
    failures: usize,
    passed_over: Option<PassedOver>,
}

impl State {
    /// Nothing chosen, at a volume of 0 to 100.
    pub fn new(volume: u32, history: History, rng: StdRng) -> Self {
        Self {
            queue: Queue::default(),
            queue_version: 0,
            history,
            resumed: None,
            rng,
            phase: Phase::default(),
            paused: false,
            volume: volume.min(100),
            muted: false,
            speed: 100,
            generation: Generation::default(),
            position: Duration::ZERO,
            sound_starving: false,
            picture_starving: false,
            tracks: Tracks::default(),
            broke_at: None,
            failures: 0,
            passed_over: None,
        }
    }

    /// What plays and what comes next.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// How far everything was played.
    pub fn history(&mut self) -> &mut History {
        &mut self.history
    }

    /// Where the present file went on, while that is news.
    pub fn resumed(&self) -> Option<Duration> {
        self.resumed
    }

    /// Which tracks are heard and read.
    pub fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// Changes whenever the queue does.
    pub fn queue_version(&self) -> u64 {
        self.queue_version
    }

    /// What it does.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The chosen file.
    pub fn entry(&self) -> Option<&FileEntry> {
        self.queue.current()
    }

    /// Media time.
    pub fn position(&self) -> Duration {
        self.position
    }

    /// 0 to 100.
    pub fn volume(&self) -> u32 {
        self.volume
    }

    /// Whether it is muted.
    pub fn muted(&self) -> bool {
        self.muted
    }

    /// Speed in percent of normal.
    pub fn speed(&self) -> u32 {
        self.speed
    }

    /// Whether the list goes on.
    pub fn has_next(&self) -> bool {
        self.queue.next(true).is_some()
    }

    /// Whether time passes or is about to.
    pub fn is_active(&self) -> bool {
        matches!(
            self.phase,
            Phase::Loading | Phase::Playing | Phase::Buffering
        )
    }

    /// Whether it was stopped by hand.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Length of the chosen file.
    pub fn duration(&self) -> Duration {
        self.entry()
            .map_or(Duration::ZERO, |entry| entry.info.duration())
    }

    /// Loudness as the ear hears it: the square of the slider.
    fn gain(&self) -> f32 {
        let slider = self.volume as f32 / 100.0;
        if self.muted { 0.0 } else { slider * slider }
    }

    /// Takes a new list.
    pub fn play(&mut self, list: Vec<FileEntry>, index: usize) -> Vec<Effect> {
        if index >= list.len() {
            return Vec::new();
        }
        self.failures = 0;
        self.queue.replace(list, index, &mut self.rng);
        self.go(self.queue.index())
    }

    /// Adds to the list, behind the present file or at the end. If nothing plays, the
    /// first of them does.
    pub fn enqueue(&mut self, entries: Vec<FileEntry>, next: bool) -> Vec<Effect> {
        self.queue_version += 1;
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
            true => self.go(at),
            false => Vec::new(),
        }
    }

    /// Goes to a file of the list, playing.
    fn go(&mut self, index: usize) -> Vec<Effect> {
        self.paused = false;
        self.go_on(index)
    }

    /// Goes to a file of the list, stopped by hand if that is so now.
    fn go_on(&mut self, index: usize) -> Vec<Effect> {
        self.queue_version += 1;
        if !self.queue.go(index) {
            return Vec::new();
        }
        self.broke_at = None;
        self.tracks.begin(self.queue.current());
        let Some(entry) = self.queue.current() else {
            return Vec::new();
        };
        let from = self.history.resume(entry);
        self.history.begins(entry);
        self.resumed = Some(from).filter(|from| !from.is_zero());
        self.start(from, true)
    }

    fn start(&mut self, from: Duration, fresh: bool) -> Vec<Effect> {
        let Some(entry) = self.entry().cloned() else {
            return Vec::new();
        };
        self.generation = self.generation.next();
        self.position = from;
        self.phase = Phase::Loading;
        (self.sound_starving, self.picture_starving) = (false, false);
        let start = Effect::Start {
            generation: self.generation,
            entry: Box::new(entry),
            from,
            paused: self.paused,
            speed: self.speed,
            audio: self.tracks.audio,
            subtitles: self.tracks.subtitles,
            fresh,
        };
        vec![start, Effect::Gain(self.gain())]
    }

    /// Begins again where it is, with a fresh pipeline.
    pub fn restart(&mut self) -> Vec<Effect> {
        self.start(self.position, false)
    }

    /// Carries out what a person wants.
    pub fn control(&mut self, control: Control) -> Vec<Effect> {
        self.failures = 0;
        match control {
            Control::Toggle => self.toggle(),
            Control::SeekTo(to) => self.seek(to),
            Control::SeekBy(seconds) => {
                let to = self.position.as_secs_f64() + seconds;
                self.seek(Duration::from_secs_f64(to.max(0.0)))
            }
            Control::SeekShare(share) => self.seek(self.duration().mul_f64(share.clamp(0.0, 1.0))),
            Control::SetVolume(volume) => {
                self.volume = volume.min(100);
                self.muted = false;
                vec![Effect::Gain(self.gain())]
            }
            Control::VolumeBy(step) => {
                let volume = self.volume.saturating_add_signed(step);
                self.control(Control::SetVolume(volume))
            }
            Control::ToggleMute => {
                self.muted = !self.muted;
                vec![Effect::Gain(self.gain())]
            }
            Control::SpeedBy(step) => {
                let speed = f64::from(self.speed) + step * 100.0;
                self.speed = speed.round().clamp(50.0, 200.0) as u32;
                self.restart_if_begun()
            }
            Control::ChooseAudio(track) => {
                match self.tracks.choose_audio(self.queue.current(), track) {
                    true => self.restart_if_begun(),
                    false => Vec::new(),
                }
            }
            Control::ChooseSubtitles(track) => {
                match self.tracks.choose_subtitles(self.queue.current(), track) {
                    true => self.restart_if_begun(),
                    false => Vec::new(),
                }
            }
            Control::SubtitlesBy(milliseconds) => {
                self.tracks.subtitles_by(milliseconds);
                Vec::new()
            }
            Control::SoundBy(milliseconds) => {
                self.tracks.sound_by(milliseconds);
                vec![Effect::SoundLate(self.tracks.sound_late)]
            }
            Control::Next => match self.queue.next(true) {
                Some(next) => self.go(next),
                None => Vec::new(),
            },
            Control::Previous => match self.queue.previous() {
                Some(before) if self.position <= RESTART_AFTER => self.go(before),
                _ => self.seek(Duration::ZERO),
            },
            Control::Jump(index) => self.go(index),
            Control::Remove(index) => self.remove(index),
            Control::Shift(from, to) => {
                self.queue_version += 1;
                self.queue.shift(from, to);
                Vec::new()
            }
            Control::ClearUpcoming => {
                self.queue_version += 1;
                self.queue.clear_upcoming();
                Vec::new()
            }
            Control::ToggleShuffle => self.control(Control::SetShuffled(!self.queue.shuffled())),
            Control::SetShuffled(shuffled) => {
                self.queue_version += 1;
                self.queue.set_shuffled(shuffled, &mut self.rng);
                Vec::new()
            }
            Control::CycleRepeat => self.control(Control::SetRepeat(self.queue.repeat().next())),
            Control::SetRepeat(repeat) => {
                self.queue.set_repeat(repeat);
                Vec::new()
            }
            Control::Stop => {
                self.phase = Phase::Stopped;
                self.position = Duration::ZERO;
                self.resumed = None;
                self.generation = self.generation.next();
                vec![Effect::Stop]
            }
        }
    }

    /// What runs begins anew where it is.
    fn restart_if_begun(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Loading | Phase::Playing | Phase::Paused | Phase::Buffering => self.restart(),
            _ => Vec::new(),
        }
    }

    /// Takes a file out of the list; if it is the present one, the one behind it plays.
    fn remove(&mut self, index: usize) -> Vec<Effect> {
        self.queue_version += 1;
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
            false => self.go(index),
        }
    }

    fn toggle(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Stopped => {
                self.paused = false;
                self.start(Duration::ZERO, true)
            }
            Phase::Ended | Phase::Failed(_) => {
                self.paused = false;
                let from = match self.phase {
                    Phase::Ended => Duration::ZERO,
                    _ => self.position,
                };
                self.start(from, false)
            }
            Phase::Loading | Phase::Buffering | Phase::Playing | Phase::Paused => {
                self.paused = !self.paused;
                self.settle();
                vec![Effect::Pause(self.paused)]
            }
        }
    }

    /// What a begun pipeline is in: stopped by hand, waiting for bytes, or
    /// playing.
    fn settle(&mut self) {
        if !matches!(
            self.phase,
            Phase::Playing | Phase::Paused | Phase::Buffering
        ) {
            return;
        }
        self.phase = if self.paused {
            Phase::Paused
        } else if self.sound_starving || self.picture_starving {
            Phase::Buffering
        } else {
            Phase::Playing
        };
    }

    fn seek(&mut self, to: Duration) -> Vec<Effect> {
        self.resumed = None;
        let last = self.duration().saturating_sub(END_MARGIN);
        self.start(to.min(last), false)
    }

    /// The pipeline's clock shows a time.
    pub fn at(&mut self, generation: Generation, position: Duration) {
        let runs = matches!(
            self.phase,
            Phase::Playing | Phase::Paused | Phase::Buffering
        );
        if generation == self.generation && runs {
            self.position = position.min(self.duration());
            self.note_position();
            let told = |at: &Duration| self.position < *at + TOLD_RESUMED;
            self.resumed = self.resumed.filter(told);
        }
    }

    fn note_position(&mut self) {
        if let Some(file) = self.queue.current().map(|entry| entry.id) {
            self.history.at(file, self.position);
        }
    }
}

#[cfg(test)]
mod tests;
