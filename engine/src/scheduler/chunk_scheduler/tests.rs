//! Behaviour of the scheduler on a virtual clock.

mod container;
mod seeds;
mod silence;

use std::sync::Arc;

use rand::SeedableRng;

use super::*;
use crate::ids::Generation;
use crate::media::{ChunkSize, Timeline};

const CHUNK: u32 = 16 << 10;
const MS: Duration = Duration::from_millis(1);
const READER: ReaderId = ReaderId(1);

fn id(number: u8) -> PeerId {
    PeerId([number; 16])
}

fn geometry() -> Geometry {
    Geometry::new(1000 * u64::from(CHUNK), ChunkSize::MIN)
}

/// 30 s of read-ahead, 1.5 s critical.
fn demand(timeline: Timeline) -> Demand {
    let critical = Duration::from_millis(1500);
    let read_ahead = Duration::from_secs(30);
    Demand::new(geometry(), Arc::new(timeline), read_ahead, critical, 10_000)
}

/// A film of 1000 chunks at 10 chunks a second.
struct Film {
    core: ChunkScheduler,
    now: Instant,
}

impl Film {
    fn new() -> Self {
        Self::of_viewer(99)
    }

    fn of_viewer(me: u8) -> Self {
        let timeline = Timeline::constant(geometry().size(), Duration::from_secs(100));
        Self::with(me, Tuning::default(), demand(timeline))
    }

    fn with(me: u8, tuning: Tuning, demand: Demand) -> Self {
        let now = Instant::now();
        let rng = StdRng::seed_from_u64(7);
        let have = RoaringBitmap::new();
        let core = ChunkScheduler::new(now, id(me), tuning, demand, geometry(), have, rng);
        Self { core, now }
    }

    fn handle(&mut self, number: u8, event: PeerEvent) {
        self.core.handle(self.now, id(number), event);
    }

    fn full_peer(&mut self, number: u8, origin: bool) {
        self.peer(number, origin, (0..1000).collect());
    }

    fn peer(&mut self, number: u8, origin: bool, has: RoaringBitmap) {
        let name = String::new();
        self.handle(number, PeerEvent::Connected { name, origin });
        self.handle(number, PeerEvent::Gained(has));
    }

    fn position(&mut self, number: u8, window: Range<u32>, share: SourceShare, playhead: Duration) {
        let position = PeerPosition {
            window,
            share,
            playhead,
        };
        self.handle(number, PeerEvent::Position(position));
    }

    fn play_at(&mut self, chunk: u32) {
        self.core.set_reader(self.now, READER, ChunkIndex(chunk));
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.core.poll_effect()).collect()
    }

    fn report(&mut self, generation: u64, seconds: u64, speed: u32) -> ReaderMove {
        let playhead = Playhead {
            time: Duration::from_secs(seconds),
            speed,
            generation: Generation(generation),
        };
        self.core.set_playhead(self.now, playhead)
    }

    fn requests(&mut self) -> Vec<(PeerId, u32)> {
        let requests = self
            .effects()
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Request(peer, chunk, _) => Some((peer, chunk.0)),
                _ => None,
            });
        requests.collect()
    }

    fn requested_chunks(&mut self) -> Vec<u32> {
        let requests = self.requests().into_iter();
        requests.map(|(_, chunk)| chunk).collect()
    }

    fn cancels(&mut self) -> Vec<(PeerId, u32)> {
        let cancels = self
            .effects()
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Cancel(peer, chunk) => Some((peer, chunk.0)),
                _ => None,
            });
        cancels.collect()
    }

    fn deliver(&mut self, peer: PeerId, chunk: u32) {
        let stored = PeerEvent::Stored(ChunkIndex(chunk), CHUNK);
        self.core.handle(self.now, peer, stored);
    }

    fn reject(&mut self, peer: PeerId, chunk: u32, reason: RejectReason) {
        let rejected = PeerEvent::Rejected(ChunkIndex(chunk), reason);
        self.core.handle(self.now, peer, rejected);
    }

    /// Marks the first chunks as held and reads them.
    fn hold_until(&mut self, end: u32) {
        for chunk in 0..end {
            self.core.now_held(ChunkIndex(chunk));
            self.play_at(chunk);
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.core.tick(self.now);
    }
}

#[test]
fn without_reader_nothing_is_requested() {
    let mut film = Film::new();
    film.full_peer(1, true);
    assert!(film.requests().is_empty());
    film.play_at(500);
    let chunks = film.requested_chunks();
    assert!(!chunks.is_empty());
    assert!(chunks.iter().all(|chunk| (500..800).contains(chunk)));
}

#[test]
fn playhead_chunk_comes_first_and_no_chunk_twice() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.full_peer(2, false);
    film.play_at(10);
    let requests = film.requests();
    assert_eq!(requests[0].1, 10);
    let mut chunks: Vec<u32> = requests.iter().map(|(_, chunk)| *chunk).collect();
    chunks.sort_unstable();
    chunks.dedup();
    assert_eq!(chunks.len(), requests.len());
    assert!(requests.iter().any(|(peer, _)| *peer == id(2)), "both work");
}

