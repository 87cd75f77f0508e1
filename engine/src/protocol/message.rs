//! The messages, as the rest of the program sees them: checked and typed.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::{FileEntry, Geometry, MediaKind};

/// Time it takes an uplink to send what waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDelay {
    /// All of it.
    pub all: Duration,
    /// What is needed very soon and goes first (see [`UploadTuning::pressing`]).
    ///
    /// [`UploadTuning::pressing`]: crate::swarm::UploadTuning::pressing
    pub pressing: Duration,
    /// Bytes a second that the uplink carries; 0 while that is not known.
    pub uplink: u64,
}

/// Introduction of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Protocol version.
    pub version: u32,
    /// Who speaks.
    pub peer: PeerId,
    /// Name to show.
    pub name: String,
    /// Program and version.
    pub agent: String,
    /// Port to dial, if it can be dialled.
    pub listen_port: Option<u16>,
}

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// The chunk is not held.
    NotHeld,
    /// The upload queue is full; ask again after this time.
    Busy(Duration),
    /// The sender is choked.
    Choked,
    /// The chunk cannot be read.
    Disk,
    /// It was recalled in time.
    Recalled,
}

/// Why a link is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByeReason {
    /// The sender ends.
    Shutdown,
    /// Another link to the same peer exists.
    Duplicate,
    /// The receiver broke the protocol.
    Protocol,
    /// The receiver sent a chunk that does not verify.
    Corrupt,
    /// The sender has enough peers.
    Full,
    /// The versions differ.
    Version,
    /// Nothing was heard for too long.
    Silent,
    /// The receiver does not read what it asked for.
    NotReading,
    /// Neither side wants anything.
    Idle,
    /// A reason of a later version.
    Other,
}

/// Introduction of a client to the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Protocol version.
    pub version: u32,
    /// Who speaks.
    pub peer: PeerId,
    /// Name to show.
    pub name: String,
    /// Program and version.
    pub agent: String,
    /// Port to dial, if it can be dialled.
    pub listen_port: Option<u16>,
    /// Proof of being the tracker's own library.
    pub origin_token: Bytes,
    /// Only asks, shares nothing.
    pub observer: bool,
}

/// The tracker's answer to [`Register`].
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
    /// Forget what was published before.
    pub reset: bool,
}

/// A change of the catalogue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CatalogueDelta {
    /// Forget what was said before.
    pub reset: bool,
    /// New or changed entries.
    pub changed: Vec<FileEntry>,
    /// Entries nobody shares any more.
    pub removed: Vec<FileId>,
    /// Clients online.
    pub clients: u32,
    /// More of the first answer follows.
    pub more: bool,
}

/// Why the tracker chose a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathReason {
    /// Holds all of the file.
    HasAll,
    /// Holds what is needed next.
    HasRange,
    /// Holds part of the file.
    HasPart,
    /// Same network as the asker.
    SameNetwork,
    /// Short measured round trip.
    Near,
    /// Uplink to spare.
    FreeUplink,
    /// The server.
    Origin,
    /// Watches the same part.
    Together,
    /// Is further on in the film.
    Ahead,
    /// Only for what would come too late otherwise: others need its uplink.
    Reserve,
}

impl PathReason {
    /// In plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::HasAll => "has all",
            Self::HasRange => "has what plays next",
            Self::HasPart => "has a part",
            Self::SameNetwork => "same network",
            Self::Near => "near",
            Self::FreeUplink => "free uplink",
            Self::Origin => "server",
            Self::Together => "watches the same part",
            Self::Ahead => "ahead of you",
            Self::Reserve => "kept in reserve",
        }
    }
}

/// A peer in the tracker's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerEntry {
    /// Who it is.
    pub peer: PeerId,
    /// Name to show.
    pub name: String,
    /// Where it is; `None` means the host the tracker was reached at.
    pub host: Option<IpAddr>,
    /// Port to dial; `None` if it cannot be dialled.
    pub port: Option<u16>,
    /// Whether it is the server's library.
    pub origin: bool,
    /// Why it was chosen, weightiest first.
    pub reasons: Vec<PathReason>,
}

/// What a client holds of a file it fetches.
#[derive(Debug, Clone, PartialEq)]
pub struct FileReport {
    /// The file.
    pub file: FileId,
    /// Bytes of a chunk.
    pub chunk_size: u32,
    /// Chunks held.
    pub have: RoaringBitmap,
    /// Chunk at the playhead.
    pub position: ChunkIndex,
    /// Media ahead without a gap.
    pub buffer: Duration,
}

