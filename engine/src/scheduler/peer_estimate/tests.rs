//! Slots, estimates and silence of one peer.

use super::*;

const CHUNK: u32 = 64 << 10;

#[test]
fn window_follows_the_delivery_rate() {
    let start = Instant::now();
    let mut peer = Peer::new(start, String::new(), false, 10_000);
    let mut now = start;
    for _ in 0..2000 {
        now += Duration::from_millis(5);
        peer.delivered(now, CHUNK);
    }
    let fast = peer.free_slots(now);
    assert!((150..=300).contains(&fast), "a second of 13 MB/s: {fast}");
    for _ in 0..200 {
        now += Duration::from_millis(500);
        peer.delivered(now, CHUNK);
    }
    assert!(peer.free_slots(now) <= 5);
}

#[test]
fn critical_chunk_skips_the_queue_and_the_window() {
    let now = Instant::now();
    let mut peer = Peer::new(now, String::new(), false, 64);
    peer.set_queue_delay(QueueDelay {
        all: Duration::from_secs(2),
        critical: Duration::from_millis(100),
        uplink: Some(u64::from(CHUNK) * 10),
    });
    let eta = |peer: &Peer, due| peer.eta(now, CHUNK, due).as_millis();
    assert_eq!(eta(&peer, CRITICAL_WINDOW * 2), 2000);
    assert_eq!(eta(&peer, CRITICAL_WINDOW / 2), 200);
    (0..FIRST_WINDOW).for_each(|_| peer.requested(now));
    assert_eq!(
        eta(&peer, CRITICAL_WINDOW / 2),
        600,
        "includes requests since the report"
    );
    assert_eq!(peer.free_slots(now), 0);
    assert_eq!(peer.critical_slots(now), CRITICAL_SLOTS);
}

#[test]
fn silence_counts_only_while_requests_are_in_flight() {
    let now = Instant::now();
    let later = now + Duration::from_secs(5);
    let timeout = Duration::from_secs(2);
    let mut peer = Peer::new(now, String::new(), false, 64);
    assert!(!peer.is_silent(later, timeout));
    peer.requested(later);
    assert!(!peer.is_silent(later, timeout));
    let much_later = later + timeout * 2;
    assert!(peer.is_silent(much_later, timeout));
    peer.record_activity(much_later);
    assert!(!peer.is_silent(much_later, timeout), "it serves others");
    peer.record_activity(later + timeout * 4);
    assert!(
        peer.is_silent(later + timeout * 4, timeout),
        "patience has an end"
    );
    peer.snub(later);
    assert_eq!(peer.free_slots(later), 0);
}
