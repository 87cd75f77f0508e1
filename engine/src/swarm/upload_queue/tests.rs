//! Upload order and bounded waits.

use super::*;

const FILE: FileId = FileId([7; 32]);
const CHUNK: u32 = 64 << 10;
const SECOND: Duration = Duration::from_secs(1);

fn id(number: u8) -> PeerId {
    PeerId([number; 16])
}

fn upload(now: Instant, chunk: u32, seconds: u64) -> Upload {
    Upload {
        file: FILE,
        chunk: ChunkIndex(chunk),
        bytes: CHUNK,
        deadline: now + Duration::from_secs(seconds),
    }
}

/// Serves the waiting requests one after another; returns the chunks in that order.
fn order(uploads: &mut UploadQueue, now: Instant) -> Vec<u32> {
    let mut served = Vec::new();
    while let Some((peer, upload)) = uploads.next(now) {
        uploads.finished(now, peer, CHUNK.into());
        served.push(upload.chunk.0);
    }
    served
}

#[test]
fn critical_by_deadline_and_the_rest_by_copies() {
    let now = Instant::now();
    let mut uploads = UploadQueue::new(now, None, UploadTuning::default());
    let ask = |uploads: &mut UploadQueue, peer, chunk, seconds| {
        uploads
            .ask(now, id(peer), upload(now, chunk, seconds))
            .expect("room");
    };
    ask(&mut uploads, 1, 10, 20);
    assert_eq!(order(&mut uploads, now), [10]);
    ask(&mut uploads, 2, 10, 18);
    ask(&mut uploads, 2, 11, 18);
    ask(&mut uploads, 3, 12, 2);
    ask(&mut uploads, 3, 13, 1);
    assert_eq!(order(&mut uploads, now), [13, 12, 11, 10]);
}

#[test]
fn critical_chunk_yields_once_others_can_pass_it_on() {
    let now = Instant::now();
    let mut uploads = UploadQueue::new(now, None, UploadTuning::default());
    for peer in 0..MAX_CRITICAL_COPIES as u8 {
        uploads
            .ask(now, id(peer), upload(now, 10, 0))
            .expect("room");
        assert_eq!(order(&mut uploads, now), [10]);
    }
    uploads.ask(now, id(100), upload(now, 10, 0)).expect("room");
    uploads.ask(now, id(101), upload(now, 11, 3)).expect("room");
    assert_eq!(order(&mut uploads, now), [11, 10]);
}

#[test]
fn overload_privileges_only_late_requests() {
    let (mut uploads, now) = saturated(10);
    let served = |uploads: &mut UploadQueue, critical: u32| {
        uploads.forget(id(1));
        uploads.copies.clear();
        uploads.in_flight.clear();
        for chunk in 100..100 + critical {
            uploads.count(FILE, ChunkIndex(chunk));
            let asked = uploads.ask(now, id(1), upload(now + SECOND / 4, chunk, 0));
            asked.expect("room");
        }
        let asked = uploads.ask(now, id(1), upload(now + SECOND / 2, 1, 0));
        asked.expect("room");
        uploads.next(now).expect("waits").1.chunk.0
    };
    assert_eq!(
        served(&mut uploads, 4),
        100,
        "a quarter of a second of them"
    );
    assert_eq!(served(&mut uploads, 12), 1, "what others do not have yet");
}

#[test]
fn share_follows_idleness_of_the_uplink() {
    let (mut uploads, now) = saturated(10);
    uploads.forget(id(1));
    let uplink = uploads.uplink().expect("measured");
    let idle = SourceShare::Weight(uplink * IDLE_SHARE);
    assert_eq!(uploads.share(now), idle);
    for chunk in 0..20 {
        let asked = uploads.ask(now, id(1), upload(now, chunk, 9));
        asked.expect("room");
    }
    let busy = SourceShare::Weight(uplink);
    assert_eq!(uploads.share(now), busy, "more than a second waits");
}

#[test]
fn flooded_queue_refuses_first_requests() {
    let (mut uploads, now) = saturated(10);
    let asked = (2..200).map(|peer| uploads.ask(now, id(peer), upload(now, 1, 30)));
    let refused = asked.filter(Result::is_err).count();
    assert!((130..145).contains(&refused), "4 s fit, {refused} do not");
}

