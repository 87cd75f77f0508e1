//! Deadlines follow the container.

use super::*;
use crate::media::Point;

/// A film whose second half has thrice the bitrate of its first, and whose index is at
/// the end.
fn film() -> Film {
    let size = geometry().size();
    let half = Point::from((size / 4, 50_000));
    let index = std::iter::once(size - 3 * u64::from(CHUNK)..size).collect();
    let duration = Duration::from_secs(100);
    let timeline = Timeline::checked(vec![half], index, size, duration).expect("possible");
    Film::with(99, Tuning::default(), demand(timeline))
}

#[test]
fn index_at_the_end_is_requested_with_the_beginning() {
    let mut film = film();
    film.full_peer(1, true);
    film.play_at(0);
    let requested = film.requested_chunks();
    assert_eq!(requested[..4], [0, 997, 998, 999], "{requested:?}");
}

#[test]
fn deadlines_follow_the_bitrate() {
    let film = film();
    let due = |chunk| film.core.demand().time_of(ChunkIndex(chunk)).as_secs();
    assert_eq!((due(125), due(250)), (25, 50));
    assert_eq!((due(500), due(750)), (66, 83));
}

#[test]
fn seek_requests_the_chunks_of_that_time() {
    let mut film = film();
    film.full_peer(1, true);
    (997..1000).for_each(|chunk| film.deliver(id(1), chunk));
    film.play_at(0);
    film.requests();
    let target = film.core.demand().chunk_at(Duration::from_secs(75));
    assert_eq!(target.0, 625);
    film.play_at(target.0);
    let requested = film.requested_chunks();
    assert_eq!(requested[..2], [625, 626], "{requested:?}");
}
