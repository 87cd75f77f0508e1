//! Division of requests between seeds and viewers.

use super::*;

/// Chunks that viewer `me` of two requests from the seed, both at the beginning.
fn assigned(me: u8, other: u8) -> Vec<u32> {
    let mut film = Film::of_viewer(me);
    film.core.set_share(SourceShare::Weight(1000));
    film.full_peer(1, true);
    film.peer(other, false, RoaringBitmap::new());
    film.position(other, 0..1000, SourceShare::Weight(1000), Duration::ZERO);
    film.play_at(0);
    let mut requested = Vec::new();
    for _ in 0..150 {
        film.wait(10 * MS);
        for (peer, chunk) in film.requests() {
            film.deliver(peer, chunk);
            requested.push(chunk);
        }
    }
    requested.retain(|chunk| *chunk > 30);
    requested
}

#[test]
fn two_viewers_request_different_chunks_from_the_seed() {
    let (one, two) = (assigned(10, 20), assigned(20, 10));
    assert!(one.len() > 50 && two.len() > 50, "both fetch");
    assert!(
        !one.iter().any(|chunk| two.contains(chunk)),
        "no chunk twice"
    );
}

#[test]
fn chunk_of_a_viewer_is_not_requested_from_the_seed() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.peer(2, false, (100..200).collect());
    film.play_at(0);
    let mut requests = film.requests().into_iter();
    assert!(!requests.any(|(peer, chunk)| peer == id(1) && chunk >= 100));
}

#[test]
fn request_queued_at_the_seed_moves_to_a_viewer() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    let (_, far) = *film.requests().last().expect("requests");
    film.peer(2, false, RoaringBitmap::new());
    film.handle(2, PeerEvent::Gained([far].into_iter().collect()));
    let effects = film.effects();
    assert!(effects.contains(&Effect::Recall(id(1), ChunkIndex(far))));
    assert!(
        !film.requests().contains(&(id(2), far)),
        "it may be on its way"
    );
    film.reject(id(1), far, RejectReason::Recalled);
    assert!(film.requests().contains(&(id(2), far)));
}

#[test]
fn recalled_chunk_goes_to_its_viewer_despite_full_slots() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    let (_, far) = *film.requests().last().expect("requests");
    film.peer(2, false, RoaringBitmap::from_iter([far]));
    let recalled = Effect::Recall(id(1), ChunkIndex(far));
    assert!(film.effects().contains(&recalled));
    film.handle(2, PeerEvent::Gained((200..250).collect()));
    let viewer = film.core.transfers.peers.get(id(2)).expect("connected");
    assert_eq!(viewer.free_slots(film.now), 0, "others took them");
    film.requests();
    film.reject(id(1), far, RejectReason::Recalled);
    assert!(film.requests().contains(&(id(2), far)));
}

#[test]
fn unsolicited_recall_answer_pauses_the_peer() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    for (peer, chunk) in film.requests() {
        film.reject(peer, chunk, RejectReason::Recalled);
    }
    assert_eq!(film.requests(), []);
    film.wait(REJECT_PAUSE);
    assert!(!film.requests().is_empty(), "it may have had a reason");
}

/// True if a request that is late at a viewer moves when a seed joins.
fn moves_to_a_seed(backup: bool) -> bool {
    let mut film = Film::new();
    film.peer(2, false, (0..40).collect());
    film.play_at(0);
    film.requests();
    film.full_peer(1, true);
    film.handle(1, PeerEvent::Backup(backup));
    let slow = QueueDelay {
        all: Duration::from_secs(30),
        critical: Duration::from_secs(30),
        uplink: Some(10_000),
    };
    film.handle(2, PeerEvent::QueueDelay(slow));
    film.effects();
    film.wait(400 * MS);
    film.effects().into_iter().any(|effect| match effect {
        Effect::Recall(peer, chunk) => peer == id(2) && chunk.0 < 40,
        Effect::Request(peer, chunk, _) => peer == id(1) && chunk.0 < 40,
        _ => false,
    })
}

#[test]
fn late_request_moves_to_a_seed_but_not_to_a_backup() {
    assert!(moves_to_a_seed(false));
    assert!(!moves_to_a_seed(true));
}

#[test]
fn download_does_not_begin_where_all_others_do() {
    let mut film = Film::new();
    film.core.set_download_all(film.now, true);
    film.full_peer(1, true);
    let chunks = film.requested_chunks();
    assert!(!chunks.is_empty(), "it asks at once");
    assert!(chunks.iter().any(|chunk| *chunk > 50), "{chunks:?}");
}

