//! Messages between a client and the tracker.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::media::FileEntry;
use engine::protocol::{
    CatalogueDelta, ClientMessage, FileReport, KickReason, MAX_ENTRIES, MAX_REMOVED, PathReason,
    PeerEntry, Publish, Register, Report, TrackerMessage, Welcome,
};
use prost::Message as _;

use crate::wire::convert::entry;
use crate::wire::convert::proto;
use crate::wire::convert::{
    MAX_NAME, MAX_TEXT, chunk_ranges, chunk_set, file_id, id_bytes, millis, peer_bytes, peer_id,
    port, text, without_payload,
};
use crate::wire::{Decode, Encode, WireError};
use proto::client_envelope::Kind as ClientKind;
use proto::tracker_envelope::Kind as TrackerKind;

/// Peers in one list.
const MAX_PEERS: usize = 50;
/// Files in one report.
const MAX_FILES: usize = 32;
/// Round-trip times in one report.
const MAX_RTTS: usize = 64;
/// Ranges of one file in a report: the tracker needs the outline only.
const MAX_REPORT_RANGES: usize = 1024;
/// Uplink in the report of a client that serves nobody.
const NOT_SERVING: u64 = 1;
/// Reasons of one peer entry.
const MAX_REASONS: usize = 8;

impl Encode for ClientMessage {
    fn encode(self) -> (Vec<u8>, Bytes) {
        let kind = Some(client_to_proto(self));
        let envelope = proto::ClientEnvelope { kind };
        (envelope.encode_length_delimited_to_vec(), Bytes::new())
    }
}

impl Decode for ClientMessage {
    fn decode(envelope: Bytes, payload: Bytes) -> Result<Option<Self>, WireError> {
        let Some(kind) = proto::ClientEnvelope::decode(envelope)?.kind else {
            return Ok(None);
        };
        without_payload(&payload)?;
        client_from_proto(kind).map(Some)
    }
}

impl Encode for TrackerMessage {
    fn encode(self) -> (Vec<u8>, Bytes) {
        let kind = Some(tracker_to_proto(self));
        let envelope = proto::TrackerEnvelope { kind };
        (envelope.encode_length_delimited_to_vec(), Bytes::new())
    }
}

impl Decode for TrackerMessage {
    fn decode(envelope: Bytes, payload: Bytes) -> Result<Option<Self>, WireError> {
        let Some(kind) = proto::TrackerEnvelope::decode(envelope)?.kind else {
            return Ok(None);
        };
        without_payload(&payload)?;
        tracker_from_proto(kind).map(Some)
    }
}

fn client_to_proto(message: ClientMessage) -> ClientKind {
    match message {
        ClientMessage::Register(register) => ClientKind::Register(register_to_proto(register)),
        ClientMessage::Publish(publish) => ClientKind::Publish(proto::Publish {
            added: publish.added.iter().map(entry::to_proto).collect(),
            removed: publish.removed.into_iter().map(id_bytes).collect(),
            reset: publish.reset,
        }),
        ClientMessage::Query {
            number,
            kind,
            search,
            page,
        } => ClientKind::Query(proto::Query {
            number,
            kind: entry::kind_to_proto(kind).into(),
            search,
            page,
        }),
        ClientMessage::Subscribe(kind) => ClientKind::Subscribe(proto::Subscribe {
            kind: entry::kind_to_proto(kind).into(),
        }),
        ClientMessage::FindPeers {
            file,
            position,
            count,
        } => ClientKind::FindPeers(proto::FindPeers {
            file: id_bytes(file),
            position: position.0,
            count,
        }),
        ClientMessage::Report(report) => ClientKind::Report(report_to_proto(&report)),
        ClientMessage::Heartbeat(number) => ClientKind::Heartbeat(proto::Heartbeat { number }),
        ClientMessage::Leave => ClientKind::Leave(proto::Leave {}),
    }
}

