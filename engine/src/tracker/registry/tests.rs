//! The registry without a socket.

use std::net::SocketAddr;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::fixtures;

fn peer(id: u8) -> PeerId {
    PeerId([id; 16])
}

fn info(id: u8, port: u16) -> ClientInfo {
    ClientInfo {
        name: format!("peer-{id}"),
        address: SocketAddr::from(([10, 0, 0, id], port)),
        origin: false,
        observer: false,
        link: u64::from(id),
    }
}

fn entry(id: u8, name: &str, kind: MediaKind) -> FileEntry {
    let mut entry = fixtures::entry(id, kind, name);
    entry.size = 1 << 20;
    entry.info.artist = "Quartet".into();
    entry.sources = 0;
    entry
}

fn publish(added: Vec<FileEntry>) -> Publish {
    Publish {
        added,
        ..Publish::default()
    }
}

/// The first chunks of a file.
fn part(file: FileId) -> FileReport {
    FileReport {
        file,
        chunk_size: 16 << 10,
        have: (0..3).collect(),
        position: ChunkIndex(0),
        buffer: Duration::ZERO,
    }
}

fn registry(clients: u8) -> (Registry, Instant) {
    let mut registry = Registry::default();
    let now = Instant::now();
    for id in 1..=clients {
        registry.register(now, peer(id), info(id, 7000));
    }
    registry.flush();
    (registry, now)
}

