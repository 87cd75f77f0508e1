//! Store: holds all chunks on disk, and is the only place that verifies them.
//!
//! *Shared* files are complete files in the user's folders and are only read. *Cached*
//! files are sparse copies under the data directory that grow chunk by chunk and are
//! evicted by quota. Readers see no difference.
//!
//! Chunks are verified against the file's id before they are stored ([`Put`]), and at
//! least once per process before they are read ([`ReadChunk`]): after a restart or a
//! change on disk, a chunk is verified on its first read and dropped if it fails. So no
//! unverified chunk is stored, uploaded or played.
//!
//! A cached file is a directory of `data` (sparse), `tree` (hashes), `have` (one byte per
//! chunk) and `meta.json`. The data and hashes of a chunk are written before its `have`
//! byte, and that byte is cleared before the data is erased. A crash loses at most the
//! chunks being written.
//!
//! The accounting is in [`engine::store`].
//!
//! * [`actor`]: mailbox; file operations run on the blocking pool.
//! * [`content`]: files, hashes and trust of one content.
//! * [`read`]: verified reads.
//! * [`mod@write`]: verified writes, erasure of evicted chunks.
//! * [`retention`]: pin, export, forget.
//! * [`disk`]: blocking file operations.
//!
//! Memory: 4 MiB of recent chunks, and 64 bytes per chunk for the hashes of each shared
//! file and of each cached file that was opened since the program started.

mod actor;
mod content;
mod disk;
mod read;
mod retention;
mod write;

use std::path::PathBuf;

use actix::prelude::*;
use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::HashTree;
use engine::media::{FileEntry, Geometry};
use engine::store::StoreError;
use roaring::RoaringBitmap;

pub use actor::Store;

/// Adds a complete file of a shared folder. Several paths may hold the same content; the
/// last one added is read.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OpenShared {
    /// Content id.
    pub file: FileId,
    /// Division into chunks.
    pub geometry: Geometry,
    /// Path of the file.
    pub path: PathBuf,
    /// All node hashes.
    pub tree: HashTree,
}

/// Removes a shared path. [`StoreEvent::Withdrawn`] follows if no other path and no cached
/// copy holds the content.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseShared {
    /// Content id.
    pub file: FileId,
    /// Path of the file.
    pub path: PathBuf,
}

/// Prepares the cache for chunks of a file, and returns the chunks already held.
#[derive(Debug, Message)]
#[rtype(result = "Result<Opened, StoreError>")]
pub struct OpenCache(pub FileEntry);

/// Asks for the complete files of the cache.
#[derive(Debug, Message)]
#[rtype(result = "Vec<FileEntry>")]
pub struct CompleteFiles;

/// Asks for the films and songs of the cache with at least one held chunk.
#[derive(Debug, Message)]
#[rtype(result = "Vec<CachedFile>")]
pub struct CachedFiles;

/// File of the cache.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedFile {
    /// Catalogue entry.
    pub entry: FileEntry,
    /// Bytes held.
    pub bytes: u64,
    /// True if all chunks are held.
    pub whole: bool,
    /// True if pinned.
    pub pinned: bool,
}

/// Protects the cached chunks of a file from eviction, or no longer. Pinned files may fill
/// three quarters of the quota; beyond that they can be evicted, too.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Pin {
    /// Content id; at least one chunk must be held.
    pub file: FileId,
    /// New state.
    pub pinned: bool,
}

/// Deletes the cached chunks of a file. False if nothing is held or the file is in use.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Forget(pub FileId);

/// Answer to [`OpenCache`].
#[derive(Debug, Clone)]
pub struct Opened {
    /// Division into chunks; that of a shared copy takes precedence over the requested one.
    pub geometry: Geometry,
    /// Chunks held.
    pub have: RoaringBitmap,
    /// Number of chunks of this file that fit into the quota.
    pub room: u32,
}

/// Verifies and stores a chunk. [`StoreEvent::Stored`] follows on success.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Put {
    /// Content id.
    pub file: FileId,
    /// Chunk.
    pub chunk: ChunkIndex,
    /// Sibling hashes, bottom up.
    pub proof: Bytes,
    /// Bytes of the chunk.
    pub payload: Bytes,
}

/// Reads a chunk with its proof.
#[derive(Debug, Message)]
#[rtype(result = "Result<HeldChunk, StoreError>")]
pub struct ReadChunk {
    /// Content id.
    pub file: FileId,
    /// Chunk.
    pub chunk: ChunkIndex,
}

/// Verified chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldChunk {
    /// Sibling hashes, bottom up.
    pub proof: Bytes,
    /// Bytes of the chunk.
    pub payload: Bytes,
}

/// Asks for the held chunks of a file.
#[derive(Debug, Message)]
#[rtype(result = "Option<Holding>")]
pub struct GetHolding(pub FileId);

/// Moves a complete file out of the cache and shares it from its new path. Within one file
/// system nothing is copied. A file in the user's folders is copied instead.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Export {
    /// Content id; every chunk must be held.
    pub file: FileId,
    /// New path; an existing file is replaced.
    pub path: PathBuf,
}

/// Answer to [`GetHolding`].
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// Division into chunks.
    pub geometry: Geometry,
    /// Chunks held.
    pub have: RoaringBitmap,
}

/// Sets the quota of the cache and evicts the excess at once; chunks nearest to a playhead
/// go last.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SetQuota(pub u64);

/// Sets the playheads of a file; the chunks near them are evicted last. Empty if nobody
/// reads the file.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetPlayheads {
    /// Content id.
    pub file: FileId,
    /// Chunks at the playheads.
    pub playheads: Vec<ChunkIndex>,
}

/// Subscribes to [`StoreEvent`]s.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WatchStore(pub Recipient<StoreEvent>);

/// Change in the store.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum StoreEvent {
    /// A chunk was verified and stored.
    Stored {
        /// Content id.
        file: FileId,
        /// Chunk.
        chunk: ChunkIndex,
    },
    /// The last missing chunk of a cached file was stored.
    Completed(Box<FileEntry>),
    /// A complete file was added.
    Opened {
        /// Content id.
        file: FileId,
        /// Division into chunks.
        geometry: Geometry,
    },
    /// Chunks are no longer held.
    Evicted {
        /// Content id.
        file: FileId,
        /// Evicted chunks.
        chunks: RoaringBitmap,
    },
    /// No chunk of a file is held any more.
    Withdrawn {
        /// Content id.
        file: FileId,
    },
    /// The bytes of a shared file no longer match its id, and its path was removed.
    /// `Withdrawn` or nothing follows.
    Changed {
        /// Path of the file.
        path: PathBuf,
    },
}

/// Asks for the state of the store.
#[derive(Debug, Message)]
#[rtype(result = "StoreSnapshot")]
pub struct StoreState;

/// Answer to [`StoreState`].
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct StoreSnapshot {
    /// Bytes of cached chunks.
    pub used: u64,
    /// Quota in bytes.
    pub quota: u64,
    /// Number of files with cached chunks.
    pub cached_files: usize,
    /// Number of shared files.
    pub shared_files: usize,
}
