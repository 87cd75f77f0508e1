//! Order of messages, and limits.

use bytes::Bytes;

use super::*;
use crate::media::ChunkSize;
use crate::protocol::Hello;

const FILE: FileId = FileId([1; 32]);

/// A session with a peer that is interested in [`FILE`].
fn session() -> (Session, Instant) {
    let now = Instant::now();
    let mut session = Session::new(now);
    let interested = PeerMessage::Interested {
        file: FILE,
        want: true,
    };
    session.handle(now, interested).expect("allowed");
    (session, now)
}

fn chunk_message(chunk: u32) -> PeerMessage {
    PeerMessage::Chunk {
        file: FILE,
        chunk: ChunkIndex(chunk),
        proof: Bytes::new(),
        payload: Bytes::from_static(&[0; 10]),
    }
}

fn request(chunk: u32, deadline_ms: u64) -> PeerMessage {
    PeerMessage::Request {
        file: FILE,
        chunk: ChunkIndex(chunk),
        deadline: Duration::from_millis(deadline_ms),
    }
}

fn arrives(session: &mut Session, now: Instant, chunk: u32) -> bool {
    let effects = session
        .handle(now, chunk_message(chunk))
        .expect("overlooked");
    matches!(effects[..], [Effect::Arrived { .. }])
}

#[test]
fn file_being_taken_is_known_while_bytes_flow() {
    let (mut session, now) = session();
    assert_eq!(session.taking(now), None);
    session.note_sent(now, FileId([2; 32]), 1000);
    session.note_sent(now, FILE, 100_000);
    let soon = now + Duration::from_secs(2);
    assert_eq!(session.taking(soon), Some(FILE), "the last of them");
    assert_eq!(session.sent.total(), 101_000);
    assert_eq!(session.taking(now + Duration::from_secs(60)), None);
}

#[test]
fn chunk_is_accepted_once_per_request() {
    let (mut session, now) = session();
    assert!(!arrives(&mut session, now, 1));
    session.request(FILE, ChunkIndex(1), Duration::ZERO);
    assert!(arrives(&mut session, now, 1));
    assert!(!arrives(&mut session, now, 1));
}

#[test]
fn cancelled_chunk_and_its_repetition_may_still_arrive() {
    let (mut session, now) = session();
    session.request(FILE, ChunkIndex(1), Duration::ZERO);
    assert!(session.cancel(FILE, ChunkIndex(1)).is_some());
    assert!(session.cancel(FILE, ChunkIndex(1)).is_none());
    session.request(FILE, ChunkIndex(1), Duration::ZERO);
    assert!(arrives(&mut session, now, 1));
    assert!(arrives(&mut session, now, 1));
    assert!(!arrives(&mut session, now, 1));
}

#[test]
fn flood_of_unrequested_chunks_closes_the_link() {
    let (mut session, now) = session();
    let flood = (0..=MAX_UNEXPECTED).map(|chunk| session.handle(now, chunk_message(chunk)));
    let last = flood.last().expect("a flood").expect_err("too many");
    assert_eq!(last.reason, ByeReason::Protocol);
}

#[test]
fn request_without_interest_is_rejected() {
    let now = Instant::now();
    let mut session = Session::new(now);
    let effects = session.handle(now, request(1, 0)).expect("no offence");
    assert!(matches!(
        effects[..],
        [Effect::Send(PeerMessage::Reject { .. })]
    ));
}

#[test]
fn request_is_answered_once_or_cancelled() {
    let (mut session, now) = session();
    let file_chunk = |chunk| (FILE, ChunkIndex(chunk));
    let effects = session.handle(now, request(1, 900)).expect("fits");
    let due = now + Duration::from_millis(900);
    assert_eq!(effects, [Effect::Asked(FILE, ChunkIndex(1), due)]);
    let again = session.handle(now, request(1, 900)).expect("fits");
    assert_eq!(again, [], "still to be answered");
    session.handle(now, request(2, 900)).expect("fits");
    let (file, chunk) = file_chunk(2);
    let cancel = session.handle(now, PeerMessage::Cancel { file, chunk });
    assert_eq!(cancel, Ok(vec![Effect::Cancelled(file, chunk)]));
    assert!(!session.answer(file, chunk), "taken back");
    let (file, chunk) = file_chunk(1);
    let recall = session.handle(now, PeerMessage::Recall { file, chunk });
    assert_eq!(recall, Ok(vec![Effect::Recalled(file, chunk)]));
    assert!(session.answer(file, chunk), "until it is answered");
    assert!(!session.answer(file, chunk), "answered");
    let recall = session.handle(now, PeerMessage::Recall { file, chunk });
    assert_eq!(recall, Ok(Vec::new()), "its chunk is on its way");
}

