//! Database of probed and hashed files, by path. Blocking.
//!
//! It lies in the data directory and is also the lock of that directory: a second
//! program cannot open it.

use std::path::{Path, PathBuf};

use engine::ids::FileId;
use engine::io_failure::IoFailure;
use engine::library::{SidecarSet, SkipReason, Stamp};
use engine::media::MediaInfo;
use redb::{Database, ReadableDatabase, TableDefinition};
use serde::{Deserialize, Serialize};

const FILES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("files");
const SIDECARS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sidecars");
const TREES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("trees");

/// Cache of the database, in bytes; lookups are rare.
const CACHE: usize = 4 << 20;

/// Failure of the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Another process uses the data directory.
    #[error(
        "the data directory {} is in use by another swarmplay; give this one its own with \
         --set store.data_dir=…",
        .0.display()
    )]
    InUse(PathBuf),
    /// The database failed.
    #[error("library database failed: {}", detail(.0))]
    Database(Box<redb::Error>),
}

fn detail(error: &redb::Error) -> String {
    match error {
        redb::Error::Io(error) => IoFailure::from(error).to_string(),
        error => error.to_string(),
    }
}

impl IndexError {
    /// Message without the common prefix.
    pub fn detail(&self) -> String {
        match self {
            Self::InUse(_) => self.to_string(),
            Self::Database(error) => detail(error),
        }
    }
}

impl<E: Into<redb::Error>> From<E> for IndexError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// Stored result of an inspection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Stamp of the inspected state.
    pub stamp: Stamp,
    /// Result.
    pub verdict: Verdict,
    /// [`RECORD_VERSION`] of the program that inspected the file.
    #[serde(default)]
    pub version: u32,
}

/// Version of the stored results. A new version probes shared files again without
/// hashing them, and inspects skipped files again.
pub const RECORD_VERSION: u32 = 4;

/// Result of an inspection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// Media file.
    Shared {
        /// Content id.
        id: FileId,
        /// Bytes per chunk.
        chunk_size: u32,
        /// Tracks, tags and timeline.
        #[serde(alias = "facts")]
        info: Box<MediaInfo>,
    },
    /// File that cannot be shared.
    Skipped(SkipReason),
}

/// Database handle.
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
            redb::DatabaseError::DatabaseAlreadyOpen => IndexError::InUse(data_dir.to_owned()),
            other => other.into(),
        })?;
        let write = database.begin_write()?;
        write.open_table(FILES)?;
        write.open_table(SIDECARS)?;
        write.open_table(TREES)?;
        write.commit()?;
        Ok(Self { database })
    }

    /// Loads the result for a path, unless the file has changed since.
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

    /// Loads the node hashes of a file.
    ///
    /// # Errors
    /// The database fails.
    pub fn tree(&self, id: FileId) -> Result<Option<Vec<u8>>, IndexError> {
        let table = self.database.begin_read()?.open_table(TREES)?;
        Ok(table.get(&id.0)?.map(|bytes| bytes.value().to_vec()))
    }

    /// Stores a result, with the node hashes of a shared file.
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

/// Stored sidecars of one state of a file.
#[derive(Serialize, Deserialize)]
struct SidecarRecord {
    stamp: Stamp,
    #[serde(rename = "made")]
    set: SidecarSet,
}

impl Index {
    /// Loads the sidecars of a file, unless it has changed since.
    ///
    /// # Errors
    /// The database fails.
    pub fn sidecars(&self, path: &Path, stamp: Stamp) -> Result<Option<SidecarSet>, IndexError> {
        let table = self.database.begin_read()?.open_table(SIDECARS)?;
        let Some(bytes) = table.get(path.to_string_lossy().as_ref())? else {
            return Ok(None);
        };
        let record: Option<SidecarRecord> = serde_json::from_slice(bytes.value()).ok();
        let record = record.filter(|record| record.stamp == stamp);
        Ok(record.map(|record| record.set))
    }

    /// Stores the sidecars of a file and their node hashes.
    ///
    /// # Errors
    /// The database fails.
    pub fn remember_sidecars<'a>(
        &self,
        path: &Path,
        stamp: Stamp,
        set: SidecarSet,
        trees: impl Iterator<Item = (FileId, &'a [u8])>,
    ) -> Result<(), IndexError> {
        let value =
            serde_json::to_vec(&SidecarRecord { stamp, set }).map_err(std::io::Error::other)?;
        let write = self.database.begin_write()?;
        {
            let mut sidecars = write.open_table(SIDECARS)?;
            sidecars.insert(path.to_string_lossy().as_ref(), value.as_slice())?;
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
    fn changed_file_has_no_record() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let index = Index::open(folder.path()).expect("opens");
        let path = Path::new("/films/a.mp4");
        let record = Record {
            stamp: STAMP,
            verdict: Verdict::Skipped(SkipReason::NothingToPlay),
            version: RECORD_VERSION,
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
    fn second_open_reports_directory_in_use() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let _first = Index::open(folder.path()).expect("opens");
        let error = Index::open(folder.path()).expect_err("locked");
        assert!(matches!(error, IndexError::InUse(_)), "{error}");
    }
}
