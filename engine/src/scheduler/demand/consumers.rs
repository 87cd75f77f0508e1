//! Consumers of one file: its readers, and the playhead that the player of
//! this program reports.
//!
//! A reader near the reported playhead belongs to that player and follows it. The
//! playhead of any other reader is estimated.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::ChunkIndex;
use crate::scheduler::demand::media_map::MediaMap;
use crate::scheduler::demand::playhead::{Playhead, ReportedPlayhead};
use crate::scheduler::demand::reader::{Reader, ReaderId};

/// Distance that decoders read back from a seek's target, to the key frame before it.
const KEY_FRAME_DISTANCE: Duration = Duration::from_secs(15);

/// A playhead this close to the end has reached it: containers round.
const END_MARGIN: Duration = Duration::from_secs(1);

/// A reader or player, as far as it sets deadlines.
#[derive(Debug, Clone, Copy)]
pub struct Consumer {
    /// First chunk needed.
    pub at: ChunkIndex,
    /// Media time that plays.
    pub playhead: Duration,
    /// Speed in percent of normal.
    pub speed: u32,
    /// True if playback has begun.
    pub started: bool,
    /// True before playback and in a stall.
    pub buffering: bool,
}

/// The consumers of one file.
#[derive(Debug)]
pub struct Consumers {
    map: MediaMap,
    /// Media that readers fetch ahead of a playhead.
    read_ahead: Duration,
    readers: BTreeMap<ReaderId, Reader>,
    player: Option<ReportedPlayhead>,
    /// True once a reader of this generation has followed the reported playhead.
    followed: bool,
    /// First needed chunk after the last move.
    last_first: ChunkIndex,
}

impl Consumers {
    /// A file that is not read.
    pub fn new(map: MediaMap, read_ahead: Duration) -> Self {
        Self {
            map,
            read_ahead,
            readers: BTreeMap::new(),
            player: None,
            followed: false,
            last_first: ChunkIndex(0),
        }
    }

    /// True if there is a consumer.
    pub fn any(&self, now: Instant) -> bool {
        !self.readers.is_empty() || self.reported(now).is_some()
    }

    /// The earliest playhead, in media time; the reported one without a consumer.
    pub fn playhead(&self, now: Instant) -> Option<Duration> {
        let playheads = self.iter(now).map(|consumer| consumer.playhead);
        let reported = || self.reported(now).map(|player| player.time(now));
        playheads.min().or_else(reported)
    }

    /// The first needed chunk; the last known without a consumer.
    pub fn first(&self, now: Instant) -> ChunkIndex {
        let consumers = self.iter(now).map(|consumer| consumer.at);
        consumers.min().unwrap_or(self.last_first)
    }

    /// True if a reader waits for a chunk.
    pub fn is_awaited(&self, chunk: ChunkIndex) -> bool {
        self.readers.values().any(|reader| reader.awaits(chunk))
    }

    /// Moves a reader to a chunk, which is held or not. Returns true after a seek.
    pub fn set_reader(
        &mut self,
        now: Instant,
        id: ReaderId,
        chunk: ChunkIndex,
        held: bool,
    ) -> bool {
        let time = self.map.time_of(chunk);
        let before = self.readers.get(&id).copied();
        let continued = before.filter(|reader| reader.continues_at(chunk));
        let mut reader = continued.unwrap_or(Reader::new(now, chunk, time));
        reader.ask(now, chunk, held, self.map.time_of(reader.at()), time);
        self.readers.insert(id, reader);
        self.note_follower(now);
        self.last_first = self.first(now);
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
                self.followed = false;
                self.note_follower(now);
                self.last_first = self.first(now);
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

    fn note_follower(&mut self, now: Instant) {
        let Some(playhead) = self.reported(now).map(|player| player.time(now)) else {
            return;
        };
        let readers = self.readers.values();
        let mut open = readers.filter(|reader| !reader.is_parked(now));
        self.followed |= open.any(|reader| self.follows(reader, playhead));
    }

    /// The reported playhead, if the player still reports.
    fn reported(&self, now: Instant) -> Option<&ReportedPlayhead> {
        self.player.as_ref().filter(|player| player.is_valid(now))
    }

    /// True if a reader is so near to a reported playhead that it belongs to its player.
    fn follows(&self, reader: &Reader, playhead: Duration) -> bool {
        let read = self.map.time_of(reader.at());
        read + KEY_FRAME_DISTANCE >= playhead && read <= playhead + self.read_ahead
    }

    /// Readers that are not parked, and a reported playhead until a reader follows it:
    /// from then on the readers tell what the player still needs.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = Consumer> {
        let player = self.reported(now);
        let player = player.map(|player| (player, player.time(now)));
        let consumer =
            move |(player, time): (&ReportedPlayhead, Duration), at: ChunkIndex| Consumer {
                at,
                playhead: time,
                speed: player.speed(),
                started: player.has_started(),
                buffering: !player.has_started(),
            };
        let readers = self.readers.values();
        let readers = readers.filter(move |reader| !reader.is_parked(now));
        let unread = player.filter(|_| !self.followed);
        let unread = unread.map(|player| consumer(player, self.map.chunk_at(player.1)));
        let read = readers.map(move |reader| match player {
            Some(player) if self.follows(reader, player.1) => consumer(player, reader.at()),
            _ => Consumer {
                at: reader.at(),
                playhead: reader.playhead(now, self.map.time_of(reader.at())),
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

    /// Begins stalls of estimated playheads that reached a missing chunk; returns each
    /// once.
    pub fn begin_stalls(&mut self, now: Instant) -> Vec<ChunkIndex> {
        let player = self.reported(now).map(|player| player.time(now));
        let followers = self.readers.iter();
        let followers = followers
            .filter(|(_, reader)| player.is_some_and(|playhead| self.follows(reader, playhead)));
        let followers: Vec<ReaderId> = followers.map(|(id, _)| *id).collect();
        let map = &self.map;
        let others = self.readers.iter_mut();
        let others =
            others.filter(|(id, reader)| !followers.contains(id) && !reader.is_parked(now));
        let stalled = others.filter_map(|(_, reader)| {
            let read = map.time_of(reader.at());
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
        time + END_MARGIN >= self.map.end()
    }
}
