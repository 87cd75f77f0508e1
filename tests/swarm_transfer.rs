//! Complete nodes on loopback: registration, listing, streaming from several
//! peers, and recovery when one of them dies or goes silent.

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use common::{PATIENCE, client, eventually, fetch_whole, noise, open, run, slow, tracker};
use engine::ids::PeerId;
use engine::protocol::{Hello, PROTOCOL_VERSION, PeerMessage};
use engine::scheduler::PrefetchRange;
use engine::units::ByteRate;
use swarmplay::app::Node;
use swarmplay::net::Link;
use swarmplay::net::LinkLimits;
use swarmplay::scheduler::{AwaitChunk, CloseReader, FetchAhead, OpenReader, StreamState};
use swarmplay::store::{CachedFiles, Forget};
use swarmplay::swarm::SwarmState;
use swarmplay::tracker::TrackerState;
use swarmplay::tracker_client::CatalogueState;

/// Names of the peers that supplied chunks of a stream.
async fn suppliers(stream: &swarmplay::scheduler::OpenedStream) -> BTreeSet<String> {
    let state = stream.scheduler.send(StreamState).await.expect("scheduler");
    state
        .supplied
        .into_iter()
        .map(|supply| supply.name)
        .collect()
}

/// Copies a file into another folder, so that two nodes share it.
fn copy(path: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).expect("folder");
    std::fs::copy(path, folder.join(path.file_name().expect("name"))).expect("copy");
}

#[test]
fn file_streams_from_three_peers_unchanged() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let path = noise(&at("server"), "noise.wav", 60, 1);
    copy(&path, &at("a"));
    copy(&path, &at("b"));
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let a = client(&at("da"), &server, "a", &[&at("a")], slow(2 << 20)).await;
        let b = client(&at("db"), &server, "b", &[&at("b")], slow(2 << 20)).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 3).await;
        let id = fetch_whole(&viewer, &stream).await;
        assert_eq!(id, stream.entry.id);
        let all = ["a", "b", "server"].map(String::from);
        assert_eq!(suppliers(&stream).await, BTreeSet::from(all));
        let state = stream.scheduler.send(StreamState).await.expect("scheduler");
        assert!(
            state.duplicate_bytes * 20 <= stream.entry.size,
            "hardly any duplicates"
        );

        // A complete download is shared: the viewer is now a fourth source.
        open(&a, "noise.wav", 4).await;
        for node in [viewer, a, b, server] {
            node.stop().await;
        }
    });
}

#[test]
fn dead_peer_is_replaced_during_transfer() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let path = noise(&at("server"), "noise.wav", 60, 2);
    copy(&path, &at("a"));
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let dying = client(&at("da"), &server, "dying", &[&at("a")], slow(1 << 20)).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 2).await;
        let fetched = fetch_whole(&viewer, &stream);
        let killed = async {
            eventually("bytes from the dying peer", || async {
                suppliers(&stream).await.contains("dying").then_some(())
            })
            .await;
            dying.stop().await;
        };
        let (id, ()) = tokio::join!(fetched, killed);
        assert_eq!(id, stream.entry.id);
        viewer.stop().await;
        server.stop().await;
    });
}

/// Damages a shared file on disk without changing its size or time, so that its
/// chunks no longer verify.
fn corrupt(path: &Path) {
    use std::os::unix::fs::FileExt;
    let before = std::fs::metadata(path)
        .expect("metadata")
        .modified()
        .expect("time");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("open");
    for offset in (1000..file.metadata().expect("metadata").len()).step_by(4000) {
        file.write_all_at(&[0x55, 0xaa, 0x55], offset)
            .expect("write");
    }
    file.set_modified(before).expect("time");
}

#[test]
fn seed_serves_no_chunk_that_fails_verification() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let path = noise(&at("server"), "noise.wav", 30, 3);
    copy(&path, &at("a"));
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let rotten = client(&at("da"), &server, "rotten", &[&at("a")], |_| {}).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 2).await;
        corrupt(&at("a").join("noise.wav"));
        let id = fetch_whole(&viewer, &stream).await;
        assert_eq!(id, stream.entry.id);
        for node in [viewer, rotten, server] {
            node.stop().await;
        }
    });
}

