//! Streams: one scheduler for each open file.
//!
//! * [`streams`]: actor that opens a scheduler for a file and runs background fetches;
//! * [`actor`]: one for each file; performs what [`engine::scheduler`] decides;
//! * [`reader`]: a file as a byte stream, as if all of it were held.
//!
//! A reader (the HTTP server, `get`) asks for chunks in order ([`AwaitChunk`]) and
//! reads them from the store. The player reports its playhead ([`ReportPlayhead`]); for
//! other players it is estimated from what they read. Payload never enters a scheduler.

mod actor;
mod reader;
mod streams;

use std::collections::BTreeMap;
use std::time::Duration;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::media::{FileEntry, Geometry};
use engine::scheduler::{Playhead, PrefetchRange, ReaderId, StallCause, StreamProgress, Supply};
use engine::store::StoreError;
use roaring::RoaringBitmap;

pub use actor::Scheduler;
pub use reader::{Reader, read_sidecar};
pub use streams::StreamManager;

/// Failure of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The file is neither listed nor held.
    #[error("no such file in the library")]
    UnknownFile,
    /// The store cannot keep or read it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program ends.
    #[error("shutting down")]
    Closing,
}

/// Opens or finds the scheduler of a file, by id, name or title.
#[derive(Debug, Message)]
#[rtype(result = "Result<OpenedStream, StreamError>")]
pub struct OpenStream(pub String);

/// Answer to [`OpenStream`].
#[derive(Debug, Clone)]
pub struct OpenedStream {
    /// Recipient of readers' messages.
    pub scheduler: Addr<Scheduler>,
    /// The file.
    pub entry: FileEntry,
    /// Division into chunks.
    pub geometry: Geometry,
}

/// Opens a reader.
#[derive(Debug, Message)]
#[rtype(result = "ReaderId")]
pub struct OpenReader;

/// Closes a reader.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseReader(pub ReaderId);

/// Moves a reader to a chunk, and waits until that is in the store.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StreamError>")]
pub struct AwaitChunk {
    /// The reader.
    pub reader: ReaderId,
    /// The chunk.
    pub chunk: ChunkIndex,
}

/// Reports the playhead of this program's player: four times a second, and at each seek
/// before anything is read there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct ReportPlayhead {
    /// Content id.
    pub file: FileId,
    /// The playhead.
    pub playhead: Playhead,
}

/// Adds or withdraws a wish to have all of a file, read or not.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DownloadAll(pub bool);

/// Sets the configured limit of all downloads together, in bytes a second; it may cause
/// a stall.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SetDownloadLimit(pub Option<u64>);

/// Fetches a range of a file before it is played, in place of the range before; or
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct FetchAhead(pub Option<(FileId, PrefetchRange)>);

/// Downloads all of a file whenever no reader lacks chunks; or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct Download {
    /// Content id.
    pub file: FileId,
    /// False to cancel.
    pub wanted: bool,
}

/// Asks for the files of unfinished downloads.
#[derive(Debug, Message)]
#[rtype(result = "Vec<FileId>")]
pub struct Downloads;

/// Progress of a scheduler changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct StreamChanged {
    /// Content id.
    pub file: FileId,
    /// The progress; `None` once the scheduler has ended.
    pub progress: Option<StreamProgress>,
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
    /// Division into chunks.
    pub geometry: Geometry,
    /// Held chunks.
    pub have: RoaringBitmap,
    /// Requested chunks that have not arrived.
    pub in_flight: RoaringBitmap,
    /// Chunks that connected peers hold.
    pub available: RoaringBitmap,
    /// True if the file is read or plays.
    pub read: bool,
    /// First needed chunk; the last known without a reader.
    pub position: ChunkIndex,
    /// Media held from the playhead on without a gap.
    pub buffer: Duration,
    /// Contribution of each peer.
    pub supplied: Vec<Supply>,
    /// Bytes that arrived twice.
    pub duplicate_bytes: u64,
    /// Failure of the store that lasts.
    pub problem: Option<StoreError>,
    /// Cause of the present stall or slow start.
    pub stalled: Option<StallCause>,
    /// Number of stalls by cause.
    pub stalls: BTreeMap<StallCause, u32>,
}

/// Asks for the states of all open streams.
#[derive(Debug, Message)]
#[rtype(result = "Vec<StreamSnapshot>")]
pub struct StreamsState;
