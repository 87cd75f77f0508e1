//! The client's side of the tracker: registers, publishes, asks, listens.
//!
//! The announcer keeps one link to the tracker. When it is lost, everything else
//! goes on with the peers that are known; the announcer dials again with
//! growing, jittered waits, registers, publishes the whole file list and asks
//! its open questions again.
//!
//! * [`catalogue`]: pure: the mirror of what everybody shares.
//! * [`actor`]: mailbox and link.

mod actor;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::media::{FileEntry, MediaKind};
use engine::protocol::{PeerEntry, Publish, Report};
use serde::Serialize;

pub use actor::{TrackerClient, TrackerClientSettings, dial};

/// Asks the tracker who has a file. The answer goes to the swarm; the tracker
/// also says when it changes.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct WantPeers {
    /// Content id.
    pub file: FileId,
    /// First chunk needed.
    pub position: ChunkIndex,
    /// How many peers at most.
    pub count: u32,
}

/// Peers of a file are no longer asked for.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetPeers(pub FileId);

/// Asks for the names of those who have a file, the likeliest to serve us first. They
/// are not dialled for it (but those who cannot be dialled are told of us, as always when
/// peers are asked for). Empty if the tracker does not answer in time.
#[derive(Debug, Message)]
#[rtype(result = "Vec<String>")]
pub struct FindSeeds(pub FileId);

/// What was measured; sent on at once if the tracker is there.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SendReport(pub Report);

/// A change of our own file list.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PublishFiles(pub Publish);

/// Finds a file of the catalogue by id, exact name or title.
#[derive(Debug, Message)]
#[rtype(result = "Option<FileEntry>")]
pub struct FindEntry(pub String);

/// Asks for the catalogue.
#[derive(Debug, Message)]
#[rtype(result = "CatalogueSnapshot")]
pub struct CatalogueState;

/// The catalogue and where it came from.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CatalogueSnapshot {
    /// Grows with every change.
    pub version: u64,
    /// All entries, by title.
    pub entries: Vec<FileEntry>,
    /// The link to the tracker.
    pub tracker: TrackerLink,
}

/// The problem of a link that was not tried to its end yet.
pub const CONNECTING: &str = "connecting";

/// What is wrong with somebody who answers a registration with something else.
pub const NO_WELCOME: &str = "no welcome; is this a tracker?";

/// The link to the tracker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TrackerLink {
    /// As configured.
    pub address: String,
    /// Whether it stands.
    pub online: bool,
    /// Clients online.
    pub clients: u32,
    /// Why it does not stand, in plain words.
    pub problem: String,
    /// Whether the catalogue has come, since the program began.
    pub listed: bool,
}

/// Peers the tracker named; those not connected yet are dialled.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PeersFound {
    /// For which file.
    pub file: FileId,
    /// Who.
    pub peers: Vec<PeerEntry>,
}

/// Where the peers go that the tracker names.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SendPeersTo(pub Recipient<PeersFound>);

/// Which part of the catalogue a client shows.
pub type KindFilter = Option<MediaKind>;
