//! The scheduler's promises, on a clock of our own.

use rand::SeedableRng;

use super::*;
use std::sync::Arc;

use crate::media::{ChunkSize, Timeline};
use crate::protocol::{PeerPosition, SourceShare};

mod container;
mod silence;
mod sources;

const CHUNK: u32 = 16 << 10;
const MS: Duration = Duration::from_millis(1);
const READER: ReaderId = ReaderId(1);

fn id(number: u8) -> PeerId {
    PeerId([number; 16])
}

/// A film of 1000 chunks at 10 chunks a second.
struct Film {
    core: ChunkScheduler,
    now: Instant,
}

impl Film {
    fn new() -> Self {
        let now = Instant::now();
        let geometry = Geometry::new(1000 * u64::from(CHUNK), ChunkSize::MIN);
        let windows = Demand::new(
            geometry,
            Arc::new(Timeline::constant(
                geometry.size(),
                Duration::from_secs(100),
            )),
            Duration::from_secs(30),
            Duration::from_millis(1500),
            10_000,
        );
        let tuning = Tuning::default();
        let rng = StdRng::seed_from_u64(7);
        let core = ChunkScheduler::new(
            now,
            id(99),
            tuning,
            windows,
            geometry,
            RoaringBitmap::new(),
            rng,
        );
        Self { core, now }
    }

    fn full_peer(&mut self, number: u8, origin: bool) {
        self.peer(number, origin, (0..1000).collect());
    }

    fn peer(&mut self, number: u8, origin: bool, has: RoaringBitmap) {
        self.core
            .peer_up(self.now, id(number), String::new(), origin);
        self.core.peer_has(self.now, id(number), &has);
    }

    fn place(&mut self, number: u8, window: Range<u32>, share: SourceShare) {
        let place = PeerPosition {
            window,
            share,
            playhead: Duration::ZERO,
        };
        let now = self.now;
        let change = |peer: &mut Peer| peer.set_place(now, place);
        self.core.with_peer(self.now, id(number), change);
    }

    fn play_at(&mut self, chunk: u32) {
        self.core.set_reader(self.now, READER, ChunkIndex(chunk));
    }

    fn requests(&mut self) -> Vec<(PeerId, u32)> {
        let effects = self.core.take_effects();
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Request(peer, chunk, _) => Some((peer, chunk.0)),
                Effect::Cancel(..) | Effect::Recall(..) => None,
            })
            .collect()
    }

    fn cancels(&mut self) -> Vec<(PeerId, u32)> {
        let effects = self.core.take_effects();
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Cancel(peer, chunk) => Some((peer, chunk.0)),
                Effect::Request(..) | Effect::Recall(..) => None,
            })
            .collect()
    }

    fn deliver(&mut self, peer: PeerId, chunk: u32) {
        self.core.stored(self.now, peer, ChunkIndex(chunk), CHUNK);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.core.tick(self.now);
    }
}

#[test]
fn nothing_is_fetched_that_nobody_reads() {
    let mut film = Film::new();
    film.full_peer(1, true);
    assert!(film.requests().is_empty());
    film.play_at(500);
    let requests = film.requests();
    assert!(!requests.is_empty());
    assert!(requests.iter().all(|(_, chunk)| (500..800).contains(chunk)));
}

#[test]
fn the_playheads_chunk_comes_first_and_each_chunk_is_asked_once() {
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
fn a_seek_takes_back_what_is_no_longer_wanted_at_once() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let before = film.requests().len();
    film.core.set_reader(film.now, READER, ChunkIndex(700));
    let effects = film.core.take_effects();
    let cancelled = effects.iter().filter(|e| matches!(e, Effect::Cancel(..)));
    assert_eq!(cancelled.count(), before);
    let asked_there = |e: &Effect| matches!(e, Effect::Request(_, chunk, _) if chunk.0 == 700);
    assert!(effects.iter().any(asked_there));
}

#[test]
fn a_silent_peer_loses_its_requests_to_another() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let lost: Vec<u32> = film.requests().iter().map(|(_, chunk)| *chunk).collect();
    film.full_peer(2, false);
    film.requests();
    film.wait(2100 * MS);
    let effects = film.core.take_effects();
    let moved = |chunk: u32| effects.contains(&Effect::Cancel(id(1), ChunkIndex(chunk)));
    assert!(lost.iter().all(|chunk| moved(*chunk)));
    let of_first = |e: &Effect| matches!(e, Effect::Request(peer, ..) if *peer == id(1));
    assert!(!effects.iter().any(of_first), "the silent one rests");
}

#[test]
fn a_late_chunk_is_recalled_then_hedged_and_the_loser_cancelled() {
    let mut film = Film::new();
    film.peer(1, false, (0..1).collect());
    film.play_at(0);
    assert_eq!(film.requests(), [(id(1), 0)]);
    film.wait(100 * MS);
    film.peer(2, false, (0..1).collect());
    assert!(film.core.take_effects().is_empty(), "too early");
    film.wait(700 * MS);
    let recalled = Effect::Recall(id(1), ChunkIndex(0));
    assert_eq!(film.core.take_effects(), [recalled]);
    film.wait(200 * MS);
    assert!(film.core.take_effects().is_empty(), "it may be on its way");
    film.wait(600 * MS);
    assert_eq!(film.requests(), [(id(2), 0)], "no answer");
    film.deliver(id(2), 0);
    assert_eq!(film.cancels(), [(id(1), 0)]);
    assert!(film.core.in_flight().is_empty());
}

