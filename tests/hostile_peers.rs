//! Peers that send bad chunks, stay silent or break the protocol harm only
//! themselves.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{client, eventually, fetch_whole, noise, open, run, tracker};
use engine::ids::{ChunkIndex, PeerId};
use engine::integrity::TreeShape;
use engine::media::FileEntry;
use engine::protocol::{ByeReason, ClientMessage, Hello, PROTOCOL_VERSION, PeerMessage, Publish};
use swarmplay::app::Node;
use swarmplay::net::{Link, LinkLimits, LinkToTracker, PeerLink, listen};
use swarmplay::scheduler::StreamState;
use swarmplay::swarm::SwarmState;
use swarmplay::tracker_client::dial;
use swarmplay::tracker_client::{CatalogueState, TrackerClientSettings};
use swarmplay::wire::{Frame, WireCodec, WireError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::Decoder;

/// Behaviour of a hostile peer on a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Sends bytes that do not verify.
    Lies,
    /// Never answers.
    Silent,
}

fn hello(port: u16) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        peer: PeerId([0xbb; 16]),
        name: "hostile".into(),
        agent: "test".into(),
        listen_port: Some(port),
    }
}

/// Registers a peer that claims to hold `entry` and serves it by `habit`.
/// Returns its link to the tracker, which keeps it online, and a record of the
/// reason its links were closed for.
async fn hostile(
    server: &Node,
    entry: FileEntry,
    habit: Habit,
) -> (LinkToTracker, tokio::sync::mpsc::Receiver<ByeReason>) {
    let listener = listen("127.0.0.1:0").await.expect("listens");
    let hello = hello(listener.local_addr().expect("address").port());
    let settings = TrackerClientSettings {
        tracker: server.listen.to_string(),
        hello: hello.clone(),
        origin_token: Bytes::new(),
        kind: None,
        observer: false,
    };
    let (link, _) = dial(&settings).await.expect("registers");
    let publish = Publish {
        added: vec![entry.clone()],
        ..Publish::default()
    };
    link.writer
        .send(ClientMessage::Publish(publish))
        .expect("publishes");
    let (goodbye, goodbyes) = tokio::sync::mpsc::channel(8);
    actix_rt::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let link: PeerLink = Link::new(stream, &LinkLimits::default()).expect("link");
            link.writer
                .send(PeerMessage::Hello(hello.clone()))
                .expect("hello");
            let (entry, goodbye) = (entry.clone(), goodbye.clone());
            actix_rt::spawn(async move {
                if let Some(reason) = serve(link, &entry, habit).await {
                    let _ = goodbye.send(reason).await;
                }
            });
        }
    });
    (link, goodbyes)
}

/// Serves one link until it closes and returns the other side's reason.
async fn serve(mut link: PeerLink, entry: &FileEntry, habit: Habit) -> Option<ByeReason> {
    let geometry = entry.geometry().expect("sane");
    loop {
        match link.reader.next().await {
            Ok(PeerMessage::Interested { file, want: true }) => {
                let chunks = (0..geometry.chunk_count()).collect();
                let have = PeerMessage::Have {
                    file,
                    geometry,
                    chunks,
                };
                link.writer.send(have).expect("have");
            }
            Ok(PeerMessage::Request { file, chunk, .. }) if habit == Habit::Lies => {
                let levels = TreeShape::of(geometry).proof_nodes(chunk).count();
                let slot = link.writer.reserve_payload().await.ok()?;
                slot.send(PeerMessage::Chunk {
                    file,
                    chunk,
                    proof: vec![1; levels * 32].into(),
                    payload: vec![2; geometry.chunk_len(chunk) as usize].into(),
                });
            }
            Ok(PeerMessage::Ping(number)) => link.writer.send(PeerMessage::Pong(number)).ok()?,
            Ok(PeerMessage::Bye { reason, .. }) => return Some(reason),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// Waits for the entry that a server publishes.
async fn published(node: &Node) -> FileEntry {
    eventually("the entry", || async {
        let catalogue = node.sources.announcer.send(CatalogueState).await;
        catalogue.expect("announcer").entries.into_iter().next()
    })
    .await
}

#[test]
fn corrupt_peer_is_banned_and_its_chunks_refetched() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 20, 11);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let entry = published(&server).await;
        let (_online, mut goodbyes) = hostile(&server, entry, Habit::Lies).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 2).await;
        let id = fetch_whole(&viewer, &stream).await;
        assert_eq!(id, stream.entry.id, "not one bad byte was kept");
        let state = stream.scheduler.send(StreamState).await.expect("scheduler");
        assert!(state.supplied.iter().all(|supply| supply.name != "hostile"));
        let reason = goodbyes.recv().await.expect("told why");
        assert_eq!(reason, ByeReason::Corrupt);
        let peers = viewer
            .sources
            .swarm
            .send(SwarmState)
            .await
            .expect("swarm")
            .peers;
        assert!(
            peers.iter().all(|peer| peer.name != "hostile"),
            "and banned"
        );
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn silent_peer_loses_its_requests() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 20, 12);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let entry = published(&server).await;
        let (_online, _goodbyes) = hostile(&server, entry, Habit::Silent).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 2).await;
        let id = fetch_whole(&viewer, &stream).await;
        assert_eq!(id, stream.entry.id);
        viewer.stop().await;
        server.stop().await;
    });
}

/// Sends raw bytes to a node and returns its answer until it closes the link.
async fn answer_to(node: &Node, bytes: &[u8]) -> Vec<u8> {
    let mut socket = tokio::net::TcpStream::connect(node.listen)
        .await
        .expect("dials");
    // The node may close the link before it has read everything.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    answer
}

