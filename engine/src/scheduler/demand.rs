//! Needed chunks of one file, and the deadline of each.
//!
//! Deadlines follow the playhead of each reader ([`Reader`]) over the file's
//! [`Timeline`], so that a scene of many bytes is not fetched too late. The file's
//! index (wherever it lies) is needed at once.

mod reader;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

pub use self::reader::ReaderId;
use self::reader::{Reader, START};
use crate::ids::ChunkIndex;
use crate::media::{Geometry, Timeline};

/// Upper bound of the chunks fetched by deadline, whatever bitrate a file claims.
const MAX_CRITICAL: u32 = 256;

/// Delay of all deadlines before playback: nothing stalls yet, so viewers that play
/// come first by this time.
const GRACE: Duration = Duration::from_millis(400);

/// The same in a flash crowd.
const GRACE_IN_CROWD: Duration = Duration::from_millis(800);

/// Time in which the media that most players read before they show the first picture
/// should arrive, over its duration: playback starts only when all of it is held. Not
/// in a flash crowd, whose members would only delay each other.
const START_PACE: f64 = 0.76;

/// Deadline of a chunk that no reader will reach.
const NEVER: Duration = Duration::from_secs(3600);

/// The needs of one file.
#[derive(Debug)]
pub struct Demand {
    geometry: Geometry,
    timeline: Arc<Timeline>,
    index: RoaringBitmap,
    /// Media fetched ahead of a playhead.
    read_ahead: Duration,
    /// Media fetched by deadline.
    critical: Duration,
    /// Upper bound of the chunks wanted at one reader.
    room: u32,
    /// True if so many viewers play that the tracker rations the seeds.
    flash_crowd: bool,
    readers: BTreeMap<ReaderId, Reader>,
    for_all: bool,
    paused_until: Option<Instant>,
}

