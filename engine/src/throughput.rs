//! Smoothed byte rate.

use std::time::{Duration, Instant};

/// Time constant: long enough to bridge the gap between two chunks, short enough to
/// notice a peer that slows down.
const TIME_CONSTANT: Duration = Duration::from_secs(2);

/// An exponentially weighted rate, in bytes a second.
#[derive(Debug, Clone)]
pub struct Throughput {
    level: f64,
    updated: Instant,
    total: u64,
}

impl Throughput {
    /// A meter without bytes so far.
    pub fn new(now: Instant) -> Self {
        Self {
            level: 0.0,
            updated: now,
            total: 0,
        }
    }

    /// Counts bytes.
    pub fn add(&mut self, now: Instant, bytes: u64) {
        self.decay(now);
        self.level += bytes as f64 / TIME_CONSTANT.as_secs_f64();
        self.total += bytes;
    }

    /// Rate in bytes a second.
    pub fn rate(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.updated);
        self.level * (-age.as_secs_f64() / TIME_CONSTANT.as_secs_f64()).exp()
    }

    /// Bytes counted so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    fn decay(&mut self, now: Instant) {
        self.level = self.rate(now);
        self.updated = self.updated.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_follows_a_steady_stream_and_decays_in_silence() {
        let start = Instant::now();
        let mut meter = Throughput::new(start);
        let mut now = start;
        for _ in 0..1000 {
            now += Duration::from_millis(10);
            meter.add(now, 1000);
        }
        let rate = meter.rate(now);
        assert!((95_000.0..105_000.0).contains(&rate), "{rate}");
        assert!(meter.rate(now + Duration::from_secs(20)) < 10.0);
        assert_eq!(meter.total(), 1_000_000);
    }
}
