//! Tracker decisions: registered clients, shared files, and peer selection.

mod client;
mod planner;
mod registry;

use std::net::SocketAddr;

pub use self::client::ClientInfo;
pub use self::planner::{Asker, Candidate, Held, Planner};
pub use self::registry::{Outgoing, Registry};

/// State of one client.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClientSnapshot {
    /// Display name.
    pub name: String,
    /// Address to dial.
    pub address: SocketAddr,
    /// True for the origin.
    pub origin: bool,
    /// Listed files it shares.
    pub files: usize,
}

/// State of the tracker.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct TrackerSnapshot {
    /// Clients online, observers not counted.
    pub clients: Vec<ClientSnapshot>,
    /// Files shared by at least one client.
    pub files: usize,
}
