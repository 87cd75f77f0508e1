//! Messages between peers.

use std::time::Duration;

use bytes::Bytes;
use engine::ids::ChunkIndex;
use engine::media::Geometry;
use engine::protocol::{ByeReason, Hello, MAX_RANGES, Message, QueueDelay, RejectReason};

use crate::wire::WireError;
use crate::wire::convert::proto;
use crate::wire::convert::proto::envelope::Kind;
use crate::wire::convert::{
    MAX_NAME, MAX_TEXT, chunk_ranges, chunk_set, file_id, id_bytes, peer_bytes, peer_id,
};

/// Converts what peers say; gives the message back if it is not theirs.
pub(super) fn to_proto(message: Message, payload: &mut Bytes) -> Result<Kind, Message> {
    Ok(match message {
        Message::Hello(hello) => Kind::Hello(proto::Hello {
            version: hello.version,
            peer_id: peer_bytes(hello.peer),
            name: hello.name,
            agent: hello.agent,
            listen_port: hello.listen_port.map_or(0, u32::from),
        }),
        Message::Interested { file, want } => Kind::Interested(proto::Interested {
            file: id_bytes(file),
            want,
        }),
        Message::Have {
            file,
            geometry,
            chunks,
        } => Kind::Have(proto::Have {
            file: id_bytes(file),
            file_size: geometry.size(),
            chunk_size: geometry.chunk_size().bytes(),
            ranges: chunk_ranges(&chunks, MAX_RANGES),
        }),
        Message::Evicted { file, chunks } => Kind::Evicted(proto::Evicted {
            file: id_bytes(file),
            ranges: chunk_ranges(&chunks, MAX_RANGES),
        }),
        Message::Position {
            file,
            window,
            uplink,
            playhead,
        } => Kind::Position(proto::Position {
            file: id_bytes(file),
            window: Some(proto::ChunkRange {
                start: window.start,
                end: window.end,
            }),
            uplink,
            playhead_ms: playhead.as_millis() as u64,
        }),
        Message::QueueDelay(backlog) => Kind::Backlog(proto::Backlog {
            millis: millis(backlog.all),
            pressing_millis: millis(backlog.pressing),
            uplink: backlog.uplink,
        }),
        Message::Choke => Kind::Choke(proto::Choke {}),
        Message::Unchoke => Kind::Unchoke(proto::Unchoke {}),
        Message::Request {
            file,
            chunk,
            deadline,
        } => Kind::Request(proto::Request {
            file: id_bytes(file),
            chunk: chunk.0,
            deadline_ms: millis(deadline),
        }),
        Message::Recall { file, chunk } => Kind::Recall(proto::Recall {
            file: id_bytes(file),
            chunk: chunk.0,
        }),
        Message::Cancel { file, chunk } => Kind::Cancel(proto::Cancel {
            file: id_bytes(file),
            chunk: chunk.0,
        }),
        Message::Chunk {
            file,
            chunk,
            proof,
            payload: bytes,
        } => {
            *payload = bytes;
            Kind::Chunk(proto::Chunk {
                file: id_bytes(file),
                chunk: chunk.0,
                proof,
            })
        }
        Message::Reject {
            file,
            chunk,
            reason,
        } => Kind::Reject(reject_to_proto(id_bytes(file), chunk, reason)),
        Message::Ping(number) => Kind::Ping(proto::Ping { number }),
        Message::Pong(number) => Kind::Pong(proto::Pong { number }),
        Message::Bye { reason, text } => Kind::Bye(proto::Bye {
            reason: bye_to_proto(reason).into(),
            text,
        }),
        other => return Err(other),
    })
}

