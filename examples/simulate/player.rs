//! A viewer: starts when 2 s of media are here, reads at most 30 s ahead of the
//! playhead, stands still when the next byte is missing, goes on at 2 s.

use std::time::Duration;

use engine::ids::ChunkIndex;
use engine::media::{Geometry, Timeline};
use roaring::RoaringBitmap;

const START: Duration = Duration::from_secs(2);
const AHEAD: Duration = Duration::from_secs(30);

/// One viewer of a film.
#[derive(Debug)]
pub struct Player {
    geometry: Geometry,
    timeline: Timeline,
    length: Duration,
    pressed: Duration,
    /// First chunk not read.
    next: u32,
    playhead: Duration,
    updated: Duration,
    playing: bool,
    /// From pressing play to the first picture.
    pub start: Option<Duration>,
    /// Time it stood still.
    pub stalled: Duration,
    /// The longest time it stood still at once.
    longest: Duration,
    still_since: Duration,
    /// When it stopped, and for want of which chunk.
    pub stalls: Vec<(Duration, u32)>,
}

impl Player {
    pub fn new(now: Duration, geometry: Geometry, timeline: Timeline, length: Duration) -> Self {
        Self {
            geometry,
            timeline,
            length,
            pressed: now,
            next: 0,
            playhead: Duration::ZERO,
            updated: now,
            playing: false,
            start: None,
            stalled: Duration::ZERO,
            longest: Duration::ZERO,
            still_since: Duration::ZERO,
            stalls: Vec::new(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.playhead >= self.length
    }

    /// The longest time it stood still at once.
    pub fn longest_stall(&self) -> Duration {
        self.longest
    }

    /// The chunk it asks for, if it asks for one.
    pub fn asks(&self) -> Option<ChunkIndex> {
        let room = self.read_time() < self.playhead + AHEAD;
        (self.next < self.geometry.chunk_count() && room).then_some(ChunkIndex(self.next))
    }

    /// Media time up to which everything was read.
    fn read_time(&self) -> Duration {
        if self.next >= self.geometry.chunk_count() {
            return self.length;
        }
        let range = self.geometry.chunk_range(ChunkIndex(self.next));
        self.timeline.time_at(range.start)
    }

    /// Plays up to now, then reads what is here. Returns whether it read.
    pub fn update(&mut self, now: Duration, have: &RoaringBitmap) -> bool {
        let elapsed = now.saturating_sub(self.updated);
        self.updated = now;
        if self.playing {
            let until = (self.playhead + elapsed).min(self.read_time());
            let short = elapsed.saturating_sub(until - self.playhead);
            self.playhead = until;
            if !short.is_zero() && !self.is_done() {
                self.playing = false;
                self.stalls.push((now, self.next));
                self.still_since = now.saturating_sub(short);
                self.stalled += short;
            }
        } else if self.start.is_some() {
            self.stalled += elapsed;
            self.longest = self.longest.max(now.saturating_sub(self.still_since));
        }
        let before = self.next;
        while self.asks().is_some_and(|chunk| have.contains(chunk.0)) {
            self.next += 1;
        }
        let rest = self.length.saturating_sub(self.playhead);
        if !self.playing && self.read_time() - self.playhead >= START.min(rest) && !rest.is_zero() {
            self.playing = true;
            self.start.get_or_insert(now - self.pressed);
        }
        self.next != before
    }
}
