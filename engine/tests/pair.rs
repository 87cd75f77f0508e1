//! Two sessions, one clock, and a link with a latency between them.

#![allow(clippy::disallowed_methods, reason = "the origin of virtual time")]
#![allow(clippy::unwrap_used, reason = "a failed test")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::{ChunkSize, Geometry};
use engine::protocol::{
    AGENT, ByeReason, Hello, PROTOCOL_VERSION, PeerMessage, PeerPosition, QueueDelay, RejectReason,
    SourceShare,
};
use engine::swarm::{Effect, Offence, Session};
use roaring::RoaringBitmap;

const FILE: FileId = FileId([1; 32]);
const LATENCY: Duration = Duration::from_millis(20);
const CHUNKS: u32 = 4;
const DEADLINE: Duration = Duration::from_millis(900);

fn geometry() -> Geometry {
    Geometry::new(u64::from(CHUNKS * ChunkSize::MIN.bytes()), ChunkSize::MIN)
}

fn chunk(chunk: u32) -> PeerMessage {
    PeerMessage::Chunk {
        file: FILE,
        chunk: ChunkIndex(chunk),
        proof: Bytes::new(),
        payload: Bytes::from_static(&[0; 16]),
    }
}

fn request(chunk: u32) -> PeerMessage {
    PeerMessage::Request {
        file: FILE,
        chunk: ChunkIndex(chunk),
        deadline: DEADLINE,
    }
}

fn rejection(chunk: u32, reason: RejectReason) -> PeerMessage {
    PeerMessage::Reject {
        file: FILE,
        chunk: ChunkIndex(chunk),
        reason,
    }
}

/// A session, and messages on their way to it.
struct End {
    session: Session,
    inbox: VecDeque<(Instant, PeerMessage)>,
    effects: Vec<Effect>,
    offence: Option<Offence>,
}

impl End {
    fn new(now: Instant) -> Self {
        Self {
            session: Session::new(now),
            inbox: VecDeque::new(),
            effects: Vec::new(),
            offence: None,
        }
    }

    fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}

/// A viewer and a peer that serves it.
struct Pair {
    now: Instant,
    viewer: End,
    server: End,
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let (viewer, server) = (End::new(now), End::new(now));
        Self {
            now,
            viewer,
            server,
        }
    }

    /// A viewer that knows what the server holds.
    fn interested() -> Self {
        let mut pair = Self::new();
        let want = pair.viewer.session.want(FILE, geometry());
        pair.send_to_server(want);
        pair.pass();
        pair.server.take();
        pair
    }

    fn send_to_server(&mut self, message: impl Into<Option<PeerMessage>>) {
        let arrival = self.now + LATENCY;
        let message = message.into().map(|message| (arrival, message));
        self.server.inbox.extend(message);
    }

    fn send_to_viewer(&mut self, message: impl Into<Option<PeerMessage>>) {
        let arrival = self.now + LATENCY;
        let message = message.into().map(|message| (arrival, message));
        self.viewer.inbox.extend(message);
    }

    /// Delivers messages in the order of their arrival until none is on its way.
    /// Answers of the sessions are sent at once.
    fn pass(&mut self) {
        loop {
            let at = |end: &End| end.inbox.front().map(|(at, _)| *at);
            let (to_server, at) = match (at(&self.viewer), at(&self.server)) {
                (None, None) => return,
                (Some(viewer), Some(server)) => (server <= viewer, viewer.min(server)),
                (Some(viewer), None) => (false, viewer),
                (None, Some(server)) => (true, server),
            };
            self.now = at;
            let (end, other) = match to_server {
                true => (&mut self.server, &mut self.viewer),
                false => (&mut self.viewer, &mut self.server),
            };
            let (_, message) = end.inbox.pop_front().unwrap();
            match end.session.handle(at, message) {
                Ok(effects) => {
                    for effect in effects {
                        match effect {
                            Effect::Send(answer) => other.inbox.push_back((at + LATENCY, answer)),
                            effect => end.effects.push(effect),
                        }
                    }
                }
                Err(offence) => {
                    end.offence = Some(offence);
                    end.inbox.clear();
                }
            }
        }
    }

    fn request(&mut self, chunk: u32) {
        let message = self
            .viewer
            .session
            .request(FILE, ChunkIndex(chunk), DEADLINE);
        self.send_to_server(message);
    }

    fn recall(&mut self, chunk: u32) {
        let message = self.viewer.session.recall(FILE, ChunkIndex(chunk));
        self.send_to_server(message);
    }

    fn cancel(&mut self, chunk: u32) {
        let message = self.viewer.session.cancel(FILE, ChunkIndex(chunk));
        self.send_to_server(message);
    }

    /// Sends a chunk if the viewer waits for it. Returns whether it does.
    fn serve(&mut self, index: u32) -> bool {
        let waits = self.server.session.answer(FILE, ChunkIndex(index));
        self.send_to_viewer(waits.then(|| chunk(index)));
        waits
    }

    /// Rejects a request if the viewer waits for the answer. Returns whether it does.
    fn reject(&mut self, index: u32, reason: RejectReason) -> bool {
        let waits = self.server.session.answer(FILE, ChunkIndex(index));
        self.send_to_viewer(waits.then(|| rejection(index, reason)));
        waits
    }

    /// Delivers the last messages, and checks that neither side waits for anything and
    /// that there was no violation.
    fn end(mut self) {
        self.pass();
        assert_eq!(self.viewer.offence, None);
        assert_eq!(self.server.offence, None);
        for chunk in (0..CHUNKS).map(ChunkIndex) {
            let requested = self.viewer.session.recall(FILE, chunk);
            assert_eq!(requested, None, "the viewer waits for {chunk}");
            let owed = self.server.session.answer(FILE, chunk);
            assert!(!owed, "the server owes {chunk}");
        }
    }
}

