//! The wire: what may be said, how it is framed, and the only door to a socket.
//!
//! * [`message`]: the messages as the rest of the program sees them, checked.
//! * [`convert`]: protobuf ↔ messages; the only place that sees prost types.
//!   Every field from outside is checked here, once.
//! * [`codec`]: frames ↔ bytes. Limits are checked before memory is taken.
//! * [`link`]: one TCP connection: a stream of messages in, bounded queues out.
//!
//! The specification is the comments of `proto/*.proto`.

pub mod codec;
pub mod convert;
mod draining;
mod limits;
pub mod link;
pub mod message;
mod options;

pub use codec::{Frame, WireCodec};
pub use link::{Link, LinkReader, LinkWriter};
pub use message::{
    Backlog, ByeReason, CatalogueDelta, FileReport, Hello, KickReason, Message, PathReason,
    PeerEntry, Publish, Register, RejectReason, Report, Welcome,
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

/// Why a link must be closed. The text goes to the log of both sides.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side sent something outside the protocol.
    #[error("protocol violation: {0}")]
    Violation(&'static str),
    /// The envelope is no protobuf of ours.
    #[error("malformed message: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The socket failed.
    #[error("connection lost: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing came in time.
    #[error("no answer in time")]
    Timeout,
    /// The other side closed the link.
    #[error("closed by the other side")]
    Closed,
    /// The other side does not let us in, and says why.
    #[error("{0}")]
    Refused(String),
}