fn client_from_proto(kind: ClientKind) -> Result<ClientMessage, WireError> {
    Ok(match kind {
        ClientKind::Register(register) => ClientMessage::Register(register_from_proto(register)?),
        ClientKind::Publish(publish) => ClientMessage::Publish(Publish {
            added: entries(&publish.added)?,
            removed: ids(&publish.removed)?,
            reset: publish.reset,
        }),
        ClientKind::Query(query) => ClientMessage::Query {
            number: query.number,
            kind: entry::kind_from_proto(query.kind()),
            page: query.page,
            search: text(query.search, MAX_TEXT),
        },
        ClientKind::Subscribe(subscribe) => {
            ClientMessage::Subscribe(entry::kind_from_proto(subscribe.kind()))
        }
        ClientKind::FindPeers(find) => ClientMessage::FindPeers {
            file: file_id(&find.file)?,
            position: ChunkIndex(find.position),
            count: find.count.min(MAX_PEERS as u32),
        },
        ClientKind::Report(report) => ClientMessage::Report(report_from_proto(&report)?),
        ClientKind::Heartbeat(beat) => ClientMessage::Heartbeat(beat.number),
        ClientKind::Leave(proto::Leave {}) => ClientMessage::Leave,
    })
}

fn tracker_to_proto(message: TrackerMessage) -> TrackerKind {
    match message {
        TrackerMessage::Welcome(welcome) => TrackerKind::Welcome(proto::Welcome {
            heartbeat_ms: millis(welcome.heartbeat),
            timeout_ms: millis(welcome.timeout),
            your_address: welcome.your_address,
            clients: welcome.clients,
        }),
        TrackerMessage::QueryResult {
            number,
            total,
            entries,
        } => TrackerKind::QueryResult(proto::QueryResult {
            number,
            total,
            entries: entries.iter().map(entry::to_proto).collect(),
        }),
        TrackerMessage::CatalogueDelta(delta) => {
            TrackerKind::CatalogueDelta(proto::CatalogueDelta {
                reset: delta.reset,
                changed: delta.changed.iter().map(entry::to_proto).collect(),
                removed: delta.removed.into_iter().map(id_bytes).collect(),
                clients: delta.clients,
                more: delta.more,
            })
        }
        TrackerMessage::PeerList { file, peers } => TrackerKind::PeerList(proto::PeerList {
            file: id_bytes(file),
            peers: peers.into_iter().map(peer_to_proto).collect(),
        }),
        TrackerMessage::PeersChanged(file) => TrackerKind::PeersChanged(proto::PeersChanged {
            file: id_bytes(file),
        }),
        TrackerMessage::Introduce { file, peer } => TrackerKind::Introduce(proto::Introduce {
            file: id_bytes(file),
            peer: Some(peer_to_proto(peer)),
        }),
        TrackerMessage::Heartbeat(number) => TrackerKind::Heartbeat(proto::Heartbeat { number }),
        TrackerMessage::Kick { reason, text } => TrackerKind::Kick(proto::Kick {
            reason: kick_to_proto(reason).into(),
            text,
        }),
    }
}

fn tracker_from_proto(kind: TrackerKind) -> Result<TrackerMessage, WireError> {
    Ok(match kind {
        TrackerKind::Welcome(welcome) => TrackerMessage::Welcome(Welcome {
            heartbeat: Duration::from_millis(welcome.heartbeat_ms.into()),
            timeout: Duration::from_millis(welcome.timeout_ms.into()),
            your_address: text(welcome.your_address, MAX_NAME),
            clients: welcome.clients,
        }),
        TrackerKind::QueryResult(result) => TrackerMessage::QueryResult {
            number: result.number,
            total: result.total,
            entries: entries(&result.entries)?,
        },
        TrackerKind::CatalogueDelta(delta) => TrackerMessage::CatalogueDelta(CatalogueDelta {
            reset: delta.reset,
            changed: entries(&delta.changed)?,
            removed: ids(&delta.removed)?,
            clients: delta.clients,
            more: delta.more,
        }),
        TrackerKind::PeerList(list) => TrackerMessage::PeerList {
            file: file_id(&list.file)?,
            peers: peers(list.peers)?,
        },
        TrackerKind::PeersChanged(changed) => TrackerMessage::PeersChanged(file_id(&changed.file)?),
        TrackerKind::Introduce(introduce) => TrackerMessage::Introduce {
            file: file_id(&introduce.file)?,
            peer: peer_from_proto(
                introduce
                    .peer
                    .ok_or(WireError::Violation("introduction without a peer"))?,
            )?,
        },
        TrackerKind::Heartbeat(beat) => TrackerMessage::Heartbeat(beat.number),
        TrackerKind::Kick(kick) => TrackerMessage::Kick {
            reason: kick_from_proto(kick.reason()),
            text: text(kick.text, MAX_TEXT),
        },
    })
}

