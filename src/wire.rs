//! The wire: what may be said, how it is framed, and the only door to a socket.
//!
//! * [`message`]: the messages as the rest of the program sees them, checked.
//! * [`convert`]: protobuf ↔ messages; the only place that sees prost types.
//!   Every field from outside is checked here, once.
//! * [`codec`]: frames ↔ bytes. Limits are checked before memory is taken.
//! * [`link`]: one TCP connection: a stream of messages in, bounded queues out.
//!
//! The specification is the comments of `proto/*.proto`.

mod codec;
mod convert;

pub use codec::{Frame, WireCodec};

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
