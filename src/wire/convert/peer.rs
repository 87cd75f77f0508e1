//! Messages between peers.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::media::Geometry;
use engine::protocol::{
    ByeReason, Hello, MAX_RANGES, PeerMessage, PeerPosition, QueueDelay, RejectReason, SourceShare,
};
use prost::Message as _;

use crate::wire::convert::proto;
use crate::wire::convert::proto::peer_envelope::Kind;
use crate::wire::convert::{
    MAX_NAME, MAX_TEXT, chunk_ranges, chunk_set, file_id, id_bytes, millis, peer_bytes, peer_id,
    port, text, without_payload,
};
use crate::wire::{Decode, Encode, WireError};

impl Encode for PeerMessage {
    fn encode(self) -> (Vec<u8>, Bytes) {
        let payload = if let Self::Chunk { payload, .. } = &self {
            payload.clone()
        } else {
            Bytes::new()
        };
        let kind = Some(to_proto(self));
        let envelope = proto::PeerEnvelope { kind };
        (envelope.encode_length_delimited_to_vec(), payload)
    }
}

impl Decode for PeerMessage {
    fn decode(envelope: Bytes, payload: Bytes) -> Result<Option<Self>, WireError> {
        let Some(kind) = proto::PeerEnvelope::decode(envelope)?.kind else {
            return Ok(None);
        };
        if !matches!(kind, Kind::Chunk(_)) {
            without_payload(&payload)?;
        }
        from_proto(kind, payload).map(Some)
    }

    fn payload_len(&self) -> usize {
        if let Self::Chunk { payload, .. } = self {
            payload.len()
        } else {
            0
        }
    }
}

fn to_proto(message: PeerMessage) -> Kind {
    match message {
        PeerMessage::Hello(hello) => Kind::Hello(hello_to_proto(hello)),
        PeerMessage::Interested { file, want } => Kind::Interested(proto::Interested {
            file: id_bytes(file),
            want,
        }),
        PeerMessage::Have {
            file,
            geometry,
            chunks,
        } => Kind::Have(proto::Have {
            file: id_bytes(file),
            file_size: geometry.size(),
            chunk_size: geometry.chunk_size().bytes(),
            ranges: chunk_ranges(&chunks, MAX_RANGES),
        }),
        PeerMessage::Evicted { file, chunks } => Kind::Evicted(proto::Evicted {
            file: id_bytes(file),
            ranges: chunk_ranges(&chunks, MAX_RANGES),
        }),
        PeerMessage::Position { file, position } => {
            Kind::Position(position_to_proto(file, position))
        }
        PeerMessage::QueueDelay(delay) => Kind::QueueDelay(delay_to_proto(delay)),
        PeerMessage::Choke => Kind::Choke(proto::Choke {}),
        PeerMessage::Unchoke => Kind::Unchoke(proto::Unchoke {}),
        PeerMessage::Request {
            file,
            chunk,
            deadline,
        } => Kind::Request(proto::Request {
            file: id_bytes(file),
            chunk: chunk.0,
            deadline_ms: millis(deadline),
        }),
        PeerMessage::Recall { file, chunk } => Kind::Recall(proto::Recall {
            file: id_bytes(file),
            chunk: chunk.0,
        }),
        PeerMessage::Cancel { file, chunk } => Kind::Cancel(proto::Cancel {
            file: id_bytes(file),
            chunk: chunk.0,
        }),
        PeerMessage::Chunk {
            file,
            chunk,
            proof,
            payload: _,
        } => Kind::Chunk(proto::Chunk {
            file: id_bytes(file),
            chunk: chunk.0,
            proof,
        }),
        PeerMessage::Reject {
            file,
            chunk,
            reason,
        } => Kind::Reject(reject_to_proto(file, chunk, reason)),
        PeerMessage::Ping(number) => Kind::Ping(proto::Ping { number }),
        PeerMessage::Pong(number) => Kind::Pong(proto::Pong { number }),
        PeerMessage::Bye { reason, text } => Kind::Bye(proto::Bye {
            reason: bye_to_proto(reason).into(),
            text,
        }),
    }
}