#[test]
fn seek_cancels_unwanted_requests_at_once() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let before = film.requests().len();
    film.play_at(700);
    let effects = film.effects();
    let cancelled = effects.iter().filter(|e| matches!(e, Effect::Cancel(..)));
    assert_eq!(cancelled.count(), before);
    let requested = |e: &Effect| matches!(e, Effect::Request(_, chunk, _) if chunk.0 == 700);
    assert!(effects.iter().any(requested));
}

#[test]
fn silent_peer_loses_its_requests_to_another() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let lost = film.requested_chunks();
    film.full_peer(2, false);
    film.requests();
    film.wait(2100 * MS);
    let effects = film.effects();
    let moved = |chunk: u32| effects.contains(&Effect::Cancel(id(1), ChunkIndex(chunk)));
    assert!(lost.iter().all(|chunk| moved(*chunk)));
    let of_first = |e: &Effect| matches!(e, Effect::Request(peer, ..) if *peer == id(1));
    assert!(!effects.iter().any(of_first), "the silent one rests");
}

#[test]
fn late_chunk_is_recalled_then_hedged_then_cancelled() {
    let mut film = Film::new();
    film.peer(1, false, (0..1).collect());
    film.play_at(0);
    assert_eq!(film.requests(), [(id(1), 0)]);
    film.wait(100 * MS);
    film.peer(2, false, (0..1).collect());
    assert!(film.effects().is_empty(), "too early");
    film.wait(700 * MS);
    assert_eq!(film.effects(), [Effect::Recall(id(1), ChunkIndex(0))]);
    film.wait(200 * MS);
    assert!(film.effects().is_empty(), "it may be on its way");
    film.wait(600 * MS);
    assert_eq!(film.requests(), [(id(2), 0)], "no answer");
    film.deliver(id(2), 0);
    assert_eq!(film.cancels(), [(id(1), 0)]);
    assert!(film.core.in_flight().is_empty());
    film.deliver(id(1), 0);
    assert_eq!(film.core.duplicate_bytes(), u64::from(CHUNK));
}

#[test]
fn disconnected_peer_has_nothing_in_flight_and_its_supply_stays() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let (peer, chunk) = film.requests()[0];
    film.deliver(peer, chunk);
    film.handle(1, PeerEvent::Disconnected);
    assert!(film.core.in_flight().is_empty());
    let supplied = film.core.supplied();
    assert_eq!(
        (supplied[0].peer, supplied[0].bytes),
        (id(1), u64::from(CHUNK))
    );
}

#[test]
fn rejected_chunk_is_requested_again_when_its_reason_allows() {
    let mut film = Film::new();
    film.peer(1, false, [0, 1, 50].into_iter().collect());
    film.play_at(0);
    film.requests();
    film.reject(id(1), 0, RejectReason::NotHeld);
    assert!(film.requests().is_empty(), "it does not have it after all");
    let busy = RejectReason::Busy(500 * MS);
    film.reject(id(1), 50, busy);
    film.reject(id(1), 1, busy);
    assert!(film.requests().is_empty());
    film.wait(101 * MS);
    assert_eq!(film.requests(), [(id(1), 1)], "it is critical");
    film.wait(300 * MS);
    assert!(film.requests().is_empty());
    film.wait(100 * MS);
    assert_eq!(film.requests(), [(id(1), 50)]);
}

#[test]
fn stall_is_reported_once_with_its_cause() {
    let mut film = Film::new();
    film.peer(1, false, (0..20).collect());
    film.play_at(0);
    for chunk in 0..20 {
        film.deliver(id(1), chunk);
        film.play_at(chunk + 1);
    }
    assert_eq!(film.core.stalled(film.now), None);
    film.now += Duration::from_secs(3);
    let stalls = film.core.tick(film.now);
    assert_eq!(stalls, [(ChunkIndex(20), StallCause::NoSource)]);
    film.full_peer(2, false);
    assert_eq!(film.core.stalled(film.now), Some(StallCause::SlowSource));
    film.handle(2, PeerEvent::Choked(true));
    assert_eq!(film.core.stalled(film.now), Some(StallCause::Choked));
    assert_eq!(film.core.stalls().get(&StallCause::NoSource), Some(&1));
}

#[test]
fn player_that_stands_still_on_held_media_stalls_its_decoder() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    (0..60).for_each(|chunk| film.deliver(id(1), chunk));
    let stalls_at = |film: &mut Film, generation, seconds| {
        film.report(generation, seconds - 1, 100);
        for _ in 0..3 {
            film.now += 250 * MS;
            film.report(generation, seconds, 100);
        }
        let stalls = film.core.tick(film.now);
        stalls
            .into_iter()
            .map(|(_, cause)| cause)
            .collect::<Vec<_>>()
    };
    assert_eq!(stalls_at(&mut film, 1, 3), [StallCause::Decoder]);
    assert_eq!(film.core.stalled(film.now), Some(StallCause::Decoder));
    // There the media ends within the decoder's read-ahead.
    assert_eq!(stalls_at(&mut film, 2, 5), [StallCause::SlowSource]);
    assert_eq!(film.core.stalls().get(&StallCause::Decoder), Some(&1));
    film.report(2, 6, 100);
    assert_eq!(film.core.stalled(film.now), None, "playback resumed");
}

