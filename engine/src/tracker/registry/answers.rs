//! What the registry knows, as answers: a client as a candidate for the planner, as
//! an entry of a peer list, and the catalogue's changes in pages.

use std::net::SocketAddr;

use crate::ids::{FileId, PeerId};
use crate::media::{FileEntry, MediaKind};
use crate::protocol::{CatalogueDelta, MAX_ENTRIES, MAX_REMOVED, PeerEntry, TrackerMessage};
use crate::tracker::planner::{Candidate, Held};
use crate::tracker::registry::{Client, ClientInfo};

/// What is known of a client that may supply a file to another.
pub(super) fn candidate<'a>(
    other: &'a Client,
    peer: PeerId,
    client: &Client,
    asker: PeerId,
    file: FileId,
    nothing: &'a roaring::RoaringBitmap,
) -> Candidate<'a> {
    let part = other.report.files.iter().find(|report| report.file == file);
    let measured = |from: &Client, to: PeerId| {
        let mut rtts = from.report.rtts.iter();
        rtts.find(|(peer, _)| *peer == to).map(|(_, rtt)| *rtt)
    };
    Candidate {
        peer,
        ip: other.info.address.ip(),
        origin: other.info.origin,
        held: match part {
            _ if other.shared.contains(&file) => Held::All,
            Some(part) => Held::PrefetchRange(&part.have),
            None => Held::PrefetchRange(nothing),
        },
        rtt: measured(client, peer).or_else(|| measured(other, asker)),
        uplink: other.report.uplink,
        busy: other.report.upload_rate,
    }
}

/// A change of the catalogue in messages of allowed length; at least one, since
/// the number of clients may be the news.
pub(super) fn deltas<'a>(
    kind: Option<MediaKind>,
    changed: &'a [FileEntry],
    removed: &'a [FileId],
    clients: u32,
) -> impl Iterator<Item = TrackerMessage> + use<'a> {
    let of_kind = move |entry: &&FileEntry| entry.info.kind.is_listed(kind);
    let changed: Vec<FileEntry> = changed.iter().filter(of_kind).cloned().collect();
    let messages = changed.len().div_ceil(MAX_ENTRIES);
    let messages = messages.max(removed.len().div_ceil(MAX_REMOVED)).max(1);
    (0..messages).map(move |index| {
        let page = |len: usize, size: usize| (index * size).min(len)..((index + 1) * size).min(len);
        TrackerMessage::CatalogueDelta(CatalogueDelta {
            reset: false,
            changed: changed[page(changed.len(), MAX_ENTRIES)].to_vec(),
            removed: removed[page(removed.len(), MAX_REMOVED)].to_vec(),
            clients,
            more: false,
        })
    })
}

/// How `asker_address` reaches a client. One that reached the tracker over
/// loopback lives on the tracker's host, whatever that is called from outside.
pub(super) fn peer_entry(peer: PeerId, info: &ClientInfo, asker_address: SocketAddr) -> PeerEntry {
    let ip = info.address.ip();
    let at_tracker = ip.is_loopback() && !asker_address.ip().is_loopback();
    PeerEntry {
        peer,
        name: info.name.clone(),
        host: (!at_tracker).then_some(ip),
        port: Some(info.address.port()).filter(|port| *port != 0),
        origin: info.origin,
        reasons: Vec::new(),
    }
}