fn from_proto(kind: Kind, payload: Bytes) -> Result<PeerMessage, WireError> {
    Ok(match kind {
        Kind::Hello(hello) => PeerMessage::Hello(hello_from_proto(hello)?),
        Kind::Interested(interested) => PeerMessage::Interested {
            file: file_id(&interested.file)?,
            want: interested.want,
        },
        Kind::Have(have) => have_from_proto(&have)?,
        Kind::Evicted(evicted) => PeerMessage::Evicted {
            file: file_id(&evicted.file)?,
            chunks: chunk_set(&evicted.ranges, MAX_RANGES)?,
        },
        Kind::Position(position) => PeerMessage::Position {
            file: file_id(&position.file)?,
            position: position_from_proto(position),
        },
        Kind::QueueDelay(delay) => PeerMessage::QueueDelay(delay_from_proto(delay)),
        Kind::Choke(proto::Choke {}) => PeerMessage::Choke,
        Kind::Unchoke(proto::Unchoke {}) => PeerMessage::Unchoke,
        Kind::Request(request) => PeerMessage::Request {
            file: file_id(&request.file)?,
            chunk: ChunkIndex(request.chunk),
            deadline: Duration::from_millis(request.deadline_ms.into()),
        },
        Kind::Recall(recall) => PeerMessage::Recall {
            file: file_id(&recall.file)?,
            chunk: ChunkIndex(recall.chunk),
        },
        Kind::Cancel(cancel) => PeerMessage::Cancel {
            file: file_id(&cancel.file)?,
            chunk: ChunkIndex(cancel.chunk),
        },
        Kind::Chunk(chunk) => PeerMessage::Chunk {
            file: file_id(&chunk.file)?,
            chunk: ChunkIndex(chunk.chunk),
            proof: chunk.proof,
            payload,
        },
        Kind::Reject(reject) => PeerMessage::Reject {
            file: file_id(&reject.file)?,
            chunk: ChunkIndex(reject.chunk),
            reason: reject_from_proto(&reject),
        },
        Kind::Ping(ping) => PeerMessage::Ping(ping.number),
        Kind::Pong(pong) => PeerMessage::Pong(pong.number),
        Kind::Bye(bye) => PeerMessage::Bye {
            reason: bye_from_proto(bye.reason()),
            text: text(bye.text, MAX_TEXT),
        },
    })
}

fn hello_to_proto(hello: Hello) -> proto::Hello {
    proto::Hello {
        version: hello.version,
        peer_id: peer_bytes(hello.peer),
        name: hello.name,
        agent: hello.agent,
        listen_port: hello.listen_port.map_or(0, u32::from),
    }
}

pub(super) fn hello_from_proto(hello: proto::Hello) -> Result<Hello, WireError> {
    Ok(Hello {
        version: hello.version,
        peer: peer_id(&hello.peer_id)?,
        name: text(hello.name, MAX_NAME),
        agent: text(hello.agent, MAX_NAME),
        listen_port: port(hello.listen_port)?,
    })
}

/// Checks that size, chunk size and ranges fit together.
fn have_from_proto(have: &proto::Have) -> Result<PeerMessage, WireError> {
    let geometry = Geometry::checked(have.file_size, have.chunk_size)
        .ok_or(WireError::Violation("invalid file size"))?;
    let beyond = |range: &proto::ChunkRange| range.end > geometry.chunk_count();
    if have.ranges.iter().any(beyond) {
        return Err(WireError::Violation("chunk beyond the end of the file"));
    }
    Ok(PeerMessage::Have {
        file: file_id(&have.file)?,
        geometry,
        chunks: chunk_set(&have.ranges, MAX_RANGES)?,
    })
}

fn position_to_proto(file: FileId, position: PeerPosition) -> proto::Position {
    let Range { start, end } = position.window;
    proto::Position {
        file: id_bytes(file),
        window: Some(proto::ChunkRange { start, end }),
        uplink: share_to_proto(position.share),
        playhead_ms: position.playhead.as_millis() as u64,
    }
}

