//! Results of handling a message: effects to perform, or a breach of the protocol.

use std::time::{Duration, Instant};

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId};
use crate::protocol::{ByeReason, PeerMessage, PeerPosition, QueueDelay, RejectReason};

/// A breach of the protocol; the link closes with this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    /// Reason on the wire.
    pub reason: ByeReason,
    /// Detail for both logs.
    pub text: &'static str,
}

impl Offence {
    pub(super) fn protocol(text: &'static str) -> Self {
        Self {
            reason: ByeReason::Protocol,
            text,
        }
    }
}

/// Effect of a message.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// A message to send.
    Send(PeerMessage),
    /// The peer became interested in a file and needs to know our holdings.
    TellHoldings(FileId),
    /// The peer became interested in its first file (true) or in none any more.
    Wants(bool),
    /// The peer holds these chunks of a file we want.
    Has(FileId, RoaringBitmap),
    /// The peer no longer holds these.
    Lost(FileId, RoaringBitmap),
    /// The peer chokes us (true) or serves us again.
    Choked(bool),
    /// Bytes to verify and store.
    Arrived {
        /// Content id.
        file: FileId,
        /// Position in the file.
        chunk: ChunkIndex,
        /// Sibling hashes.
        proof: Bytes,
        /// The bytes.
        payload: Bytes,
    },
    /// A request of ours was refused.
    Rejected {
        /// Content id.
        file: FileId,
        /// Chunk requested.
        chunk: ChunkIndex,
        /// Reason.
        reason: RejectReason,
    },
    /// The peer requests a chunk that it needs at this time.
    Asked(FileId, ChunkIndex, Instant),
    /// The peer recalls a request.
    Recalled(FileId, ChunkIndex),
    /// The peer cancels a request.
    Cancelled(FileId, ChunkIndex),
    /// The peer is no longer interested in a file.
    LostInterest(FileId),
    /// Time it takes the peer to serve its waiting requests.
    QueueDelay(QueueDelay),
    /// Position of the peer in a file.
    Position(FileId, PeerPosition),
    /// A round trip was measured.
    Rtt(Duration),
    /// The peer closes the link.
    Bye(ByeReason, String),
}