#[test]
fn reported_seek_moves_requests_before_anything_is_read() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.report(1, 0, 100);
    film.play_at(0);
    let before = film.requests().len();
    assert!(before > 0);
    let moved = film.report(2, 70, 100);
    assert_eq!(moved, ReaderMove::Far);
    let effects = film.effects();
    let cancelled = effects.iter().filter(|e| matches!(e, Effect::Cancel(..)));
    assert_eq!(cancelled.count(), before);
    let requested = |e: &Effect| matches!(e, Effect::Request(_, chunk, _) if chunk.0 == 700);
    assert!(effects.iter().any(requested));
    film.report(1, 0, 100);
    assert!(film.effects().is_empty(), "an old generation is ignored");
}

#[test]
fn silent_player_leaves_the_file_to_its_readers() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.report(1, 70, 100);
    assert!(!film.requests().is_empty());
    assert_eq!(film.core.progress(film.now), StreamProgress::Behind);
    film.wait(1100 * MS);
    assert_eq!(film.core.progress(film.now), StreamProgress::Idle);
    film.play_at(10);
    let requested = film.requested_chunks();
    assert!(requested.iter().all(|chunk| *chunk < 400), "{requested:?}");
}

#[test]
fn scheduler_is_idle_after_its_limit_without_reader() {
    let timeline = Timeline::constant(geometry().size(), Duration::from_secs(100));
    let tuning = Tuning::default().for_sidecar();
    let mut film = Film::with(99, tuning, demand(timeline));
    let reader = film.core.open_reader(film.now);
    film.core.set_reader(film.now, reader, ChunkIndex(0));
    film.now += Duration::from_secs(10);
    assert!(!film.core.is_idle(film.now), "a reader waits");
    film.core.remove_reader(film.now, reader);
    assert!(!film.core.is_idle(film.now + 900 * MS));
    film.core.set_download_all(film.now, true);
    film.now += 1100 * MS;
    assert!(!film.core.is_idle(film.now), "it is downloaded");
    film.core.set_download_all(film.now, false);
    assert!(film.core.is_idle(film.now));
}

#[test]
fn sidecar_requests_yield_to_media() {
    let timeline = Timeline::constant(geometry().size(), Duration::from_secs(100));
    let tuning = Tuning::default().for_sidecar();
    let mut film = Film::with(99, tuning, demand(timeline));
    film.full_peer(1, true);
    film.play_at(0);
    let yields = |effect: &Effect| match effect {
        Effect::Request(_, _, deadline) => *deadline >= Duration::from_secs(3),
        _ => false,
    };
    let effects = film.effects();
    assert!(
        !effects.is_empty() && effects.iter().all(yields),
        "{effects:?}"
    );
}

#[test]
fn in_order_picker_requests_in_order() {
    let tuning = Tuning {
        picker: Picker::InOrder,
        ..Tuning::default()
    };
    let timeline = Timeline::constant(geometry().size(), Duration::from_secs(100));
    let mut film = Film::with(99, tuning, demand(timeline));
    film.full_peer(1, true);
    film.full_peer(2, false);
    film.play_at(5);
    assert!(film.requested_chunks().into_iter().eq(5..13));
}

#[test]
fn download_fetches_every_chunk_once() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.peer(2, false, (0..500).collect());
    film.core.set_download_all(film.now, true);
    let mut rounds = 0;
    while !film.core.is_complete() {
        film.now += 10 * MS;
        for (peer, chunk) in film.requests() {
            film.deliver(peer, chunk);
        }
        rounds += 1;
        assert!(rounds < 10_000, "no progress");
    }
    assert_eq!(film.core.duplicate_bytes(), 0);
}

#[test]
fn full_disk_pauses_requests() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let (peer, chunk) = film.requests()[0];
    let full = PeerEvent::NotStored(ChunkIndex(chunk), StoreError::DiskFull);
    film.handle(1, full);
    let failed = Effect::Fail(ChunkIndex(chunk), StoreError::DiskFull);
    assert_eq!(film.effects(), [failed]);
    let problem = film.core.storage_problem();
    assert_eq!(problem, Some(&StoreError::DiskFull));
    film.wait(1900 * MS);
    assert!(film.requests().is_empty());
    film.now += 101 * MS;
    // A single free slot is not refilled.
    (1..5).for_each(|after| film.deliver(peer, chunk + after));
    assert!(film.requested_chunks().contains(&chunk));
}

#[test]
fn chunk_without_time_for_a_recall_is_hedged_at_once() {
    let mut film = Film::new();
    film.hold_until(13);
    film.play_at(13);
    film.peer(1, false, (0..14).collect());
    assert_eq!(film.requests(), [(id(1), 13)]);
    film.wait(200 * MS);
    film.peer(2, false, (13..14).collect());
    film.wait(550 * MS);
    let effects = film.effects();
    assert!(
        matches!(effects[..], [Effect::Request(peer, ChunkIndex(13), _)] if peer == id(2)),
        "{effects:?}"
    );
}