fn peers_named(outgoing: &[Outgoing], asker: PeerId) -> Vec<u8> {
    outgoing
        .iter()
        .filter(|(to, _)| *to == asker)
        .flat_map(|(_, message)| match message {
            TrackerMessage::PeerList { peers, .. } => peers.iter().map(|p| p.peer.0[0]).collect(),
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn file_with_two_names_is_one_entry_with_two_sources() {
    let (mut registry, _) = registry(2);
    registry.publish(peer(1), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    registry.publish(peer(2), publish(vec![entry(7, "b.mp4", MediaKind::Video)]));
    let (total, found) = registry.query(None, "", 0);
    assert_eq!(
        (total, found[0].sources, found[0].name.as_str()),
        (1, 2, "a.mp4")
    );
    registry.remove(peer(1));
    let (_, found) = registry.query(None, "", 0);
    assert_eq!((found[0].sources, found[0].name.as_str()), (1, "b.mp4"));
    registry.remove(peer(2));
    assert_eq!(registry.query(None, "", 0).0, 0);
}

#[test]
fn subscribers_receive_their_kind_and_removals() {
    let (mut registry, _) = registry(2);
    registry.subscribe(peer(2), Some(MediaKind::Audio));
    let both = vec![
        entry(1, "song.mp3", MediaKind::Audio),
        entry(2, "film.mp4", MediaKind::Video),
    ];
    registry.publish(peer(1), publish(both));
    let outgoing = registry.flush();
    let [(to, TrackerMessage::CatalogueDelta(delta))] = &outgoing[..] else {
        panic!("one delta: {outgoing:?}");
    };
    assert_eq!((*to, delta.changed.len()), (peer(2), 1));
    assert!(registry.flush().is_empty(), "nothing new");
    registry.remove(peer(1));
    let outgoing = registry.flush();
    let [(_, TrackerMessage::CatalogueDelta(delta))] = &outgoing[..] else {
        panic!("one delta: {outgoing:?}");
    };
    assert!(delta.removed.contains(&FileId([1; 32])));
    assert_eq!(delta.clients, 1);
}

#[test]
fn silent_clients_are_found() {
    let (mut registry, now) = registry(2);
    let timeout = Duration::from_secs(30);
    let later = now + timeout + Duration::from_secs(1);
    registry.heard(later, peer(1));
    assert_eq!(registry.silent(later, timeout), [peer(2)]);
}

#[test]
fn second_link_replaces_the_first_with_an_empty_list() {
    let (mut registry, now) = registry(1);
    registry.publish(peer(1), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    let mut again = info(1, 7000);
    again.link = 99;
    assert_eq!(registry.register(now, peer(1), again), Some(1));
    assert_eq!(registry.link_of(peer(1)), Some(99));
    assert_eq!(registry.query(None, "", 0).0, 0);
}

#[test]
fn search_requires_every_word_and_pages_are_bounded() {
    let (mut registry, _) = registry(1);
    let files = (0..120)
        .map(|id| entry(id, &format!("song {id}.mp3"), MediaKind::Audio))
        .collect();
    registry.publish(peer(1), publish(files));
    assert_eq!(registry.query(None, "SONG 11", 0).0, 11);
    assert_eq!(registry.query(None, "quartet 119", 0).0, 1);
    assert_eq!(registry.query(Some(MediaKind::Video), "", 0).0, 0);
    let (total, last) = registry.query(None, "", 7);
    assert_eq!((total, last.len()), (120, 8));
    assert!(registry.query(None, "", u32::MAX).1.is_empty());
}

#[test]
fn seeds_holders_and_viewers_are_named_without_the_asker() {
    let (mut registry, _) = registry(4);
    let file = FileId([7; 32]);
    let mut rng = StdRng::seed_from_u64(1);
    registry.publish(peer(1), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    registry.report(
        peer(2),
        Report {
            files: vec![part(file)],
            ..Report::default()
        },
    );
    registry.find_peers(peer(3), file, ChunkIndex(0), 10, &mut rng);
    let outgoing = registry.find_peers(peer(4), file, ChunkIndex(0), 10, &mut rng);
    let mut named = peers_named(&outgoing, peer(4));
    assert_eq!(named.pop(), Some(1), "the seed last");
    named.sort_unstable();
    assert_eq!(named, [2, 3]);
}

#[test]
fn asker_is_notified_when_the_answer_changes() {
    let (mut registry, _) = registry(2);
    let file = FileId([7; 32]);
    let mut rng = StdRng::seed_from_u64(1);
    registry.find_peers(peer(2), file, ChunkIndex(0), 10, &mut rng);
    registry.publish(peer(1), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    assert!(
        registry
            .flush()
            .contains(&(peer(2), TrackerMessage::PeersChanged(file)))
    );
}

#[test]
fn sidecar_is_found_by_id_and_listed_nowhere() {
    let (mut registry, _) = registry(3);
    registry.subscribe(peer(2), None);
    registry.subscribe(peer(3), Some(MediaKind::Video));
    let poster = entry(8, "poster.jpg", MediaKind::Sidecar);
    registry.publish(peer(1), publish(vec![poster]));
    assert!(registry.flush().is_empty(), "no news for anybody");
    assert_eq!(registry.query(None, "", 0).0, 0);
    let snapshot = registry.snapshot();
    assert_eq!((snapshot.files, snapshot.clients[0].files), (0, 0));
    let mut rng = StdRng::seed_from_u64(1);
    let file = FileId([8; 32]);
    let found = registry.find_peers(peer(2), file, ChunkIndex(0), 5, &mut rng);
    assert_eq!(peers_named(&found, peer(2)), [1]);
    registry.remove(peer(1));
    let told = registry.flush();
    assert!(told.contains(&(peer(2), TrackerMessage::PeersChanged(file))));
    let removed = told.iter().any(|(_, message)| {
        matches!(message, TrackerMessage::CatalogueDelta(delta) if !delta.removed.is_empty())
    });
    assert!(!removed, "{told:?}");
}

#[test]
fn customers_ask_again_when_an_uplink_changes() {
    let (mut registry, _) = registry(40);
    let file = FileId([7; 32]);
    let mut rng = StdRng::seed_from_u64(1);
    registry.publish(peer(1), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    let report = |uplink: u64| Report {
        uplink: Some(uplink),
        files: vec![part(file)],
        ..Report::default()
    };
    (2..=40).for_each(|viewer| registry.report(peer(viewer), report(600_000)));
    let mut customers = Vec::new();
    for viewer in 2..=40 {
        let found = registry.find_peers(peer(viewer), file, ChunkIndex(0), 20, &mut rng);
        if peers_named(&found, peer(viewer)).contains(&5) {
            customers.push((peer(viewer), TrackerMessage::PeersChanged(file)));
        }
    }
    assert!(customers.len() > 2, "{}", customers.len());
    registry.flush();
    registry.report(peer(5), report(400_000));
    assert!(registry.flush().is_empty(), "much the same");
    registry.report(peer(5), report(100_000));
    assert_eq!(registry.flush(), customers, "its customers only");
    assert!(registry.flush().is_empty(), "once");
}

#[test]
fn client_that_stops_serving_is_replanned_once() {
    let (mut registry, _) = registry(40);
    let file = FileId([7; 32]);
    let mut rng = StdRng::seed_from_u64(1);
    registry.publish(peer(1), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    let report = |accepts_requests| Report {
        accepts_requests,
        files: vec![part(file)],
        ..Report::default()
    };
    (2..=40).for_each(|viewer| registry.report(peer(viewer), report(true)));
    for viewer in 2..=40 {
        registry.find_peers(peer(viewer), file, ChunkIndex(0), 20, &mut rng);
    }
    registry.flush();
    registry.report(peer(5), report(false));
    assert!(!registry.flush().is_empty());
    registry.report(peer(5), report(false));
    assert!(registry.flush().is_empty(), "no change since");
}

#[test]
fn undialable_peer_is_asked_to_dial() {
    let (mut registry, now) = registry(1);
    registry.register(now, peer(2), info(2, 0));
    registry.publish(peer(2), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    let mut rng = StdRng::seed_from_u64(1);
    let outgoing = registry.find_peers(peer(1), FileId([7; 32]), ChunkIndex(0), 10, &mut rng);
    let introduced = outgoing.iter().any(|(to, message)| {
        *to == peer(2)
            && matches!(message, TrackerMessage::Introduce { peer: entry, .. } if entry.peer == peer(1))
    });
    assert!(introduced, "{outgoing:?}");
}

#[test]
fn client_on_the_tracker_host_is_named_without_an_address() {
    let (mut registry, now) = registry(1);
    let mut local = info(2, 7000);
    local.address = SocketAddr::from(([127, 0, 0, 1], 7000));
    registry.register(now, peer(2), local);
    registry.publish(peer(2), publish(vec![entry(7, "a.mp4", MediaKind::Video)]));
    let mut rng = StdRng::seed_from_u64(1);
    let outgoing = registry.find_peers(peer(1), FileId([7; 32]), ChunkIndex(0), 10, &mut rng);
    let Some((_, TrackerMessage::PeerList { peers, .. })) = outgoing.last() else {
        panic!("a list: {outgoing:?}");
    };
    assert_eq!((peers[0].host, peers[0].port), (None, Some(7000)));
}
