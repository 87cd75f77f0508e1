//! Persistence of the daily upload quota, in a small JSON file.

use std::io;
use std::path::PathBuf;

use engine::swarm::DailyQuota;

/// File with the counters of the quota.
#[derive(Debug, Clone)]
pub struct QuotaFile(pub PathBuf);

impl QuotaFile {
    /// Reads the counters; empty if the file is missing or damaged. Blocking.
    pub fn load(&self) -> DailyQuota {
        let text = std::fs::read(&self.0).ok();
        let counters = text.and_then(|text| serde_json::from_slice(&text).ok());
        counters.unwrap_or_default()
    }

    /// Replaces the file. Blocking.
    ///
    /// # Errors
    /// The file cannot be written; it then keeps its previous content.
    pub fn save(&self, quota: &DailyQuota) -> io::Result<()> {
        let text = serde_json::to_vec(quota)?;
        let new = self.0.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(new, &self.0)
    }

    /// Saves changed counters on the blocking pool, which finishes the work it has
    /// begun before the program ends.
    pub fn save_changes(&self, quota: &mut DailyQuota) {
        let Some(changed) = quota.take_unsaved() else {
            return;
        };
        let file = self.clone();
        actix_rt::task::spawn_blocking(move || {
            if let Err(error) = file.save(&changed) {
                tracing::warn!(%error, "failed to save the daily quota");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn at(hour: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3600 + 60)
    }

    #[test]
    fn counters_survive_a_restart_and_a_damaged_file_is_empty() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = QuotaFile(folder.path().join("uploaded.json"));
        let mut quota = file.load();
        quota.count(at(100), 500);
        file.save(&quota).expect("writes");
        let mut later = file.load();
        // A new process has uploaded nothing yet.
        later.count(at(101), 20);
        assert_eq!(later.spent(), 520);
        std::fs::write(&file.0, "{").expect("writes");
        assert_eq!(file.load(), DailyQuota::default());
    }
}
