//! Library: scans the user's folders and offers their media files to the swarm.
//!
//! Folders are scanned and watched. Each new file is probed and hashed once; the result
//! is stored under its path, size, modification time and inode. Files that cannot be
//! shared are kept with the reason. Complete downloads are offered like shared files.
//! The decisions are in [`engine::library`].
//!
//! * [`scan`]: blocking: walks folders.
//! * [`index`]: blocking: database of probed and hashed files.
//! * [`hasher`]: blocking: probes and hashes one file.
//! * [`sidecar_maker`]: blocking: poster, storyboard, waveform and subtitles of one file.
//! * [`sidecar_jobs`]: runs the sidecar jobs.
//! * [`folders`]: shared folders, change notification, list of skipped files.
//! * [`commands`]: messages of the user.
//! * [`actor`]: mailbox; one blocking job of a kind at a time.

mod actor;
mod commands;
mod folders;
mod hasher;
mod index;
mod scan;
mod sidecar_jobs;
mod sidecar_maker;

use std::path::PathBuf;

use actix::prelude::*;
use engine::io_failure::IoFailure;
use engine::media::FileEntry;
use serde::Serialize;

pub use engine::library::{Hashing, SkipReason, Skipped};

pub use self::actor::{Library, LibrarySettings};
pub use self::hasher::file_id;
pub use self::index::{Index, IndexError};
pub use self::scan::expand_home;

/// Name of the file in the data directory that lists skipped files, for `swarmplay ls`.
pub const SKIPPED_FILE: &str = "skipped.json";

/// Shares a folder or a file.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), AddError>")]
pub struct AddFolder(pub PathBuf);

/// Failure to share a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The path does not exist or cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// Requested path.
        path: PathBuf,
        /// Error of the system.
        error: IoFailure,
    },
    /// The path is shared already.
    #[error("{} is shared already", .0.display())]
    Known(PathBuf),
}

/// Stops sharing a folder or a file.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RemoveFolder(pub PathBuf);

/// Pauses or resumes hashing.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Pause(pub bool);

/// Requests a scan soon, because files on disk may have changed.
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
    /// Shared folders and files.
    pub folders: Vec<PathBuf>,
    /// Shared files, by path.
    pub shared: Vec<SharedFile>,
    /// Files that are not shared, and the reasons.
    pub skipped: Vec<Skipped>,
    /// Progress of the file being hashed.
    pub hashing: Option<Hashing>,
    /// Number of files that wait to be hashed.
    pub waiting: usize,
    /// Bytes of these files.
    pub waiting_bytes: u64,
    /// True while the user pauses hashing.
    pub paused: bool,
    /// File whose sidecars are being made.
    pub making: Option<PathBuf>,
    /// Number of files that wait for sidecars.
    pub to_make: usize,
    /// True if all folders were scanned at least once and no file waits to be hashed.
    pub settled: bool,
}

/// Shared file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SharedFile {
    /// Path of the file.
    pub path: PathBuf,
    /// Catalogue entry.
    pub entry: FileEntry,
}
