//! Play progress in an embedded database in the data directory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use engine::ids::FileId;
use engine::player::PlayProgress;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

const SEEN: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("seen");
/// Memory for the database's cache, in bytes.
const CACHE: usize = 1 << 20;

/// The database. Blocking.
#[derive(Debug)]
pub struct HistoryFile {
    database: Database,
    /// Changes that were handed out a number.
    taken: AtomicU64,
    /// The latest number that was written of each file: saves run beside each other,
    /// and an older one must not overtake.
    written: Mutex<HashMap<FileId, u64>>,
}

impl HistoryFile {
    /// Opens or creates `history.redb` in the data directory.
    ///
    /// # Errors
    /// It cannot be read or written, or another program has it.
    pub fn open(data_dir: &Path) -> Result<Self, redb::Error> {
        let mut builder = redb::Builder::new();
        let database = builder
            .set_cache_size(CACHE)
            .create(data_dir.join("history.redb"))?;
        let write = database.begin_write()?;
        write.open_table(SEEN)?;
        write.commit()?;
        Ok(Self {
            database,
            taken: AtomicU64::new(0),
            written: Mutex::default(),
        })
    }

    /// All that is kept. What cannot be read is left out.
    ///
    /// # Errors
    /// The database fails.
    pub fn load(&self) -> Result<Vec<(FileId, PlayProgress)>, redb::Error> {
        let table = self.database.begin_read()?.open_table(SEEN)?;
        let mut all = Vec::new();
        for row in table.iter()? {
            let (id, bytes) = row?;
            if let Ok(seen) = serde_json::from_slice(bytes.value()) {
                all.push((FileId(*id.value()), seen));
            }
        }
        Ok(all)
    }

    /// A number for changes that were just taken.
    pub fn number(&self) -> u64 {
        self.taken.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Keeps what changed, but for what a later number has changed since.
    ///
    /// # Errors
    /// The database fails; nothing is changed then.
    pub fn save(
        &self,
        number: u64,
        changes: &[(FileId, Option<PlayProgress>)],
    ) -> Result<(), redb::Error> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let write = self.database.begin_write()?;
        {
            let mut table = write.open_table(SEEN)?;
            for (id, seen) in changes {
                if written.get(id).is_some_and(|latest| *latest > number) {
                    continue;
                }
                match seen {
                    Some(seen) => {
                        let bytes = serde_json::to_vec(seen).unwrap_or_default();
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
            *latest = number.max(*latest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::media::{FileEntry, MediaInfo, MediaKind};
    use engine::player::History;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn entry(id: u8, kind: MediaKind, minutes: u64) -> FileEntry {
        FileEntry {
            id: FileId([id; 32]),
            name: "film".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(kind, minutes * 60_000),
            sources: 1,
        }
    }

    fn played(film: &FileEntry, position: Duration) -> History {
        let mut history = History::default();
        history.begins(film);
        history.at(film.id, position);
        history
    }

    #[test]
    fn it_is_kept_over_a_restart() {
        let dir = tempfile::tempdir().expect("folder");
        let film = entry(1, MediaKind::Video, 100);
        let other = entry(2, MediaKind::Video, 100);
        let mut history = played(&film, 40 * MINUTE);
        history.begins(&other);
        {
            let file = HistoryFile::open(dir.path()).expect("opens");
            file.save(file.number(), &history.take_changes())
                .expect("saves");
            assert!(HistoryFile::open(dir.path()).is_err(), "it is in use");
            file.save(file.number(), &[(other.id, None)])
                .expect("forgets");
        }
        assert_eq!(history.take_changes(), []);
        let file = HistoryFile::open(dir.path()).expect("opens again");
        let kept = History::new(file.load().expect("loads"));
        assert_eq!(kept.resume(&film), 40 * MINUTE);
        assert_eq!(kept.recent().len(), 1);
    }

    #[test]
    fn a_save_that_is_late_does_not_undo_a_later_one() {
        let dir = tempfile::tempdir().expect("folder");
        let film = entry(1, MediaKind::Video, 100);
        let other = entry(2, MediaKind::Video, 100);
        let seen = |minutes: u32| played(&film, minutes * MINUTE).recent()[0].1;
        let file = HistoryFile::open(dir.path()).expect("opens");
        let (early, late) = (file.number(), file.number());
        file.save(late, &[(film.id, Some(seen(50)))])
            .expect("saves");
        let changes = [(film.id, Some(seen(10))), (other.id, Some(seen(10)))];
        file.save(early, &changes).expect("saves");
        let kept = History::new(file.load().expect("loads"));
        assert_eq!(kept.resume(&film), 50 * MINUTE);
        assert_eq!(
            kept.resume(&other),
            10 * MINUTE,
            "what nobody changed since is kept"
        );
    }
}
