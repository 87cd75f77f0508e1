//! Playback of one viewer.
//!
//! It starts with 2 s of media, reads up to 30 s ahead of the playhead, stalls when the
//! next byte is missing, and resumes with 2 s.

use std::time::{Duration, Instant};

use engine::ids::ChunkIndex;
use engine::media::{Geometry, Timeline};
use engine::scheduler::{ChunkScheduler, ReaderId};
use roaring::RoaringBitmap;

/// Media with which playback starts and resumes.
const START: Duration = Duration::from_secs(2);

/// Media that is read ahead of the playhead.
const READ_AHEAD: Duration = Duration::from_secs(30);

/// Playback of one viewer.
#[derive(Debug)]
pub struct Viewer {
    reader: ReaderId,
    geometry: Geometry,
    timeline: Timeline,
    length: Duration,
    opened: Instant,
    /// First chunk that is not read.
    next: u32,
    playhead: Duration,
    updated: Instant,
    playing: bool,
    stalled_since: Instant,
    /// Time from opening the film to its first frame.
    pub start: Option<Duration>,
    /// Duration of all stalls.
    pub stalled: Duration,
    /// Duration of the longest stall.
    pub longest_stall: Duration,
    /// Position and missing chunk of each stall.
    pub stalls: Vec<(Duration, ChunkIndex)>,
}

impl Viewer {
    /// Opens a film of this length, and asks for its first chunk.
    pub fn open(
        now: Instant,
        geometry: Geometry,
        length: Duration,
        scheduler: &mut ChunkScheduler,
    ) -> Self {
        let reader = scheduler.open_reader(now);
        scheduler.set_reader(now, reader, ChunkIndex(0));
        Self {
            reader,
            geometry,
            timeline: Timeline::constant(geometry.size(), length),
            length,
            opened: now,
            next: 0,
            playhead: Duration::ZERO,
            updated: now,
            playing: false,
            stalled_since: now,
            start: None,
            stalled: Duration::ZERO,
            longest_stall: Duration::ZERO,
            stalls: Vec::new(),
        }
    }

    /// True once all of the film has played.
    pub fn is_done(&self) -> bool {
        self.playhead >= self.length
    }

    /// Plays on, and asks for the next chunks one after another, as HTTP does.
    pub fn watch(&mut self, now: Instant, have: &RoaringBitmap, scheduler: &mut ChunkScheduler) {
        let before = self.wanted();
        self.play_until(now);
        self.read(now, have);
        if let Some(wanted) = self.wanted() {
            let first = before.map_or(wanted.0, |asked| asked.0 + 1);
            for chunk in first..=wanted.0 {
                scheduler.set_reader(now, self.reader, ChunkIndex(chunk));
            }
        } else if self.is_done() {
            scheduler.remove_reader(now, self.reader);
        }
    }

    /// The chunk it asks for, unless it has read far enough.
    fn wanted(&self) -> Option<ChunkIndex> {
        let room = self.read_time() < self.playhead + READ_AHEAD;
        (self.next < self.geometry.chunk_count() && room).then_some(ChunkIndex(self.next))
    }

    /// Media time up to which it has read.
    fn read_time(&self) -> Duration {
        if self.next >= self.geometry.chunk_count() {
            return self.length;
        }
        let range = self.geometry.chunk_range(ChunkIndex(self.next));
        self.timeline.time_at(range.start)
    }

    fn play_until(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated);
        self.updated = now;
        if self.playing {
            let until = (self.playhead + elapsed).min(self.read_time());
            let missing = elapsed.saturating_sub(until - self.playhead);
            self.playhead = until;
            if !missing.is_zero() && !self.is_done() {
                self.playing = false;
                self.stalls.push((until, ChunkIndex(self.next)));
                self.stalled_since = now - missing;
                self.stalled += missing;
            }
        } else if self.start.is_some() {
            self.stalled += elapsed;
            let stall = now.saturating_duration_since(self.stalled_since);
            self.longest_stall = self.longest_stall.max(stall);
        }
    }

    fn read(&mut self, now: Instant, have: &RoaringBitmap) {
        while self.wanted().is_some_and(|chunk| have.contains(chunk.0)) {
            self.next += 1;
        }
        let rest = self.length.saturating_sub(self.playhead);
        let buffered = self.read_time() - self.playhead;
        if !self.playing && buffered >= START.min(rest) && !rest.is_zero() {
            self.playing = true;
            let waited = now.saturating_duration_since(self.opened);
            self.start.get_or_insert(waited);
        }
    }
}