#[test]
fn backup_is_not_asked_for_chunks_of_viewers() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.handle(1, PeerEvent::Backup(true));
    film.peer(2, false, (0..1).collect());
    film.handle(2, PeerEvent::Choked(true));
    film.play_at(0);
    film.wait(400 * MS);
    let requested = film.requested_chunks();
    assert!(!requested.contains(&0), "however late: {requested:?}");
    assert!(requested.contains(&1), "no viewer has it: {requested:?}");
}

#[test]
fn assigned_chunk_is_due_when_the_first_viewer_needs_it() {
    let mut film = Film::new();
    film.core.set_share(SourceShare::Weight(1000));
    film.full_peer(1, true);
    film.peer(2, false, RoaringBitmap::new());
    // The other is four seconds ahead of us and fetches nothing itself.
    film.position(2, 0..1000, SourceShare::None, Duration::from_secs(4));
    film.play_at(0);
    film.wait(300 * MS);
    for effect in film.effects() {
        let Effect::Request(_, chunk, deadline) = effect else {
            continue;
        };
        let own = MS * 100 * chunk.0;
        let needed = own.saturating_sub(Duration::from_secs(3));
        assert!(deadline <= needed, "{chunk:?}");
    }
}

#[test]
fn chunks_of_a_viewer_that_sought_are_fetched_first() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.peer(2, false, RoaringBitmap::new());
    film.core.set_share(SourceShare::Weight(1000));
    film.play_at(0);
    film.wait(1000 * MS);
    // It sought far ahead and fetches nothing from the seed itself.
    film.position(2, 200..900, SourceShare::None, Duration::from_secs(20));
    for chunk in 0..12 {
        film.deliver(id(1), chunk);
        film.play_at(chunk + 1);
    }
    let requested = film.requested_chunks();
    assert!(requested.contains(&200), "{requested:?}");
}

#[test]
fn seed_gets_an_early_deadline_for_a_chunk_to_pass_on() {
    let deadline = |others: fn(&mut Film)| {
        let mut film = Film::new();
        film.peer(1, true, (0..1000).collect());
        others(&mut film);
        film.play_at(0);
        film.wait(200 * MS);
        let mut effects = film.effects().into_iter();
        effects.find_map(|effect| match effect {
            Effect::Request(peer, ChunkIndex(3), deadline) if peer == id(1) => {
                Some(deadline.as_millis())
            }
            _ => None,
        })
    };
    let alone = deadline(|_| ()).expect("requested");
    assert_eq!(alone, 628, "nobody to pass it on to");
    let passed_on = deadline(|film| {
        film.peer(2, false, RoaringBitmap::new());
        film.position(2, 0..1000, SourceShare::None, Duration::ZERO);
    });
    assert_eq!(passed_on, Some(0), "time to pass it on");
}

#[test]
fn assigned_chunks_wait_until_the_others_are_known() {
    let mut film = Film::new();
    film.full_peer(1, true);
    film.play_at(0);
    let first = film.requests();
    assert!(first.iter().all(|(_, chunk)| *chunk < 25), "{first:?}");
    film.deliver(id(1), first[0].1);
    film.wait(140 * MS);
    let before = film.requested_chunks();
    assert!(before.iter().all(|chunk| *chunk < 25), "{before:?}");
    for chunk in 0..25 {
        film.deliver(id(1), chunk);
    }
    let rest = film.requested_chunks();
    assert!(rest.iter().all(|chunk| *chunk < 25), "{rest:?}");
    film.wait(10 * MS);
    assert!(film.requested_chunks().iter().any(|chunk| *chunk >= 25));
}

#[test]
fn viewer_with_plenty_ahead_leaves_the_seed_to_others() {
    let requests_at = |at: u32| {
        let mut film = Film::new();
        film.hold_until(at);
        film.peer(2, false, RoaringBitmap::new());
        film.handle(2, PeerEvent::Choked(true));
        film.handle(2, PeerEvent::Gained((0..999).collect()));
        film.full_peer(1, true);
        film.play_at(at);
        film.requests()
    };
    assert!(requests_at(50).contains(&(id(1), 50)), "5 s ahead");
    assert!(!requests_at(70).contains(&(id(1), 70)), "7 s ahead");
}
