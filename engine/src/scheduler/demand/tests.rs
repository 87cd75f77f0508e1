//! Deadlines and windows of readers.

use super::reader::QUIET;
use super::*;
use crate::ids::Generation;
use crate::media::ChunkSize;

const SECOND: Duration = Duration::from_secs(1);
const ONE: ReaderId = ReaderId(1);
const TWO: ReaderId = ReaderId(2);

/// 100 chunks of a second each, 10 s read ahead, 2 s critical.
fn demand(room: u32) -> Demand {
    let geometry = Geometry::new(100 * (16 << 10), ChunkSize::MIN);
    let timeline = Timeline::constant(geometry.size(), SECOND * 100);
    Demand::new(geometry, Arc::new(timeline), SECOND * 10, SECOND * 2, room)
}

fn chunks(list: Vec<ChunkIndex>) -> Vec<u32> {
    list.into_iter().map(|chunk| chunk.0).collect()
}

#[test]
fn window_ends_with_the_file_and_the_room() {
    let now = Instant::now();
    let mut demand = demand(1000);
    demand.set_reader(now, ONE, ChunkIndex(95), false);
    assert!(demand.wanted(now).ones().eq(95..100));
    let mut cramped = self::demand(8);
    cramped.set_reader(now, ONE, ChunkIndex(0), false);
    assert!(cramped.wanted(now).ones().eq(0..4));
}

#[test]
fn deadlines_follow_the_playhead_not_the_reader() {
    let start = Instant::now();
    let mut demand = demand(1000);
    for chunk in 0..8 {
        demand.set_reader(start, ONE, ChunkIndex(chunk), true);
    }
    demand.set_reader(start, ONE, ChunkIndex(8), false);
    assert_eq!(demand.time_until(start, ChunkIndex(8)), SECOND * 8);
    assert_eq!(chunks(demand.critical(start)), [8, 9]);
    let later = start + SECOND * 5;
    assert_eq!(demand.time_until(later, ChunkIndex(8)), SECOND * 3);
    assert!(demand.consumers_mut().begin_stalls(later).is_empty());
    let too_late = start + SECOND * 9;
    assert_eq!(
        demand.consumers_mut().begin_stalls(too_late),
        [ChunkIndex(8)]
    );
    assert_eq!(demand.consumers().stalled(too_late), Some(ChunkIndex(8)));
    assert!(
        demand.consumers_mut().begin_stalls(too_late).is_empty(),
        "reported once"
    );
    demand.set_reader(too_late, ONE, ChunkIndex(9), true);
    assert_eq!(
        demand.consumers().stalled(too_late),
        None,
        "playback resumed"
    );
}

#[test]
fn slow_start_is_reported_but_is_no_stall() {
    let start = Instant::now();
    let mut demand = demand(1000);
    demand.set_reader(start, ONE, ChunkIndex(3), false);
    assert_eq!(demand.consumers().stalled(start + SECOND), None);
    let later = start + SECOND * 2;
    assert_eq!(demand.consumers().stalled(later), Some(ChunkIndex(3)));
    assert!(
        demand.consumers_mut().begin_stalls(later).is_empty(),
        "not a stall"
    );
    demand.set_reader(later, ONE, ChunkIndex(3), true);
    assert_eq!(demand.consumers().stalled(later), None, "the chunk arrived");
    demand.set_reader(later, ONE, ChunkIndex(4), false);
    assert_eq!(demand.consumers().stalled(later), None, "enough to play");
    demand.set_reader(start, TWO, ChunkIndex(50), true);
    let slow = start + SECOND * 3;
    // Too little media to start playback.
    demand.set_reader(slow, TWO, ChunkIndex(50), false);
    assert_eq!(
        demand.consumers().stalled(slow),
        Some(ChunkIndex(50)),
        "slow start"
    );
}

#[test]
fn quiet_player_counts_as_paused() {
    let start = Instant::now();
    let mut demand = demand(1000);
    for chunk in 0..=8 {
        demand.set_reader(start, ONE, ChunkIndex(chunk), true);
    }
    let much_later = start + SECOND * 60;
    let rest = demand.time_until(much_later, ChunkIndex(8));
    assert_eq!(rest, SECOND * 8 - QUIET);
    demand.set_reader(much_later, ONE, ChunkIndex(9), true);
    let rest = demand.time_until(much_later, ChunkIndex(9));
    assert_eq!(rest, SECOND * 9 - QUIET);
}

#[test]
fn nearest_reader_sets_the_deadline() {
    let now = Instant::now();
    let mut demand = demand(1000);
    demand.set_reader(now, ONE, ChunkIndex(0), false);
    demand.set_reader(now, ReaderId(2), ChunkIndex(50), false);
    let soon = SECOND.mul_f64(START_PACE) + GRACE;
    assert_eq!(
        demand.time_until(now, ChunkIndex(51)),
        soon,
        "before playback"
    );
    assert_eq!(demand.time_until(now, ChunkIndex(49)), SECOND * 49 + GRACE);
    assert_eq!(chunks(demand.critical(now)), [0, 50, 1, 51, 2, 52]);
    demand.set_flash_crowd(true);
    let given_way = SECOND + GRACE_IN_CROWD;
    assert_eq!(demand.time_until(now, ChunkIndex(51)), given_way);
    demand.remove_reader(ONE);
    assert_eq!(demand.time_until(now, ChunkIndex(0)), NEVER);
}

