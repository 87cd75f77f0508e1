//! Where a file is read, where it is played, and by when each chunk is needed.
//!
//! A player reads ahead of what it shows, as far as its buffer goes, so the place
//! it reads at says little about when a chunk is needed. The playhead is therefore
//! estimated: playing begins when [`START`] of media was handed over and goes on
//! at normal speed. It stands still when it comes to a chunk that is not here,
//! which is a stall, and goes on after another [`START`]. A player that has not
//! asked for [`QUIET`] is paused, or has read all it wants.
//!
//! Time follows the file's [`Timeline`], so that a scene of many bytes is not
//! fetched too late. The file's index (wherever it lies) is needed at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

use crate::ids::ChunkIndex;
use crate::media::{Geometry, Timeline};
use crate::scheduler::ReaderId;

/// Chunks fetched by deadline at most, whatever bitrate a file claims.
const MAX_URGENT: u32 = 256;

/// Media handed over before a player shows the first picture: less than most
/// players take, so that deadlines are early rather than late.
pub const START: Duration = Duration::from_secs(1);

/// Nothing stands still where playing has not begun: who plays comes first by this
/// time.
const GRACE: Duration = Duration::from_millis(400);

/// The same in a crowd so large that the tracker keeps sources in reserve.
const GRACE_IN_CROWD: Duration = Duration::from_millis(800);

/// Time in which what most players take before they show the first picture should
/// come, over the time that it plays: it counts only when all of it is there.
/// Not in such a crowd, where to hurry would only hold up each other.
const START_PACE: f64 = 0.76;

/// A start that takes longer wants to be explained.
const SLOW_START: Duration = Duration::from_millis(1500);

/// A player that plays asks again within this time.
const QUIET: Duration = Duration::from_secs(4);

/// Time until a chunk is needed that nobody will read.
const NEVER: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy)]
struct Reader {
    /// The chunk asked for; all before it was handed over.
    at: ChunkIndex,
    /// Whether that chunk is not here.
    waiting: bool,
    asked: Instant,
    /// When it came to this part of the file.
    begun: Instant,
    /// Media time at which the present run of playing begins.
    from: Duration,
    /// When it began; `None` while not enough was handed over.
    since: Option<Instant>,
    stalled: bool,
}

/// The places where one file is read.
#[derive(Debug)]
pub struct Demand {
    geometry: Geometry,
    timeline: Arc<Timeline>,
    index: RoaringBitmap,
    /// Media fetched ahead of a playhead.
    ahead: Duration,
    /// Media fetched by deadline.
    urgent: Duration,
    /// Chunks that may be wanted at one reader.
    room: u32,
    /// Whether so many watch that the tracker keeps sources in reserve.
    crowd: bool,
    readers: BTreeMap<ReaderId, Reader>,
}

impl Demand {
    /// At most `room` chunks are wanted at once, so that the store's quota can
    /// hold them.
    pub fn new(
        geometry: Geometry,
        timeline: Arc<Timeline>,
        read_ahead: Duration,
        urgent: Duration,
        room: u32,
    ) -> Self {
        let chunks = |bytes: &Range<u64>| {
            let last = geometry.chunk_at(bytes.end.saturating_sub(1));
            geometry.chunk_at(bytes.start).0..last.0 + 1
        };
        let room = (room / 2).max(2);
        let index = timeline.index_ranges().iter().flat_map(chunks);
        let index = index.take(room as usize / 2).collect();
        Self {
            geometry,
            timeline,
            index,
            ahead: read_ahead,
            urgent,
            room,
            crowd: false,
            readers: BTreeMap::new(),
        }
    }

    /// Whether so many watch that the tracker keeps sources in reserve.
    pub fn set_crowd(&mut self, crowd: bool) {
        self.crowd = crowd;
    }

