//! What is asked of sources, and what is left to viewers.

use super::*;
use crate::protocol::{QueueDelay, SourceShare};

/// What viewer `me` of two asks the source for, both at the beginning.
fn share(me: u8, other: u8) -> Vec<u32> {
    let mut film = Film::new();
    film.core.me = id(me);
    film.core.set_share(SourceShare::Weight(1000));
    film.full_peer(1, true);
    film.peer(other, false, RoaringBitmap::new());
    film.place(other, 0..1000, SourceShare::Weight(1000));
    film.play_at(0);
    let mut asked = Vec::new();
    for _ in 0..150 {
        film.wait(10 * MS);
        for (peer, chunk) in film.requests() {
            film.deliver(peer, chunk);
            asked.push(chunk);
        }
    }
    asked.retain(|chunk| *chunk > 30);
    asked
}

#[test]
fn viewers_fetch_different_chunks_from_the_source() {
    let (one, two) = (share(10, 20), share(20, 10));
    assert!(one.len() > 50 && two.len() > 50, "both fetch");
    assert!(
        !one.iter().any(|chunk| two.contains(chunk)),
        "no chunk twice"
    );
}

#[test]
fn what_a_viewer_holds_is_not_asked_of_the_source() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.peer(2, false, (100..200).collect());
    film.play_at(0);
    let of_source = film
        .requests()
        .into_iter()
        .filter(|(peer, _)| *peer == id(1));
    let held: Vec<u32> = of_source
        .map(|(_, chunk)| chunk)
        .filter(|c| *c >= 100)
        .collect();
    assert!(held.is_empty(), "{held:?}");
}

#[test]
fn a_request_that_waits_at_the_source_moves_to_a_viewer_that_has_it() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    let (_, far) = *film.requests().last().expect("requests");
    film.peer(2, false, RoaringBitmap::new());
    film.core
        .peer_has(film.now, id(2), &[far].into_iter().collect());
    let chunk = ChunkIndex(far);
    let effects = film.core.take_effects();
    assert!(effects.contains(&Effect::Recall(id(1), chunk)));
    let asked = |requests: Vec<(PeerId, u32)>| requests.contains(&(id(2), far));
    assert!(!asked(film.requests()), "it may be on its way");
    film.core
        .rejected(film.now, id(1), chunk, RejectReason::Recalled);
    assert!(asked(film.requests()));
}

#[test]
fn what_was_recalled_for_a_viewer_goes_there_though_its_credits_are_used_up() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    let (_, far) = *film.requests().last().expect("requests");
    film.peer(2, false, RoaringBitmap::from_iter([far]));
    let chunk = ChunkIndex(far);
    let recalled = Effect::Recall(id(1), chunk);
    assert!(film.core.take_effects().contains(&recalled));
    let others: RoaringBitmap = (200..250).collect();
    film.core.peer_has(film.now, id(2), &others);
    let limit = film.core.tuning.requests_per_peer;
    let viewer = film.core.peers.get(id(2)).expect("connected");
    assert_eq!(viewer.free_credits(film.now, limit), 0, "others took them");
    film.requests();
    film.core
        .rejected(film.now, id(1), chunk, RejectReason::Recalled);
    assert!(film.requests().contains(&(id(2), far)));
}

#[test]
fn who_gives_back_what_nobody_recalled_is_not_asked_again_at_once() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    for (peer, chunk) in film.requests() {
        let why = RejectReason::Recalled;
        film.core.rejected(film.now, peer, ChunkIndex(chunk), why);
    }
    assert_eq!(film.requests(), []);
    film.wait(REJECT_PAUSE);
    assert!(!film.requests().is_empty(), "it may have had a reason");
}

/// Whether a request that is late at a viewer is recalled when a source joins.
fn is_recalled_for_a_source(reserve: bool) -> bool {
    let mut film = Film::new();
    film.peer(2, false, (0..40).collect());
    film.play_at(0);
    film.requests();
    film.full_peer(1, true);
    film.core.set_reserve(film.now, id(1), reserve);
    let slow = QueueDelay {
        all: Duration::from_secs(30),
        pressing: Duration::from_secs(30),
        uplink: Some(10_000),
    };
    film.core
        .note(film.now, id(2), |peer| peer.set_backlog(slow));
    film.core.take_effects();
    film.wait(400 * MS);
    let effects = film.core.take_effects().into_iter();
    let mut of_viewer = effects.filter(|effect| match effect {
        Effect::Recall(peer, chunk) => *peer == id(2) && chunk.0 < 40,
        Effect::Request(peer, chunk, _) => *peer == id(1) && chunk.0 < 40,
        Effect::Cancel(..) => false,
    });
    of_viewer.next().is_some()
}

#[test]
fn a_late_request_is_not_recalled_for_a_source_that_would_not_be_asked() {
    assert!(is_recalled_for_a_source(false));
    assert!(!is_recalled_for_a_source(true));
}

#[test]
fn who_fetches_a_whole_file_does_not_begin_where_all_others_do() {
    let mut film = Film::new();
    film.core.set_whole(film.now, true);
    film.full_peer(1, true);
    let chunks: Vec<u32> = film.requests().iter().map(|(_, chunk)| *chunk).collect();
    assert!(!chunks.is_empty(), "it asks at once");
    assert!(chunks.iter().any(|chunk| *chunk > 50), "{chunks:?}");
}

