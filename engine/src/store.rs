//! Cache accounting: which chunks are held, and which are evicted.

mod ledger;
mod recent;

use std::io;

pub use self::ledger::{Ledger, NoRoom};
pub use self::recent::Recent;

/// Why a chunk could not be stored or read. None of these ends anything else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The bytes do not belong to the file.
    #[error("a chunk that does not verify")]
    Corrupt,
    /// The chunk is not here (any more).
    #[error("the chunk is not held")]
    NotHeld,
    /// The file was never opened, or is gone.
    #[error("the file is not known")]
    UnknownFile,
    /// The announced size is impossible, or not that of the copy held.
    #[error("the file's announced size cannot be right")]
    WrongSize,
    /// All that is held is nearer to a playhead than this chunk.
    #[error("store.quota is used up by what plays and what is pinned; raise it")]
    QuotaFull,
    /// The disk has no room.
    #[error("the disk of the data directory is full; free space or lower store.quota")]
    DiskFull,
    /// It is being moved out of the cache.
    #[error("it is being kept for good already")]
    Busy,
    /// Any other failure of the disk.
    #[error("disk error: {0}")]
    Disk(String),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Disk(error.to_string()),
        }
    }
}