#[test]
fn streaming_survives_a_tracker_restart() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("a"), "noise.wav", 60, 4);
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        let address = server.listen.to_string();
        let a = client(&at("da"), &server, "a", &[&at("a")], slow(3 << 20)).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        let fetched = fetch_whole(&viewer, &stream);
        let lost = async {
            eventually("bytes from a", || async {
                suppliers(&stream).await.contains("a").then_some(())
            })
            .await;
            server.stop().await;
            eventually("the loss to be noticed", || async {
                let catalogue = viewer.sources.announcer.send(CatalogueState).await;
                (!catalogue.expect("announcer").tracker.state.is_online()).then_some(())
            })
            .await;
        };
        let (id, ()) = tokio::join!(fetched, lost);
        assert_eq!(id, stream.entry.id);

        // A new tracker at the same address, with an empty memory.
        let mut config = common::config(&at("dt2"), "127.0.0.1:1", "server");
        config.tracker.listen = address;
        let again = Node::start(&config, swarmplay::app::Role::Server).await;
        let again = again.expect("tracker");
        let registry = again.tracker.clone().expect("a server has a tracker");
        eventually("both to register and publish again", || async {
            let state = registry.send(TrackerState).await.expect("tracker");
            (state.clients.len() == 3 && state.files == 1).then_some(())
        })
        .await;
        for node in [viewer, a, again] {
            node.stop().await;
        }
    });
}

#[test]
fn seek_skips_the_chunks_in_between() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 300, 5);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |config| {
            config.stream.read_ahead = engine::units::HumanDuration::secs(5);
        })
        .await;
        let stream = open(&viewer, "noise.wav", 1).await;
        let reader = stream.scheduler.send(OpenReader).await.expect("scheduler");
        let last = stream.geometry.chunk_at(u64::MAX);
        for chunk in [engine::ids::ChunkIndex(0), last] {
            let wait = AwaitChunk { reader, chunk };
            let arrived = stream.scheduler.send(wait).await.expect("scheduler");
            arrived.expect("arrives");
        }
        let state = stream.scheduler.send(StreamState).await.expect("scheduler");
        let middle = stream.geometry.chunk_count() / 2;
        assert!(!state.have.contains(middle), "the middle was not asked for");
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn cached_chunks_survive_a_restart() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 30, 6);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        fetch_whole(&viewer, &stream).await;
        viewer.stop().await;
        drop(stream);

        let again = eventually("the data directory to be free", || async {
            let config = common::config(&at("dv"), &server.listen.to_string(), "viewer");
            Node::start(&config, swarmplay::app::Role::Client(None))
                .await
                .ok()
        })
        .await;
        let stream = open(&again, "noise.wav", 1).await;
        let id = fetch_whole(&again, &stream).await;
        assert_eq!(id, stream.entry.id);
        let state = again.sources.swarm.send(SwarmState).await.expect("swarm");
        assert_eq!(state.downloaded, 0, "all of it was here");
        again.stop().await;
        server.stop().await;
    });
}

#[test]
fn tracker_expires_a_silent_client() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        let registry = server.tracker.clone().expect("a server has a tracker");
        // A client that registers and then stays silent on an open link.
        let settings = swarmplay::tracker_client::TrackerClientSettings {
            tracker: server.listen.to_string(),
            hello: engine::protocol::Hello {
                version: engine::protocol::PROTOCOL_VERSION,
                peer: engine::ids::PeerId([7; 16]),
                name: "mute".into(),
                agent: "test".into(),
                listen_port: None,
            },
            origin_token: bytes::Bytes::new(),
            kind: None,
            observer: false,
        };
        let link = swarmplay::tracker_client::dial(&settings)
            .await
            .expect("registers");
        let clients = || async {
            let state = registry.send(TrackerState).await.expect("tracker");
            state.clients.len()
        };
        eventually("it to be registered", || async {
            (clients().await == 2).then_some(())
        })
        .await;
        eventually("its death to be noticed", || async {
            (clients().await == 1).then_some(())
        })
        .await;
        drop(link);
        server.stop().await;
    });
}

#[test]
fn deleted_file_is_withdrawn_and_new_one_published() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let first = noise(&at("a"), "first.wav", 1, 7);
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        let a = client(&at("da"), &server, "a", &[&at("a")], |_| {}).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "first.wav", 1).await;
        std::fs::remove_file(&first).expect("removed");
        noise(&at("a"), "second.wav", 1, 8);
        eventually("the change to be seen", || async {
            let catalogue = viewer.sources.announcer.send(CatalogueState).await;
            let entries = catalogue.expect("announcer").entries;
            let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
            (names == ["second.wav"]).then_some(())
        })
        .await;
        for node in [viewer, a, server] {
            node.stop().await;
        }
    });
}

