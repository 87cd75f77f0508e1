//! Sockets.
//!
//! * [`mod@accept`], [`mod@dial`]: both ends of a new link.
//! * [`link`], [`writer`]: its incoming and outgoing half.
//! * [`rate_limit`]: limits shared by all links.
//! * [`send_queue`], [`socket_options`]: what the kernel does with a link.

mod accept;
mod dial;
mod link;
mod rate_limit;
mod send_queue;
mod socket_options;
mod writer;

use actix::prelude::*;
use engine::protocol::{ClientMessage, Hello, PeerMessage, Register, TrackerMessage};

pub use self::accept::{LinkRoutes, accept};
pub use self::dial::dial;
pub use self::link::{Link, LinkReader, listen};
pub use self::rate_limit::LinkLimits;
pub use self::writer::{LinkWriter, PayloadSlot};

/// A link between two peers.
pub type PeerLink = Link<PeerMessage, PeerMessage>;

/// A link to a client, at the tracker.
pub type LinkToClient = Link<ClientMessage, TrackerMessage>;

/// The link to the tracker, at a client.
pub type LinkToTracker = Link<TrackerMessage, ClientMessage>;

/// A peer has dialled and said hello.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PeerArrived {
    /// Both halves of the connection.
    pub link: PeerLink,
    /// Its introduction.
    pub hello: Hello,
}

/// A client has dialled and registered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClientArrived {
    /// Both halves of the connection.
    pub link: LinkToClient,
    /// Its introduction.
    pub register: Register,
}
