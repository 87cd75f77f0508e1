//! Media time between two steps of the sound card, and what to do with a frame.

use std::time::{Duration, Instant};

/// Frames of sound in a second, of every pipeline.
pub const SAMPLE_RATE: u32 = 48_000;

/// The clock runs on by itself for this long after a step: sound cards step by
/// 10 to 100 ms; a longer rest is a hold.
const MAX_COAST: Duration = Duration::from_millis(100);

/// Share of what a step is off that the clock is set right by, once it has settled: a
/// sound server asks for samples now early, now late, now for twice as many.
const CORRECTION: f64 = 0.1;

/// A step that is off by more, or that is late by [`MAX_COAST`], begins anew: sound was
/// held, or ran out.
const OFF: f64 = 0.08;

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

/// Turns the count of sounded samples, which comes in uneven steps, into a smooth time,
/// by a loop that follows the mean of the steps (of first order, after F. Adriaensen,
/// "Using a DLL to filter time", 2005).
#[derive(Debug)]
pub struct Clock {
    from: Duration,
    speed: f64,
    delay: Duration,
    played: u64,
    stepped: Instant,
    /// Seconds sounded at the last step.
    sounded: f64,
    /// Steps since it began anew.
    steps: u32,
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
            sounded: 0.0,
            steps: 0,
        }
    }

    /// Media time heard now, after `played` samples were counted. Does not
    /// coast while `held`.
    pub fn time(&mut self, now: Instant, played: u64, held: bool) -> Duration {
        if played != self.played || held {
            let counted = played as f64 / f64::from(SAMPLE_RATE);
            let off = counted - self.at(now);
            let rested = now.saturating_duration_since(self.stepped) >= MAX_COAST;
            self.steps = match held || rested || off.abs() > OFF {
                true => 0,
                false => self.steps + 1,
            };
            // At first the mean of all steps.
            let weight = CORRECTION.max(1.0 / f64::from(self.steps + 1));
            (self.sounded, self.stepped) = (self.at(now) + off * weight, now);
            self.played = played;
        }
        let heard = (self.at(now) - self.delay.as_secs_f64()).max(0.0);
        self.from + Duration::from_secs_f64(heard * self.speed)
    }

    fn at(&self, now: Instant) -> f64 {
        let coast = match self.played {
            0 => Duration::ZERO,
            _ => now.saturating_duration_since(self.stepped).min(MAX_COAST),
        };
        self.sounded + coast.as_secs_f64()
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

    fn near(time: Duration, milliseconds: u32) -> bool {
        time.abs_diff(MS * milliseconds) < Duration::from_micros(10)
    }

    #[test]
    fn time_runs_on_between_steps_and_rests_when_they_stop() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::from_secs(5), 1.0, Duration::ZERO, start);
        assert!(near(clock.time(start + 50 * MS, 0, false), 5000));
        // The first step counts whole: nothing was heard before.
        assert!(near(clock.time(start + 60 * MS, 9600, false), 5200));
        assert!(near(clock.time(start + 65 * MS, 9600, false), 5205));
        assert!(near(clock.time(start + 900 * MS, 9600, false), 5300));
        assert!(near(clock.time(start + 901 * MS, 9600, true), 5200));
    }

    #[test]
    fn uneven_steps_make_an_even_time() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::ZERO, 1.0, Duration::ZERO, start);
        let mut last = None;
        // Steps of 20 ms, every other one 15 ms late.
        for step in 1..200_u32 {
            let late = if step % 2 == 0 { 15 } else { 0 };
            let now = start + MS * (20 * step + late);
            let time = clock.time(now, u64::from(step) * 960, false);
            let ahead = (start + time)
                .saturating_duration_since(start)
                .as_secs_f64()
                - now.duration_since(start).as_secs_f64();
            if let Some(before) = last.replace(ahead)
                && step > 20
            {
                assert!((ahead - before).abs() < 0.002, "step {step}: {ahead}");
                assert!((-0.012..-0.003).contains(&ahead), "the mean: {ahead}");
            }
        }
    }

    #[test]
    fn after_a_hold_it_begins_anew() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::ZERO, 1.0, Duration::ZERO, start);
        for step in 1..50_u32 {
            clock.time(start + 20 * MS * step, u64::from(step) * 960, false);
        }
        let later = start + Duration::from_secs(3);
        assert!(near(clock.time(later, 50 * 960, false), 1000));
    }

    #[test]
    fn double_speed_and_the_way_to_the_ear_are_accounted_for() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::ZERO, 2.0, 10 * MS, start);
        assert!(near(clock.time(start, 48_000, false), 1980));
        assert!(near(clock.time(start, 0, false), 0));
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