#[test]
fn hedging_stays_within_its_budget() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    assert!(film.requests().len() > 2);
    film.peer(2, false, (0..4).collect());
    film.core.take_effects();
    film.core.hedges = 2.5;
    film.wait(700 * MS);
    film.wait(700 * MS);
    let hedged = film
        .core
        .flights
        .values()
        .filter(|flights| flights.len() > 1);
    assert_eq!(hedged.count(), 2);
}

#[test]
fn a_peer_that_goes_leaves_nothing_in_flight_and_its_share_is_remembered() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let (peer, chunk) = film.requests()[0];
    film.deliver(peer, chunk);
    film.core.peer_down(film.now, id(1));
    assert!(film.core.in_flight().is_empty());
    let supplied = film.core.supplied();
    assert_eq!(
        (supplied[0].peer, supplied[0].bytes),
        (id(1), u64::from(CHUNK))
    );
}

#[test]
fn a_rejection_is_taken_at_its_word() {
    let mut film = Film::new();
    film.peer(1, false, [0, 1, 50].into_iter().collect());
    film.play_at(0);
    film.requests();
    let reject = |film: &mut Film, chunk, why| {
        film.core.rejected(film.now, id(1), ChunkIndex(chunk), why);
        film.requests()
    };
    let none = reject(&mut film, 0, RejectReason::NotHeld);
    assert!(none.is_empty(), "it does not have it after all");
    let busy = RejectReason::Busy(500 * MS);
    assert!(reject(&mut film, 50, busy).is_empty());
    assert!(reject(&mut film, 1, busy).is_empty());
    film.wait(101 * MS);
    assert_eq!(film.requests(), [(id(1), 1)], "it is needed very soon");
    film.wait(300 * MS);
    assert!(film.requests().is_empty());
    film.wait(100 * MS);
    assert_eq!(film.requests(), [(id(1), 50)]);
}

#[test]
fn a_hedge_that_costs_nothing_is_given_back() {
    let mut film = Film::new();
    film.peer(1, false, (0..1).collect());
    film.play_at(0);
    film.peer(2, false, (0..1).collect());
    film.wait(800 * MS);
    film.wait(800 * MS);
    let before = film.core.hedges;
    film.deliver(id(2), 0);
    assert!(film.core.hedges >= before + 1.0, "taken back in time");
    film.deliver(id(1), 0);
    assert!(film.core.hedges < before + 1.0, "it came twice after all");
    assert_eq!(film.core.duplicate_bytes(), u64::from(CHUNK));
}

#[test]
fn a_stall_is_told_with_its_cause() {
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
    film.core.choked(film.now, id(2), true);
    assert_eq!(film.core.stalled(film.now), Some(StallCause::Choked));
    assert_eq!(film.core.stalls().get(&StallCause::NoSource), Some(&1));
}

#[test]
fn a_player_that_starves_though_its_film_is_here_decodes_too_slowly() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    (0..60).for_each(|chunk| film.deliver(id(1), chunk));
    assert!(film.core.starved(Duration::from_secs(3)));
    assert!(
        !film.core.starved(Duration::from_secs(5)),
        "it ends within what decoders read ahead"
    );
    assert_eq!(film.core.stalls().get(&StallCause::Decoder), Some(&1));
}

#[test]
fn in_order_is_in_order() {
    let mut film = Film::new();
    film.core.tuning.picker = Picker::InOrder;
    film.full_peer(1, true);
    film.full_peer(2, false);
    film.play_at(5);
    let asked: Vec<u32> = film.requests().iter().map(|(_, chunk)| *chunk).collect();
    assert_eq!(asked, (5..13).collect::<Vec<u32>>());
}

#[test]
fn a_whole_file_is_fetched_to_the_last_chunk() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.peer(2, false, (0..500).collect());
    film.core.set_whole(film.now, true);
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
fn a_full_disk_pauses_fetching() {
    let mut film = Film::new();
    film.full_peer(1, false);
    film.play_at(0);
    let (peer, chunk) = film.requests()[0];
    let resume = film.now + Duration::from_secs(1);
    film.core
        .not_stored(film.now, peer, ChunkIndex(chunk), resume);
    assert!(film.requests().is_empty());
    film.wait(1001 * MS);
    // With room for one request alone it waits for more.
    (1..5).for_each(|after| film.deliver(peer, chunk + after));
    assert!(film.requests().iter().any(|(_, asked)| *asked == chunk));
}

#[test]
fn what_cannot_wait_for_a_recall_is_asked_of_a_second_peer_at_once() {
    let mut film = Film::new();
    for chunk in 0..13 {
        film.core.now_held(ChunkIndex(chunk));
        film.play_at(chunk);
    }
    film.play_at(13);
    film.peer(1, false, (0..14).collect());
    assert_eq!(film.requests(), [(id(1), 13)]);
    film.wait(200 * MS);
    film.peer(2, false, (13..14).collect());
    film.wait(550 * MS);
    let effects = film.core.take_effects();
    assert!(
        matches!(effects[..], [Effect::Request(peer, ChunkIndex(13), _)] if peer == id(2)),
        "{effects:?}"
    );
}