fn playhead(generation: u64, seconds: u32, speed: u32) -> Playhead {
    Playhead {
        time: SECOND * seconds,
        speed,
        generation: Generation(generation),
    }
}

#[test]
fn reported_seek_sets_deadlines_without_a_reader() {
    let now = Instant::now();
    let mut demand = demand(1000);
    assert!(demand.set_playhead(now, playhead(1, 40, 100)));
    assert!(demand.wanted(now).ones().eq(40..51));
    assert_eq!(chunks(demand.critical(now)), [40, 41, 42]);
    assert_eq!(demand.time_until(now, ChunkIndex(40)), GRACE);
    assert_eq!(demand.time_until(now, ChunkIndex(39)), NEVER);
}

#[test]
fn reader_of_the_player_follows_the_reported_playhead() {
    let start = Instant::now();
    let mut demand = demand(1000);
    demand.set_playhead(start, playhead(1, 0, 100));
    for chunk in 0..=8 {
        demand.set_reader(start, ONE, ChunkIndex(chunk), true);
    }
    let later = start + SECOND / 2;
    demand.set_playhead(later, playhead(1, 1, 200));
    // A decoder that reads far ahead neither plays nor stalls by an estimate.
    assert_eq!(demand.playhead(later), Some(SECOND));
    assert!(demand.plays(later));
    let due = demand.time_until(later, ChunkIndex(21));
    assert_eq!(due, SECOND * 10, "at double speed");
}

#[test]
fn silent_playhead_is_not_believed() {
    let start = Instant::now();
    let mut demand = demand(1000);
    demand.set_playhead(start, playhead(1, 40, 100));
    assert!(demand.is_read(start + SECOND));
    let later = start + SECOND + Duration::from_millis(1);
    assert!(!demand.is_read(later));
    assert_eq!(demand.wanted(later).count_ones(..), 0);
    assert_eq!(demand.time_until(later, ChunkIndex(41)), NEVER);
}

#[test]
fn playhead_of_an_old_generation_is_ignored() {
    let now = Instant::now();
    let mut demand = demand(1000);
    demand.set_playhead(now, playhead(2, 40, 100));
    assert!(!demand.set_playhead(now, playhead(1, 10, 100)));
    assert_eq!(demand.position(now), ChunkIndex(40));
}

#[test]
fn seek_parks_the_readers_of_the_generation_before() {
    let now = Instant::now();
    let mut demand = demand(1000);
    demand.set_playhead(now, playhead(1, 10, 100));
    demand.set_reader(now, ONE, ChunkIndex(12), false);
    demand.set_reader(now, TWO, ChunkIndex(90), false);
    assert!(demand.set_playhead(now, playhead(2, 40, 100)));
    assert!(demand.positions(now).eq([ChunkIndex(90), ChunkIndex(40)]));
    // Another player reads on there.
    let later = now + SECOND * 2;
    demand.set_playhead(later, playhead(2, 40, 100));
    let positions = [ChunkIndex(12), ChunkIndex(90), ChunkIndex(40)];
    assert!(demand.positions(later).eq(positions));
}

#[test]
fn reported_standstill_is_a_stall_unless_paused() {
    let start = Instant::now();
    let mut demand = demand(1000);
    let mut now = start;
    let mut report = |demand: &mut Demand, seconds, speed| {
        now += SECOND / 4;
        demand.set_playhead(now, playhead(1, seconds, speed));
        demand.consumers_mut().begin_player_stall(now)
    };
    assert_eq!(report(&mut demand, 10, 100), None);
    assert_eq!(report(&mut demand, 11, 100), None);
    for _ in 0..3 {
        assert_eq!(report(&mut demand, 11, 0), None, "paused");
    }
    assert_eq!(report(&mut demand, 11, 100), None);
    assert_eq!(report(&mut demand, 11, 100), Some(SECOND * 11));
    assert_eq!(report(&mut demand, 11, 100), None, "reported once");
    assert_eq!(report(&mut demand, 12, 100), None);
}

#[test]
fn playhead_wants_nothing_once_its_reader_has_closed() {
    let now = Instant::now();
    let mut demand = demand(1000);
    demand.set_playhead(now, playhead(1, 40, 100));
    demand.set_reader(now, ONE, ChunkIndex(41), true);
    assert!(demand.positions(now).eq([ChunkIndex(41)]));
    demand.remove_reader(ONE);
    assert_eq!(demand.positions(now).count(), 0, "all was read");
    assert!(demand.is_read(now), "it still plays");
    demand.set_playhead(now, playhead(2, 10, 100));
    assert!(demand.positions(now).eq([ChunkIndex(10)]));
}
