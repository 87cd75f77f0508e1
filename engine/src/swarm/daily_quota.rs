//! Upload quota over any 24 hours.
//!
//! Uploads are counted by the hour, so that quota is released an hour at a time,
//! once the whole hour is a day old. The counters outlive the program in a small
//! file.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Hours that count before the current one.
const DAY: u64 = 24;

/// Uploaded bytes by the hour, and the limit on them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DailyQuota {
    /// Hour since 1970 and bytes, the oldest first; at most [`DAY`] and the current one.
    hours: VecDeque<(u64, u64)>,
    /// Bytes uploaded by this process when last counted.
    #[serde(skip)]
    counted: u64,
    /// Bytes in 24 hours; `None` for any number.
    #[serde(skip)]
    limit: Option<u64>,
    /// True if bytes were counted since the counters were last saved.
    #[serde(skip)]
    unsaved: bool,
}

fn hour(now: SystemTime) -> u64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs() / 3600
}

impl DailyQuota {
    /// Sets the bytes allowed in 24 hours; `None` for any number.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// Counts the bytes uploaded since the last call, given the total of this process.
    pub fn count(&mut self, now: SystemTime, uploaded: u64) {
        let fresh = uploaded.saturating_sub(self.counted);
        self.counted = uploaded;
        let now = hour(now);
        // A clock that was set back does not make the past count longer.
        let counts = |hour: u64| hour <= now && hour + DAY >= now;
        self.hours.retain(|(hour, _)| counts(*hour));
        if fresh == 0 {
            return;
        }
        self.unsaved = true;
        match self.hours.back_mut() {
            Some((hour, bytes)) if *hour == now => *bytes += fresh,
            _ => self.hours.push_back((now, fresh)),
        }
    }

    /// Bytes uploaded in the last 24 hours, as last counted.
    pub fn spent(&self) -> u64 {
        self.hours.iter().map(|(_, bytes)| bytes).sum()
    }

    /// True while no more may be uploaded.
    pub fn is_exhausted(&self) -> bool {
        self.limit.is_some_and(|limit| self.spent() >= limit)
    }

    /// The counters to save, if they changed since the last call.
    pub fn take_unsaved(&mut self) -> Option<Self> {
        std::mem::take(&mut self.unsaved).then(|| self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3600 + 60)
    }

    #[test]
    fn quota_is_released_after_a_day() {
        let mut quota = DailyQuota::default();
        quota.count(at(100), 500);
        quota.count(at(100), 700);
        quota.count(at(101), 700);
        quota.count(at(110), 1000);
        assert_eq!(quota.spent(), 1000);
        quota.count(at(124), 1000);
        assert_eq!(quota.spent(), 1000);
        quota.count(at(125), 1000);
        assert_eq!(quota.spent(), 300);
        quota.count(at(300), 1000);
        assert_eq!(quota.spent(), 0);
    }

    #[test]
    fn quota_is_exhausted_at_its_limit() {
        let mut quota = DailyQuota::default();
        quota.count(at(100), 500);
        assert!(!quota.is_exhausted(), "no limit");
        quota.set_limit(Some(500));
        assert!(quota.is_exhausted());
        quota.set_limit(Some(501));
        assert!(!quota.is_exhausted());
    }

    #[test]
    fn counters_are_saved_once_per_change() {
        let mut quota = DailyQuota::default();
        quota.count(at(100), 500);
        assert_eq!(quota.take_unsaved().map(|saved| saved.spent()), Some(500));
        quota.count(at(100), 500);
        assert_eq!(quota.take_unsaved(), None);
    }

    #[test]
    fn clock_set_back_forgets_the_future() {
        let mut quota = DailyQuota::default();
        quota.count(at(500), 500);
        quota.count(at(100), 500);
        assert_eq!(quota.spent(), 0);
    }
}
