//! What was probed and hashed before, by path. Blocking.
//!
//! An embedded database in the data directory. It is also the lock of that
//! directory: a second program that opens it is refused.

use std::path::Path;

use engine::ids::FileId;
use engine::media::MediaInfo;
use redb::{Database, ReadableDatabase, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::library::scan::Stamp;
use crate::library::sidecars::Made;

const FILES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("files");
const SIDECARS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sidecars");
const TREES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("trees");

/// Memory for the database's cache, in bytes: look-ups are rare.
const CACHE: usize = 4 << 20;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another program has the data directory.
    #[error(
        "the data directory {0} is in use by another swarmplay; give this one its own with \
         --set store.data_dir=…"
    )]
    InUse(String),
    /// The database fails.
    #[error("the library database fails: {0}")]
    Database(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for IndexError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// What is remembered of a path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// State of the file when it was looked at.
    pub stamp: Stamp,
    /// What was found.
    pub verdict: Verdict,
    /// [`FACTS_VERSION`] of the program that looked.
    #[serde(default)]
    pub version: u32,
}

/// Grows when more is learnt of a file than before; what older programs found is
/// looked for again, without hashing.
pub const FACTS_VERSION: u32 = 3;

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// Media.
    Shared {
        /// Content id.
        id: FileId,
        /// Bytes of a chunk.
        chunk_size: u32,
        /// What ffprobe said.
        info: Box<MediaInfo>,
    },
    /// Nothing that can be shared, and why.
    Skipped(String),
}

/// The database.
#[derive(Debug)]
pub struct Index {
    database: Database,
}

impl Index {
    /// Opens or creates the database.
    ///
    /// # Errors
    /// [`IndexError::InUse`] if another program has it.
    pub fn open(data_dir: &Path) -> Result<Self, IndexError> {
        let create = redb::Builder::new()
            .set_cache_size(CACHE)
            .create(data_dir.join("library.redb"));
        let database = create.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => {
                IndexError::InUse(data_dir.display().to_string())
            }
            other => other.into(),
        })?;
        let write = database.begin_write()?;
        write.open_table(FILES)?;
        write.open_table(SIDECARS)?;
        write.open_table(TREES)?;
        write.commit()?;
        Ok(Self { database })
    }

    /// What is remembered of a path, if the file has not changed since.
    ///
    /// # Errors
    /// The database fails.
    pub fn find(&self, path: &Path, stamp: Stamp) -> Result<Option<Record>, IndexError> {
        let table = self.database.begin_read()?.open_table(FILES)?;
        let Some(bytes) = table.get(path.to_string_lossy().as_ref())? else {
            return Ok(None);
        };
        let record: Option<Record> = serde_json::from_slice(bytes.value()).ok();
        Ok(record.filter(|record| record.stamp == stamp))
    }

    /// The hashes of a file.
    ///
    /// # Errors
    /// The database fails.
    pub fn tree(&self, id: FileId) -> Result<Option<Vec<u8>>, IndexError> {
        let table = self.database.begin_read()?.open_table(TREES)?;
        Ok(table.get(&id.0)?.map(|bytes| bytes.value().to_vec()))
    }

    /// Remembers a file, and its hashes if it is shared.
    ///
    /// # Errors
    /// The database fails.
    pub fn remember(
        &self,
        path: &Path,
        record: &Record,
        tree: Option<&[u8]>,
    ) -> Result<(), IndexError> {
        let value = serde_json::to_vec(record).map_err(std::io::Error::other)?;
        let write = self.database.begin_write()?;
        {
            let mut files = write.open_table(FILES)?;
            files.insert(path.to_string_lossy().as_ref(), value.as_slice())?;
            if let (Verdict::Shared { id, .. }, Some(tree)) = (&record.verdict, tree) {
                write.open_table(TREES)?.insert(&id.0, tree)?;
            }
        }
        write.commit()?;
        Ok(())
    }
}

/// What was made for a state of a file.
#[derive(Serialize, Deserialize)]
struct MadeRecord {
    stamp: Stamp,
    made: Made,
}

impl Index {
    /// What was made for a file, if it has not changed since.
    ///
    /// # Errors
    /// The database fails.
    pub fn made(&self, path: &Path, stamp: Stamp) -> Result<Option<Made>, IndexError> {
        let table = self.database.begin_read()?.open_table(SIDECARS)?;
        let Some(bytes) = table.get(path.to_string_lossy().as_ref())? else {
            return Ok(None);
        };
        let record: Option<MadeRecord> = serde_json::from_slice(bytes.value()).ok();
        let record = record.filter(|record| record.stamp == stamp);
        Ok(record.map(|record| record.made))
    }

    /// Remembers what was made for a file, and the sidecars' hashes.
    ///
    /// # Errors
    /// The database fails.
    pub fn remember_made<'a>(
        &self,
        path: &Path,
        stamp: Stamp,
        made: Made,
        trees: impl Iterator<Item = (FileId, &'a [u8])>,
    ) -> Result<(), IndexError> {
        let value =
            serde_json::to_vec(&MadeRecord { stamp, made }).map_err(std::io::Error::other)?;
        let write = self.database.begin_write()?;
        {
            let mut made = write.open_table(SIDECARS)?;
            made.insert(path.to_string_lossy().as_ref(), value.as_slice())?;
            let mut table = write.open_table(TREES)?;
            for (id, tree) in trees {
                table.insert(&id.0, tree)?;
            }
        }
        write.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        size: 1,
        modified_ns: 2,
        inode: 3,
    };

    #[test]
    fn a_changed_file_is_not_remembered() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let index = Index::open(folder.path()).expect("opens");
        let path = Path::new("/films/a.mp4");
        let record = Record {
            stamp: STAMP,
            verdict: Verdict::Skipped("text".into()),
            version: FACTS_VERSION,
        };
        index.remember(path, &record, None).expect("remembers");
        let found = index.find(path, STAMP).expect("works");
        assert_eq!(found, Some(record));
        let touched = Stamp {
            modified_ns: 9,
            ..STAMP
        };
        assert_eq!(index.find(path, touched).expect("works"), None);
    }

    #[test]
    fn a_second_program_is_told_that_the_directory_is_in_use() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let _first = Index::open(folder.path()).expect("opens");
        let error = Index::open(folder.path()).expect_err("locked");
        assert!(matches!(error, IndexError::InUse(_)), "{error}");
    }
}