fn arrived(chunk: u32) -> Effect {
    Effect::Arrived {
        file: FILE,
        chunk: ChunkIndex(chunk),
        proof: Bytes::new(),
        payload: Bytes::from_static(&[0; 16]),
    }
}

fn rejected(chunk: u32, reason: RejectReason) -> Effect {
    Effect::Rejected {
        file: FILE,
        chunk: ChunkIndex(chunk),
        reason,
    }
}

#[test]
fn conversation_runs_from_interest_to_bye() {
    let mut pair = Pair::new();
    let want = pair.viewer.session.want(FILE, geometry());
    pair.send_to_server(want);
    pair.pass();
    let wanted = [Effect::TellHoldings(FILE), Effect::Wants(true)];
    assert_eq!(pair.server.take(), wanted);

    let held: RoaringBitmap = (0..CHUNKS).collect();
    pair.send_to_viewer(PeerMessage::Have {
        file: FILE,
        geometry: geometry(),
        chunks: held.clone(),
    });
    pair.pass();
    assert_eq!(pair.viewer.take(), [Effect::Has(FILE, held)]);

    pair.request(2);
    let due = pair.now + LATENCY + DEADLINE;
    pair.pass();
    let asked = Effect::Asked(FILE, ChunkIndex(2), due);
    assert_eq!(pair.server.take(), [asked]);
    assert!(pair.serve(2));
    pair.pass();
    assert_eq!(pair.viewer.take(), [arrived(2)]);

    let unwant = pair.viewer.session.unwant(FILE);
    pair.send_to_server(unwant);
    pair.send_to_server(PeerMessage::Bye {
        reason: ByeReason::Idle,
        text: "idle".into(),
    });
    pair.pass();
    let gone = [
        Effect::LostInterest(FILE),
        Effect::Wants(false),
        Effect::Bye(ByeReason::Idle, "idle".into()),
    ];
    assert_eq!(pair.server.take(), gone);
    pair.end();
}

#[test]
fn news_about_a_file_reaches_interested_peers_only() {
    let position = PeerPosition {
        window: 1..3,
        share: SourceShare::Weight(1000),
        playhead: Duration::from_secs(1),
    };
    let delay = QueueDelay {
        all: Duration::from_secs(1),
        critical: Duration::ZERO,
        uplink: Some(1000),
    };
    let news = || {
        [
            PeerMessage::Position {
                file: FILE,
                position: position.clone(),
            },
            PeerMessage::Evicted {
                file: FILE,
                chunks: RoaringBitmap::from_iter([1]),
            },
            PeerMessage::QueueDelay(delay),
        ]
    };
    let mut pair = Pair::interested();
    for message in news() {
        pair.send_to_viewer(message);
    }
    for message in news() {
        pair.send_to_server(message);
    }
    pair.pass();
    let told = [
        Effect::Position(FILE, position),
        Effect::Lost(FILE, RoaringBitmap::from_iter([1])),
        Effect::QueueDelay(delay),
    ];
    assert_eq!(pair.viewer.take(), told);
    assert_eq!(pair.server.take(), [Effect::QueueDelay(delay)]);
    pair.end();
}

#[test]
fn queued_request_is_recalled() {
    let mut pair = Pair::interested();
    pair.request(1);
    pair.recall(1);
    pair.pass();
    let effects = pair.server.take();
    let recalled = Effect::Recalled(FILE, ChunkIndex(1));
    assert_eq!(effects.last(), Some(&recalled));
    assert!(pair.reject(1, RejectReason::Recalled));
    pair.pass();
    let rejected = rejected(1, RejectReason::Recalled);
    assert_eq!(pair.viewer.take(), [rejected]);
    pair.end();
}