#[test]
fn a_source_in_reserve_is_not_asked_for_what_a_viewer_has() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.core.set_reserve(film.now, id(1), true);
    film.peer(2, false, (0..1).collect());
    film.core.note(film.now, id(2), |peer| peer.choking = true);
    film.play_at(0);
    film.wait(400 * MS);
    let asked: Vec<u32> = film.requests().into_iter().map(|(_, c)| c).collect();
    assert!(!asked.contains(&0), "however late: {asked:?}");
    assert!(asked.contains(&1), "nobody else has it: {asked:?}");
}

#[test]
fn a_share_is_fetched_in_time_for_the_first_who_needs_it() {
    let mut film = Film::new();
    film.core.set_share(SourceShare::Weight(1000));
    film.full_peer(1, true);
    film.peer(2, false, RoaringBitmap::new());
    // The other is four seconds ahead of us and fetches nothing itself.
    film.place(2, 0..1000, SourceShare::None);
    film.core.with_peer(film.now, id(2), |peer| {
        let mut place = peer.place.clone();
        place.playhead = Duration::from_secs(4);
        peer.set_place(Instant::now(), place);
    });
    film.play_at(0);
    film.wait(300 * MS);
    for effect in film.core.take_effects() {
        let Effect::Request(_, chunk, deadline) = effect else {
            continue;
        };
        let ours = MS * 100 * chunk.0;
        assert!(
            deadline <= ours.saturating_sub(Duration::from_secs(3)),
            "{chunk:?}"
        );
    }
}

#[test]
fn a_viewer_that_jumped_gets_its_part_first_from_whose_share_it_is() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.peer(2, false, RoaringBitmap::new());
    film.core.set_share(SourceShare::Weight(1000));
    film.play_at(0);
    film.wait(1000 * MS);
    // It jumped far ahead and fetches nothing from the source itself.
    let place = PeerPosition {
        window: 200..900,
        share: SourceShare::None,
        playhead: Duration::from_secs(20),
    };
    let now = film.now;
    let jumped = |peer: &mut Peer| peer.set_place(now, place);
    film.core.with_peer(now, id(2), jumped);
    for chunk in 0..12 {
        film.deliver(id(1), chunk);
        film.play_at(chunk + 1);
    }
    let asked: Vec<u32> = film.requests().into_iter().map(|(_, c)| c).collect();
    assert!(asked.contains(&200), "{asked:?}");
}

#[test]
fn a_source_is_told_to_send_what_nobody_has_before_what_is_merely_late() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    let told = |film: &Film| {
        let deadline = film.core.deadline_at(film.now, id(1), ChunkIndex(30));
        deadline.as_millis()
    };
    let alone = told(&film);
    assert_eq!(alone, 3400, "there is nobody to pass it on to");
    film.peer(2, false, RoaringBitmap::new());
    film.place(2, 0..1000, SourceShare::None);
    assert_eq!(told(&film), 3000 - 1200, "time to pass it on");
    film.peer(3, false, RoaringBitmap::from_iter([30]));
    assert_eq!(told(&film), 3000);
}

#[test]
fn a_stranger_asks_for_no_share_before_it_knows_the_others() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    let first = film.requests();
    assert!(first.iter().all(|(_, chunk)| *chunk < 25), "{first:?}");
    film.deliver(id(1), first[0].1);
    film.wait(140 * MS);
    let before = film.requests();
    assert!(before.iter().all(|(_, chunk)| *chunk < 25), "{before:?}");
    for chunk in 0..25 {
        film.deliver(id(1), chunk);
    }
    let rest = film.requests();
    assert!(rest.iter().all(|(_, chunk)| *chunk < 25), "{rest:?}");
    film.wait(10 * MS);
    assert!(film.requests().iter().any(|(_, chunk)| *chunk >= 25));
}

#[test]
fn who_has_plenty_ahead_leaves_the_source_to_others() {
    let asked = |at: u32| {
        let mut film = Film::new();
        for chunk in 0..at {
            film.core.now_held(ChunkIndex(chunk));
            film.play_at(chunk);
        }
        film.peer(2, false, RoaringBitmap::new());
        film.core.note(film.now, id(2), |peer| peer.choking = true);
        film.core.peer_has(film.now, id(2), &(0..999).collect());
        film.full_peer(1, true);
        film.play_at(at);
        film.requests()
    };
    let source = id(1);
    assert!(asked(50).contains(&(source, 50)), "5 s ahead");
    assert!(!asked(70).contains(&(source, 70)), "7 s ahead");
}

#[test]
fn what_is_needed_sooner_takes_the_place_of_what_is_needed_later() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    for _ in 0..5 {
        film.now += 100 * MS;
        for (peer, chunk) in film.requests() {
            film.deliver(peer, chunk);
        }
    }
    film.core.take_effects();
    let waiting = film.core.flights.keys().copied();
    let needed = waiting.map(|chunk| (film.core.needed(film.now, chunk), chunk));
    let (due, last) = needed.max().expect("it fetches ahead");
    film.core.make_room(film.now, due - 900 * MS);
    assert!(film.core.take_effects().is_empty(), "not much later");
    film.core.make_room(film.now, due - 1100 * MS);
    let recall = Effect::Recall(id(1), last);
    assert_eq!(film.core.take_effects(), [recall]);
    film.core.make_room(film.now, Duration::ZERO);
    assert!(film.core.take_effects().is_empty(), "one at a time");
}
