//! Frames ↔ bytes.
//!
//! Reading: tokio-util cuts the stream into frames and refuses a length above
//! [`MAX_FRAME`] before it takes memory for it; the envelope and the payload are
//! then slices of the one buffer the socket wrote into. Writing: a [`Frame`] is
//! a short head and the payload as it lies in memory; both go out in one
//! vectored write ([`crate::net::link`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use engine::protocol::{MAX_ENVELOPE, MAX_FRAME, MAX_PAYLOAD, Message};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use crate::wire::{WireError, convert};

/// Longest varint of a length that can be valid here.
const MAX_VARINT: usize = 4;

/// A message as it goes to the socket.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Length field and envelope.
    pub head: Bytes,
    /// Bytes of a chunk; empty for every other message.
    pub payload: Bytes,
}

impl Frame {
    /// Lays a message out for writing; the payload is not copied.
    pub fn new(message: Message) -> Self {
        let (envelope, payload) = convert::encode(message);
        let mut head = BytesMut::with_capacity(4 + envelope.len());
        head.put_u32((envelope.len() + payload.len()) as u32);
        head.put_slice(&envelope);
        Self {
            head: head.freeze(),
            payload,
        }
    }

    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    /// Whether nothing would be written; never so for a built frame.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Cuts a byte stream into messages.
#[derive(Debug)]
pub struct WireCodec {
    frames: LengthDelimitedCodec,
    /// Length of the frame that has begun.
    begun: Option<usize>,
    missing: Arc<AtomicUsize>,
}

impl Default for WireCodec {
    fn default() -> Self {
        let frames = LengthDelimitedCodec::builder()
            .length_field_type::<u32>()
            .max_frame_length(MAX_FRAME)
            .new_codec();
        Self {
            frames,
            begun: None,
            missing: Arc::default(),
        }
    }
}

impl WireCodec {
    /// Bytes of a begun frame that have not come yet; kept up to date. Nothing
    /// can be done before they are here, so nobody need be woken.
    pub fn missing(&self) -> Arc<AtomicUsize> {
        self.missing.clone()
    }
}

impl Decoder for WireCodec {
    type Item = Message;
    type Error = WireError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, WireError> {
        if self.begun.is_none() {
            let length = buffer.first_chunk().copied().map(u32::from_be_bytes);
            self.begun = length.map(|length| length as usize);
        }
        let frame = self.frames.decode(buffer);
        if matches!(frame, Ok(Some(_))) {
            self.begun = None;
        }
        let missing = self
            .begun
            .map_or(0, |length| length.saturating_sub(buffer.len()));
        self.missing.store(missing, Ordering::Relaxed);
        match frame {
            Ok(Some(frame)) => parse(frame.freeze()).map(Some),
            Ok(None) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(WireError::Violation("a frame longer than allowed"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Takes a frame apart; no byte of it is copied.
fn parse(mut frame: Bytes) -> Result<Message, WireError> {
    let envelope_len = read_varint(&mut frame)?;
    if envelope_len > MAX_ENVELOPE || envelope_len > frame.len() {
        return Err(WireError::Violation("an envelope longer than its frame"));
    }
    let envelope = frame.split_to(envelope_len);
    if frame.len() > MAX_PAYLOAD {
        return Err(WireError::Violation("a payload longer than a chunk"));
    }
    convert::decode(envelope, frame)
}

/// Reads protobuf's variable-length number from the front of a frame.
fn read_varint(frame: &mut Bytes) -> Result<usize, WireError> {
    let mut value = 0;
    for position in 0..MAX_VARINT {
        if !frame.has_remaining() {
            return Err(WireError::Violation("a frame without an envelope"));
        }
        let byte = frame.get_u8();
        value |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Violation("an envelope longer than allowed"))
}

#[cfg(test)]
mod tests;
