//! Media time between two steps of the sound card, and the decision on a frame.

use std::time::{Duration, Instant};

/// Audio samples a second, of every pipeline.
pub const SAMPLE_RATE: u32 = 48_000;

/// Time that the clock extrapolates after a step. Sound cards step by 10 to 100 ms; a
/// longer gap means that the sound is held.
const MAX_COAST: Duration = Duration::from_millis(100);

/// Loop gain of the clock filter once it has settled: the share of the error of a step
/// that corrects the clock. Sound servers request samples with a jitter of a whole period;
/// a gain of 0.1 averages over about ten steps.
const LOOP_GAIN: f64 = 0.1;

/// Error of a step, in seconds, that resets the filter: sound was held or ran out. Larger
/// than the jitter of common sound servers.
const RESET_ERROR: f64 = 0.08;

/// Time that a frame may be early: shorter than the granularity of a sleep.
const EARLY: Duration = Duration::from_millis(2);

/// Lateness in frame times that drops a frame.
const DROP_AFTER: f64 = 1.5;

/// Decision on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Show the frame now.
    Show,
    /// Decide again after this time.
    Wait(Duration),
    /// Drop the frame, which is too late.
    Drop,
}

/// Smooth media time from the count of played samples, which advances in uneven steps.
///
/// A first-order loop follows the mean of the steps (after F. Adriaensen, "Using a DLL to
/// filter time", 2005).
#[derive(Debug)]
pub struct Clock {
    from: Duration,
    speed: f64,
    delay: Duration,
    played: u64,
    last_step: Instant,
    /// Filtered seconds played at the last step.
    filtered: f64,
    /// Steps since the last reset.
    steps: u32,
}

impl Clock {
    /// A clock whose sound starts at media time `from`, runs at `speed` times normal and
    /// is heard `delay` after it is counted.
    pub fn new(from: Duration, speed: f64, delay: Duration, now: Instant) -> Self {
        Self {
            from,
            speed,
            delay,
            played: 0,
            last_step: now,
            filtered: 0.0,
            steps: 0,
        }
    }

    /// Media time heard now, after `played` samples were counted. Not extrapolated while
    /// `held`.
    pub fn time(&mut self, now: Instant, played: u64, held: bool) -> Duration {
        if played != self.played || held {
            let counted = played as f64 / f64::from(SAMPLE_RATE);
            let error = counted - self.seconds_at(now);
            let late = now.saturating_duration_since(self.last_step) >= MAX_COAST;
            self.steps = match held || late || error.abs() > RESET_ERROR {
                true => 0,
                false => self.steps + 1,
            };
            // The first steps are averaged, for the clock to settle at once.
            let weight = LOOP_GAIN.max(1.0 / f64::from(self.steps + 1));
            self.filtered = self.seconds_at(now) + error * weight;
            self.last_step = now;
            self.played = played;
        }
        let heard = (self.seconds_at(now) - self.delay.as_secs_f64()).max(0.0);
        self.from + Duration::from_secs_f64(heard * self.speed)
    }

    /// Seconds played, extrapolated since the last step.
    fn seconds_at(&self, now: Instant) -> f64 {
        let coast = match self.played {
            0 => Duration::ZERO,
            _ => now.saturating_duration_since(self.last_step).min(MAX_COAST),
        };
        self.filtered + coast.as_secs_f64()
    }
}

/// Decides on a frame that is `due`, at media time `time`.
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
    fn time_is_extrapolated_between_steps_and_then_stops() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::from_secs(5), 1.0, Duration::ZERO, start);
        assert!(near(clock.time(start + 50 * MS, 0, false), 5000));
        // The first step is taken as it is.
        assert!(near(clock.time(start + 60 * MS, 9600, false), 5200));
        assert!(near(clock.time(start + 65 * MS, 9600, false), 5205));
        assert!(near(clock.time(start + 900 * MS, 9600, false), 5300));
        assert!(near(clock.time(start + 901 * MS, 9600, true), 5200));
    }

    #[test]
    fn uneven_steps_yield_an_even_time() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::ZERO, 1.0, Duration::ZERO, start);
        let mut last = None;
        // Steps of 20 ms, every other one 15 ms late.
        for step in 1..200_u32 {
            let late = if step % 2 == 0 { 15 } else { 0 };
            let now = start + MS * (20 * step + late);
            let time = clock.time(now, u64::from(step) * 960, false);
            let lead = (start + time)
                .saturating_duration_since(start)
                .as_secs_f64()
                - now.duration_since(start).as_secs_f64();
            if let Some(before) = last.replace(lead)
                && step > 20
            {
                assert!((lead - before).abs() < 0.002, "step {step}: {lead}");
                assert!((-0.012..-0.003).contains(&lead), "the mean: {lead}");
            }
        }
    }

    #[test]
    fn long_gap_resets_the_filter() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::ZERO, 1.0, Duration::ZERO, start);
        for step in 1..50_u32 {
            clock.time(start + 20 * MS * step, u64::from(step) * 960, false);
        }
        let later = start + Duration::from_secs(3);
        assert!(near(clock.time(later, 50 * 960, false), 1000));
    }

    #[test]
    fn speed_and_output_delay_are_applied() {
        let start = Instant::now();
        let mut clock = Clock::new(Duration::ZERO, 2.0, 10 * MS, start);
        assert!(near(clock.time(start, 48_000, false), 1980));
        assert!(near(clock.time(start, 0, false), 0));
    }

    #[test]
    fn frame_waits_shows_or_drops_by_its_due_time() {
        let frame = 33 * MS;
        assert_eq!(judge(100 * MS, 150 * MS, frame), Verdict::Wait(50 * MS));
        assert_eq!(judge(149 * MS, 150 * MS, frame), Verdict::Show);
        assert_eq!(judge(190 * MS, 150 * MS, frame), Verdict::Show);
        assert_eq!(judge(210 * MS, 150 * MS, frame), Verdict::Drop);
    }
}
