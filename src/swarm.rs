//! The swarm: connections to other peers, and what they hold.
//!
//! * [`session`]: pure: the conversation with one peer; what may follow what.
//! * [`rate`]: pure: bytes a second, smoothed.
//! * [`roster`]: pure: known peers, whom to dial and when, who is banned.
//! * [`slots`]: pure: whom we serve when more want than we can.
//! * [`upload`]: pure: whose request is served next.
//! * [`dial`]: reaching a peer.
//! * [`connection`]: actor: one link and its session.
//! * [`uploader`]: actor: the upload queue of all connections.
//! * [`actor`]: actor: owns the connections.
//!
//! A scheduler joins a file ([`JoinFile`]) and is told of every peer that has
//! some of it ([`SwarmEvent`]); it then sends [`ChunkRequest`] to the peer's
//! connection. Chunks go from the connection straight into the store; the
//! scheduler learns only that they arrived. Serving others needs no scheduler:
//! a connection answers requests from the store when the uploader says so.

mod actor;
mod connection;
mod quota_file;
mod uploader;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{FileReport, PeerPosition, QueueDelay, RejectReason};
use engine::store::StoreError;
use engine::units::{ByteRate, TransferCap};
use roaring::RoaringBitmap;
use serde::Serialize;

pub use actor::{Daily, Swarm, SwarmSettings};
pub use connection::Connection;

/// Other limits for all links together, from now on.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SetLimits {
    /// Upload to all peers.
    pub upload: ByteRate,
    /// Download from all peers.
    pub download: ByteRate,
    /// Upload to all peers in 24 hours; `None` leaves that as it is.
    pub upload_per_day: Option<TransferCap>,
}

/// Interest in a file begins: every peer that has some of it is reported.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct JoinFile {
    /// Content id.
    pub file: FileId,
    /// How it is cut here; peers that cut it differently are not used.
    pub geometry: Geometry,
    /// Who wants to know.
    pub events: Recipient<SwarmEvent>,
}

/// Interest in a file ends.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LeaveFile(pub FileId);

/// What a scheduler wants the tracker and other viewers to know of its file.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReportFile {
    /// For the tracker.
    pub report: FileReport,
    /// Chunks fetched at present, for other viewers.
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

/// What happens at one peer, for one file.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct SwarmEvent {
    /// Which peer.
    pub peer: PeerId,
    /// What.
    pub kind: SwarmEventKind,
}

/// See [`SwarmEvent`].
#[derive(Debug, Clone)]
pub enum SwarmEventKind {
    /// A peer is connected; `Has` follows if it has some of the file.
    PeerUp {
        /// Recipient of requests to this peer.
        requests: Recipient<ChunkRequest>,
        /// Name to show.
        name: String,
        /// Whether it is the server's library.
        origin: bool,
    },
    /// The peer has these chunks too.
    Has(RoaringBitmap),
    /// The peer no longer has these.
    Lost(RoaringBitmap),
    /// Time it takes the peer to serve what waits there.
    QueueDelay(QueueDelay),
    /// Where the peer is in the file.
    Position(PeerPosition),
    /// What we can send ourselves, as the others are told.
    OwnUplink(u64),
    /// The tracker keeps the peer's uplink for others, or no longer does.
    Reserve(bool),
    /// The peer (no longer) serves us.
    Choked(bool),
    /// A new round-trip time.
    Rtt(Duration),
    /// A chunk came in and was verified and stored, or not.
    Arrived {
        /// Which chunk.
        chunk: ChunkIndex,
        /// Its bytes.
        bytes: u32,
        /// What the store said.
        result: Result<(), StoreError>,
    },
    /// A request is not served.
    Rejected {
        /// Which chunk.
        chunk: ChunkIndex,
        /// Why.
        reason: RejectReason,
    },
    /// The peer is gone, and all requests to it.
    PeerDown,
}

/// Asks for the state of the swarm.
#[derive(Debug, Message)]
#[rtype(result = "SwarmSnapshot")]
pub struct SwarmState;

/// Answer to [`SwarmState`].
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SwarmSnapshot {
    /// Bytes a second from all peers.
    pub download_rate: u64,
    /// Bytes a second to all peers.
    pub upload_rate: u64,
    /// Bytes received since start, verified or not.
    pub downloaded: u64,
    /// Bytes sent since start.
    pub uploaded: u64,
    /// Bytes sent in the last 24 hours, by earlier runs, too.
    pub uploaded_today: u64,
    /// Whether that is all that may be sent in that time.
    pub used_up: bool,
    /// Connected peers.
    pub peers: Vec<PeerSnapshot>,
}

/// One connected peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerSnapshot {
    /// Who.
    #[serde(serialize_with = "display")]
    pub peer: PeerId,
    /// Name to show.
    pub name: String,
    /// Where.
    pub address: SocketAddr,
    /// Whether it is the server's library.
    pub origin: bool,
    /// Round trip in microseconds, if measured.
    pub rtt_us: Option<u64>,
    /// Bytes a second from it.
    pub download_rate: u64,
    /// Bytes a second to it.
    pub upload_rate: u64,
    /// Bytes from it since it is connected.
    pub downloaded: u64,
    /// Bytes to it since it is connected.
    pub uploaded: u64,
    /// The file of which bytes went to it last, while they still count in the rate.
    pub taking: Option<FileId>,
    /// For which files the tracker named it, and why, in plain words.
    #[serde(rename = "reason", serialize_with = "all_of_them")]
    pub reasons: BTreeMap<FileId, String>,
}

/// Without the files, some of which are none for people.
fn all_of_them<S: serde::Serializer>(
    reasons: &BTreeMap<FileId, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let different: BTreeSet<&str> = reasons.values().map(String::as_str).collect();
    let different: Vec<&str> = different.into_iter().collect();
    serializer.serialize_str(&different.join("; "))
}

fn display<T: std::fmt::Display, S: serde::Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
