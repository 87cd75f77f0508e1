//! Messages between a client and the tracker.

mod report;

use std::net::IpAddr;
use std::time::Duration;

use engine::ids::{ChunkIndex, FileId};
use engine::media::FileEntry;
use engine::protocol::{
    CatalogueDelta, KickReason, MAX_ENTRIES, MAX_REMOVED, Message, PathReason, PeerEntry, Publish,
    Register, Welcome,
};

use crate::wire::WireError;
use crate::wire::convert::entry;
use crate::wire::convert::peer::millis;
use crate::wire::convert::proto;
use crate::wire::convert::proto::envelope::Kind;
use crate::wire::convert::{MAX_NAME, MAX_TEXT, file_id, id_bytes, peer_bytes, peer_id, text};

/// Peers in one list.
const MAX_PEERS: usize = 50;

/// Converts what is said with a tracker. [`Message::Unknown`] has no form.
pub(super) fn to_proto(message: Message) -> Option<Kind> {
    Some(match message {
        Message::Register(register) => Kind::Register(proto::Register {
            version: register.version,
            peer_id: peer_bytes(register.peer),
            name: register.name,
            agent: register.agent,
            listen_port: register.listen_port.map_or(0, u32::from),
            origin_token: register.origin_token,
            observer: register.observer,
        }),
        Message::Welcome(welcome) => Kind::Welcome(proto::Welcome {
            heartbeat_ms: millis(welcome.heartbeat),
            timeout_ms: millis(welcome.timeout),
            your_address: welcome.your_address,
            clients: welcome.clients,
        }),
        Message::Publish(publish) => Kind::Publish(proto::Publish {
            added: publish.added.iter().map(entry::to_proto).collect(),
            removed: publish.removed.into_iter().map(id_bytes).collect(),
            reset: publish.reset,
        }),
        Message::Query {
            number,
            kind,
            search,
            page,
        } => Kind::Query(proto::Query {
            number,
            kind: entry::kind_to_proto(kind).into(),
            search,
            page,
        }),
        Message::QueryResult {
            number,
            total,
            entries,
        } => Kind::QueryResult(proto::QueryResult {
            number,
            total,
            entries: entries.iter().map(entry::to_proto).collect(),
        }),
        Message::Subscribe(kind) => Kind::Subscribe(proto::Subscribe {
            kind: entry::kind_to_proto(kind).into(),
        }),
        Message::CatalogueDelta(delta) => Kind::CatalogueDelta(proto::CatalogueDelta {
            reset: delta.reset,
            changed: delta.changed.iter().map(entry::to_proto).collect(),
            removed: delta.removed.into_iter().map(id_bytes).collect(),
            clients: delta.clients,
            more: delta.more,
        }),
        Message::FindPeers {
            file,
            position,
            count,
        } => Kind::FindPeers(proto::FindPeers {
            file: id_bytes(file),
            position: position.0,
            count,
        }),
        Message::PeerList { file, peers } => Kind::PeerList(proto::PeerList {
            file: id_bytes(file),
            peers: peers.into_iter().map(peer_to_proto).collect(),
        }),
        Message::Report(report) => Kind::Report(report::to_proto(&report)),
        Message::PeersChanged(file) => Kind::PeersChanged(proto::PeersChanged {
            file: id_bytes(file),
        }),
        Message::Introduce { file, peer } => Kind::Introduce(proto::Introduce {
            file: id_bytes(file),
            peer: Some(peer_to_proto(peer)),
        }),
        Message::Heartbeat(number) => Kind::Heartbeat(proto::Heartbeat { number }),
        Message::Leave => Kind::Leave(proto::Leave {}),
        Message::Kick { reason, text } => Kind::Kick(proto::Kick {
            reason: kick_to_proto(reason).into(),
            text,
        }),
        _ => return None,
    })
}

