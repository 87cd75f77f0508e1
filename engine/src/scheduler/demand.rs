//! Needed chunks of one file, and the deadline of each.
//!
//! Deadlines follow the playhead over the file's [`Timeline`], so that a scene of many
//! bytes is not fetched too late. The player of this program reports its playhead
//! ([`Playhead`]), so that a seek is known before anything is read; for other players
//! it is estimated from what they read ([`reader`]). The file's index (wherever it
//! lies) is needed at once.

mod playhead;
mod reader;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use roaring::RoaringBitmap;

pub use self::playhead::Playhead;
use self::playhead::ReportedPlayhead;
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

/// Deadline of a chunk that no playhead will reach.
const NEVER: Duration = Duration::from_secs(3600);

/// Distance that decoders read back from a seek's target, to the key frame before it.
const KEY_FRAME_DISTANCE: Duration = Duration::from_secs(15);

/// A playhead this close to the end has reached it: containers round.
const END_MARGIN: Duration = Duration::from_secs(1);

/// A place where the file is needed.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// First chunk needed.
    at: ChunkIndex,
    /// Media time that plays.
    playhead: Duration,
    /// Speed in percent of normal.
    speed: u32,
    /// True if playback has begun.
    started: bool,
    /// True before playback and in a stall.
    buffering: bool,
}

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
    player: Option<ReportedPlayhead>,
    /// Position after the last move.
    last_position: ChunkIndex,
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
            player: None,
            last_position: ChunkIndex(0),
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
        let time = self.time_of(chunk);
        let before = self.readers.get(&id).copied();
        let continued = before.filter(|reader| reader.continues_at(chunk));
        let mut reader = continued.unwrap_or(Reader::new(now, chunk, time));
        reader.ask(now, chunk, held, self.time_of(reader.at()), time);
        self.readers.insert(id, reader);
        self.last_position = self.position(now);
        before.is_some() && continued.is_none()
    }

    /// Records the playhead that the player of this program reports; reports of old
    /// generations are ignored. Returns true after a seek.
    pub fn set_playhead(&mut self, now: Instant, playhead: Playhead) -> bool {
        match &mut self.player {
            Some(player) if playhead.generation < player.generation() => false,
            Some(player) if playhead.generation == player.generation() => {
                player.update(now, playhead);
                false
            }
            _ => {
                let before = self.reported(now).map(|player| player.time(now));
                if let Some(before) = before {
                    self.park_followers(now, before);
                }
                self.player = Some(ReportedPlayhead::new(now, playhead));
                self.last_position = self.position(now);
                true
            }
        }
    }

    /// Parks the readers of a generation that ends with its decoders.
    fn park_followers(&mut self, now: Instant, playhead: Duration) {
        let followers = self.readers.iter();
        let followers = followers.filter(|(_, reader)| self.follows(reader, playhead));
        let followers: Vec<ReaderId> = followers.map(|(id, _)| *id).collect();
        for id in followers {
            if let Some(reader) = self.readers.get_mut(&id) {
                reader.park(now);
            }
        }
    }

    /// The reported playhead, if the player still reports.
    fn reported(&self, now: Instant) -> Option<&ReportedPlayhead> {
        self.player.as_ref().filter(|player| player.is_valid(now))
    }

    /// True if a reader is so near to a reported playhead that it belongs to its player.
    fn follows(&self, reader: &Reader, playhead: Duration) -> bool {
        let read = self.time_of(reader.at());
        read + KEY_FRAME_DISTANCE >= playhead && read <= playhead + self.read_ahead
    }

    /// Places where the file is needed: its readers, and a reported playhead that no
    /// reader follows yet.
    fn places(&self, now: Instant) -> impl Iterator<Item = Place> {
        let player = self.reported(now);
        let player = player.map(|player| (player, player.time(now)));
        let place = move |(player, time): (&ReportedPlayhead, Duration), at: ChunkIndex| Place {
            at,
            playhead: time,
            speed: player.speed(),
            started: player.has_started(),
            buffering: !player.has_started(),
        };
        let readers = self.readers.values();
        let readers = readers.filter(move |reader| !reader.is_parked(now));
        let unread = player.filter(|(_, time)| {
            let mut readers = readers.clone();
            !readers.any(|reader| self.follows(reader, *time))
        });
        let unread = unread.map(|player| place(player, self.chunk_at(player.1)));
        let read = readers.map(move |reader| match player {
            Some(player) if self.follows(reader, player.1) => place(player, reader.at()),
            _ => Place {
                at: reader.at(),
                playhead: reader.playhead(now, self.time_of(reader.at())),
                speed: 100,
                started: reader.has_started(),
                buffering: reader.is_buffering(),
            },
        });
        read.chain(unread)
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

    /// Begins stalls of estimated playheads that reached a missing chunk; returns each
    /// once.
    pub fn begin_stalls(&mut self, now: Instant) -> Vec<ChunkIndex> {
        let player = self.reported(now).map(|player| player.time(now));
        let followers = self.readers.iter();
        let followers = followers
            .filter(|(_, reader)| player.is_some_and(|playhead| self.follows(reader, playhead)));
        let followers: Vec<ReaderId> = followers.map(|(id, _)| *id).collect();
        let (geometry, timeline) = (self.geometry, self.timeline.clone());
        let others = self.readers.iter_mut();
        let others =
            others.filter(|(id, reader)| !followers.contains(id) && !reader.is_parked(now));
        let stalled = others.filter_map(|(_, reader)| {
            let read = timeline.time_at(geometry.chunk_range(reader.at()).start);
            reader.begin_stall(now, read).then_some(reader.at())
        });
        stalled.collect()
    }

    /// Begins a stall of the reported playhead if it stands still; returns its media
    /// time, once.
    pub fn begin_player_stall(&mut self, now: Instant) -> Option<Duration> {
        let time = self.reported(now)?.time(now);
        let begins = self.player.as_mut()?.begin_stall(now);
        Some(time).filter(|time| begins && !self.ends_at(*time))
    }

    /// The missing chunk that stalls an estimated playhead or delays its start, if
    /// there is one.
    pub fn stalled(&self, now: Instant) -> Option<ChunkIndex> {
        let player = self.reported(now).map(|player| player.time(now));
        let mut readers = self.readers.values();
        let stalled = readers.find(|reader| {
            let follows = player.is_some_and(|playhead| self.follows(reader, playhead));
            reader.is_stalled(now) && !follows && !reader.is_parked(now)
        });
        stalled.map(Reader::at)
    }

    /// Media time of the reported playhead while it is stalled or slow to start, and
    /// true if playback had begun.
    pub fn stalled_player(&self, now: Instant) -> Option<(Duration, bool)> {
        let player = self.reported(now).filter(|player| player.is_stalled(now))?;
        let time = player.time(now);
        Some((time, player.has_started())).filter(|_| !self.ends_at(time))
    }

    /// True if a playhead stands still here because the media ends.
    fn ends_at(&self, time: Duration) -> bool {
        time + END_MARGIN >= self.timeline.time_at(self.geometry.size())
    }

    /// First needed chunk of each place.
    pub fn positions(&self, now: Instant) -> impl Iterator<Item = ChunkIndex> {
        self.places(now).map(|place| place.at)
    }

    /// The first needed chunk; the last known without a reader.
    pub fn position(&self, now: Instant) -> ChunkIndex {
        self.positions(now).min().unwrap_or(self.last_position)
    }

    /// True if a reader waits for a chunk.
    pub fn is_awaited(&self, chunk: ChunkIndex) -> bool {
        self.readers.values().any(|reader| reader.awaits(chunk))
    }

    /// True if playback has begun at some place, be it paused or stalled.
    pub fn plays(&self, now: Instant) -> bool {
        self.places(now).any(|place| place.started)
    }

    /// True if the file is read or plays.
    pub fn is_read(&self, now: Instant) -> bool {
        !self.readers.is_empty() || self.reported(now).is_some()
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

    /// The earliest playhead, in media time.
    pub fn playhead(&self, now: Instant) -> Option<Duration> {
        self.places(now).map(|place| place.playhead).min()
    }

    /// Chunks from a place to `length` of media after its playhead, and to a fourth of
    /// that after its first chunk: not every reader plays.
    fn range(&self, place: Place, length: Duration) -> Range<u32> {
        let Place { at, playhead, .. } = place;
        let until = playhead + length;
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
        for place in self.places(now) {
            let range = self.range(place, self.read_ahead);
            wanted.insert_range(range.start as usize..range.end as usize);
        }
        if self.is_read(now) {
            wanted.extend(self.index.iter().map(|chunk| chunk as usize));
        }
        wanted
    }

    /// Chunks fetched at present at the first place, as reported to others.
    pub fn window(&self, now: Instant) -> Range<u32> {
        if self.for_all {
            return 0..self.geometry.chunk_count();
        }
        let first = self.places(now).min_by_key(|place| place.at);
        let window = first.map(|place| self.range(place, self.read_ahead));
        window.unwrap_or(0..0)
    }

    /// Chunks to fetch by deadline, the earliest first.
    pub fn critical(&self, now: Instant) -> Vec<ChunkIndex> {
        let places: Vec<Place> = self.places(now).collect();
        let near = places.iter().flat_map(|place| {
            let length = match place.buffering {
                true => self.critical.max(START * 2),
                false => self.critical,
            };
            let range = self.range(*place, length);
            range.take(MAX_CRITICAL as usize)
        });
        let mut critical: Vec<ChunkIndex> = near.map(ChunkIndex).collect();
        if places.len() > 1 {
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
        let time = self.time_of(chunk);
        let coming = self.places(now).filter(|place| place.at <= chunk);
        let until = coming.map(|place| {
            let ahead = time.saturating_sub(place.playhead) * 100 / place.speed;
            match place.started {
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