#[test]
fn bytes_in_flight_are_bounded_without_stuck_peers() {
    let now = Instant::now();
    let mut uploads = UploadQueue::new(now, None, UploadTuning::default());
    for chunk in 0..4 {
        let asked = uploads.ask(now, id(1), upload(now, chunk, 9));
        asked.expect("room");
    }
    assert!(uploads.next(now).is_some() && uploads.next(now).is_some());
    assert_eq!(uploads.next(now), None, "two are on their way");
    let later = now + MAX_STUCK;
    assert_eq!(uploads.next(later), None, "it does not take what it has");
    let asked = uploads.ask(later, id(2), upload(now, 0, 9));
    asked.expect("room");
    let next = uploads.next(later).map(|(peer, _)| peer);
    assert_eq!(next, Some(id(2)), "others do not wait for it");
    uploads.gone(id(1));
    assert_eq!(uploads.next(later), None);
}

/// Serves for `seconds` at a megabyte a second with requests always waiting.
fn saturated(seconds: u64) -> (UploadQueue, Instant) {
    let start = Instant::now();
    let mut now = start;
    let mut uploads = UploadQueue::new(now, None, UploadTuning::default());
    let mut chunk = 0;
    while now < start + Duration::from_secs(seconds) {
        while uploads.waiting.len() < 4 {
            chunk += 1;
            let asked = uploads.ask(now, id(1), upload(now, chunk, 9));
            asked.expect("room");
        }
        let (peer, _) = uploads.next(now).expect("waits");
        now += Duration::from_secs_f64(f64::from(CHUNK) / 1e6);
        uploads.finished(now, peer, CHUNK.into());
    }
    (uploads, now)
}

#[test]
fn uplink_is_measured_and_long_queue_refuses() {
    let (mut uploads, now) = saturated(10);
    let uplink = uploads.uplink().expect("measured");
    assert!((900_000..1_100_000).contains(&uplink), "{uplink}");
    let asked = (100..200).map(|chunk| uploads.ask(now, id(2), upload(now, chunk, 30)));
    let refused = asked.filter(Result::is_err).count();
    assert!((70..80).contains(&refused), "2 s fit, {refused} do not");
    assert!(
        uploads.ask(now, id(3), upload(now, 1, 30)).is_ok(),
        "a first one"
    );
    assert!(uploads.cancel(id(3), FILE, ChunkIndex(1)).is_some());
    assert_eq!(uploads.cancel(id(3), FILE, ChunkIndex(1)), None);
    assert_eq!(uploads.forget(id(2)).len(), 100 - refused);
}

#[test]
fn stuck_peer_does_not_lower_the_uplink_estimate() {
    let (mut uploads, now) = saturated(10);
    let measured = uploads.uplink();
    uploads.forget(id(1));
    for chunk in 0..MAX_PER_PEER as u32 {
        // The queue is full of requests of a peer that takes nothing.
        let _ = uploads.ask(now, id(2), upload(now, chunk, 1));
    }
    assert!(uploads.next(now).is_some() && uploads.queue_delay(now).all > SECOND);
    let mut now = now + MAX_STUCK;
    assert_eq!(uploads.queue_delay(now).all, Duration::ZERO);
    let measured = measured.expect("measured");
    let idle = SourceShare::Weight(measured * IDLE_SHARE);
    assert_eq!(uploads.share(now), idle);
    now += SECOND * 20;
    let mut served = 0;
    while served < 30 {
        for chunk in served..served + 4 {
            uploads
                .ask(now, id(3), upload(now, 1000 + chunk, 9))
                .expect("it is as if nothing waited");
        }
        while let Some((peer, _)) = uploads.next(now) {
            assert_eq!(peer, id(3));
            now += Duration::from_secs_f64(f64::from(CHUNK) / 1e6);
            uploads.finished(now, peer, CHUNK.into());
            served += 1;
        }
    }
    let uplink = uploads.uplink().expect("measured");
    let before = measured;
    assert!(uplink >= before / 10 * 9, "{uplink} instead of {before}");
}

#[test]
fn uplink_estimate_drops_when_peers_stop_reading() {
    let (mut uploads, mut now) = saturated(10);
    uploads.forget(id(1));
    let mut chunk = 0;
    let mut under_way = VecDeque::new();
    // A tenth of the former uplink: 64 KiB take two thirds of a second.
    for _ in 0..200 {
        for peer in 2..5 {
            while uploads
                .waiting
                .iter()
                .filter(|(of, _)| *of == id(peer))
                .count()
                < 2
            {
                chunk += 1;
                // It may be refused.
                if uploads.ask(now, id(peer), upload(now, chunk, 9)).is_err() {
                    break;
                }
            }
        }
        under_way.extend(uploads.next(now).map(|(peer, _)| peer));
        now += SECOND / 3;
        under_way.extend(uploads.next(now).map(|(peer, _)| peer));
        now += SECOND / 3;
        if let Some(peer) = under_way.pop_front() {
            uploads.finished(now, peer, CHUNK.into());
        }
    }
    let uplink = uploads.uplink().expect("measured");
    assert!(uplink < 200_000, "{uplink}");
}
