//! Tracker client: registers, publishes the own files, asks for peers.
//!
//! The client keeps one link to the tracker. When it is lost, streams go on with
//! the known peers; the client dials again with growing, jittered waits,
//! registers, publishes the whole file list and repeats its open questions.
//!
//! * [`actor`]: mailbox and link.
//! * [`mod@dial`]: registration at the tracker.
//! * [`questions`]: open questions.
//! * [`link_state`]: states and failures of the link.

mod actor;
mod dial;
mod link_state;
mod questions;

use actix::prelude::*;
use engine::ids::{ChunkIndex, FileId};
use engine::media::{FileEntry, MediaKind};
use engine::protocol::{PeerEntry, Publish, Report};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use self::actor::{TrackerClient, TrackerClientSettings};
pub use self::dial::dial;
pub use self::link_state::{LinkFailure, LinkState};

/// Asks the tracker for peers that have a file. The answer goes to the swarm; the
/// tracker announces when it changes.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct WantPeers {
    /// Content id.
    pub file: FileId,
    /// First chunk needed.
    pub position: ChunkIndex,
    /// Most peers wanted.
    pub count: u32,
}

/// Ends the interest in the peers of a file.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ForgetPeers(pub FileId);

/// Asks for the names of peers that have a file, best first. They are not dialled.
/// Empty if the tracker does not answer in time.
#[derive(Debug, Message)]
#[rtype(result = "Vec<String>")]
pub struct FindSeeds(pub FileId);

/// Measurements for the tracker; dropped while there is no link.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SendReport(pub Report);

/// A change of the own file list.
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

/// The catalogue and the link it came over.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CatalogueSnapshot {
    /// Version, which grows with every change.
    pub version: u64,
    /// All entries, by title.
    pub entries: Vec<FileEntry>,
    /// The link to the tracker.
    pub tracker: TrackerLink,
}

/// The link to the tracker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrackerLink {
    /// Address as configured.
    pub address: String,
    /// State of the link.
    pub state: LinkState,
    /// Clients online.
    pub clients: u32,
    /// True once the catalogue has arrived since the program began.
    pub listed: bool,
}

impl Serialize for TrackerLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut link = serializer.serialize_struct("TrackerLink", 5)?;
        link.serialize_field("address", &self.address)?;
        link.serialize_field("online", &self.state.is_online())?;
        link.serialize_field("clients", &self.clients)?;
        link.serialize_field("problem", &self.state.problem())?;
        link.serialize_field("listed", &self.listed)?;
        link.end()
    }
}

/// Peers named by the tracker; those not connected yet are dialled.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PeersFound {
    /// Content id.
    pub file: FileId,
    /// Peers, best first.
    pub peers: Vec<PeerEntry>,
}

/// Sets the receiver of the peers that the tracker names.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SendPeersTo(pub Recipient<PeersFound>);

/// Kind of files whose catalogue is followed; all if `None`.
pub type KindFilter = Option<MediaKind>;
