//! Playhead that the player of this program reports.

use std::time::{Duration, Instant};

use crate::ids::Generation;
use crate::scheduler::demand::reader::SLOW_START;

/// Validity of a report: the player sends four in this time.
const VALIDITY: Duration = Duration::from_secs(1);

/// Standstill that counts as a stall: longer than the interval of two reports.
const STANDSTILL: Duration = Duration::from_millis(400);

/// Playhead of a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Playhead {
    /// Media time.
    pub time: Duration,
    /// Speed in percent of normal; 0 while paused.
    pub speed: u32,
    /// Number of the decoding pipeline; a seek starts a new one.
    pub generation: Generation,
}

/// The last report of a player, and the history of its generation.
#[derive(Debug, Clone, Copy)]
pub struct ReportedPlayhead {
    last: Playhead,
    reported: Instant,
    /// Time of the first report of the generation.
    begun: Instant,
    /// Last time at which it moved or was paused; `None` before playback.
    moved: Option<Instant>,
    /// True if the last report said that it moved.
    moving: bool,
    stalled: bool,
}

impl ReportedPlayhead {
    /// The first report of a generation.
    pub fn new(now: Instant, playhead: Playhead) -> Self {
        Self {
            last: playhead,
            reported: now,
            begun: now,
            moved: None,
            moving: false,
            stalled: false,
        }
    }

    /// Number of the pipeline.
    pub fn generation(&self) -> Generation {
        self.last.generation
    }

    /// Records a further report of the same generation.
    pub fn update(&mut self, now: Instant, playhead: Playhead) {
        self.moving = playhead.time != self.last.time;
        if self.moving || (playhead.speed == 0 && self.has_started()) {
            self.moved = Some(now);
            self.stalled = false;
        }
        self.last = playhead;
        self.reported = now;
    }

    /// False once the player has been silent: it has ended, or plays another file.
    pub fn is_valid(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.reported) <= VALIDITY
    }

    /// Media time that plays, extrapolated from the last report.
    pub fn time(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.reported);
        match self.moving {
            true => self.last.time + since * self.last.speed / 100,
            false => self.last.time,
        }
    }

    /// Speed in percent of normal at which it plays, or will play once it goes on.
    pub fn speed(&self) -> u32 {
        match self.last.speed {
            0 => 100,
            speed => speed,
        }
    }

    /// True if this generation has begun to play, be it paused or stalled.
    pub fn has_started(&self) -> bool {
        self.moved.is_some()
    }

    /// Begins a stall if the playhead stands still though it should move. Returns true
    /// if so.
    pub fn begin_stall(&mut self, now: Instant) -> bool {
        let still = |moved: Instant| now.saturating_duration_since(moved) >= STANDSTILL;
        let begins = !self.stalled && self.last.speed > 0 && self.moved.is_some_and(still);
        self.stalled |= begins;
        begins
    }

    /// True while playback is stalled, or slow to start.
    pub fn is_stalled(&self, now: Instant) -> bool {
        let waited = now.saturating_duration_since(self.begun);
        let slow_start = !self.has_started() && self.last.speed > 0 && waited > SLOW_START;
        self.stalled || slow_start
    }
}
