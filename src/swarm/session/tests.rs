//! What may follow what, and what is refused.

use super::*;
use crate::media::ChunkSize;
use crate::wire::Hello;

const FILE: FileId = FileId([1; 32]);

/// A session with a peer that is interested in [`FILE`].
fn session() -> (Session, Instant) {
    let now = Instant::now();
    let mut session = Session::new(now);
    let interested = Message::Interested {
        file: FILE,
        want: true,
    };
    session.handle(now, interested).expect("allowed");
    (session, now)
}

fn chunk_message(chunk: u32) -> Message {
    Message::Chunk {
        file: FILE,
        chunk: ChunkIndex(chunk),
        proof: Bytes::new(),
        payload: Bytes::from_static(&[0; 10]),
    }
}

fn request(chunk: u32, deadline_ms: u64) -> Message {
    Message::Request {
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
fn a_chunk_is_taken_once_and_only_against_a_request() {
    let (mut session, now) = session();
    assert!(!arrives(&mut session, now, 1));
    session.request(FILE, ChunkIndex(1), Duration::ZERO);
    assert!(arrives(&mut session, now, 1));
    assert!(!arrives(&mut session, now, 1));
}

#[test]
fn a_cancelled_chunk_may_still_arrive_and_so_may_its_repetition() {
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
fn a_flood_of_chunks_nobody_asked_for_closes_the_link() {
    let (mut session, now) = session();
    let flood = (0..=MAX_UNEXPECTED).map(|chunk| session.handle(now, chunk_message(chunk)));
    let last = flood.last().expect("a flood").expect_err("too many");
    assert_eq!(last.reason, ByeReason::Protocol);
}

#[test]
fn files_the_peer_is_not_interested_in_are_not_served() {
    let now = Instant::now();
    let mut session = Session::new(now);
    let effects = session.handle(now, request(1, 0)).expect("no offence");
    assert!(matches!(
        effects[..],
        [Effect::Send(Message::Reject { .. })]
    ));
}

#[test]
fn the_earliest_deadline_is_served_first_and_cancelled_requests_never() {
    let (mut session, now) = session();
    for (chunk, deadline) in [(1, 900), (2, 100), (3, 500)] {
        let effects = session.handle(now, request(chunk, deadline)).expect("fits");
        assert_eq!(effects, [Effect::Serve]);
    }
    let cancel = Message::Cancel {
        file: FILE,
        chunk: ChunkIndex(3),
    };
    session.handle(now, cancel).expect("allowed");
    let served: Vec<u32> = std::iter::from_fn(|| session.next_upload())
        .map(|upload| upload.chunk.0)
        .collect();
    assert_eq!(served, [2, 1]);
}

#[test]
fn a_full_queue_says_busy_instead_of_growing() {
    let (mut session, now) = session();
    for chunk in 0..MAX_QUEUE as u32 {
        session.handle(now, request(chunk, 0)).expect("fits");
    }
    let effects = session.handle(now, request(9999, 0)).expect("no offence");
    let busy = |effect: &Effect| {
        matches!(effect, Effect::Send(Message::Reject { reason: RejectReason::Busy(wait), .. })
            if !wait.is_zero())
    };
    assert!(effects.iter().all(busy), "{effects:?}");
}

#[test]
fn choking_rejects_what_waits_and_what_comes() {
    let (mut session, now) = session();
    session.handle(now, request(1, 0)).expect("fits");
    let messages = session.set_choking(true);
    assert_eq!(messages.len(), 2);
    assert!(session.next_upload().is_none());
    let effects = session.handle(now, request(2, 0)).expect("no offence");
    assert!(matches!(
        effects[..],
        [Effect::Send(Message::Reject { .. })]
    ));
    assert_eq!(session.set_choking(false), [Message::Unchoke]);
}

#[test]
fn holdings_count_only_if_the_file_is_cut_alike() {
    let (mut session, now) = session();
    let ours = Geometry::new(1 << 20, ChunkSize::MIN);
    let other = Geometry::new(1 << 20, ChunkSize::MAX);
    let have = |geometry| Message::Have {
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
fn messages_out_of_place_close_the_link() {
    let (mut session, now) = session();
    let hello = Message::Hello(Hello {
        version: 1,
        peer: crate::ids::PeerId([0; 16]),
        name: String::new(),
        agent: String::new(),
        listen_port: None,
    });
    for message in [hello, Message::Heartbeat(1), Message::Leave] {
        let offence = session.handle(now, message).expect_err("out of place");
        assert_eq!(offence.reason, ByeReason::Protocol);
    }
    assert_eq!(session.handle(now, Message::Unknown), Ok(Vec::new()));
}

#[test]
fn pings_measure_and_silence_ends() {
    let (mut session, now) = session();
    let Ok(Some(Message::Ping(number))) = session.tick(now) else {
        panic!("a first ping");
    };
    assert_eq!(session.tick(now), Ok(None));
    let later = now + Duration::from_millis(40);
    let effects = session.handle(later, Message::Pong(number));
    assert_eq!(effects, Ok(vec![Effect::Rtt(Duration::from_millis(40))]));
    assert_eq!(session.handle(later, Message::Pong(999)), Ok(Vec::new()));
    let offence = session.tick(later + MAX_SILENCE * 2).expect_err("dead");
    assert_eq!(offence.reason, ByeReason::Silent);
}