/// Converts what is said with a tracker; other kinds become `Unknown`.
pub(super) fn from_proto(kind: Kind) -> Result<Message, WireError> {
    Ok(match kind {
        Kind::Register(register) => Message::Register(Register {
            version: register.version,
            peer: peer_id(&register.peer_id)?,
            name: text(register.name, MAX_NAME),
            agent: text(register.agent, MAX_NAME),
            listen_port: crate::wire::convert::port(register.listen_port)?,
            origin_token: register.origin_token,
            observer: register.observer,
        }),
        Kind::Welcome(welcome) => Message::Welcome(Welcome {
            heartbeat: Duration::from_millis(welcome.heartbeat_ms.max(100).into()),
            timeout: Duration::from_millis(welcome.timeout_ms.max(200).into()),
            your_address: text(welcome.your_address, MAX_NAME),
            clients: welcome.clients,
        }),
        Kind::Publish(publish) => Message::Publish(Publish {
            added: entries(&publish.added)?,
            removed: ids(&publish.removed)?,
            reset: publish.reset,
        }),
        Kind::Query(query) => Message::Query {
            number: query.number,
            kind: entry::kind_from_proto(query.kind()),
            page: query.page,
            search: text(query.search, MAX_TEXT),
        },
        Kind::QueryResult(result) => Message::QueryResult {
            number: result.number,
            total: result.total,
            entries: entries(&result.entries)?,
        },
        Kind::Subscribe(subscribe) => Message::Subscribe(entry::kind_from_proto(subscribe.kind())),
        Kind::CatalogueDelta(delta) => Message::CatalogueDelta(CatalogueDelta {
            reset: delta.reset,
            changed: entries(&delta.changed)?,
            removed: ids(&delta.removed)?,
            clients: delta.clients,
            more: delta.more,
        }),
        Kind::FindPeers(find) => Message::FindPeers {
            file: file_id(&find.file)?,
            position: ChunkIndex(find.position),
            count: find.count.min(MAX_PEERS as u32),
        },
        Kind::PeerList(list) => {
            if list.peers.len() > MAX_PEERS {
                return Err(WireError::Violation("too many peers in a list"));
            }
            let peers: Result<_, _> = list.peers.into_iter().map(peer_from_proto).collect();
            Message::PeerList {
                file: file_id(&list.file)?,
                peers: peers?,
            }
        }
        Kind::Report(report) => Message::Report(report::from_proto(&report)?),
        Kind::PeersChanged(changed) => Message::PeersChanged(file_id(&changed.file)?),
        Kind::Introduce(introduce) => Message::Introduce {
            file: file_id(&introduce.file)?,
            peer: peer_from_proto(
                introduce
                    .peer
                    .ok_or(WireError::Violation("an introduction without a peer"))?,
            )?,
        },
        Kind::Heartbeat(beat) => Message::Heartbeat(beat.number),
        Kind::Leave(_) => Message::Leave,
        Kind::Kick(kick) => Message::Kick {
            reason: kick_from_proto(kick.reason()),
            text: text(kick.text, MAX_TEXT),
        },
        _ => Message::Unknown,
    })
}

fn entries(list: &[proto::FileEntry]) -> Result<Vec<FileEntry>, WireError> {
    if list.len() > MAX_ENTRIES {
        return Err(WireError::Violation("too many files in a message"));
    }
    list.iter().map(entry::from_proto).collect()
}

fn ids(list: &[bytes::Bytes]) -> Result<Vec<FileId>, WireError> {
    if list.len() > MAX_REMOVED {
        return Err(WireError::Violation("too many removals in a message"));
    }
    list.iter().map(file_id).collect()
}

fn peer_to_proto(peer: PeerEntry) -> proto::PeerEntry {
    let reasons = peer.reasons.into_iter().map(|reason| {
        i32::from(match reason {
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
        })
    });
    proto::PeerEntry {
        peer_id: peer_bytes(peer.peer),
        name: peer.name,
        host: peer.host.map_or(String::new(), |host| host.to_string()),
        port: peer.port.map_or(0, u32::from),
        origin: peer.origin,
        reasons: reasons.collect(),
    }
}

/// Reasons of a later version are left out.
fn peer_from_proto(peer: proto::PeerEntry) -> Result<PeerEntry, WireError> {
    let reasons = peer.reasons().filter_map(|reason| match reason {
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
    });
    let reasons = reasons.take(8).collect();
    let host: Option<IpAddr> = match peer.host.as_str() {
        "" => None,
        host => Some(
            host.parse()
                .map_err(|_| WireError::Violation("a peer's host is no IP address"))?,
        ),
    };
    Ok(PeerEntry {
        peer: peer_id(&peer.peer_id)?,
        host,
        port: crate::wire::convert::port(peer.port)?,
        origin: peer.origin,
        reasons,
        name: text(peer.name, MAX_NAME),
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
