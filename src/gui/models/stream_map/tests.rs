//! Chunk states and forecasts of a stream of 100 chunks.

use std::collections::BTreeMap;

use engine::ids::{FileId, PeerId};
use engine::media::{ChunkSize, Geometry};
use engine::scheduler::Supply;
use engine::store::StoreError;

use super::*;

/// A stream of 100 chunks.
pub(crate) fn stream(
    have: std::ops::Range<u32>,
    available: std::ops::Range<u32>,
) -> StreamSnapshot {
    StreamSnapshot {
        file: FileId([1; 32]),
        geometry: Geometry::new(100 * (16 << 10), ChunkSize::MIN),
        have: have.collect(),
        in_flight: RoaringBitmap::new(),
        available: available.collect(),
        read: true,
        position: ChunkIndex(0),
        buffer: Duration::from_secs(20),
        supplied: Vec::new(),
        duplicate_bytes: 0,
        problem: None,
        stalled: None,
        stalls: BTreeMap::new(),
    }
}

#[test]
fn cell_has_the_state_of_its_worst_chunk() {
    let stream = stream(0..55, 0..100);
    let cells = cells(&stream, 10);
    assert_eq!(cells[..5], [ChunkState::Local; 5]);
    assert_eq!(cells[5], ChunkState::Available, "half of it is stored");
    let expected = [
        (0.0, 0.5, ChunkState::Local),
        (0.5, 1.0, ChunkState::Available),
    ];
    assert_eq!(segments(&cells), expected);
}

#[test]
fn cells_distinguish_all_four_states() {
    let mut stream = stream(0..25, 0..75);
    stream.in_flight = (25..50).collect();
    let states = [
        ChunkState::Local,
        ChunkState::Loading,
        ChunkState::Available,
        ChunkState::Missing,
    ];
    assert_eq!(cells(&stream, 4), states);
}

#[test]
fn forecast_names_the_risk() {
    let left = Duration::from_secs(100);
    let fast = |stream: &StreamSnapshot| Forecast::of(stream, 10_000_000, left);
    assert_eq!(fast(&stream(0..100, 0..0)), Forecast::Complete);
    assert_eq!(fast(&stream(0..50, 0..100)), Forecast::Smooth);
    assert_eq!(fast(&stream(0..50, 0..90)), Forecast::Unavailable);
    let mut low = stream(0..1, 0..100);
    low.buffer = Duration::from_secs(1);
    assert_eq!(fast(&low), Forecast::LowBuffer);
    low.problem = Some(StoreError::DiskFull);
    assert_eq!(fast(&low), Forecast::StoreFailure);
    assert!(!Forecast::Smooth.is_at_risk() && Forecast::LowBuffer.is_at_risk());
}

#[test]
fn forecast_compares_rate_and_time_left() {
    let left = Duration::from_secs(100);
    let mut slow = stream(0..10, 0..100);
    slow.buffer = Duration::from_secs(10);
    let bytes = 90 * u64::from(slow.geometry.chunk_size().bytes());
    assert_eq!(Forecast::of(&slow, bytes / 100, left), Forecast::Smooth);
    let too_slow = Forecast::TooSlow {
        rate: bytes / 200,
        needed: bytes / 100,
    };
    assert_eq!(Forecast::of(&slow, bytes / 200, left), too_slow);
    slow.buffer = Duration::from_secs(60);
    let forecast = Forecast::of(&slow, 0, left);
    assert_eq!(forecast, Forecast::Smooth, "nothing more is requested");
}

#[test]
fn buffer_starts_at_the_player_position() {
    let duration = Duration::from_secs(100);
    let timeline = Timeline::constant(100 * (16 << 10), duration);
    let at = |second: u64| {
        let half = stream(0..50, 0..100);
        from_playhead(&half, &timeline, Duration::from_secs(second))
    };
    assert_eq!(at(20).buffer, Duration::from_secs(30));
    assert_eq!(at(20).position, ChunkIndex(20));
    assert_eq!(at(60).buffer, Duration::ZERO);
    let end = from_playhead(&stream(0..100, 0..0), &timeline, duration);
    assert_eq!(end.position, ChunkIndex(99));
}

#[test]
fn seek_bar_cells_follow_time_not_bytes() {
    // The first tenth of the time takes half of the bytes.
    let (size, duration) = (100 * (16 << 10), Duration::from_secs(100));
    let points = vec![(size / 2, 10_000).into()];
    let timeline = Timeline::checked(points, Vec::new(), size, duration).expect("valid");
    let half = stream(0..50, 0..100);
    let cells = cells_in_time(&half, &timeline, duration, 10);
    assert_eq!(cells[0], ChunkState::Local);
    assert_eq!(cells[1..], [ChunkState::Available; 9]);
    let without_last = stream(0..99, 0..100);
    let cells = cells_in_time(&without_last, &timeline, duration, 10);
    assert_eq!(cells[9], ChunkState::Available, "the worst chunk counts");
    let ahead = from_playhead(&half, &timeline, Duration::from_secs(4));
    assert_eq!(ahead.buffer, Duration::from_secs(6));
}

#[test]
fn viewer_share_excludes_the_origin() {
    let mut stream = stream(0..50, 0..100);
    assert_eq!(viewer_share(&stream), None);
    let supply = |id: u8, origin, bytes| Supply {
        peer: PeerId([id; 16]),
        name: String::new(),
        origin,
        bytes,
    };
    stream.supplied = vec![supply(1, false, 900), supply(2, true, 100)];
    let share = viewer_share(&stream).expect("supplied");
    assert!((share - 0.9).abs() < 1e-6);
}