/// What a client measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Bytes a second to peers.
    pub upload_rate: u64,
    /// Bytes a second from peers.
    pub download_rate: u64,
    /// Bytes a second the uplink carries; 0 if unknown.
    pub uplink: u64,
    /// Files being fetched.
    pub files: Vec<FileReport>,
    /// Round-trip times to peers.
    pub rtts: Vec<(PeerId, Duration)>,
}

/// Why the tracker closes a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KickReason {
    /// Too many clients.
    Full,
    /// A newer link has the same id.
    Replaced,
    /// The versions differ.
    Version,
    /// The client broke the protocol.
    Protocol,
    /// The tracker ends.
    Shutdown,
    /// A reason of a later version.
    Other,
}

/// Everything that travels. See `proto/` for the meaning of each.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// First message between peers.
    Hello(Hello),
    /// Interest in a file begins or ends.
    Interested {
        /// The file.
        file: FileId,
        /// Begins or ends.
        want: bool,
    },
    /// Chunks held.
    Have {
        /// The file.
        file: FileId,
        /// How the sender cuts it.
        geometry: Geometry,
        /// In addition to what was said before.
        chunks: RoaringBitmap,
    },
    /// Chunks no longer held.
    Evicted {
        /// The file.
        file: FileId,
        /// No longer held.
        chunks: RoaringBitmap,
    },
    /// Where the sender is in a file.
    Position {
        /// The file.
        file: FileId,
        /// Chunks it fetches at present.
        window: Range<u32>,
        /// Bytes a second it can send; 0 if it fetches nothing from sources.
        uplink: u64,
        /// Media time that plays at present.
        playhead: Duration,
    },
    /// Time it takes the sender to serve all that waits.
    QueueDelay(QueueDelay),
    /// Requests will not be served.
    Choke,
    /// Requests are served again.
    Unchoke,
    /// Asks for a chunk.
    Request {
        /// The file.
        file: FileId,
        /// The chunk.
        chunk: ChunkIndex,
        /// Time until it is needed.
        deadline: Duration,
    },
    /// Takes a request back if it still waits, and wants to know.
    Recall {
        /// The file.
        file: FileId,
        /// The chunk.
        chunk: ChunkIndex,
    },
    /// Takes a request back.
    Cancel {
        /// The file.
        file: FileId,
        /// The chunk.
        chunk: ChunkIndex,
    },
    /// A chunk with its proof.
    Chunk {
        /// The file.
        file: FileId,
        /// The chunk.
        chunk: ChunkIndex,
        /// Sibling hashes, bottom up.
        proof: Bytes,
        /// The bytes.
        payload: Bytes,
    },
    /// A request that is not served.
    Reject {
        /// The file.
        file: FileId,
        /// The chunk.
        chunk: ChunkIndex,
        /// Why.
        reason: RejectReason,
    },
    /// Asks for a pong.
    Ping(u64),
    /// Answers a ping.
    Pong(u64),
    /// Last message between peers.
    Bye {
        /// Why.
        reason: ByeReason,
        /// For the log.
        text: String,
    },
    /// First message of a client.
    Register(Register),
    /// The tracker's answer.
    Welcome(Welcome),
    /// A change of the file list.
    Publish(Publish),
    /// Asks for a page of the catalogue.
    Query {
        /// Echoed.
        number: u32,
        /// Both if `None`.
        kind: Option<MediaKind>,
        /// Words that must all occur.
        search: String,
        /// From 0.
        page: u32,
    },
    /// A page of the catalogue.
    QueryResult {
        /// Of the query.
        number: u32,
        /// Entries in all pages.
        total: u32,
        /// This page.
        entries: Vec<FileEntry>,
    },
    /// Asks for the catalogue and its changes.
    Subscribe(Option<MediaKind>),
    /// The catalogue or a change of it.
    CatalogueDelta(CatalogueDelta),
    /// Asks who has a file.
    FindPeers {
        /// The file.
        file: FileId,
        /// First chunk needed.
        position: ChunkIndex,
        /// How many peers at most.
        count: u32,
    },
    /// Who has a file, best first.
    PeerList {
        /// The file.
        file: FileId,
        /// Best first.
        peers: Vec<PeerEntry>,
    },
    /// What a client measured.
    Report(Report),
    /// The answer to an earlier question has changed.
    PeersChanged(FileId),
    /// Dial this peer.
    Introduce {
        /// What it wants.
        file: FileId,
        /// Who and where.
        peer: PeerEntry,
    },
    /// Shows that a side lives.
    Heartbeat(u64),
    /// The client goes.
    Leave,
    /// Last message of the tracker.
    Kick {
        /// Why.
        reason: KickReason,
        /// For the log.
        text: String,
    },
    /// A kind of a later version; ignored.
    Unknown,
}
