//! How much may be uploaded in any 24 hours, and how much was.
//!
//! It is counted by the hour, so that what was uploaded comes free again an hour at a
//! time, when all of that hour is a day old. The count outlives the program in a small file.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Hours that count before the one that runs.
const DAY: u64 = 24;

/// Bytes uploaded, by the hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DailyQuota {
    /// Hour since 1970 and bytes, the oldest first; at most [`DAY`] and the one that runs.
    hours: VecDeque<(u64, u64)>,
    /// Bytes that had been uploaded altogether when it was last counted.
    #[serde(skip)]
    counted: u64,
}

fn hour(now: SystemTime) -> u64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs() / 3600
}

impl DailyQuota {
    /// Counts what was uploaded since the last time, given what this program uploaded
    /// altogether. Says whether there was anything.
    pub fn count(&mut self, now: SystemTime, uploaded: u64) -> bool {
        let fresh = uploaded.saturating_sub(self.counted);
        self.counted = uploaded;
        let now = hour(now);
        // A clock that was put back does not make the past count longer.
        let counts = |hour: u64| hour <= now && hour + DAY >= now;
        self.hours.retain(|(hour, _)| counts(*hour));
        if fresh == 0 {
            return false;
        }
        match self.hours.back_mut() {
            Some((hour, bytes)) if *hour == now => *bytes += fresh,
            _ => self.hours.push_back((now, fresh)),
        }
        true
    }

    /// Bytes uploaded in the last 24 hours, as last counted.
    pub fn spent(&self) -> u64 {
        self.hours.iter().map(|(_, bytes)| bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3600 + 60)
    }

    #[test]
    fn what_was_uploaded_comes_free_after_a_day() {
        let mut allowance = DailyQuota::default();
        assert!(allowance.count(at(100), 500));
        assert!(allowance.count(at(100), 700));
        assert!(!allowance.count(at(101), 700));
        assert!(allowance.count(at(110), 1000));
        assert_eq!(allowance.spent(), 1000);
        allowance.count(at(124), 1000);
        assert_eq!(allowance.spent(), 1000);
        allowance.count(at(125), 1000);
        assert_eq!(allowance.spent(), 300);
        allowance.count(at(300), 1000);
        assert_eq!(allowance.spent(), 0);
    }

    #[test]
    fn a_clock_put_back_forgets_the_future() {
        let mut allowance = DailyQuota::default();
        allowance.count(at(500), 500);
        allowance.count(at(100), 500);
        assert_eq!(allowance.spent(), 0);
    }
}