    /// A reader asks for a chunk, which is here or not. Returns whether it jumped.
    pub fn set(&mut self, now: Instant, reader: ReaderId, chunk: ChunkIndex, here: bool) -> bool {
        let time = self.time_of(chunk);
        let before = self.readers.get(&reader).copied();
        let follows = |known: &Reader| (known.at.0..=known.at.0 + 2).contains(&chunk.0);
        let mut state = before.filter(follows).unwrap_or(Reader {
            at: chunk,
            waiting: false,
            asked: now,
            begun: now,
            from: time,
            since: None,
            stalled: false,
        });
        let jumped = before.is_some_and(|known| !follows(&known));
        if state.waiting && state.at != chunk {
            // What it waited for came: that was no pause of the player's.
            state.asked = now;
        }
        if state.since.is_some() && now.saturating_duration_since(state.asked) > QUIET {
            state.from = playhead(&state, now, self.time_of(state.at));
            state.since = Some(now);
        }
        (state.at, state.waiting, state.asked) = (chunk, !here, now);
        if state.since.is_none() && time.saturating_sub(state.from) >= START {
            state.since = Some(now);
            state.stalled = false;
        }
        self.readers.insert(reader, state);
        jumped
    }

    /// A chunk came. As a part of the index it is not wanted again: a player that
    /// reads it once more asks for it.
    pub fn arrived(&mut self, chunk: ChunkIndex) {
        self.index.remove(chunk.0);
    }

    /// A reader is gone.
    pub fn remove(&mut self, reader: ReaderId) {
        self.readers.remove(&reader);
    }

    /// Finds playheads that came to a chunk that is not here; each is reported
    /// once, with the chunk.
    pub fn stalls(&mut self, now: Instant) -> Vec<ChunkIndex> {
        let (geometry, timeline) = (self.geometry, self.timeline.clone());
        let stalled = self.readers.values_mut().filter_map(|reader| {
            let end = timeline.time_at(geometry.chunk_range(reader.at).start);
            let since = reader.since?;
            let played = reader.from + now.saturating_duration_since(since);
            if !reader.waiting || played < end {
                return None;
            }
            (reader.from, reader.since, reader.stalled) = (end, None, true);
            Some(reader.at)
        });
        stalled.collect()
    }

    /// The chunk for want of which a playhead stands still, or does not begin though it
    /// was asked for [`SLOW_START`] ago, if one does.
    pub fn stalled(&self, now: Instant) -> Option<ChunkIndex> {
        let waits = |reader: &Reader| {
            let waited = now.saturating_duration_since(reader.begun);
            reader.waiting && reader.since.is_none() && waited > SLOW_START
        };
        let stalled = self.readers.values();
        let mut stalled = stalled.filter(|reader| reader.stalled || waits(reader));
        stalled.next().map(|reader| reader.at)
    }

    /// Where everybody reads.
    pub fn positions(&self) -> impl Iterator<Item = ChunkIndex> {
        self.readers.values().map(|reader| reader.at)
    }

    /// Whether playing has begun for some reader, be it paused or stalled.
    pub fn plays(&self) -> bool {
        let mut readers = self.readers.values();
        readers.any(|reader| reader.since.is_some() || reader.stalled)
    }

    /// Whether nobody reads.
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// Media time at which a chunk begins to be needed.
    pub fn time_of(&self, chunk: ChunkIndex) -> Duration {
        self.timeline
            .time_at(self.geometry.chunk_range(chunk).start)
    }

    /// The chunk that is needed at a media time.
    pub fn chunk_at(&self, time: Duration) -> ChunkIndex {
        self.geometry.chunk_at(self.timeline.byte_at(time))
    }

    fn playhead_of(&self, reader: &Reader, now: Instant) -> Duration {
        playhead(reader, now, self.time_of(reader.at))
    }

    /// The earliest playhead, in media time.
    pub fn playhead(&self, now: Instant) -> Option<Duration> {
        let playheads = self.readers.values().map(|r| self.playhead_of(r, now));
        playheads.min()
    }

    /// Chunks from where a reader is to `length` of media after its playhead, and
    /// to a fourth of that after the place it reads at: not every reader plays.
    fn range(&self, reader: &Reader, now: Instant, length: Duration) -> Range<u32> {
        let until = self.playhead_of(reader, now) + length;
        let until = match length > self.urgent.max(START * 2) {
            true => until.max(self.time_of(reader.at) + length / 4),
            false => until,
        };
        let last = self.chunk_at(until).0;
        let end = (last + 1).clamp(reader.at.0 + 2, reader.at.0.saturating_add(self.room));
        reader.at.0..end.min(self.geometry.chunk_count())
    }

