//! Protocol vocabulary and limits: the messages that peers, clients and the
//! tracker exchange, as checked values.
//!
//! The wire format is specified in `proto/`; `src/wire` converts.

mod message;

use std::ops::Range;
use std::time::Duration;

pub use self::message::{
    ByeReason, CatalogueDelta, FileReport, Hello, KickReason, Message, PathReason, PeerEntry,
    Publish, QueueDelay, Register, RejectReason, Report, Welcome,
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

/// Entries in one message that lists files.
pub const MAX_ENTRIES: usize = 16;

/// Ranges in one [`Message::Have`].
pub const MAX_RANGES: usize = 8192;

/// Removed ids in one message.
pub const MAX_REMOVED: usize = 1000;

/// What is needed within this time is pressing, for who asks and for who serves.
pub const CRITICAL_WINDOW: Duration = Duration::from_millis(900);

/// Told as an uplink that is not measured yet. It counts as the highest of those
/// that are, or who is never asked would never be measured.
pub const UNKNOWN_UPLINK: u64 = 1;

/// What a peer says of its own place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerPosition {
    /// Chunks it fetches at present: from its reader to the end of its window.
    pub window: Range<u32>,
    /// What decides its share of new chunks: bytes a second it can send, more while
    /// it idles; 0 if it does not fetch from sources.
    pub uplink: u64,
    /// Media time that plays at present.
    pub playhead: Duration,
}