/// Converts what peers say; gives the kind back if it is not theirs.
pub(super) fn from_proto(kind: Kind, payload: Bytes) -> Result<Result<Message, Kind>, WireError> {
    Ok(Ok(match kind {
        Kind::Hello(hello) => Message::Hello(Hello {
            version: hello.version,
            peer: peer_id(&hello.peer_id)?,
            name: crate::wire::convert::text(hello.name, MAX_NAME),
            agent: crate::wire::convert::text(hello.agent, MAX_NAME),
            listen_port: crate::wire::convert::port(hello.listen_port)?,
        }),
        Kind::Interested(interested) => Message::Interested {
            file: file_id(&interested.file)?,
            want: interested.want,
        },
        Kind::Have(have) => have_from_proto(&have)?,
        Kind::Evicted(evicted) => Message::Evicted {
            file: file_id(&evicted.file)?,
            chunks: chunk_set(&evicted.ranges, MAX_RANGES)?,
        },
        Kind::Position(position) => {
            let window = position.window.unwrap_or_default();
            Message::Position {
                file: file_id(&position.file)?,
                window: window.start..window.end,
                uplink: position.uplink,
                playhead: Duration::from_millis(position.playhead_ms),
            }
        }
        Kind::Backlog(backlog) => Message::QueueDelay(QueueDelay {
            all: Duration::from_millis(backlog.millis.into()),
            pressing: Duration::from_millis(backlog.pressing_millis.into()),
            uplink: backlog.uplink,
        }),
        Kind::Choke(_) => Message::Choke,
        Kind::Unchoke(_) => Message::Unchoke,
        Kind::Request(request) => Message::Request {
            file: file_id(&request.file)?,
            chunk: ChunkIndex(request.chunk),
            deadline: Duration::from_millis(request.deadline_ms.into()),
        },
        Kind::Recall(recall) => Message::Recall {
            file: file_id(&recall.file)?,
            chunk: ChunkIndex(recall.chunk),
        },
        Kind::Cancel(cancel) => Message::Cancel {
            file: file_id(&cancel.file)?,
            chunk: ChunkIndex(cancel.chunk),
        },
        Kind::Chunk(chunk) => Message::Chunk {
            file: file_id(&chunk.file)?,
            chunk: ChunkIndex(chunk.chunk),
            proof: chunk.proof,
            payload,
        },
        Kind::Reject(reject) => Message::Reject {
            file: file_id(&reject.file)?,
            chunk: ChunkIndex(reject.chunk),
            reason: reject_from_proto(&reject),
        },
        Kind::Ping(ping) => Message::Ping(ping.number),
        Kind::Pong(pong) => Message::Pong(pong.number),
        Kind::Bye(bye) => Message::Bye {
            reason: bye_from_proto(bye.reason()),
            text: crate::wire::convert::text(bye.text, MAX_TEXT),
        },
        other => return Ok(Err(other)),
    }))
}

/// A duration as protobuf carries it; the longest stands for all longer ones.
pub(super) fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Size, chunk size and ranges of a Have must fit together.
fn have_from_proto(have: &proto::Have) -> Result<Message, WireError> {
    let geometry = Geometry::checked(have.file_size, have.chunk_size)
        .ok_or(WireError::Violation("a file of impossible size"))?;
    let beyond = |range: &proto::ChunkRange| range.end > geometry.chunk_count();
    if have.ranges.iter().any(beyond) {
        return Err(WireError::Violation("a chunk beyond the end of the file"));
    }
    Ok(Message::Have {
        file: file_id(&have.file)?,
        geometry,
        chunks: chunk_set(&have.ranges, MAX_RANGES)?,
    })
}

fn reject_to_proto(file: Bytes, chunk: ChunkIndex, reason: RejectReason) -> proto::Reject {
    let (reason, busy_ms) = match reason {
        RejectReason::NotHeld => (proto::RejectReason::NotHeld, 0),
        RejectReason::Busy(wait) => (proto::RejectReason::Busy, millis(wait)),
        RejectReason::Choked => (proto::RejectReason::Choked, 0),
        RejectReason::Disk => (proto::RejectReason::Disk, 0),
        RejectReason::Recalled => (proto::RejectReason::Recalled, 0),
    };
    proto::Reject {
        file,
        chunk: chunk.0,
        reason: reason.into(),
        busy_ms,
    }
}

/// A reason of a later version counts as "not held": ask somebody else.
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