fn register_to_proto(register: Register) -> proto::Register {
    proto::Register {
        version: register.version,
        peer_id: peer_bytes(register.peer),
        name: register.name,
        agent: register.agent,
        listen_port: register.listen_port.map_or(0, u32::from),
        origin_token: register.origin_token,
        observer: register.observer,
    }
}

pub(super) fn register_from_proto(register: proto::Register) -> Result<Register, WireError> {
    Ok(Register {
        version: register.version,
        peer: peer_id(&register.peer_id)?,
        name: text(register.name, MAX_NAME),
        agent: text(register.agent, MAX_NAME),
        listen_port: port(register.listen_port)?,
        origin_token: register.origin_token,
        observer: register.observer,
    })
}

fn entries(list: &[proto::FileEntry]) -> Result<Vec<FileEntry>, WireError> {
    if list.len() > MAX_ENTRIES {
        return Err(WireError::Violation("too many files"));
    }
    list.iter().map(entry::from_proto).collect()
}

fn ids(list: &[Bytes]) -> Result<Vec<FileId>, WireError> {
    if list.len() > MAX_REMOVED {
        return Err(WireError::Violation("too many removals"));
    }
    list.iter().map(file_id).collect()
}

fn peers(list: Vec<proto::PeerEntry>) -> Result<Vec<PeerEntry>, WireError> {
    if list.len() > MAX_PEERS {
        return Err(WireError::Violation("too many peers"));
    }
    list.into_iter().map(peer_from_proto).collect()
}

fn peer_to_proto(peer: PeerEntry) -> proto::PeerEntry {
    let reasons = peer.reasons.into_iter();
    let reasons = reasons.map(|reason| path_to_proto(reason).into());
    proto::PeerEntry {
        peer_id: peer_bytes(peer.peer),
        name: peer.name,
        host: peer.host.map_or(String::new(), |host| host.to_string()),
        port: peer.port.map_or(0, u32::from),
        origin: peer.origin,
        reasons: reasons.collect(),
    }
}

fn peer_from_proto(peer: proto::PeerEntry) -> Result<PeerEntry, WireError> {
    let reasons = peer.reasons().filter_map(path_from_proto);
    let reasons = reasons.take(MAX_REASONS).collect();
    let host: Option<IpAddr> = match peer.host.as_str() {
        "" => None,
        host => Some(
            host.parse()
                .map_err(|_| WireError::Violation("peer host is not an IP address"))?,
        ),
    };
    Ok(PeerEntry {
        peer: peer_id(&peer.peer_id)?,
        host,
        port: port(peer.port)?,
        origin: peer.origin,
        reasons,
        name: text(peer.name, MAX_NAME),
    })
}

fn path_to_proto(reason: PathReason) -> proto::PathReason {
    match reason {
        PathReason::HasAll => proto::PathReason::HasAll,
        PathReason::HasRange => proto::PathReason::HasRange,
        PathReason::HasPart => proto::PathReason::HasPart,
        PathReason::SameNetwork => proto::PathReason::SameNetwork,
        PathReason::Near => proto::PathReason::Near,
        PathReason::FreeUplink => proto::PathReason::FreeUplink,
        PathReason::Origin => proto::PathReason::Origin,
        PathReason::Together => proto::PathReason::Together,
        PathReason::Ahead => proto::PathReason::Ahead,
        PathReason::Reserve => proto::PathReason::Reserve,
    }
}

