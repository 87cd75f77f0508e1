//! Media time between two steps of the sound card, and what to do with a frame.

use std::time::{Duration, Instant};

/// Frames of sound in a second, of every pipeline.
pub const SAMPLE_RATE: u32 = 48_000;

/// The clock runs on by itself for this long after a step: sound cards step by
/// 10 to 100 ms; a longer rest is a hold.
const MAX_COAST: Duration = Duration::from_millis(100);

/// A frame may be shown this much early rather than wait for so little.
const EARLY: Duration = Duration::from_millis(2);

/// A frame later than this many frame times is dropped.
const DROP_AFTER: f64 = 1.5;

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Show it now.
    Show,
    /// Look again after this time.
    Wait(Duration),
    /// Too late.
    Drop,
}

/// Turns the count of sounded samples into a smooth time.
#[derive(Debug)]
pub struct Clock {
    from: Duration,
    speed: f64,
    delay: Duration,
    played: u64,
    stepped: Instant,
}

impl Clock {
    /// A clock whose sound begins at media time `from`, runs at `speed` times
    /// normal and is heard `delay` after it is counted.
    pub fn new(from: Duration, speed: f64, delay: Duration, now: Instant) -> Self {
        Self {
            from,
            speed,
            delay,
            played: 0,
            stepped: now,
        }
    }

    /// Media time heard now, after `played` samples were counted. Does not
    /// coast while `held`.
    pub fn time(&mut self, now: Instant, played: u64, held: bool) -> Duration {
        if played != self.played || held {
            self.played = played;
            self.stepped = now;
        }
        let sounded = Duration::from_secs_f64(played as f64 / f64::from(SAMPLE_RATE));
        let coast = match played {
            0 => Duration::ZERO,
            _ => now.saturating_duration_since(self.stepped).min(MAX_COAST),
        };
        let heard = (sounded + coast).saturating_sub(self.delay);
        self.from + heard.mul_f64(self.speed)
    }
}

/// Decides on the frame for `due`, at media time `time`.
pub fn judge(time: Duration, due: Duration, frame_time: Duration) -> Verdict {
    if time + EARLY < due {
        return Verdict::Wait(due - time);
    }
    if time > due + frame_time.mul_f64(DROP_AFTER) {
        return Verdict::Drop;
    }
    Verdict::Show
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn time_runs_smoothly_between_steps_and_rests_when_they_stop() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::from_secs(5), 1.0, Duration::ZERO, start);
        assert_eq!(clock.time(start + 50 * MS, 0, false), 5000 * MS);
        assert_eq!(clock.time(start + 60 * MS, 480, false), 5010 * MS);
        assert_eq!(clock.time(start + 65 * MS, 480, false), 5015 * MS);
        assert_eq!(clock.time(start + 900 * MS, 480, false), 5110 * MS);
        assert_eq!(clock.time(start + 901 * MS, 480, true), 5010 * MS);
    }

    #[test]
    fn double_speed_and_the_way_to_the_ear_are_accounted_for() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::ZERO, 2.0, 10 * MS, start);
        assert_eq!(clock.time(start, 48_000, false), 1980 * MS);
        assert_eq!(clock.time(start, 0, false), Duration::ZERO);
    }

    #[test]
    fn frames_wait_show_or_drop() {
        let frame = 33 * MS;
        assert_eq!(judge(100 * MS, 150 * MS, frame), Verdict::Wait(50 * MS));
        assert_eq!(judge(149 * MS, 150 * MS, frame), Verdict::Show);
        assert_eq!(judge(190 * MS, 150 * MS, frame), Verdict::Show);
        assert_eq!(judge(210 * MS, 150 * MS, frame), Verdict::Drop);
    }
}
