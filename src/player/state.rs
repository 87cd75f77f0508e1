//! What is playing and what a command changes: no process, no clock.

use std::time::Duration;

use super::{Control, Phase};
use crate::ids::Generation;
use crate::media::FileEntry;

/// "Previous" within this time goes to the file before, later to the start.
const RESTART_AFTER: Duration = Duration::from_secs(3);

/// A seek to the very end lands this far before it, so that something is seen.
const END_MARGIN: Duration = Duration::from_millis(100);

/// An end this close to the file's own, or within a fiftieth of its length, is
/// the end: containers round.
const END_TOLERANCE: Duration = Duration::from_secs(2);

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
        /// Whether the file is another one than before.
        fresh: bool,
    },
    /// End what runs.
    Stop,
    /// Hold time, or let it go on.
    Pause(bool),
    /// Loudness, 0 to 1.
    Gain(f32),
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
    /// It is over; the last complaint of a decoder, if there was one.
    Ended(Option<String>),
    /// It cannot go on, and why.
    Failed(String),
}

/// The playing list and the state of its present file.
#[derive(Debug, Default)]
pub struct State {
    list: Vec<FileEntry>,
    index: usize,
    phase: Phase,
    paused: bool,
    volume: u32,
    muted: bool,
    speed: u32,
    generation: Generation,
    position: Duration,
    sound_starving: bool,
    picture_starving: bool,
    /// Where the stream last broke off, to tell progress from a loop.
    broke_at: Option<Duration>,
}

impl State {
    /// Nothing chosen, at a volume of 0 to 100.
    pub fn new(volume: u32) -> Self {
        Self {
            volume: volume.min(100),
            speed: 100,
            ..Self::default()
        }
    }

    /// What it does.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The chosen file.
    pub fn entry(&self) -> Option<&FileEntry> {
        self.list.get(self.index)
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
        self.index + 1 < self.list.len()
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
            .map_or(Duration::ZERO, |entry| entry.facts.duration())
    }

    /// Loudness as the ear hears it: the square of the slider.
    fn gain(&self) -> f32 {
        let slider = self.volume as f32 / 100.0;
        if self.muted { 0.0 } else { slider * slider }
    }

    /// Takes a new list.
    pub fn play(&mut self, list: Vec<FileEntry>, index: usize) -> Vec<Effect> {
        self.list = list;
        self.go(index)
    }

    /// Goes to a file of the list, playing.
    fn go(&mut self, index: usize) -> Vec<Effect> {
        if index >= self.list.len() {
            return Vec::new();
        }
        self.index = index;
        self.paused = false;
        self.broke_at = None;
        self.start(Duration::ZERO, true)
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
                match self.phase {
                    Phase::Loading | Phase::Playing | Phase::Paused | Phase::Buffering => {
                        self.restart()
                    }
                    _ => Vec::new(),
                }
            }
            Control::Next => self.go(self.index + 1),
            Control::Previous if self.position > RESTART_AFTER || self.index == 0 => {
                self.seek(Duration::ZERO)
            }
            Control::Previous => self.go(self.index - 1),
            Control::Stop => {
                self.list.clear();
                self.phase = Phase::Stopped;
                self.generation = self.generation.next();
                vec![Effect::Stop]
            }
        }
    }

    fn toggle(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::Stopped => Vec::new(),
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
        }
    }

    /// Takes in what a pipeline says; older ones are ignored.
    pub fn report(&mut self, generation: Generation, report: Report) -> Vec<Effect> {
        if generation != self.generation || self.phase == Phase::Stopped {
            return Vec::new();
        }
        match report {
            Report::Started => {
                if self.phase == Phase::Loading {
                    self.phase = Phase::Playing;
                }
            }
            Report::SoundStarving(starving) => self.sound_starving = starving,
            Report::PictureStarving(starving) => self.picture_starving = starving,
            Report::Ended(complaint) if self.broke_off() => return self.resume(complaint),
            Report::Ended(_) if self.has_next() => return self.go(self.index + 1),
            Report::Ended(_) => {
                self.phase = Phase::Ended;
                self.position = self.duration();
                return vec![Effect::Stop];
            }
            Report::Failed(why) => {
                self.phase = Phase::Failed(why);
                return vec![Effect::Stop];
            }
        }
        self.settle();
        Vec::new()
    }

    /// Whether the end came well before the file's own.
    fn broke_off(&self) -> bool {
        let margin = END_TOLERANCE.max(self.duration() / 50);
        self.position + margin < self.duration()
    }

    /// Goes on where the stream broke off. A second end at the same place is
    /// the file's fault: it says why, if the decoder did.
    fn resume(&mut self, complaint: Option<String>) -> Vec<Effect> {
        let here = self.position;
        let again = self.broke_at.is_some_and(|at| here <= at + END_TOLERANCE);
        self.broke_at = Some(here);
        if !again {
            return self.restart();
        }
        if let Some(complaint) = complaint {
            self.phase = Phase::Failed(complaint);
            return vec![Effect::Stop];
        }
        // It simply holds less than its head says.
        self.position = self.duration();
        let generation = self.generation;
        self.report(generation, Report::Ended(None))
    }
}

#[cfg(test)]
mod tests;
