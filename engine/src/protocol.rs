//! Protocol vocabulary and limits: the messages that peers, clients and the
//! tracker exchange, as checked values.
//!
//! * [`peer`]: messages between two peers.
//! * [`tracker`]: messages from a client to the tracker and back.
//! * [`reasons`]: reasons for refusals, closed links and chosen peers.
//!
//! The wire format is specified in `proto/`; the program's `wire` module converts.

mod peer;
mod reasons;
mod tracker;

use std::time::Duration;

pub use self::peer::{Hello, PeerMessage, PeerPosition, QueueDelay, SourceShare};
pub use self::reasons::{ByeReason, KickReason, PathReason, RejectReason};
pub use self::tracker::{
    CatalogueDelta, ClientMessage, FileReport, PeerEntry, Publish, Register, Report,
    TrackerMessage, Welcome,
};

/// Version spoken; both sides must have the same.
pub const PROTOCOL_VERSION: u32 = 2;

/// Program and version, for the other side's log.
pub const AGENT: &str = concat!("swarmplay/", env!("CARGO_PKG_VERSION"));

/// Largest envelope: [`MAX_ENTRIES`] file entries of the longest texts and
/// timelines (17 KiB each) fit beside [`MAX_REMOVED`] ids (34 KB).
pub const MAX_ENVELOPE: usize = 320 << 10;

/// Largest payload: one chunk of the largest size.
pub const MAX_PAYLOAD: usize = 256 << 10;

/// Largest frame: the largest payload with its proof, or the largest envelope.
pub const MAX_FRAME: usize = MAX_PAYLOAD + (80 << 10);

/// File entries in one message.
pub const MAX_ENTRIES: usize = 16;

/// Chunk ranges in one [`PeerMessage::Have`].
pub const MAX_RANGES: usize = 8192;

/// Removed ids in one message.
pub const MAX_REMOVED: usize = 1000;

/// Time to the deadline below which a chunk is critical, for the requester and
/// for the sender.
pub const CRITICAL_WINDOW: Duration = Duration::from_millis(900);

/// First message of a link, which says who dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// A peer.
    Hello(Hello),
    /// A client of the tracker.
    Register(Register),
}
