//! Effects of a node, and its timers.

use std::time::Duration;

use engine::ids::{ChunkIndex, PeerId};
use engine::protocol::{PeerMessage, Report};
use engine::scheduler::{POSITION_INTERVAL, TICK_INTERVAL};
use engine::swarm::{
    FIND_PEERS_INTERVAL, LINK_INTERVAL, QUEUE_DELAY_INTERVAL, REPORT_INTERVAL, Upload,
};

/// Effect of a node on the network.
#[derive(Debug)]
pub enum Output {
    /// Sends a message over an established link.
    Send(PeerId, PeerMessage),
    /// Sends a chunk over an established link.
    Upload(PeerId, Upload),
    /// Connects to a peer.
    Dial(PeerId),
    /// Sets a timer.
    Timer(Duration, Timer),
    /// Reports to the tracker.
    Report(Report),
    /// Asks the tracker for peers from this chunk on.
    FindPeers(ChunkIndex),
}

/// Timer of a node.
#[derive(Debug, Clone, Copy)]
pub enum Timer {
    /// Scheduler's check for late requests.
    Tick,
    /// Announcement of the position.
    Position,
    /// Announcement of the queue delay.
    QueueDelay,
    /// Check of all links.
    Links,
    /// Report to the tracker.
    Report,
    /// Request to the tracker for peers.
    FindPeers,
    /// Announcement of the chunks stored since the last one.
    Haves,
    /// Sending of the messages that wait at the link to a peer.
    Held(PeerId),
}

impl Timer {
    /// Timers that repeat.
    pub const PERIODIC: [Self; 6] = [
        Self::Tick,
        Self::Position,
        Self::QueueDelay,
        Self::Links,
        Self::Report,
        Self::FindPeers,
    ];

    /// Interval of a timer that repeats.
    pub fn period(self) -> Option<Duration> {
        match self {
            Self::Tick => Some(TICK_INTERVAL),
            Self::Position => Some(POSITION_INTERVAL),
            Self::QueueDelay => Some(QUEUE_DELAY_INTERVAL),
            Self::Links => Some(LINK_INTERVAL),
            Self::Report => Some(REPORT_INTERVAL),
            Self::FindPeers => Some(FIND_PEERS_INTERVAL),
            Self::Haves | Self::Held(_) => None,
        }
    }
}
