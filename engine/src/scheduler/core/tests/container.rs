//! The container decides what is needed when.

use super::*;
use crate::media::Point;

/// A film whose second half has thrice the bitrate of its first, and whose index is at
/// the end.
fn film() -> Film {
    let size = 1000 * u64::from(CHUNK);
    let half = Point::from((size / 4, 50_000));
    let index = std::iter::once(size - 3 * u64::from(CHUNK)..size).collect();
    let duration = Duration::from_secs(100);
    let timeline = Timeline::checked(vec![half], index, size, duration).expect("possible");
    let geometry = Geometry::new(size, ChunkSize::MIN);
    let ahead = Duration::from_secs(30);
    let urgent = Duration::from_millis(1500);
    let mut film = Film::new();
    film.core.windows = Demand::new(geometry, Arc::new(timeline), ahead, urgent, 10_000);
    film
}

#[test]
fn the_index_at_the_end_is_asked_for_with_the_beginning() {
    let mut film = film();
    film.full_peer(1, true);
    film.play_at(0);
    let asked: Vec<u32> = film
        .requests()
        .into_iter()
        .map(|(_, chunk)| chunk)
        .collect();
    assert_eq!(asked[..4], [0, 997, 998, 999], "one round trip: {asked:?}");
}

#[test]
fn deadlines_follow_the_bitrate() {
    let film = film();
    let due = |chunk| film.core.windows.time_of(ChunkIndex(chunk)).as_secs();
    assert_eq!((due(125), due(250)), (25, 50));
    assert_eq!((due(500), due(750)), (66, 83));
}

#[test]
fn a_jump_goes_straight_to_the_chunks_of_that_time() {
    let mut film = film();
    film.full_peer(1, true);
    (997..1000).for_each(|chunk| film.deliver(id(1), chunk));
    film.play_at(0);
    film.requests();
    let there = film.core.windows.chunk_at(Duration::from_secs(75));
    assert_eq!(there.0, 625);
    film.play_at(there.0);
    let asked: Vec<u32> = film
        .requests()
        .into_iter()
        .map(|(_, chunk)| chunk)
        .collect();
    assert_eq!(asked[..2], [625, 626], "{asked:?}");
}