#[test]
fn recall_that_crosses_its_chunk_has_no_effect() {
    let mut pair = Pair::interested();
    pair.request(1);
    pair.pass();
    pair.server.take();
    assert!(pair.serve(1));
    pair.recall(1);
    pair.pass();
    assert_eq!(pair.server.take(), [], "the chunk is the answer");
    assert_eq!(pair.viewer.take(), [arrived(1)]);
    pair.end();
}

#[test]
fn cancelled_request_is_not_answered() {
    let mut pair = Pair::interested();
    pair.request(1);
    pair.cancel(1);
    pair.pass();
    let effects = pair.server.take();
    let cancelled = Effect::Cancelled(FILE, ChunkIndex(1));
    assert_eq!(effects.last(), Some(&cancelled));
    assert!(!pair.serve(1));
    pair.pass();
    assert_eq!(pair.viewer.take(), []);
    pair.end();
}

#[test]
fn chunk_that_crosses_its_cancel_is_accepted() {
    let mut pair = Pair::interested();
    pair.request(1);
    pair.pass();
    assert!(pair.serve(1));
    pair.cancel(1);
    pair.pass();
    assert_eq!(pair.viewer.take(), [arrived(1)]);
    pair.end();
}

#[test]
fn rejection_that_crosses_a_cancel_is_ignored() {
    let mut pair = Pair::interested();
    pair.request(1);
    pair.pass();
    pair.server.take();
    assert!(pair.reject(1, RejectReason::Busy(Duration::from_millis(100))));
    pair.cancel(1);
    pair.pass();
    assert_eq!(pair.viewer.take(), []);
    assert_eq!(pair.server.take(), []);
    pair.end();
}

#[test]
fn choked_peer_is_rejected_until_unchoked() {
    let mut pair = Pair::interested();
    let choke = pair.server.session.set_choking(true);
    pair.send_to_viewer(choke);
    pair.request(0);
    pair.pass();
    let rejected = rejected(0, RejectReason::Choked);
    assert_eq!(pair.viewer.take(), [Effect::Choked(true), rejected]);
    assert!(pair.viewer.session.is_choked());

    let unchoke = pair.server.session.set_choking(false);
    pair.send_to_viewer(unchoke);
    pair.pass();
    assert_eq!(pair.viewer.take(), [Effect::Choked(false)]);
    pair.request(0);
    pair.pass();
    assert!(pair.serve(0));
    pair.pass();
    assert_eq!(pair.viewer.take(), [arrived(0)]);
    pair.end();
}

#[test]
fn lost_interest_drops_waiting_requests() {
    let mut pair = Pair::interested();
    pair.request(0);
    pair.cancel(0);
    pair.request(3);
    pair.cancel(3);
    let unwant = pair.viewer.session.unwant(FILE);
    pair.send_to_server(unwant);
    pair.request(2);
    pair.pass();
    let rejected = rejected(2, RejectReason::NotHeld);
    assert_eq!(pair.viewer.take(), [rejected], "not interested");
    pair.end();
}

#[test]
fn ping_measures_the_round_trip() {
    let mut pair = Pair::new();
    let ping = pair.viewer.session.tick(pair.now).unwrap();
    assert!(matches!(ping, Some(PeerMessage::Ping(_))), "{ping:?}");
    pair.send_to_server(ping);
    pair.pass();
    assert_eq!(pair.viewer.take(), [Effect::Rtt(LATENCY * 2)]);
    assert_eq!(pair.viewer.session.tick(pair.now), Ok(None), "too soon");
    pair.end();
}

#[test]
fn unrequested_chunks_close_the_link() {
    let mut pair = Pair::interested();
    for _ in 0..100 {
        pair.send_to_viewer(chunk(1));
    }
    pair.pass();
    let offence = pair.viewer.offence.unwrap();
    assert_eq!(offence.reason, ByeReason::Protocol);
    assert_eq!(pair.viewer.effects, []);
}

#[test]
fn too_many_requests_close_the_link() {
    let mut pair = Pair::interested();
    for chunk in 0..300 {
        pair.send_to_server(request(chunk));
    }
    pair.pass();
    let offence = pair.server.offence.unwrap();
    assert_eq!(offence.reason, ByeReason::Protocol);
}

#[test]
fn second_hello_closes_the_link() {
    let mut pair = Pair::new();
    pair.send_to_server(PeerMessage::Hello(Hello {
        version: PROTOCOL_VERSION,
        peer: PeerId([2; 16]),
        name: "viewer".into(),
        agent: AGENT.into(),
        listen_port: None,
    }));
    pair.pass();
    let offence = pair.server.offence.unwrap();
    assert_eq!(offence.reason, ByeReason::Protocol);
}

#[test]
fn silent_peer_is_closed() {
    let mut pair = Pair::new();
    pair.now += Duration::from_secs(41);
    let offence = pair.viewer.session.tick(pair.now).unwrap_err();
    assert_eq!(offence.reason, ByeReason::Silent);
}
