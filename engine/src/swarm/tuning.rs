//! Intervals and limits of the peer traffic, shared by the program and the simulator.

use std::time::Duration;

/// Delay in which stored chunks are collected into one `have` message. Peers wait for
/// these messages, so it is short.
pub const HAVE_DELAY: Duration = Duration::from_millis(50);

/// Delay in which messages that are not urgent wait for another message to the same
/// peer. Waking up for a message costs the peer more than reading it.
pub const COALESCE_DELAY: Duration = Duration::from_millis(100);

/// Interval between checks of the queue delay, and for peers that do not read.
pub const QUEUE_DELAY_INTERVAL: Duration = Duration::from_millis(200);

/// Change of the queue delay that is announced to peers.
pub const QUEUE_DELAY_CHANGE: Duration = Duration::from_millis(250);

/// Interval between checks of a link for silence, and between its state reports.
pub const LINK_INTERVAL: Duration = Duration::from_secs(1);

/// Interval between reports to the tracker.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(2);

/// Interval between requests to the tracker for peers of a wanted file.
pub const FIND_PEERS_INTERVAL: Duration = Duration::from_secs(15);

/// Peers connected at once, by default.
pub const DEFAULT_MAX_PEERS: u32 = 64;

/// Number of peers requested from the tracker at once.
pub const WANTED_PEERS: u32 = 30;
