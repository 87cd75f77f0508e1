//! Sockets: listening, dialling, framed links with bounded queues, rate limits.

mod accept;
mod dial;
mod link;
mod rate_limit;
mod send_queue;
mod socket_options;

use actix::prelude::*;
use engine::protocol::{ClientMessage, Hello, PeerMessage, Register, TrackerMessage};

pub use self::accept::{LinkRoutes, accept};
pub use self::dial::dial;
pub use self::link::{Link, LinkReader, LinkWriter, PayloadSlot, listen};
pub use self::rate_limit::LinkLimits;

/// A link between two peers.
pub type PeerLink = Link<PeerMessage, PeerMessage>;

/// A link to a client, at the tracker.
pub type LinkToClient = Link<ClientMessage, TrackerMessage>;

/// The link to the tracker, at a client.
pub type LinkToTracker = Link<TrackerMessage, ClientMessage>;

/// A peer dialled us and said hello.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PeerArrived {
    /// Both halves of the connection.
    pub link: PeerLink,
    /// What it said.
    pub hello: Hello,
}

/// A client dialled us and registered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClientArrived {
    /// Both halves of the connection.
    pub link: LinkToClient,
    /// What it said.
    pub register: Register,
}