    /// All chunks wanted for some reader.
    pub fn wanted(&self, now: Instant) -> FixedBitSet {
        let mut wanted = FixedBitSet::with_capacity(self.geometry.chunk_count() as usize);
        for reader in self.readers.values() {
            let range = self.range(reader, now, self.ahead);
            wanted.insert_range(range.start as usize..range.end as usize);
        }
        if !self.readers.is_empty() {
            wanted.extend(self.index.iter().map(|chunk| chunk as usize));
        }
        wanted
    }

    /// The range wanted at the first reader.
    pub fn first_window(&self, now: Instant) -> Option<Range<u32>> {
        let first = self.readers.values().min_by_key(|reader| reader.at)?;
        Some(self.range(first, now, self.ahead))
    }

    /// Chunks to fetch by deadline, the earliest first.
    pub fn urgent(&self, now: Instant) -> Vec<ChunkIndex> {
        let readers = self.readers.values();
        let near = readers.flat_map(|reader| {
            let starting = reader.since.is_none();
            let length = if starting {
                self.urgent.max(START * 2)
            } else {
                self.urgent
            };
            let range = self.range(reader, now, length);
            range.take(MAX_URGENT as usize)
        });
        let mut urgent: Vec<ChunkIndex> = near.map(ChunkIndex).collect();
        if self.readers.len() > 1 {
            urgent.sort_by_cached_key(|chunk| (self.time_until(now, *chunk), *chunk));
            urgent.dedup();
        }
        let index = self.index.iter().filter(|_| !self.readers.is_empty());
        // After what is read right now, before what comes later.
        let first = urgent.len().min(1);
        urgent.splice(first..first, index.map(ChunkIndex));
        urgent
    }

    /// Time until the first reader needs a chunk; very long if none will.
    pub fn time_until(&self, now: Instant, chunk: ChunkIndex) -> Duration {
        if self.index.contains(chunk.0) && !self.readers.is_empty() {
            return Duration::ZERO;
        }
        let time = self.time_of(chunk);
        let coming = self.readers.values().filter(|reader| reader.at <= chunk);
        let until = coming.map(|reader| {
            let starting = reader.since.is_none() && !reader.stalled;
            let ahead = time.saturating_sub(self.playhead_of(reader, now));
            match (starting, self.crowd) {
                (false, _) => ahead,
                (true, true) => ahead + GRACE_IN_CROWD,
                (true, false) if ahead < START * 2 => ahead.mul_f64(START_PACE) + GRACE,
                (true, false) => ahead + GRACE,
            }
        });
        until.min().unwrap_or(NEVER)
    }
}

