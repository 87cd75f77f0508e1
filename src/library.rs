//! The library: which files of the user's folders are shared.
//!
//! Folders are walked and watched; each new file is probed and hashed once, with
//! progress, and remembered under its path, size, time and inode. What cannot be
//! shared is kept with the reason. Downloaded files that are complete are
//! shared like any other.
//!
//! * [`scan`]: blocking: walks folders.
//! * [`index`]: blocking: the database of what was hashed before.
//! * [`hasher`]: blocking: probes and hashes one file.
//! * [`sidecars`]: blocking: makes what travels beside a file: poster, waveform and so on.
//! * [`actor`]: mailbox; one blocking job at a time.

pub mod actor;
pub mod hasher;
pub mod index;
pub mod scan;
pub mod sidecars;

use std::path::PathBuf;

use actix::prelude::*;
use engine::media::FileEntry;
use serde::{Deserialize, Serialize};

pub use actor::{Library, LibrarySettings};
pub use index::{Index, IndexError};
pub use scan::{LOOP, expand_home, walk};

/// Shares a folder or a file from now on.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), AddError>")]
pub struct AddFolder(pub PathBuf);

/// Why a path cannot be shared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// There is no such file or folder, or it cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It is shared already.
    #[error("{} is shared already", .0.display())]
    Known(PathBuf),
}

/// No longer shares a folder or a file.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RemoveFolder(pub PathBuf);

/// Stops looking at files after the present one, or goes on.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Pause(pub bool);

/// Something on disk may have changed: look again soon.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Rescan;

/// Asks for the state of the library.
#[derive(Debug, Message)]
#[rtype(result = "LibrarySnapshot")]
pub struct LibraryState;

/// Answer to [`LibraryState`].
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LibrarySnapshot {
    /// Shared folders and files, as given.
    pub folders: Vec<PathBuf>,
    /// Shared files, by path.
    pub shared: Vec<SharedFile>,
    /// Files that are not shared, and why.
    pub skipped: Vec<Skipped>,
    /// The file being hashed.
    pub hashing: Option<Hashing>,
    /// Files that wait to be looked at.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Whether a person stopped it.
    pub paused: bool,
    /// The file whose poster, storyboard or waveform is being made.
    pub making: Option<PathBuf>,
    /// Files that wait for theirs.
    pub to_make: usize,
    /// Whether all folders have been walked at least once and nothing waits.
    pub settled: bool,
}

/// A shared file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What others see.
    pub entry: FileEntry,
}

/// A file that is not shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Where it lies.
    pub path: PathBuf,
    /// In plain words.
    pub reason: String,
}

/// Progress of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hashing {
    /// Where it lies.
    pub path: PathBuf,
    /// Bytes hashed.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes a second since it was begun; 0 at first.
    pub rate: u64,
}

/// Name of the file in the data directory that lists what was skipped, for
/// `swarmplay ls`.
pub const SKIPPED_FILE: &str = "skipped.json";
