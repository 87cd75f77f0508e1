//! Frames ↔ bytes.
//!
//! Reading: tokio-util cuts the stream into frames and refuses a length above
//! [`MAX_FRAME`] before it allocates memory for it; the envelope and the payload
//! are then slices of the one buffer that the socket wrote into. Messages of an
//! unknown kind end here. Writing: a [`Frame`] is a short head and the payload as
//! it lies in memory; both go out in one vectored write ([`crate::net`]).

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use engine::protocol::{MAX_ENVELOPE, MAX_FRAME, MAX_PAYLOAD};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use crate::wire::{Decode, Encode, WireError};

/// Longest varint of a valid envelope length.
const MAX_VARINT: usize = 4;

/// A message laid out for the socket.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Length field and envelope.
    pub head: Bytes,
    /// Bytes of a chunk; empty for every other message.
    pub payload: Bytes,
}

impl Frame {
    /// Lays a message out for writing; the payload is not copied.
    pub fn new(message: impl Encode) -> Self {
        let (envelope, payload) = message.encode();
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

    /// True if there is nothing to write; never for a frame of a message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Cuts a byte stream into messages of one direction.
#[derive(Debug)]
pub struct WireCodec<M> {
    frames: LengthDelimitedCodec,
    /// Length of the frame being received.
    begun: Option<usize>,
    missing: Arc<AtomicUsize>,
    messages: PhantomData<fn() -> M>,
}

impl<M> Default for WireCodec<M> {
    fn default() -> Self {
        let frames = LengthDelimitedCodec::builder()
            .length_field_type::<u32>()
            .max_frame_length(MAX_FRAME)
            .new_codec();
        Self {
            frames,
            begun: None,
            missing: Arc::default(),
            messages: PhantomData,
        }
    }
}

impl<M> WireCodec<M> {
    /// Missing bytes of the frame being received; kept up to date. The reader
    /// need not wake up before they are here.
    pub fn missing(&self) -> Arc<AtomicUsize> {
        self.missing.clone()
    }

    /// The same stream, read as messages of another direction from here on.
    pub fn cast<N>(self) -> WireCodec<N> {
        WireCodec {
            frames: self.frames,
            begun: self.begun,
            missing: self.missing,
            messages: PhantomData,
        }
    }

    /// Cuts the next frame off the buffer.
    fn next_frame(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, WireError> {
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
            Ok(frame) => Ok(frame.map(BytesMut::freeze)),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(WireError::Violation("frame too long"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<M: Decode> Decoder for WireCodec<M> {
    type Item = M;
    type Error = WireError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<M>, WireError> {
        while let Some(frame) = self.next_frame(buffer)? {
            if let Some(message) = parse(frame)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }
}

/// Takes a frame apart; no byte of it is copied. `None` for a message of a later
/// version.
fn parse<M: Decode>(mut frame: Bytes) -> Result<Option<M>, WireError> {
    let envelope_len = read_varint(&mut frame)?;
    if envelope_len > MAX_ENVELOPE || envelope_len > frame.len() {
        return Err(WireError::Violation("envelope longer than its frame"));
    }
    let envelope = frame.split_to(envelope_len);
    if frame.len() > MAX_PAYLOAD {
        return Err(WireError::Violation("payload longer than a chunk"));
    }
    M::decode(envelope, frame)
}

/// Reads protobuf's variable-length number from the front of a frame.
fn read_varint(frame: &mut Bytes) -> Result<usize, WireError> {
    let mut value = 0;
    for position in 0..MAX_VARINT {
        if !frame.has_remaining() {
            return Err(WireError::Violation("frame without an envelope"));
        }
        let byte = frame.get_u8();
        value |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Violation("envelope too long"))
}

#[cfg(test)]
mod tests;
