//! Messages between two peers.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::Geometry;
use crate::protocol::reasons::{ByeReason, RejectReason};

/// Introduction of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Protocol version.
    pub version: u32,
    /// Sender.
    pub peer: PeerId,
    /// Display name.
    pub name: String,
    /// Program and version.
    pub agent: String,
    /// Port to dial; `None` if it cannot be dialled.
    pub listen_port: Option<u16>,
}

/// Time it takes an uplink to send the requests that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDelay {
    /// All requests.
    pub all: Duration,
    /// Critical requests, which go first (see [`CRITICAL_WINDOW`]).
    ///
    /// [`CRITICAL_WINDOW`]: crate::protocol::CRITICAL_WINDOW
    pub critical: Duration,
    /// Uplink capacity in bytes a second; `None` while unknown.
    pub uplink: Option<u64>,
}

/// Share of the new chunks that a viewer fetches from sources and passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceShare {
    /// It fetches nothing from sources that viewers fetch for it.
    #[default]
    None,
    /// Its uplink is not measured yet. It counts as the highest weight of the
    /// others: a viewer that is never asked is never measured.
    Unknown,
    /// In proportion to this weight: its uplink in bytes a second, more while it
    /// idles.
    Weight(u64),
}

impl SourceShare {
    /// Weight in the assignment of chunks; `unknown` stands for an unmeasured one.
    pub fn weight(self, unknown: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::Unknown => unknown,
            Self::Weight(weight) => weight,
        }
    }
}

/// Position of a peer in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerPosition {
    /// Chunks it fetches at present: from its reader to the end of its window.
    pub window: Range<u32>,
    /// Share of the new chunks that it fetches.
    pub share: SourceShare,
    /// Media time that plays at present.
    pub playhead: Duration,
}

/// A message between two peers, either way. `proto/peer.proto` specifies each.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerMessage {
    /// First message of either side.
    Hello(Hello),
    /// Interest in a file begins or ends.
    Interested {
        /// Content id.
        file: FileId,
        /// True when it begins.
        want: bool,
    },
    /// Chunks held.
    Have {
        /// Content id.
        file: FileId,
        /// Chunk layout of the sender.
        geometry: Geometry,
        /// Chunks in addition to those announced before.
        chunks: RoaringBitmap,
    },
    /// Chunks no longer held.
    Evicted {
        /// Content id.
        file: FileId,
        /// Chunks no longer held.
        chunks: RoaringBitmap,
    },
    /// Position of the sender in a file.
    Position {
        /// Content id.
        file: FileId,
        /// Position.
        position: PeerPosition,
    },
    /// Time it takes the sender to serve the waiting requests.
    QueueDelay(QueueDelay),
    /// The sender stops serving the receiver.
    Choke,
    /// The sender serves the receiver again.
    Unchoke,
    /// Asks for a chunk.
    Request {
        /// Content id.
        file: FileId,
        /// Chunk wanted.
        chunk: ChunkIndex,
        /// Time until it is needed.
        deadline: Duration,
    },
    /// Takes a request back unless it is already being served; answered by
    /// [`RejectReason::Recalled`].
    Recall {
        /// Content id.
        file: FileId,
        /// Chunk requested before.
        chunk: ChunkIndex,
    },
    /// Takes a request back.
    Cancel {
        /// Content id.
        file: FileId,
        /// Chunk requested before.
        chunk: ChunkIndex,
    },
    /// A chunk with its proof.
    Chunk {
        /// Content id.
        file: FileId,
        /// Position in the file.
        chunk: ChunkIndex,
        /// Sibling hashes, bottom up.
        proof: Bytes,
        /// Bytes of the chunk.
        payload: Bytes,
    },
    /// Refuses a request.
    Reject {
        /// Content id.
        file: FileId,
        /// Chunk requested.
        chunk: ChunkIndex,
        /// Reason.
        reason: RejectReason,
    },
    /// Asks for a [`PeerMessage::Pong`] with the same number.
    Ping(u64),
    /// Answers a ping.
    Pong(u64),
    /// Last message of a link.
    Bye {
        /// Reason.
        reason: ByeReason,
        /// Detail for the receiver's log.
        text: String,
    },
}
