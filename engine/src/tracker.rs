//! Tracker decisions: registered clients, shared files, and peer selection.

mod planner;
mod registry;

use std::net::SocketAddr;

pub use self::planner::{Asker, Candidate, Held, Planner};
pub use self::registry::{ClientInfo, Outgoing, Registry};

/// One client.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClientSnapshot {
    /// Name to show.
    pub name: String,
    /// Where it can be dialled.
    pub address: SocketAddr,
    /// Whether it is the server's library.
    pub origin: bool,
    /// Files it shares.
    pub files: usize,
}

/// Answer to [`TrackerState`].
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct TrackerSnapshot {
    /// Clients online, observers not counted.
    pub clients: Vec<ClientSnapshot>,
    /// Files that somebody shares.
    pub files: usize,
}
