//! Messages from a client to the tracker and back.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::{FileEntry, MediaKind};
use crate::protocol::reasons::{KickReason, PathReason};

/// Introduction of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
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
    /// Proof of being the tracker's own library; empty for everybody else.
    pub origin_token: Bytes,
    /// True for a client that only queries and shares nothing.
    pub observer: bool,
}

/// Answer to [`Register`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// Interval of heartbeats.
    pub heartbeat: Duration,
    /// Silence after which the link is dead.
    pub timeout: Duration,
    /// The client's address as the tracker sees it.
    pub your_address: String,
    /// Clients online.
    pub clients: u32,
}

/// A change of a client's file list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Publish {
    /// Files now shared.
    pub added: Vec<FileEntry>,
    /// Files no longer shared.
    pub removed: Vec<FileId>,
    /// True to discard the previous list.
    pub reset: bool,
}

/// A change of the catalogue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CatalogueDelta {
    /// True to discard the previous catalogue.
    pub reset: bool,
    /// New or changed entries.
    pub changed: Vec<FileEntry>,
    /// Entries that nobody shares any more.
    pub removed: Vec<FileId>,
    /// Clients online.
    pub clients: u32,
    /// True if more of the first answer follows.
    pub more: bool,
}

/// A peer named by the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerEntry {
    /// Peer id.
    pub peer: PeerId,
    /// Display name.
    pub name: String,
    /// Address; `None` means the host at which the tracker was reached.
    pub host: Option<IpAddr>,
    /// Port to dial; `None` if it cannot be dialled.
    pub port: Option<u16>,
    /// True for the tracker's own library.
    pub origin: bool,
    /// Reasons for the choice, the weightiest first.
    pub reasons: Vec<PathReason>,
}

/// Chunks and position of a client in a file it fetches.
#[derive(Debug, Clone, PartialEq)]
pub struct FileReport {
    /// Content id.
    pub file: FileId,
    /// Bytes of a chunk.
    pub chunk_size: u32,
    /// Chunks held.
    pub have: RoaringBitmap,
    /// Chunk at the playhead.
    pub position: ChunkIndex,
    /// Media buffered ahead of the playhead without a gap.
    pub buffer: Duration,
}

/// Measurements of a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Bytes a second to peers.
    pub upload_rate: u64,
    /// Bytes a second from peers.
    pub download_rate: u64,
    /// Uplink capacity in bytes a second; `None` if unknown.
    pub uplink: Option<u64>,
    /// False if the client serves nobody: plans must not count on its uplink.
    pub accepts_requests: bool,
    /// Files being fetched.
    pub files: Vec<FileReport>,
    /// Round-trip times to peers.
    pub rtts: Vec<(PeerId, Duration)>,
}

impl Default for Report {
    /// Nothing measured yet.
    fn default() -> Self {
        Self {
            upload_rate: 0,
            download_rate: 0,
            uplink: None,
            accepts_requests: true,
            files: Vec::new(),
            rtts: Vec::new(),
        }
    }
}

/// A message from a client to the tracker. `proto/tracker.proto` specifies each.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// First message of a client.
    Register(Register),
    /// Changes the client's file list.
    Publish(Publish),
    /// Asks for a page of the catalogue.
    Query {
        /// Number echoed in the answer.
        number: u32,
        /// Kind of files; all listed kinds if `None`.
        kind: Option<MediaKind>,
        /// Words that must all occur.
        search: String,
        /// Page, from 0.
        page: u32,
    },
    /// Asks for the catalogue and its changes; all listed kinds if `None`.
    Subscribe(Option<MediaKind>),
    /// Asks for peers that have a file.
    FindPeers {
        /// Content id.
        file: FileId,
        /// First chunk needed.
        position: ChunkIndex,
        /// Most peers wanted; 0 ends the interest.
        count: u32,
    },
    /// Measurements.
    Report(Report),
    /// Sign of life, echoed by the tracker.
    Heartbeat(u64),
    /// The client disconnects.
    Leave,
}

/// A message from the tracker to a client. `proto/tracker.proto` specifies each.
#[derive(Debug, Clone, PartialEq)]
pub enum TrackerMessage {
    /// Accepts a registration.
    Welcome(Welcome),
    /// A page of the catalogue.
    QueryResult {
        /// Number of the query.
        number: u32,
        /// Entries in all pages.
        total: u32,
        /// Entries of this page.
        entries: Vec<FileEntry>,
    },
    /// The catalogue or a change of it.
    CatalogueDelta(CatalogueDelta),
    /// Peers that have a file, best first.
    PeerList {
        /// Content id.
        file: FileId,
        /// Peers, best first.
        peers: Vec<PeerEntry>,
    },
    /// The answer to an earlier [`ClientMessage::FindPeers`] has changed.
    PeersChanged(FileId),
    /// Asks the client to dial a peer.
    Introduce {
        /// File the peer wants.
        file: FileId,
        /// Peer to dial.
        peer: PeerEntry,
    },
    /// Echo of the client's heartbeat.
    Heartbeat(u64),
    /// Last message of the tracker.
    Kick {
        /// Reason.
        reason: KickReason,
        /// Detail for the client's log.
        text: String,
    },
}