/// `None` for a reason of a later version.
fn path_from_proto(reason: proto::PathReason) -> Option<PathReason> {
    match reason {
        proto::PathReason::HasAll => Some(PathReason::HasAll),
        proto::PathReason::HasRange => Some(PathReason::HasRange),
        proto::PathReason::HasPart => Some(PathReason::HasPart),
        proto::PathReason::SameNetwork => Some(PathReason::SameNetwork),
        proto::PathReason::Near => Some(PathReason::Near),
        proto::PathReason::FreeUplink => Some(PathReason::FreeUplink),
        proto::PathReason::Origin => Some(PathReason::Origin),
        proto::PathReason::Together => Some(PathReason::Together),
        proto::PathReason::Ahead => Some(PathReason::Ahead),
        proto::PathReason::Reserve => Some(PathReason::Reserve),
        proto::PathReason::Unspecified => None,
    }
}

fn report_to_proto(report: &Report) -> proto::Report {
    let files = report.files.iter().take(MAX_FILES);
    let files = files.map(|file| proto::FileReport {
        file: id_bytes(file.file),
        chunk_size: file.chunk_size,
        have: chunk_ranges(&file.have, MAX_REPORT_RANGES),
        position: file.position.0,
        buffer_ms: millis(file.buffer),
    });
    let rtts = report.rtts.iter().take(MAX_RTTS);
    let rtts = rtts.map(|(peer, rtt)| proto::RttSample {
        peer_id: peer_bytes(*peer),
        rtt_us: u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX),
    });
    proto::Report {
        upload_rate: report.upload_rate,
        download_rate: report.download_rate,
        uplink: uplink_to_proto(report),
        files: files.collect(),
        rtts: rtts.collect(),
    }
}

/// Version 2 has one number for both fields: 0 while the uplink is unknown.
fn uplink_to_proto(report: &Report) -> u64 {
    match report.uplink {
        _ if !report.accepts_requests => NOT_SERVING,
        Some(uplink) => uplink.max(NOT_SERVING + 1),
        None => 0,
    }
}

fn report_from_proto(report: &proto::Report) -> Result<Report, WireError> {
    if report.files.len() > MAX_FILES || report.rtts.len() > MAX_RTTS {
        return Err(WireError::Violation("report too long"));
    }
    let files = report.files.iter().map(|file| {
        Ok(FileReport {
            file: file_id(&file.file)?,
            chunk_size: file.chunk_size,
            have: chunk_set(&file.have, MAX_REPORT_RANGES)?,
            position: ChunkIndex(file.position),
            buffer: Duration::from_millis(file.buffer_ms.into()),
        })
    });
    let rtts = report.rtts.iter().map(|sample| {
        let rtt = Duration::from_micros(sample.rtt_us.into());
        Ok((peer_id(&sample.peer_id)?, rtt))
    });
    Ok(Report {
        upload_rate: report.upload_rate,
        download_rate: report.download_rate,
        uplink: Some(report.uplink).filter(|uplink| *uplink > NOT_SERVING),
        accepts_requests: report.uplink != NOT_SERVING,
        files: files.collect::<Result<_, WireError>>()?,
        rtts: rtts.collect::<Result<_, WireError>>()?,
    })
}

fn kick_to_proto(reason: KickReason) -> proto::KickReason {
    match reason {
        KickReason::Full => proto::KickReason::Full,
        KickReason::Replaced => proto::KickReason::Replaced,
        KickReason::Version => proto::KickReason::Version,
        KickReason::Protocol => proto::KickReason::Protocol,
        KickReason::Shutdown => proto::KickReason::Shutdown,
        KickReason::Other => proto::KickReason::Unspecified,
    }
}

fn kick_from_proto(reason: proto::KickReason) -> KickReason {
    match reason {
        proto::KickReason::Full => KickReason::Full,
        proto::KickReason::Replaced => KickReason::Replaced,
        proto::KickReason::Version => KickReason::Version,
        proto::KickReason::Protocol => KickReason::Protocol,
        proto::KickReason::Shutdown => KickReason::Shutdown,
        proto::KickReason::Unspecified => KickReason::Other,
    }
}
