//! Tracker decisions: registered clients, shared files, choice of peers.
//!
//! * [`registry`]: clients and shared files; takes their messages, returns answers.
//! * [`client`]: one of the clients.
//! * [`shared_file`]: one of the files.
//! * [`planner`]: suppliers of each viewer.
//! * [`pages`]: catalogue messages of allowed length.

mod client;
mod pages;
mod planner;
mod registry;
mod shared_file;

use std::net::SocketAddr;
use std::time::Duration;

pub use self::client::ClientInfo;
pub use self::planner::{Asker, Candidate, Held, Planner};
pub use self::registry::{Outgoing, Registry};

/// Interval between pushes of changes, and between checks for silent clients.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(250);

/// Silence after which a client counts as offline, by default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

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
