//! How much may be uploaded in any 24 hours, and how much was.
//!
//! It is counted by the hour, so that what was uploaded comes free again an hour at a
//! time, when all of that hour is a day old. The count outlives the program in a small file.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Hours that count before the one that runs.
const DAY: u64 = 24;

/// Bytes uploaded, by the hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Allowance {
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

impl Allowance {
    /// What an earlier run noted; nothing if there is no note, or none that makes sense.
    pub fn load(path: &Path) -> Self {
        let noted = std::fs::read(path).ok();
        let noted = noted.and_then(|text| serde_json::from_slice(&text).ok());
        noted.unwrap_or_default()
    }

    /// Notes it; blocks.
    ///
    /// # Errors
    /// The file cannot be written; it is then as it was.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        let new = path.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(new, path)
    }

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
        let mut allowance = Allowance::default();
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
    fn the_count_outlives_the_program_and_a_broken_note_is_no_note() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("uploaded.json");
        let mut allowance = Allowance::load(&path);
        allowance.count(at(100), 500);
        allowance.save(&path).expect("writes");
        let mut later = Allowance::load(&path);
        // A new program has uploaded nothing yet.
        later.count(at(101), 20);
        assert_eq!(later.spent(), 520);
        std::fs::write(&path, "{").expect("writes");
        assert_eq!(Allowance::load(&path), Allowance::default());
    }

    #[test]
    fn a_clock_put_back_forgets_the_future() {
        let mut allowance = Allowance::default();
        allowance.count(at(500), 500);
        allowance.count(at(100), 500);
        assert_eq!(allowance.spent(), 0);
    }
}
