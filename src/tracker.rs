//! Tracker: clients online, shared files, choice of peers. Decisions are in
//! [`engine::tracker`].
//!
//! * [`actor`]: mailbox of the registry.
//! * [`session`]: actor of one client's link.
//!
//! The server's own library is no special case: it registers as a client over
//! loopback, with a token that only this process knows, and is then marked as the
//! origin.

mod actor;
mod session;

use actix::prelude::*;
use engine::ids::PeerId;
use engine::protocol::{ClientMessage, TrackerMessage};
use engine::tracker::TrackerSnapshot;

pub use actor::{Tracker, TrackerSettings};

/// A message of a registered client.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FromClient {
    /// Client id.
    pub peer: PeerId,
    /// Number of its link; messages of a replaced link are ignored.
    pub link: u64,
    /// Message.
    pub message: ClientMessage,
}

/// A client's link is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClientGone {
    /// Client id.
    pub peer: PeerId,
    /// Number of its link.
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
