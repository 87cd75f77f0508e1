//! The daily upload quota's counters, kept in a small JSON file.

use std::io;
use std::path::Path;

use engine::swarm::DailyQuota;

/// Reads the counters; empty if the file is missing or damaged. Blocking.
pub fn load(path: &Path) -> DailyQuota {
    let text = std::fs::read(path).ok();
    let counters = text.and_then(|text| serde_json::from_slice(&text).ok());
    counters.unwrap_or_default()
}

/// Replaces the file. Blocking.
///
/// # Errors
/// The file cannot be written; it then keeps its previous content.
pub fn save(allowance: &DailyQuota, path: &Path) -> io::Result<()> {
    let text = serde_json::to_vec(allowance)?;
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn at(hour: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3600 + 60)
    }

    #[test]
    fn counters_survive_restart_and_damaged_file_is_empty() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("uploaded.json");
        let mut allowance = load(&path);
        allowance.count(at(100), 500);
        save(&allowance, &path).expect("writes");
        let mut later = load(&path);
        // A new process has uploaded nothing yet.
        later.count(at(101), 20);
        assert_eq!(later.spent(), 520);
        std::fs::write(&path, "{").expect("writes");
        assert_eq!(load(&path), DailyQuota::default());
    }
}