#[test]
fn new_peer_receives_our_position_at_once() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 10, 21);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        fetch_whole(&viewer, &stream).await;
        let hello = Hello {
            version: PROTOCOL_VERSION,
            peer: PeerId([0xcc; 16]),
            name: "newcomer".into(),
            agent: "test".into(),
            listen_port: None,
        };
        let address = viewer.listen.to_string();
        let patience = Duration::from_secs(10);
        let mut link = Link::dial(&address, patience, &LinkLimits::default())
            .await
            .expect("dials");
        link.writer.send(PeerMessage::Hello(hello)).expect("hello");
        let (file, want) = (stream.entry.id, true);
        let interested = PeerMessage::Interested { file, want };
        link.writer.send(interested).expect("interest");
        let mut place = None;
        loop {
            match link.reader.next().await.expect("a message") {
                PeerMessage::Position { position, .. } => place = Some(position.window),
                // The first message already carries the position.
                PeerMessage::Have { .. } => break,
                _ => {}
            }
        }
        assert_eq!(place, Some(0..stream.geometry.chunk_count()));
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn lifted_limit_applies_to_running_transfers() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("source"), "noise.wav", 8, 77);
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        // The whole file would take six minutes.
        let source = client(&at("ds"), &server, "source", &[&at("source")], slow(4000)).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        let lift = swarmplay::swarm::SetLimits {
            upload: ByteRate::UNLIMITED,
            download: ByteRate::UNLIMITED,
            upload_per_day: None,
        };
        source.sources.swarm.do_send(lift);
        let fetched = tokio::time::timeout(PATIENCE, fetch_whole(&viewer, &stream)).await;
        assert_eq!(fetched.expect("not held back any more"), stream.entry.id);
        viewer.stop().await;
        source.stop().await;
        server.stop().await;
    });
}

#[test]
fn cached_file_is_removable_unless_it_is_read() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 4, 78);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        let file = stream.entry.id;
        let store = &viewer.sources.store;
        let reader = stream.scheduler.send(OpenReader).await.expect("scheduler");
        let chunk = engine::ids::ChunkIndex(0);
        let first = stream.scheduler.send(AwaitChunk { reader, chunk }).await;
        first.expect("scheduler").expect("it comes");
        eventually("a refusal, since somebody reads it", || async {
            let removed = store.send(Forget(file)).await.expect("store");
            (!removed).then_some(())
        })
        .await;
        stream.scheduler.do_send(CloseReader(reader));
        eventually("the end of reading", || async {
            store.send(Forget(file)).await.expect("store").then_some(())
        })
        .await;
        eventually("nothing cached", || async {
            let cached = store.send(CachedFiles).await.expect("store");
            cached.is_empty().then_some(())
        })
        .await;
        // It can be downloaded again.
        let again = open(&viewer, "noise.wav", 1).await;
        assert_eq!(fetch_whole(&viewer, &again).await, file);
        let cached = store.send(CachedFiles).await.expect("store");
        assert!(cached[0].whole && cached[0].bytes == stream.entry.size);
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn prefetch_runs_despite_an_abandoned_stream() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "left.wav", 4, 79);
    noise(&at("server"), "next.wav", 2, 80);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        // Opened without a reader, so no chunk is cached.
        open(&viewer, "left.wav", 1).await;
        let find = swarmplay::tracker_client::FindEntry("next.wav".into());
        let next = viewer.sources.announcer.send(find).await;
        let next = next.expect("announcer").expect("it is there");
        let ahead = FetchAhead(Some((
            next.id,
            PrefetchRange {
                head: next.size,
                place: 0..0,
            },
        )));
        viewer.sources.streams.do_send(ahead);
        eventually("all of what comes next", || async {
            let cached = viewer.sources.store.send(CachedFiles).await;
            let cached = cached.expect("store").into_iter();
            let mut whole = cached.filter(|cached| cached.whole);
            whole.any(|cached| cached.entry.id == next.id).then_some(())
        })
        .await;
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn prefetch_starts_at_the_resume_position() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "next.wav", 60, 83);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |config| {
            config.stream.read_ahead = engine::units::HumanDuration::secs(5);
        })
        .await;
        let stream = open(&viewer, "next.wav", 1).await;
        let (file, geometry) = (stream.entry.id, stream.geometry);
        let place = geometry.size() / 2..geometry.size() / 2 + (1 << 20);
        let part = PrefetchRange {
            head: 1 << 16,
            place: place.clone(),
        };
        let ahead = FetchAhead(Some((file, part)));
        viewer.sources.streams.do_send(ahead);
        let chunk = |byte: u64| (byte / u64::from(geometry.chunk_size().bytes())) as u32;
        let wanted = chunk(place.start)..=chunk(place.end - 1);
        let have = eventually("the place where it goes on", || async {
            let state = stream.scheduler.send(StreamState).await.expect("runs");
            let here = state.have.contains_range(wanted.clone());
            (here && state.in_flight.is_empty()).then_some(state.have)
        })
        .await;
        assert!(have.contains(0), "and its head");
        assert!(!have.contains(geometry.chunk_count() - 1), "not all of it");
        viewer.stop().await;
        server.stop().await;
    });
}