#[test]
fn too_many_requests_close_the_link() {
    let (mut session, now) = session();
    for chunk in 0..MAX_REQUESTS as u32 {
        session.handle(now, request(chunk, 0)).expect("fits");
    }
    let offence = session.handle(now, request(9999, 0)).expect_err("too many");
    assert_eq!(offence.reason, ByeReason::Protocol);
}

#[test]
fn choked_peer_is_rejected() {
    let (mut session, now) = session();
    assert_eq!(session.set_choking(true), Some(PeerMessage::Choke));
    assert_eq!(session.set_choking(true), None);
    let effects = session.handle(now, request(2, 0)).expect("no offence");
    assert!(matches!(
        effects[..],
        [Effect::Send(PeerMessage::Reject { .. })]
    ));
    assert_eq!(session.set_choking(false), Some(PeerMessage::Unchoke));
}

#[test]
fn lost_interest_drops_requests() {
    let (mut session, now) = session();
    session.handle(now, request(1, 0)).expect("fits");
    let lost = PeerMessage::Interested {
        file: FILE,
        want: false,
    };
    let effects = session.handle(now, lost).expect("allowed");
    assert_eq!(effects, [Effect::LostInterest(FILE), Effect::Wants(false)]);
    assert!(!session.answer(FILE, ChunkIndex(1)));
}

#[test]
fn holdings_count_only_with_the_same_chunk_layout() {
    let (mut session, now) = session();
    let ours = Geometry::new(1 << 20, ChunkSize::MIN);
    let other = Geometry::new(1 << 20, ChunkSize::MAX);
    let have = |geometry| PeerMessage::Have {
        file: FILE,
        geometry,
        chunks: (0..2).collect(),
    };
    assert_eq!(session.handle(now, have(ours)), Ok(Vec::new()), "unwanted");
    session.want(FILE, ours);
    assert_eq!(session.handle(now, have(ours)).map(|e| e.len()), Ok(1));
    assert_eq!(session.handle(now, have(other)), Ok(Vec::new()));
}

#[test]
fn second_hello_closes_the_link() {
    let (mut session, now) = session();
    let hello = PeerMessage::Hello(Hello {
        version: 1,
        peer: crate::ids::PeerId([0; 16]),
        name: String::new(),
        agent: String::new(),
        listen_port: None,
    });
    let offence = session.handle(now, hello).expect_err("out of place");
    assert_eq!(offence.reason, ByeReason::Protocol);
}

#[test]
fn pings_measure_and_silence_closes() {
    let (mut session, now) = session();
    let Ok(Some(PeerMessage::Ping(number))) = session.tick(now) else {
        panic!("a first ping");
    };
    assert_eq!(session.tick(now), Ok(None));
    let later = now + Duration::from_millis(40);
    let effects = session.handle(later, PeerMessage::Pong(number));
    assert_eq!(effects, Ok(vec![Effect::Rtt(Duration::from_millis(40))]));
    assert_eq!(
        session.handle(later, PeerMessage::Pong(999)),
        Ok(Vec::new())
    );
    let offence = session.tick(later + MAX_SILENCE * 2).expect_err("dead");
    assert_eq!(offence.reason, ByeReason::Silent);
}

#[test]
fn announcements_follow_the_interest_of_the_peer() {
    let (mut session, _) = session();
    let (other, geometry) = (FileId([2; 32]), Geometry::new(40 << 10, ChunkSize::MIN));
    let chunks: RoaringBitmap = (0..2).collect();
    assert_eq!(session.have(other, geometry, chunks.clone()), None);
    assert_eq!(session.chunk_len(other, ChunkIndex(2)), 256 << 10);
    assert!(session.have(FILE, geometry, chunks.clone()).is_some());
    assert_eq!(session.chunk_len(FILE, ChunkIndex(2)), 8 << 10);
    assert_eq!(session.evicted(other, chunks), None);
    assert!(!session.set_position(other, PeerPosition::default()));
    assert!(session.set_position(FILE, PeerPosition::default()));
    assert!(
        !session.announce_delay(QueueDelay::default()),
        "one wake-up"
    );
    assert_eq!(session.take_waiting().len(), 2);
    assert!(session.repeat_position(other), "it became interested");
    session.unwant(other);
    session.take_waiting();
    assert!(!session.repeat_position(other));
}
