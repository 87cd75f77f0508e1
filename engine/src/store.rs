//! Cache accounting: which chunks are held, and which are evicted.
//!
//! * [`ledger`]: chunks per file, quota, eviction order.
//! * [`recent`]: recently stored chunks in memory.

mod ledger;
mod recent;

use std::io;

use crate::io_failure::IoFailure;

pub use self::ledger::{Ledger, NoRoom};
pub use self::recent::Recent;

/// Failure to store or read a chunk. Other chunks are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The bytes do not hash to the file's id.
    #[error("chunk verification failed")]
    Corrupt,
    /// The chunk is not stored, or no longer.
    #[error("chunk not held")]
    NotHeld,
    /// The file was never opened, or was removed.
    #[error("unknown file")]
    UnknownFile,
    /// The announced size is impossible, or differs from that of the stored copy.
    #[error("invalid announced size")]
    WrongSize,
    /// Every stored chunk is pinned or nearer to a playhead than this one.
    #[error("quota exceeded: store.quota is used up by playing and pinned files; raise it")]
    QuotaFull,
    /// The disk is full.
    #[error("disk full: free space on the disk of the data directory or lower store.quota")]
    DiskFull,
    /// The file is being moved out of the cache.
    #[error("export already in progress")]
    Busy,
    /// Any other disk error.
    #[error("disk error: {0}")]
    Disk(IoFailure),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Disk(IoFailure::from(&error)),
        }
    }
}