/// Where a reader is played, if `read` is the media time up to which it read.
fn playhead(reader: &Reader, now: Instant, read: Duration) -> Duration {
    let Some(since) = reader.since else {
        return reader.from.min(read);
    };
    let until = if reader.waiting {
        now
    } else {
        now.min(reader.asked + QUIET)
    };
    (reader.from + until.saturating_duration_since(since)).min(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::ChunkSize;

    const SECOND: Duration = Duration::from_secs(1);
    const ONE: ReaderId = ReaderId(1);
    const TWO: ReaderId = ReaderId(2);

    /// 100 chunks of a second each, 10 s ahead, 2 s urgent.
    fn windows(room: u32) -> Demand {
        let geometry = Geometry::new(100 * (16 << 10), ChunkSize::MIN);
        let timeline = Timeline::constant(geometry.size(), SECOND * 100);
        Demand::new(geometry, Arc::new(timeline), SECOND * 10, SECOND * 2, room)
    }

    fn chunks(list: Vec<ChunkIndex>) -> Vec<u32> {
        list.into_iter().map(|chunk| chunk.0).collect()
    }

    #[test]
    fn the_window_ends_with_the_file_and_the_room() {
        let now = Instant::now();
        let mut windows = windows(1000);
        windows.set(now, ONE, ChunkIndex(95), false);
        assert!(windows.wanted(now).ones().eq(95..100));
        let mut cramped = self::windows(8);
        cramped.set(now, ONE, ChunkIndex(0), false);
        assert!(cramped.wanted(now).ones().eq(0..4));
    }

    #[test]
    fn a_player_that_reads_ahead_is_not_in_a_hurry() {
        let start = Instant::now();
        let mut windows = windows(1000);
        for chunk in 0..8 {
            windows.set(start, ONE, ChunkIndex(chunk), true);
        }
        windows.set(start, ONE, ChunkIndex(8), false);
        assert_eq!(windows.time_until(start, ChunkIndex(8)), SECOND * 8);
        assert_eq!(chunks(windows.urgent(start)), [8, 9]);
        let later = start + SECOND * 5;
        assert_eq!(windows.time_until(later, ChunkIndex(8)), SECOND * 3);
        assert!(windows.stalls(later).is_empty());
        let too_late = start + SECOND * 9;
        assert_eq!(windows.stalls(too_late), [ChunkIndex(8)]);
        assert_eq!(windows.stalled(too_late), Some(ChunkIndex(8)));
        assert!(windows.stalls(too_late).is_empty(), "told once");
        windows.set(too_late, ONE, ChunkIndex(9), true);
        assert_eq!(windows.stalled(too_late), None, "it plays again");
    }

    #[test]
    fn a_start_that_takes_long_is_told() {
        let start = Instant::now();
        let mut windows = windows(1000);
        windows.set(start, ONE, ChunkIndex(3), false);
        assert_eq!(windows.stalled(start + SECOND), None);
        let later = start + SECOND * 2;
        assert_eq!(windows.stalled(later), Some(ChunkIndex(3)));
        assert!(windows.stalls(later).is_empty(), "it is no stall");
        windows.set(later, ONE, ChunkIndex(3), true);
        assert_eq!(windows.stalled(later), None, "it came");
        windows.set(later, ONE, ChunkIndex(4), false);
        assert_eq!(windows.stalled(later), None, "enough to play");
        windows.set(start, TWO, ChunkIndex(50), true);
        let slow = start + SECOND * 3;
        // Less than it takes to play.
        windows.set(slow, TWO, ChunkIndex(50), false);
        assert_eq!(windows.stalled(slow), Some(ChunkIndex(50)), "a trickle");
    }

    #[test]
    fn a_player_that_does_not_ask_is_paused() {
        let start = Instant::now();
        let mut windows = windows(1000);
        for chunk in 0..=8 {
            windows.set(start, ONE, ChunkIndex(chunk), true);
        }
        let much_later = start + SECOND * 60;
        let rest = windows.time_until(much_later, ChunkIndex(8));
        assert_eq!(rest, SECOND * 8 - QUIET);
        windows.set(much_later, ONE, ChunkIndex(9), true);
        let rest = windows.time_until(much_later, ChunkIndex(9));
        assert_eq!(rest, SECOND * 9 - QUIET);
    }

    #[test]
    fn the_nearest_reader_sets_the_deadline() {
        let now = Instant::now();
        let mut windows = windows(1000);
        windows.set(now, ONE, ChunkIndex(0), false);
        windows.set(now, ReaderId(2), ChunkIndex(50), false);
        let soon = SECOND.mul_f64(START_PACE) + GRACE;
        assert_eq!(windows.time_until(now, ChunkIndex(51)), soon, "it starts");
        assert_eq!(windows.time_until(now, ChunkIndex(49)), SECOND * 49 + GRACE);
        assert_eq!(chunks(windows.urgent(now)), [0, 50, 1, 51, 2, 52]);
        windows.set_crowd(true);
        let given_way = SECOND + GRACE_IN_CROWD;
        assert_eq!(windows.time_until(now, ChunkIndex(51)), given_way);
        windows.remove(ONE);
        assert_eq!(windows.time_until(now, ChunkIndex(0)), NEVER);
    }
}
