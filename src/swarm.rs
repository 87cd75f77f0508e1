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
use engine::protocol::{FileReport, SourceShare};
use engine::scheduler::PeerEvent;
use engine::units::{ByteRate, TransferCap};

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
    /// Requests a chunk. Answered by [`PeerEvent::Stored`], [`PeerEvent::NotStored`],
    /// [`PeerEvent::Rejected`] or [`PeerEvent::Disconnected`].
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
    /// [`PeerEvent::Rejected`] if so, else by the chunk.
    Recall {
        /// Content id.
        file: FileId,
        /// Index in the file.
        chunk: ChunkIndex,
    },
}

/// Event of one file for its scheduler.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub enum SwarmEvent {
    /// A peer is connected; [`PeerEvent::Gained`] follows if it holds some of the file.
    PeerUp {
        /// Peer id.
        peer: PeerId,
        /// Recipient of requests to this peer.
        requests: Recipient<ChunkRequest>,
        /// Display name.
        name: String,
        /// True for the origin.
        origin: bool,
    },
    /// Further event of a peer.
    Peer(PeerId, PeerEvent),
    /// Own share of the new chunks, as announced to the other viewers.
    OwnShare(SourceShare),
}

/// Asks for the state of the swarm.
#[derive(Debug, Message)]
#[rtype(result = "SwarmSnapshot")]
pub struct SwarmState;
