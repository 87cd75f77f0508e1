//! Needed chunks of one file, and the deadline of each.
//!
//! Deadlines follow the playhead over the file's [`Timeline`], so that a scene of many
//! bytes is not fetched too late. The player of this program reports its playhead
//! ([`Playhead`]), so that a seek is known before anything is read; for other players
//! it is estimated from what they read ([`reader`]). The file's index (wherever it
//! lies) is needed at once.

mod consumers;
mod media_map;
mod playhead;
mod reader;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

use self::consumers::{Consumer, Consumers};
use self::media_map::MediaMap;
pub use self::playhead::Playhead;
pub use self::reader::ReaderId;
use self::reader::START;
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

/// Deadline of a chunk that no playhead will reach.
const NEVER: Duration = Duration::from_secs(3600);

/// The needs of one file.
#[derive(Debug)]
pub struct Demand {
    map: MediaMap,
    index: RoaringBitmap,
    /// Media fetched ahead of a playhead.
    read_ahead: Duration,
    /// Media fetched by deadline.
    critical: Duration,
    /// Upper bound of the chunks wanted at one reader.
    room: u32,
    /// True if so many viewers play that the tracker rations the seeds.
    flash_crowd: bool,
    consumers: Consumers,
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
        let map = MediaMap { geometry, timeline };
        Self {
            consumers: Consumers::new(map.clone(), read_ahead),
            map,
            index,
            read_ahead,
            critical,
            room,
            flash_crowd: false,
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
        self.is_paused(now) || !(self.is_read(now) || self.for_all)
    }

    /// Moves a reader to a chunk, which is held or not. Returns true after a seek.
    pub fn set_reader(
        &mut self,
        now: Instant,
        id: ReaderId,
        chunk: ChunkIndex,
        held: bool,
    ) -> bool {
        self.consumers.set_reader(now, id, chunk, held)
    }

    /// Removes a reader.
    pub fn remove_reader(&mut self, id: ReaderId) {
        self.consumers.remove_reader(id);
    }

    /// Records the playhead that the player of this program reports; reports of old
    /// generations are ignored. Returns true after a seek.
    pub fn set_playhead(&mut self, now: Instant, playhead: Playhead) -> bool {
        self.consumers.set_playhead(now, playhead)
    }

    /// Readers and player of the file.
    pub fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// Readers and player of the file, to begin their stalls.
    pub fn consumers_mut(&mut self) -> &mut Consumers {
        &mut self.consumers
    }

    /// Records an arrival. A chunk of the index is not wanted again: a player that
    /// reads it once more asks for it.
    pub fn arrived(&mut self, chunk: ChunkIndex) {
        self.index.remove(chunk.0);
    }

    /// First needed chunk of each consumer.
    pub fn positions(&self, now: Instant) -> impl Iterator<Item = ChunkIndex> {
        self.consumers.iter(now).map(|consumer| consumer.at)
    }

    /// The first needed chunk; the last known without a reader.
    pub fn position(&self, now: Instant) -> ChunkIndex {
        self.consumers.first(now)
    }

    /// True if playback has begun, be it paused or stalled.
    pub fn plays(&self, now: Instant) -> bool {
        self.consumers.iter(now).any(|consumer| consumer.started)
    }

    /// True if the file is read or plays.
    pub fn is_read(&self, now: Instant) -> bool {
        self.consumers.any(now)
    }

    /// Media time at which a chunk begins to be needed.
    pub fn time_of(&self, chunk: ChunkIndex) -> Duration {
        self.map.time_of(chunk)
    }

    /// The chunk that is needed at a media time.
    pub fn chunk_at(&self, time: Duration) -> ChunkIndex {
        self.map.chunk_at(time)
    }

    /// The earliest playhead, in media time.
    pub fn playhead(&self, now: Instant) -> Option<Duration> {
        self.consumers.playhead(now)
    }

    /// Chunks of a consumer: to `length` of media after its playhead, and to a fourth of
    /// that after its first chunk, for not every reader plays.
    fn range(&self, consumer: Consumer, length: Duration) -> Range<u32> {
        let Consumer { at, playhead, .. } = consumer;
        let until = playhead + length;
        let until = match length > self.critical.max(START * 2) {
            true => until.max(self.map.time_of(at) + length / 4),
            false => until,
        };
        let last = self.chunk_at(until).0;
        let end = (last + 1).clamp(at.0 + 2, at.0.saturating_add(self.room));
        at.0..end.min(self.map.geometry.chunk_count())
    }

    /// All wanted chunks.
    pub fn wanted(&self, now: Instant) -> FixedBitSet {
        let mut wanted = FixedBitSet::with_capacity(self.map.geometry.chunk_count() as usize);
        if self.for_all {
            wanted.insert_range(..);
            return wanted;
        }
        for consumer in self.consumers.iter(now) {
            let range = self.range(consumer, self.read_ahead);
            wanted.insert_range(range.start as usize..range.end as usize);
        }
        if self.is_read(now) {
            wanted.extend(self.index.iter().map(|chunk| chunk as usize));
        }
        wanted
    }

    /// Chunks that the first consumer fetches at present, as reported to others.
    pub fn window(&self, now: Instant) -> Range<u32> {
        if self.for_all {
            return 0..self.map.geometry.chunk_count();
        }
        let first = self.consumers.iter(now).min_by_key(|consumer| consumer.at);
        let window = first.map(|consumer| self.range(consumer, self.read_ahead));
        window.unwrap_or(0..0)
    }

    /// Chunks to fetch by deadline, the earliest first.
    pub fn critical(&self, now: Instant) -> Vec<ChunkIndex> {
        let consumers: Vec<Consumer> = self.consumers.iter(now).collect();
        let near = consumers.iter().flat_map(|consumer| {
            let length = match consumer.buffering {
                true => self.critical.max(START * 2),
                false => self.critical,
            };
            let range = self.range(*consumer, length);
            range.take(MAX_CRITICAL as usize)
        });
        let mut critical: Vec<ChunkIndex> = near.map(ChunkIndex).collect();
        if consumers.len() > 1 {
            critical.sort_by_cached_key(|chunk| (self.time_until(now, *chunk), *chunk));
            critical.dedup();
        }
        let index = self.index.iter().filter(|_| self.is_read(now));
        // After the chunk that is read right now, before later ones.
        let first = critical.len().min(1);
        critical.splice(first..first, index.map(ChunkIndex));
        critical
    }

    /// Time until a chunk is needed first; an hour if it will not be.
    pub fn time_until(&self, now: Instant, chunk: ChunkIndex) -> Duration {
        if self.index.contains(chunk.0) && self.is_read(now) {
            return Duration::ZERO;
        }
        let time = self.map.time_of(chunk);
        let coming = self
            .consumers
            .iter(now)
            .filter(|consumer| consumer.at <= chunk);
        let until = coming.map(|consumer| {
            let ahead = time.saturating_sub(consumer.playhead) * 100 / consumer.speed;
            match consumer.started {
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