impl Demand {
    /// At most `room` chunks are wanted at once, so that the store's quota can hold
    /// them.
    pub fn new(
        geometry: Geometry,
        timeline: Arc<Timeline>,
        read_ahead: Duration,
        critical: Duration,
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
            read_ahead,
            critical,
            room,
            flash_crowd: false,
            readers: BTreeMap::new(),
            for_all: false,
            paused_until: None,
        }
    }

    /// Enters or leaves the mode for flash crowds.
    pub fn set_flash_crowd(&mut self, flash_crowd: bool) {
        self.flash_crowd = flash_crowd;
    }

    /// Wants all of the file, or only what readers need.
    pub fn set_for_all(&mut self, for_all: bool) {
        self.for_all = for_all;
    }

    /// True if all of the file is wanted.
    pub fn is_for_all(&self) -> bool {
        self.for_all
    }

    /// Wants nothing before `resume`, or an earlier call's later instant.
    pub fn pause_until(&mut self, resume: Instant) {
        self.paused_until = self.paused_until.max(Some(resume));
    }

    /// True while nothing is wanted for lack of space.
    pub fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|resume| now < resume)
    }

    /// True if nothing is to be requested now.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.is_paused(now) || !(self.is_read() || self.for_all)
    }

    /// Moves a reader to a chunk, which is held or not. Returns true after a seek.
    pub fn set_reader(
        &mut self,
        now: Instant,
        id: ReaderId,
        chunk: ChunkIndex,
        held: bool,
    ) -> bool {
        let time = self.time_of(chunk);
        let before = self.readers.get(&id).copied();
        let continued = before.filter(|reader| reader.continues_at(chunk));
        let mut reader = continued.unwrap_or(Reader::new(now, chunk, time));
        reader.ask(now, chunk, held, self.time_of(reader.at()), time);
        self.readers.insert(id, reader);
        before.is_some() && continued.is_none()
    }

    /// Removes a reader.
    pub fn remove_reader(&mut self, id: ReaderId) {
        self.readers.remove(&id);
    }

    /// Records an arrival. A chunk of the index is not wanted again: a player that
    /// reads it once more asks for it.
    pub fn arrived(&mut self, chunk: ChunkIndex) {
        self.index.remove(chunk.0);
    }

    /// Begins stalls of playheads that reached a missing chunk; returns each once.
    pub fn begin_stalls(&mut self, now: Instant) -> Vec<ChunkIndex> {
        let (geometry, timeline) = (self.geometry, self.timeline.clone());
        let stalled = self.readers.values_mut().filter_map(|reader| {
            let read = timeline.time_at(geometry.chunk_range(reader.at()).start);
            reader.begin_stall(now, read).then_some(reader.at())
        });
        stalled.collect()
    }

    /// The missing chunk that stalls a playhead or delays its start, if there is one.
    pub fn stalled(&self, now: Instant) -> Option<ChunkIndex> {
        let mut readers = self.readers.values();
        let stalled = readers.find(|reader| reader.is_stalled(now));
        stalled.map(Reader::at)
    }

    /// Read positions.
    pub fn positions(&self) -> impl Iterator<Item = ChunkIndex> {
        self.readers.values().map(Reader::at)
    }

    /// True if playback has begun for some reader, be it paused or stalled.
    pub fn plays(&self) -> bool {
        self.readers.values().any(Reader::has_started)
    }

    /// True if there is a reader.
    pub fn is_read(&self) -> bool {
        !self.readers.is_empty()
    }

    /// Media time at which a chunk begins to be needed.
    pub fn time_of(&self, chunk: ChunkIndex) -> Duration {
        let start = self.geometry.chunk_range(chunk).start;
        self.timeline.time_at(start)
    }

    /// The chunk that is needed at a media time.
    pub fn chunk_at(&self, time: Duration) -> ChunkIndex {
        self.geometry.chunk_at(self.timeline.byte_at(time))
    }

    fn playhead_of(&self, reader: &Reader, now: Instant) -> Duration {
        reader.playhead(now, self.time_of(reader.at()))
    }

    /// The earliest playhead, in media time.
    pub fn playhead(&self, now: Instant) -> Option<Duration> {
        let readers = self.readers.values();
        readers.map(|reader| self.playhead_of(reader, now)).min()
    }

    /// Chunks from a read position to `length` of media after its playhead, and to a
    /// fourth of that after the read position: not every reader plays.
    fn range(&self, reader: &Reader, now: Instant, length: Duration) -> Range<u32> {
        let at = reader.at();
        let until = self.playhead_of(reader, now) + length;
        let until = match length > self.critical.max(START * 2) {
            true => until.max(self.time_of(at) + length / 4),
            false => until,
        };
        let last = self.chunk_at(until).0;
        let end = (last + 1).clamp(at.0 + 2, at.0.saturating_add(self.room));
        at.0..end.min(self.geometry.chunk_count())
    }

    /// All wanted chunks.
    pub fn wanted(&self, now: Instant) -> FixedBitSet {
        let mut wanted = FixedBitSet::with_capacity(self.geometry.chunk_count() as usize);
        if self.for_all {
            wanted.insert_range(..);
            return wanted;
        }
        for reader in self.readers.values() {
            let range = self.range(reader, now, self.read_ahead);
            wanted.insert_range(range.start as usize..range.end as usize);
        }
        if self.is_read() {
            wanted.extend(self.index.iter().map(|chunk| chunk as usize));
        }
        wanted
    }

    /// Chunks fetched at present at the first reader, as reported to others.
    pub fn window(&self, now: Instant) -> Range<u32> {
        if self.for_all {
            return 0..self.geometry.chunk_count();
        }
        let first = self.readers.values().min_by_key(|reader| reader.at());
        let window = first.map(|reader| self.range(reader, now, self.read_ahead));
        window.unwrap_or(0..0)
    }

    /// Chunks to fetch by deadline, the earliest first.
    pub fn critical(&self, now: Instant) -> Vec<ChunkIndex> {
        let near = self.readers.values().flat_map(|reader| {
            let length = match reader.is_buffering() {
                true => self.critical.max(START * 2),
                false => self.critical,
            };
            let range = self.range(reader, now, length);
            range.take(MAX_CRITICAL as usize)
        });
        let mut critical: Vec<ChunkIndex> = near.map(ChunkIndex).collect();
        if self.readers.len() > 1 {
            critical.sort_by_cached_key(|chunk| (self.time_until(now, *chunk), *chunk));
            critical.dedup();
        }
        let index = self.index.iter().filter(|_| self.is_read());
        // After the chunk that is read right now, before later ones.
        let first = critical.len().min(1);
        critical.splice(first..first, index.map(ChunkIndex));
        critical
    }

    /// Time until the first reader needs a chunk; an hour if none will.
    pub fn time_until(&self, now: Instant, chunk: ChunkIndex) -> Duration {
        if self.index.contains(chunk.0) && self.is_read() {
            return Duration::ZERO;
        }
        let time = self.time_of(chunk);
        let coming = self.readers.values().filter(|reader| reader.at() <= chunk);
        let until = coming.map(|reader| {
            let ahead = time.saturating_sub(self.playhead_of(reader, now));
            match reader.has_started() {
                true => ahead,
                false => self.before_start(ahead),
            }
        });
        until.min().unwrap_or(NEVER)
    }

    /// Deadline of media this far ahead of a playhead that has not started.
    fn before_start(&self, ahead: Duration) -> Duration {
        match self.flash_crowd {
            true => ahead + GRACE_IN_CROWD,
            false if ahead < START * 2 => ahead.mul_f64(START_PACE) + GRACE,
            false => ahead + GRACE,
        }
    }
}

#[cfg(test)]
mod tests;
