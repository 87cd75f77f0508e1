//! Bytes ↔ messages.
//!
//! * [`convert`]: protobuf ↔ messages; the only place that sees prost types.
//!   Every field from outside is checked here, once.
//! * [`codec`]: frames ↔ bytes. Limits are checked before memory is allocated.
//!
//! Each direction of a conversation has its own message type
//! ([`engine::protocol`]); [`Decode`] and [`Encode`] tie it to its envelope.
//! The comments of `proto/*.proto` are the specification.

mod codec;
mod convert;

use bytes::Bytes;
use engine::protocol::KickReason;

pub use self::codec::{Frame, WireCodec};

/// A message that can be sent.
pub trait Encode {
    /// Splits the message into its length-delimited envelope and its payload.
    fn encode(self) -> (Vec<u8>, Bytes);
}

/// A message that can be received.
pub trait Decode: Sized {
    /// Reads an envelope and the payload behind it. `None` for a kind of a later
    /// version, which the receiver ignores.
    ///
    /// # Errors
    /// A field is out of range, or the envelope is malformed.
    fn decode(envelope: Bytes, payload: Bytes) -> Result<Option<Self>, WireError>;

    /// Bytes of the payload.
    fn payload_len(&self) -> usize {
        0
    }
}

/// Reason a link must be closed. The text goes to the logs of both sides.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The other side broke the protocol.
    #[error("protocol violation: {0}")]
    Violation(&'static str),
    /// The envelope is not valid protobuf.
    #[error("malformed message: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// The host name cannot be resolved.
    #[error("address lookup failed: {0}")]
    Lookup(std::io::Error),
    /// The socket failed.
    #[error("connection lost: {0}")]
    Io(#[from] std::io::Error),
    /// No message arrived in time.
    #[error("no answer in time")]
    Timeout,
    /// The other side closed the link.
    #[error("closed by the other side")]
    Closed,
    /// The other side does not answer a registration as a tracker would.
    #[error("no welcome; is this a tracker?")]
    NoWelcome,
    /// The tracker refused the registration.
    #[error("refused by the tracker: {0}")]
    Refused(KickReason),
}
