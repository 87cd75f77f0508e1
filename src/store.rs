//! The store: every byte that is held, and the only place bytes are verified.
//!
//! Two kinds of content stand side by side. *Shared* files lie in the user's
//! own folders, whole, and are only read. *Cached* files are sparse copies
//! under the data directory that grow chunk by chunk and are evicted by quota.
//! To readers they are the same.
//!
//! What goes in is verified against the file's id first ([`Put`]); what comes
//! out was verified by this process at least once ([`ReadChunk`]): after a crash
//! or a changed file, a chunk is checked again on its first read and dropped if
//! it fails. So nothing unverified is ever stored, served or played.
//!
//! A cached file is a directory: `data` (sparse), `tree` (hashes), `have` (one
//! byte a chunk) and `meta.json`. A chunk's data and hashes are written before
//! its `have` byte, and that byte is cleared before its data is evicted, so a
//! crash at any moment loses at most the chunks being written.
//!
//! * [`ledger`]: pure: what is held, what the quota evicts.
//! * [`recent`]: pure: the latest chunks, still in memory.
//! * [`disk`]: blocking file operations.
//! * [`actor`]: mailbox; file operations run on the blocking pool.
//!
//! Memory: 4 MiB of recent chunks, and 64 bytes a chunk for the hashes of each shared file, and of each
//! cached one that was opened since the program started.

mod actor;
mod disk;

use std::path::PathBuf;

use actix::prelude::*;
use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::HashTree;
use engine::media::{FileEntry, Geometry};
use engine::store::StoreError;
use roaring::RoaringBitmap;

pub use actor::Store;

/// Takes a whole file of a shared folder in. Several paths may hold the same
/// content; the last one given is read.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OpenShared {
    /// Content id.
    pub file: FileId,
    /// How it is cut.
    pub geometry: Geometry,
    /// Where it lies.
    pub path: PathBuf,
    /// All its hashes.
    pub tree: HashTree,
}

/// Forgets a shared path. [`StoreEvent::Withdrawn`] follows if no other path
/// and no cached copy holds the content.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseShared {
    /// Content id.
    pub file: FileId,
    /// Where it lay.
    pub path: PathBuf,
}

/// Makes a file ready to take chunks, and says which are here already.
#[derive(Debug, Message)]
#[rtype(result = "Result<Opened, StoreError>")]
pub struct OpenCache(pub FileEntry);

/// Asks for the files of the cache that are held whole.
#[derive(Debug, Message)]
#[rtype(result = "Vec<FileEntry>")]
pub struct CompleteFiles;

/// Asks for the films and songs of the cache of which something is held.
#[derive(Debug, Message)]
#[rtype(result = "Vec<CachedFile>")]
pub struct CachedFiles;

/// A file of the cache.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedFile {
    /// What it is.
    pub entry: FileEntry,
    /// Bytes held of it.
    pub bytes: u64,
    /// Whether that is all of it.
    pub whole: bool,
    /// Whether it stays when room is short.
    pub pinned: bool,
}

/// What is cached of a file stays when room is short, or no longer. Of what is pinned in
/// all, only three quarters of the quota are sure to stay.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Pin {
    /// Content id; something of it must be held.
    pub file: FileId,
    /// Stays, or no longer.
    pub pinned: bool,
}

/// Removes all that is cached of a file. Says whether it did: what is being read stays.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Forget(pub FileId);

/// Answer to [`OpenCache`].
#[derive(Debug, Clone)]
pub struct Opened {
    /// How the file is cut here; a shared copy's way wins over the asked one.
    pub geometry: Geometry,
    /// Chunks held.
    pub have: RoaringBitmap,
    /// Chunks of this file that the quota can hold.
    pub room: u32,
}

/// Stores a chunk if it verifies. [`StoreEvent::Stored`] follows on success.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Put {
    /// Content id.
    pub file: FileId,
    /// Which chunk.
    pub chunk: ChunkIndex,
    /// Sibling hashes, bottom up.
    pub proof: Bytes,
    /// The bytes.
    pub payload: Bytes,
}

/// Reads a chunk with its proof.
#[derive(Debug, Message)]
#[rtype(result = "Result<HeldChunk, StoreError>")]
pub struct ReadChunk {
    /// Content id.
    pub file: FileId,
    /// Which chunk.
    pub chunk: ChunkIndex,
}

/// A verified chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldChunk {
    /// Sibling hashes, bottom up.
    pub proof: Bytes,
    /// The bytes.
    pub payload: Bytes,
}

/// What is held of a file.
#[derive(Debug, Message)]
#[rtype(result = "Option<Holding>")]
pub struct GetHolding(pub FileId);

/// Gives a whole file a name of its own: it moves out of the cache, which copies
/// nothing where both lie on one file system, and is served from there on. A file
/// in the user's folders stays where it is and is copied.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Export {
    /// Content id; every chunk must be held.
    pub file: FileId,
    /// The new name; what bears it already is replaced.
    pub path: PathBuf,
}

/// Answer to [`GetHolding`].
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    /// How it is cut.
    pub geometry: Geometry,
    /// Chunks held.
    pub have: RoaringBitmap,
}

/// Bytes that the cache may hold from now on; what exceeds them goes at once, what is
/// read nearest to a playhead last.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SetQuota(pub u64);

/// Where a file is being read; chunks near these places stay. Empty when
/// nobody reads it any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetPlayheads {
    /// Content id.
    pub file: FileId,
    /// Chunks at the playheads.
    pub playheads: Vec<ChunkIndex>,
}

/// Asks for all [`StoreEvent`]s from now on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WatchStore(pub Recipient<StoreEvent>);

/// What changed in the store.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum StoreEvent {
    /// A chunk was verified and stored.
    Stored {
        /// Content id.
        file: FileId,
        /// Which chunk.
        chunk: ChunkIndex,
    },
    /// The last missing chunk of a cached file was stored.
    Completed(Box<FileEntry>),
    /// A whole file can be served.
    Opened {
        /// Content id.
        file: FileId,
        /// How it is cut.
        geometry: Geometry,
    },
    /// Chunks are no longer held.
    Evicted {
        /// Content id.
        file: FileId,
        /// Which.
        chunks: RoaringBitmap,
    },
    /// A file is no longer held at all.
    Withdrawn {
        /// Content id.
        file: FileId,
    },
    /// A shared file's bytes no longer match its id; its path has been
    /// forgotten. `Withdrawn` or nothing follows.
    Changed {
        /// Where it lies.
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
    /// Bytes they may take.
    pub quota: u64,
    /// Files with cached chunks.
    pub cached_files: usize,
    /// Shared files.
    pub shared_files: usize,
}
