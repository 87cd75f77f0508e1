//! The tracker: who is online, who shares what, who should get what from whom.
//!
//! * [`registry`]: pure: clients, file lists, holdings, expiry.
//! * [`planner`]: pure: from whom each viewer gets a film, and why.
//! * [`actor`]: the registry's mailbox.
//! * [`session`]: actor: one client's link.
//!
//! The server's own library is no special case: it registers as a client over
//! loopback, with a token that only this process knows, and is then flagged as
//! the origin.

mod actor;
mod session;

use actix::prelude::*;
use engine::ids::PeerId;
use engine::protocol::{ClientMessage, TrackerMessage};
use engine::tracker::TrackerSnapshot;

pub use actor::{Tracker, TrackerSettings};

/// What a client is told when there are as many as there may be.
pub const FULL: &str = "the server is full; try later";

/// What a client of another version is told, before the version spoken here.
pub const SPEAKS: &str = "this tracker speaks protocol version ";

/// What a client is told in whose place another registered.
pub const REPLACED: &str = "registered again from elsewhere";

/// What all are told at the end.
pub const ENDS: &str = "the tracker ends";

/// A message of a registered client.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FromClient {
    /// Which client.
    pub peer: PeerId,
    /// Which of its links; messages of a replaced link are ignored.
    pub link: u64,
    /// What it says.
    pub message: ClientMessage,
}

/// A client's link is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClientGone {
    /// Which client.
    pub peer: PeerId,
    /// Which of its links.
    pub link: u64,
}

/// A message for a client.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ToClient(pub TrackerMessage);

/// Closes a client's link after what is queued has been sent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseSession;

/// Asks for the state of the tracker.
#[derive(Debug, Message)]
#[rtype(result = "TrackerSnapshot")]
pub struct TrackerState;