#[test]
fn malformed_bytes_close_only_their_own_link() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 5, 13);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        for nonsense in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            &[0xff; 64],
            &[0, 0, 0, 2, 1, 0x55, 0, 0, 0, 0],
            &[0, 0, 0, 0],
        ] {
            let answer = answer_to(&server, nonsense).await;
            let mut stream = bytes::BytesMut::from(&answer[..]);
            let told = WireCodec::<PeerMessage>::default()
                .decode(&mut stream)
                .expect("a message");
            let reason = ByeReason::Protocol;
            assert!(
                matches!(told, Some(PeerMessage::Bye { reason: r, .. }) if r == reason),
                "{told:?}"
            );
        }
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        assert_eq!(fetch_whole(&viewer, &stream).await, stream.entry.id);
        viewer.stop().await;
        server.stop().await;
    });
}

/// Opens a link to a node as a peer.
async fn say_hello(node: &Node) -> PeerLink {
    let limits = LinkLimits::default();
    let mut link: PeerLink = Link::dial(&node.listen.to_string(), common::PATIENCE, &limits)
        .await
        .expect("dials");
    link.writer
        .send(PeerMessage::Hello(hello(1)))
        .expect("hello");
    let answer = link.reader.next_within(common::PATIENCE).await;
    assert!(matches!(answer, Ok(PeerMessage::Hello(_))), "{answer:?}");
    link
}

#[test]
fn protocol_violation_is_answered_with_its_reason() {
    let dir = tempfile::tempdir().expect("folder");
    run(async {
        let server = tracker(&dir.path().join("dt"), &[]).await;
        let mut link = say_hello(&server).await;
        link.writer
            .send(PeerMessage::Hello(hello(1)))
            .expect("sent");
        let reason = loop {
            match link.reader.next_within(common::PATIENCE).await {
                Ok(PeerMessage::Bye { reason, .. }) => break reason,
                Ok(_) => {}
                Err(error) => panic!("closed without a reason: {error}"),
            }
        };
        assert_eq!(reason, ByeReason::Protocol);
        let closed = link.reader.next_within(common::PATIENCE).await;
        assert!(matches!(closed, Err(WireError::Closed)), "{closed:?}");
        server.stop().await;
    });
}

#[test]
fn other_protocol_version_is_rejected_with_a_reason() {
    let dir = tempfile::tempdir().expect("folder");
    run(async {
        let server = tracker(&dir.path().join("dt"), &[]).await;
        let limits = LinkLimits::default();
        let address = server.listen.to_string();
        let mut link: PeerLink = Link::dial(&address, common::PATIENCE, &limits)
            .await
            .expect("dials");
        let mut later = hello(1);
        later.version = PROTOCOL_VERSION + 1;
        link.writer.send(PeerMessage::Hello(later)).expect("sent");
        let answer = link.reader.next_within(common::PATIENCE).await;
        let told = matches!(
            answer,
            Ok(PeerMessage::Bye {
                reason: ByeReason::Version,
                ..
            })
        );
        assert!(told, "{answer:?}");
        server.stop().await;
    });
}

#[test]
fn stream_memory_is_bounded_by_outstanding_requests() {
    const REQUESTS: u32 = 8;
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 30, 12);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let entry = published(&server).await;
        let _online = hostile(&server, entry, Habit::Silent).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |config| {
            config.stream.requests_per_peer = REQUESTS;
        })
        .await;
        let stream = open(&viewer, "noise.wav", 2).await;
        let fetched = fetch_whole(&viewer, &stream);
        let mut most = 0;
        let watched = async {
            loop {
                let state = stream.scheduler.send(StreamState).await.expect("scheduler");
                most = most.max(state.in_flight.len());
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            id = fetched => assert_eq!(id, stream.entry.id),
            () = watched => {}
        }
        let window = u64::from(REQUESTS) * 2;
        assert!(
            (1..=window).contains(&most),
            "{most} of two peers' {window}"
        );
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn peer_that_never_reads_is_closed_within_bounded_memory() {
    const ASKED: u32 = 250;
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "noise.wav", 30, 13);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let entry = published(&server).await;
        let socket = tokio::net::TcpSocket::new_v4().expect("socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let mut deaf = socket.connect(server.listen).await.expect("connects");
        let interested = PeerMessage::Interested {
            file: entry.id,
            want: true,
        };
        let requests = (0..ASKED).map(|chunk| PeerMessage::Request {
            file: entry.id,
            chunk: ChunkIndex(chunk),
            deadline: Duration::from_secs(1),
        });
        let said = [PeerMessage::Hello(hello(1)), interested].into_iter();
        for message in said.chain(requests) {
            deaf.write_all(&Frame::new(message).head)
                .await
                .expect("heard");
        }
        let handed = || async {
            let state = server.sources.swarm.send(SwarmState).await.expect("swarm");
            let to_deaf = state.peers.iter().find(|peer| peer.name == "hostile");
            to_deaf.map(|peer| peer.uploaded)
        };
        // All buffers are full once the counters stand still.
        let last = std::cell::Cell::new((0, std::time::Instant::now()));
        eventually("a peer that takes nothing", || async {
            let now = handed().await?;
            if now != last.get().0 {
                last.set((now, std::time::Instant::now()));
            }
            let (bytes, since) = last.get();
            (bytes > 0 && since.elapsed() > Duration::from_secs(3)).then_some(())
        })
        .await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let stream = open(&viewer, "noise.wav", 1).await;
        let id = fetch_whole(&viewer, &stream).await;
        assert_eq!(id, stream.entry.id, "served all the same");
        let handed = handed().await.expect("still connected");
        let asked = u64::from(ASKED * entry.chunk_size);
        assert!(handed > 0 && handed < asked / 4, "{handed} of {asked}");
        viewer.stop().await;
        server.stop().await;
        drop(deaf);
    });
}
