//! Swarm: links to other peers.
//!
//! * [`actor`]: owns the connections; decisions are in [`engine::swarm`].
//! * [`reporting`]: reports to the tracker, positions to the peers.
//! * [`connection`]: actor of one link and its session.
//! * [`uploader`]: mailbox of the upload queue of all connections.
//! * [`quota_file`]: persistence of the daily upload quota.
//!
//! A scheduler joins a file ([`JoinFile`]) and is notified of every peer that holds
//! some of it ([`SwarmEvent`]); it then sends [`ChunkRequest`] to the peer's
//! connection. Chunks go from the connection straight into the store; the
//! scheduler is only notified that they arrived. Uploads need no scheduler: a
//! connection answers requests from the store when the uploader says so.

mod actor;
mod connection;
mod quota_file;
mod reporting;
mod uploader;

use std::ops::Range;
use std::time::Duration;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{FileReport, PeerPosition, QueueDelay, RejectReason, SourceShare};
use engine::store::StoreError;
use engine::units::{ByteRate, TransferCap};
use roaring::RoaringBitmap;

pub use engine::swarm::{PeerSnapshot, SwarmSnapshot};

pub use self::actor::{Swarm, SwarmSettings};
pub use self::connection::Connection;
pub use self::quota_file::QuotaFile;

/// Changes the limits for all links together.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SetLimits {
    /// Upload to all peers.
    pub upload: ByteRate,
    /// Download from all peers.
    pub download: ByteRate,
    /// Upload to all peers in 24 hours; `None` keeps the present limit.
    pub upload_per_day: Option<TransferCap>,
}

/// Begins a file: every peer that holds some of it is reported.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct JoinFile {
    /// Content id.
    pub file: FileId,
    /// Own chunk layout; peers with another one are not used.
    pub geometry: Geometry,
    /// Receiver of the events.
    pub events: Recipient<SwarmEvent>,
}

/// Ends a file.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct LeaveFile(pub FileId);

/// State of a file for the tracker and for other viewers.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReportFile {
    /// Report for the tracker.
    pub report: FileReport,
    /// Chunks fetched at present.
    pub window: Range<u32>,
    /// Media time that plays at present.
    pub playhead: Duration,
}

/// A scheduler's command to the connection of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum ChunkRequest {
    /// Requests a chunk. Answered by [`SwarmEventKind::Arrived`],
    /// [`SwarmEventKind::Rejected`] or [`SwarmEventKind::PeerDown`].
    Request {
        /// Content id.
        file: FileId,
        /// Index in the file.
        chunk: ChunkIndex,
        /// Time until it is needed.
        deadline: Duration,
    },
    /// Cancels a request; nothing answers.
    Cancel {
        /// Content id.
        file: FileId,
        /// Index in the file.
        chunk: ChunkIndex,
    },
    /// Cancels a request if it is still queued at the peer; answered by
    /// [`RejectReason::Recalled`] if so, else by the chunk.
    Recall {
        /// Content id.
        file: FileId,
        /// Index in the file.
        chunk: ChunkIndex,
    },
}

/// Event of one peer, for one file.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct SwarmEvent {
    /// Peer id.
    pub peer: PeerId,
    /// Event.
    pub kind: SwarmEventKind,
}

/// Kind of a [`SwarmEvent`].
#[derive(Debug, Clone)]
pub enum SwarmEventKind {
    /// A peer is connected; `Has` follows if it holds some of the file.
    PeerUp {
        /// Recipient of requests to this peer.
        requests: Recipient<ChunkRequest>,
        /// Display name.
        name: String,
        /// True for the origin.
        origin: bool,
    },
    /// The peer holds these chunks too.
    Has(RoaringBitmap),
    /// The peer no longer holds these.
    Lost(RoaringBitmap),
    /// Time it takes the peer to serve its waiting requests.
    QueueDelay(QueueDelay),
    /// Position of the peer in the file.
    Position(PeerPosition),
    /// Own share of the new chunks, as announced to the other viewers.
    OwnShare(SourceShare),
    /// The tracker reserves the peer's uplink for other viewers (true), or releases it.
    Reserve(bool),
    /// The peer chokes us (true) or serves us again.
    Choked(bool),
    /// A new round-trip time.
    Rtt(Duration),
    /// A chunk arrived.
    Arrived {
        /// Index in the file.
        chunk: ChunkIndex,
        /// Bytes of it.
        bytes: u32,
        /// Result of verifying and storing it.
        result: Result<(), StoreError>,
    },
    /// A request was refused.
    Rejected {
        /// Index in the file.
        chunk: ChunkIndex,
        /// Reason.
        reason: RejectReason,
    },
    /// The peer is gone, with all requests to it.
    PeerDown,
}

/// Asks for the state of the swarm.
#[derive(Debug, Message)]
#[rtype(result = "SwarmSnapshot")]
pub struct SwarmState;
