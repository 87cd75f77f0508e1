//! Protobuf ↔ [`Message`]: every field from outside is checked here, once.
//!
//! [`encode`] and [`decode`] are the way in; [`peer`] and [`tracker`] convert
//! the two conversations' messages.

mod entry;
mod peer;
mod timeline;
mod tracker;

use bytes::Bytes;
use engine::ids::{FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{MAX_RANGES, Message};
use prost::Message as _;
use roaring::RoaringBitmap;

use crate::wire::WireError;

/// The types that prost generates from `proto/`.
mod proto {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    include!(concat!(env!("OUT_DIR"), "/swarmplay.rs"));
}
use proto::envelope::Kind;

/// Longest name or agent, in characters.
const MAX_NAME: usize = 64;
/// Longest free text, in characters.
const MAX_TEXT: usize = 200;

/// Splits a message into its length-delimited envelope and its payload.
pub(super) fn encode(message: Message) -> (Vec<u8>, Bytes) {
    let mut payload = Bytes::new();
    let kind = match peer::to_proto(message, &mut payload) {
        Ok(kind) => Some(kind),
        Err(message) => tracker::to_proto(message),
    };
    let envelope = proto::Envelope { kind };
    (envelope.encode_length_delimited_to_vec(), payload)
}

/// Reads an envelope and puts its payload back. A kind of a later version
/// becomes [`Message::Unknown`].
pub(super) fn decode(envelope: Bytes, payload: Bytes) -> Result<Message, WireError> {
    let Some(kind) = proto::Envelope::decode(envelope)?.kind else {
        return Ok(Message::Unknown);
    };
    if !payload.is_empty() && !matches!(kind, Kind::Chunk(_)) {
        return Err(WireError::Violation(
            "a payload behind a message that has none",
        ));
    }
    match peer::from_proto(kind, payload)? {
        Ok(message) => Ok(message),
        Err(kind) => tracker::from_proto(kind),
    }
}

fn file_id(bytes: &Bytes) -> Result<FileId, WireError> {
    let bytes = bytes.as_ref().try_into();
    bytes
        .map(FileId)
        .map_err(|_| WireError::Violation("a file id is 32 bytes"))
}

fn peer_id(bytes: &Bytes) -> Result<PeerId, WireError> {
    let bytes = bytes.as_ref().try_into();
    bytes
        .map(PeerId)
        .map_err(|_| WireError::Violation("a peer id is 16 bytes"))
}

fn id_bytes(id: FileId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

fn peer_bytes(id: PeerId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

/// Text from outside: bounded, and without control characters that could play
/// tricks on a terminal or a line of the window.
fn text(text: String, max_chars: usize) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(max_chars)
        .collect()
}

fn port(number: u32) -> Result<Option<u16>, WireError> {
    let port = u16::try_from(number).map_err(|_| WireError::Violation("a port is below 65536"))?;
    Ok((port != 0).then_some(port))
}

/// Reads ranges: ascending, apart, within `chunk_count`.
fn chunk_set(ranges: &[proto::ChunkRange], limit: usize) -> Result<RoaringBitmap, WireError> {
    if ranges.len() > limit {
        return Err(WireError::Violation("too many chunk ranges"));
    }
    let mut set = RoaringBitmap::new();
    let mut last_end = 0;
    for range in ranges {
        if range.end > Geometry::MAX_CHUNKS {
            return Err(WireError::Violation("a chunk beyond the end of any file"));
        }
        if range.start >= range.end || range.start < last_end {
            return Err(WireError::Violation("chunk ranges out of order"));
        }
        set.insert_range(range.start..range.end);
        last_end = range.end;
    }
    Ok(set)
}

/// Writes at most `limit` ranges; what does not fit is left out, which is a
/// smaller claim and so still true.
fn chunk_ranges(set: &RoaringBitmap, limit: usize) -> Vec<proto::ChunkRange> {
    let mut chunks = set.iter();
    let ranges = std::iter::from_fn(|| chunks.next_range());
    ranges
        .take(limit.min(MAX_RANGES))
        .map(|range| proto::ChunkRange {
            start: *range.start(),
            end: range.end().saturating_add(1),
        })
        .collect()
}
