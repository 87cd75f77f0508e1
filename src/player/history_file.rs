//! Progress of played files in an embedded database in the data directory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use engine::ids::FileId;
use engine::player::PlayProgress;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

/// Progress as JSON by file. The name is that of earlier releases.
const PROGRESS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("seen");

/// Cache of the database, in bytes.
const CACHE: usize = 1 << 20;

/// Database of progress. Blocking.
#[derive(Debug)]
pub struct HistoryFile {
    database: Database,
    /// Number of the last batch of changes.
    last_batch: AtomicU64,
    /// Batch last written of each file: saves run in parallel, and an older one must not
    /// overwrite a newer one.
    written: Mutex<HashMap<FileId, u64>>,
}

impl HistoryFile {
    /// Opens or creates `history.redb` in the data directory.
    ///
    /// # Errors
    /// The file cannot be read or written, or another process uses it.
    pub fn open(data_dir: &Path) -> Result<Self, redb::Error> {
        let mut builder = redb::Builder::new();
        let database = builder
            .set_cache_size(CACHE)
            .create(data_dir.join("history.redb"))?;
        let write = database.begin_write()?;
        write.open_table(PROGRESS)?;
        write.commit()?;
        Ok(Self {
            database,
            last_batch: AtomicU64::new(0),
            written: Mutex::default(),
        })
    }

    /// Loads all progress. Unreadable rows are skipped.
    ///
    /// # Errors
    /// The database fails.
    pub fn load(&self) -> Result<Vec<(FileId, PlayProgress)>, redb::Error> {
        let table = self.database.begin_read()?.open_table(PROGRESS)?;
        let mut all = Vec::new();
        for row in table.iter()? {
            let (id, bytes) = row?;
            if let Ok(progress) = serde_json::from_slice(bytes.value()) {
                all.push((FileId(*id.value()), progress));
            }
        }
        Ok(all)
    }

    /// Number for a batch of changes, in the order in which they were made.
    pub fn next_batch(&self) -> u64 {
        self.last_batch.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Saves a batch, except files that a later batch has changed since.
    ///
    /// # Errors
    /// The database fails; nothing is changed then.
    pub fn save(
        &self,
        batch: u64,
        changes: &[(FileId, Option<PlayProgress>)],
    ) -> Result<(), redb::Error> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let write = self.database.begin_write()?;
        {
            let mut table = write.open_table(PROGRESS)?;
            for (id, progress) in changes {
                if written.get(id).is_some_and(|latest| *latest > batch) {
                    continue;
                }
                match progress {
                    Some(progress) => {
                        let bytes = serde_json::to_vec(progress).unwrap_or_default();
                        table.insert(&id.0, bytes.as_slice())?;
                    }
                    None => {
                        table.remove(&id.0)?;
                    }
                }
            }
        }
        write.commit()?;
        for (id, _) in changes {
            let latest = written.entry(*id).or_default();
            *latest = batch.max(*latest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::fixtures;
    use engine::media::{FileEntry, MediaKind};
    use engine::player::History;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn entry(id: u8, kind: MediaKind, minutes: u64) -> FileEntry {
        let mut entry = fixtures::entry(id, kind, "film");
        entry.info.duration_ms = minutes * 60_000;
        entry
    }

    fn played(film: &FileEntry, position: Duration) -> History {
        let mut history = History::default();
        history.start(film);
        history.record(film.id, position);
        history
    }

    #[test]
    fn progress_survives_a_restart() {
        let dir = tempfile::tempdir().expect("folder");
        let film = entry(1, MediaKind::Video, 100);
        let other = entry(2, MediaKind::Video, 100);
        let mut history = played(&film, 40 * MINUTE);
        history.start(&other);
        {
            let file = HistoryFile::open(dir.path()).expect("opens");
            file.save(file.next_batch(), &history.take_changes())
                .expect("saves");
            assert!(HistoryFile::open(dir.path()).is_err(), "in use");
            file.save(file.next_batch(), &[(other.id, None)])
                .expect("forgets");
        }
        assert_eq!(history.take_changes(), []);
        let file = HistoryFile::open(dir.path()).expect("opens again");
        let saved = History::new(file.load().expect("loads"));
        assert_eq!(saved.resume_position(&film), 40 * MINUTE);
        assert_eq!(saved.recent().len(), 1);
    }

    #[test]
    fn late_save_does_not_overwrite_a_newer_one() {
        let dir = tempfile::tempdir().expect("folder");
        let film = entry(1, MediaKind::Video, 100);
        let other = entry(2, MediaKind::Video, 100);
        let progress = |minutes: u32| played(&film, minutes * MINUTE).recent()[0].1;
        let file = HistoryFile::open(dir.path()).expect("opens");
        let (early, late) = (file.next_batch(), file.next_batch());
        file.save(late, &[(film.id, Some(progress(50)))])
            .expect("saves");
        let changes = [
            (film.id, Some(progress(10))),
            (other.id, Some(progress(10))),
        ];
        file.save(early, &changes).expect("saves");
        let saved = History::new(file.load().expect("loads"));
        assert_eq!(saved.resume_position(&film), 50 * MINUTE);
        assert_eq!(
            saved.resume_position(&other),
            10 * MINUTE,
            "unchanged since"
        );
    }
}
