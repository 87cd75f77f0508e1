//! Reasons for refusals, closed links and chosen peers.

use std::fmt;
use std::time::Duration;

/// Reason a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// The sender does not hold the chunk.
    NotHeld,
    /// The upload queue is full; ask again after this time.
    Busy(Duration),
    /// The sender is choking the receiver.
    Choked,
    /// The sender failed to read the chunk.
    Disk,
    /// The request was recalled in time.
    Recalled,
}

/// Reason a peer closes a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByeReason {
    /// The sender shuts down.
    Shutdown,
    /// Another link to the same peer exists.
    Duplicate,
    /// The receiver broke the protocol.
    Protocol,
    /// The receiver sent a chunk that fails verification.
    Corrupt,
    /// The sender has as many peers as it accepts.
    Full,
    /// The protocol versions differ.
    Version,
    /// The receiver was silent for too long.
    Silent,
    /// The receiver does not read its messages.
    NotReading,
    /// Neither side is interested in a file.
    Idle,
    /// A reason of a later version.
    Other,
}

/// Reason the tracker closes a client's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KickReason {
    /// The tracker has as many clients as it accepts.
    Full,
    /// A newer link has the same id.
    Replaced,
    /// The protocol versions differ.
    Version,
    /// The client broke the protocol.
    Protocol,
    /// The tracker shuts down.
    Shutdown,
    /// A reason of a later version.
    Other,
}

impl KickReason {
    /// Stable name for JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Replaced => "replaced",
            Self::Version => "version",
            Self::Protocol => "protocol",
            Self::Shutdown => "shutdown",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for KickReason {
    /// English for logs and the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the server is full; try again later",
            Self::Replaced => "replaced by another link with the same id",
            Self::Version => "incompatible protocol version",
            Self::Protocol => "protocol violation",
            Self::Shutdown => "the tracker shuts down",
            Self::Other => "reason unknown to this version",
        })
    }
}

/// Reason the tracker chose a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathReason {
    /// Holds the whole file.
    HasAll,
    /// Holds the chunks needed next.
    HasRange,
    /// Holds some chunks.
    HasPart,
    /// Same network as the asker.
    SameNetwork,
    /// Short measured round trip.
    Near,
    /// Spare uplink capacity.
    FreeUplink,
    /// The origin.
    Origin,
    /// Plays the same part.
    Together,
    /// Plays a later part.
    Ahead,
    /// Reserved for chunks that would be late otherwise: other viewers need its
    /// uplink.
    Reserve,
}