fn position_from_proto(position: proto::Position) -> PeerPosition {
    let window = position.window.unwrap_or_default();
    PeerPosition {
        window: window.start..window.end,
        share: share_from_proto(position.uplink),
        playhead: Duration::from_millis(position.playhead_ms),
    }
}

/// Version 2 has one number for all three: 0 for none, 1 for unknown.
fn share_to_proto(share: SourceShare) -> u64 {
    match share {
        SourceShare::None => 0,
        SourceShare::Unknown => 1,
        SourceShare::Weight(weight) => weight.max(2),
    }
}

fn share_from_proto(uplink: u64) -> SourceShare {
    match uplink {
        0 => SourceShare::None,
        1 => SourceShare::Unknown,
        weight => SourceShare::Weight(weight),
    }
}

fn delay_to_proto(delay: QueueDelay) -> proto::QueueDelay {
    proto::QueueDelay {
        millis: millis(delay.all),
        critical_millis: millis(delay.critical),
        uplink: delay.uplink.unwrap_or(0),
    }
}

fn delay_from_proto(delay: proto::QueueDelay) -> QueueDelay {
    QueueDelay {
        all: Duration::from_millis(delay.millis.into()),
        critical: Duration::from_millis(delay.critical_millis.into()),
        uplink: Some(delay.uplink).filter(|uplink| *uplink != 0),
    }
}

fn reject_to_proto(file: FileId, chunk: ChunkIndex, reason: RejectReason) -> proto::Reject {
    let (reason, busy_ms) = match reason {
        RejectReason::NotHeld => (proto::RejectReason::NotHeld, 0),
        RejectReason::Busy(wait) => (proto::RejectReason::Busy, millis(wait)),
        RejectReason::Choked => (proto::RejectReason::Choked, 0),
        RejectReason::Disk => (proto::RejectReason::Disk, 0),
        RejectReason::Recalled => (proto::RejectReason::Recalled, 0),
    };
    proto::Reject {
        file: id_bytes(file),
        chunk: chunk.0,
        reason: reason.into(),
        busy_ms,
    }
}

/// A reason of a later version counts as "not held": ask another peer.
fn reject_from_proto(reject: &proto::Reject) -> RejectReason {
    match reject.reason() {
        proto::RejectReason::Busy => {
            RejectReason::Busy(Duration::from_millis(reject.busy_ms.into()))
        }
        proto::RejectReason::Choked => RejectReason::Choked,
        proto::RejectReason::Disk => RejectReason::Disk,
        proto::RejectReason::Recalled => RejectReason::Recalled,
        proto::RejectReason::NotHeld | proto::RejectReason::Unspecified => RejectReason::NotHeld,
    }
}

fn bye_to_proto(reason: ByeReason) -> proto::ByeReason {
    match reason {
        ByeReason::Shutdown => proto::ByeReason::Shutdown,
        ByeReason::Duplicate => proto::ByeReason::Duplicate,
        ByeReason::Protocol => proto::ByeReason::Protocol,
        ByeReason::Corrupt => proto::ByeReason::Corrupt,
        ByeReason::Full => proto::ByeReason::Full,
        ByeReason::Version => proto::ByeReason::Version,
        ByeReason::Silent => proto::ByeReason::Silent,
        ByeReason::NotReading => proto::ByeReason::NotReading,
        ByeReason::Idle => proto::ByeReason::Idle,
        ByeReason::Other => proto::ByeReason::Unspecified,
    }
}

fn bye_from_proto(reason: proto::ByeReason) -> ByeReason {
    match reason {
        proto::ByeReason::Shutdown => ByeReason::Shutdown,
        proto::ByeReason::Duplicate => ByeReason::Duplicate,
        proto::ByeReason::Protocol => ByeReason::Protocol,
        proto::ByeReason::Corrupt => ByeReason::Corrupt,
        proto::ByeReason::Full => ByeReason::Full,
        proto::ByeReason::Version => ByeReason::Version,
        proto::ByeReason::Silent => ByeReason::Silent,
        proto::ByeReason::NotReading => ByeReason::NotReading,
        proto::ByeReason::Idle => ByeReason::Idle,
        proto::ByeReason::Unspecified => ByeReason::Other,
    }
}
