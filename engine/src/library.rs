//! Library decisions: which files of the shared folders are offered, and which file is
//! hashed or given sidecars next.
//!
//! * [`shared_files`]: shared, downloaded and skipped files; diff of a scan.
//! * [`hash_queue`]: the next file to hash, pause, progress.
//! * [`sidecar_jobs`]: the next file to give sidecars to; sidecars in use.
//! * [`skipped`]: files that are not shared, and the reasons.

mod hash_queue;
mod shared_files;
mod sidecar_jobs;
mod skipped;

use serde::{Deserialize, Serialize};

pub use self::hash_queue::{HashQueue, Hashing};
pub use self::shared_files::{ScanDiff, SharedFiles};
pub use self::sidecar_jobs::{SidecarJobs, SidecarSet};
pub use self::skipped::{SkipReason, Skipped};

/// Properties that identify one state of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Inode number on its file system.
    pub inode: u64,
}
