//! The scheduler of a file: which chunk from which peer, and when.
//!
//! * [`core`]: pure: who has what, what is wanted until when, what is on its
//!   way; decides requests, hedges and cancels.
//! * [`window`]: pure: deadlines from the places where the file is read.
//! * [`peer`], [`peers`]: pure: what one peer can be expected to deliver; who of
//!   all holds what.
//! * [`actor`]: one a file: mailbox; turns decisions into messages.
//! * [`streams`]: actor: opens a scheduler for a file and lets it go.
//! * [`reader`]: one place where a file is read, as if it were here.
//!
//! Readers (the gateway, `get`) ask for chunks in order ([`AwaitChunk`]) and read
//! them from the store; where they ask is the playhead. The scheduler never
//! touches payload.

mod actor;
mod reader;
mod streams;

use std::collections::BTreeMap;
use std::time::Duration;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::media::{FileEntry, Geometry};
use engine::scheduler::{PrefetchRange, ReaderId, StallCause, Supply};
use engine::store::StoreError;
use roaring::RoaringBitmap;

pub use actor::Scheduler;
pub use reader::{Reader, read_sidecar};
pub use streams::StreamManager;

/// Why a file cannot be streamed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Nobody shares such a file, as far as is known.
    #[error("no such file in the library")]
    UnknownFile,
    /// The store cannot keep or read it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program ends.
    #[error("shutting down")]
    Closing,
}

/// Opens (or finds) the scheduler of a file, by id, name or title.
#[derive(Debug, Message)]
#[rtype(result = "Result<OpenedStream, StreamError>")]
pub struct OpenStream(pub String);

/// Answer to [`OpenStream`].
#[derive(Debug, Clone)]
pub struct OpenedStream {
    /// Where readers ask.
    pub scheduler: Addr<Scheduler>,
    /// The file.
    pub entry: FileEntry,
    /// How it is cut.
    pub geometry: Geometry,
}

/// A reader begins at the front of the file.
#[derive(Debug, Message)]
#[rtype(result = "ReaderId")]
pub struct OpenReader;

/// A reader ends.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseReader(pub ReaderId);

/// Waits until a chunk is in the store. The reader's playhead moves there.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StreamError>")]
pub struct AwaitChunk {
    /// Which reader.
    pub reader: ReaderId,
    /// Which chunk.
    pub chunk: ChunkIndex,
}

/// Fetch the whole file, whether anybody reads it or not; or no longer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DownloadAll(pub bool);

/// What all downloads together are limited to, in bytes a second: a stall may be its
/// doing.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SetDownloadLimit(pub Option<u64>);

/// Fetches a part of a file before anybody reads it; in place of what was fetched ahead
/// before. `None` to give that up.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct FetchAhead(pub Option<(FileId, PrefetchRange)>);

/// Fetches all of a file though nobody reads it, after all that plays; or gives that up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct Download {
    /// Content id.
    pub file: FileId,
    /// Whether it is wanted.
    pub wanted: bool,
}

/// Asks what is being downloaded so.
#[derive(Debug, Message)]
#[rtype(result = "Vec<FileId>")]
pub struct Downloads;

/// A player has nothing to show though time should pass; if what it needs is here, that
/// is a stall of its decoder.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct PlayerStarves {
    /// Content id.
    pub file: FileId,
    /// Media time.
    pub at: Duration,
}

/// Asks for the state of one stream.
#[derive(Debug, Message)]
#[rtype(result = "StreamSnapshot")]
pub struct StreamState;

/// Answer to [`StreamState`].
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSnapshot {
    /// Content id.
    pub file: FileId,
    /// How it is cut.
    pub geometry: Geometry,
    /// Chunks held and verified.
    pub have: RoaringBitmap,
    /// Chunks on their way.
    pub in_flight: RoaringBitmap,
    /// Chunks that connected peers hold.
    pub available: RoaringBitmap,
    /// Whether anybody reads it right now.
    pub read: bool,
    /// Chunk at the earliest playhead.
    pub position: ChunkIndex,
    /// Media held from there on without a gap.
    pub buffer: Duration,
    /// Bytes each peer supplied.
    pub supplied: Vec<Supply>,
    /// Bytes that arrived twice.
    pub duplicate_bytes: u64,
    /// Why nothing can be stored, if so.
    pub problem: Option<StoreError>,
    /// Why playing stands still or is slow to begin, if it is so.
    pub stalled: Option<StallCause>,
    /// Times it stood still, by cause.
    pub stalls: BTreeMap<StallCause, u32>,
}

/// Asks for the states of all open streams.
#[derive(Debug, Message)]
#[rtype(result = "Vec<StreamSnapshot>")]
pub struct StreamsState;
