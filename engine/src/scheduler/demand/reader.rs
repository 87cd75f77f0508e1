//! Playhead estimate of one reader, for players that do not report theirs.
//!
//! A player reads ahead of what it shows, as far as its buffer goes, so its read
//! position says little about when a chunk is needed. The playhead is estimated: playback
//! begins once [`START`] of media was read and goes on at normal speed. It stalls at a
//! missing chunk, and goes on after another [`START`]. A player that has not read for
//! [`QUIET`] is paused, or has read all it wants.

use std::time::{Duration, Instant};

use crate::ids::ChunkIndex;

/// Media read before a player shows the first picture: less than most players take, so
/// that deadlines are early rather than late.
pub const START: Duration = Duration::from_secs(1);

/// A playing player reads again within this time.
pub const QUIET: Duration = Duration::from_secs(4);

/// Start-up delay after which a cause is reported.
pub const SLOW_START: Duration = Duration::from_millis(1500);

/// Time within which the readers of a player are closed after a seek.
const CLOSING: Duration = Duration::from_millis(1500);

/// Identity of a place where a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderId(pub u64);

/// A place where a file is read, and what is inferred from it.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// The next chunk to read.
    at: ChunkIndex,
    /// True while that chunk is missing.
    waiting: bool,
    asked: Instant,
    /// Time of the last seek.
    begun: Instant,
    /// Media time at which the present run of playback began.
    from: Duration,
    /// Begin of that run; `None` until enough media was read.
    since: Option<Instant>,
    stalled: bool,
    /// End of the time in which it is expected to be closed.
    parked_until: Option<Instant>,
}

impl Reader {
    /// A reader that begins at a chunk with this media time.
    pub fn new(now: Instant, at: ChunkIndex, time: Duration) -> Self {
        Self {
            at,
            waiting: false,
            asked: now,
            begun: now,
            from: time,
            since: None,
            stalled: false,
            parked_until: None,
        }
    }

    /// The next chunk to read.
    pub fn at(&self) -> ChunkIndex {
        self.at
    }

    /// True if it waits for this chunk.
    pub fn awaits(&self, chunk: ChunkIndex) -> bool {
        self.waiting && self.at == chunk
    }

    /// True if a chunk continues the reading; false after a seek.
    pub fn continues_at(&self, chunk: ChunkIndex) -> bool {
        (self.at.0..=self.at.0 + 2).contains(&chunk.0)
    }

    /// Records that the reader asks for a chunk, which is held or not; `read` is the
    /// media time of its position before, `time` that of the chunk.
    pub fn ask(
        &mut self,
        now: Instant,
        chunk: ChunkIndex,
        held: bool,
        read: Duration,
        time: Duration,
    ) {
        if self.waiting && self.at != chunk {
            // It read on once its chunk arrived: it was not paused.
            self.asked = now;
        }
        if self.since.is_some() && now.saturating_duration_since(self.asked) > QUIET {
            self.from = self.playhead(now, read);
            self.since = Some(now);
        }
        (self.at, self.waiting, self.asked) = (chunk, !held, now);
        self.parked_until = None;
        if self.since.is_none() && time.saturating_sub(self.from) >= START {
            self.since = Some(now);
            self.stalled = false;
        }
    }

    /// Expects the reader to be closed: it needs nothing unless it asks again, or is
    /// still open after [`CLOSING`].
    pub fn park(&mut self, now: Instant) {
        self.parked_until = Some(now + CLOSING);
    }

    /// True while the reader is expected to be closed.
    pub fn is_parked(&self, now: Instant) -> bool {
        self.parked_until.is_some_and(|until| now < until)
    }

    /// Media time that plays, if everything before `read` was read.
    pub fn playhead(&self, now: Instant, read: Duration) -> Duration {
        let Some(since) = self.since else {
            return self.from.min(read);
        };
        let until = match self.waiting {
            true => now,
            false => now.min(self.asked + QUIET),
        };
        (self.from + until.saturating_duration_since(since)).min(read)
    }

    /// Begins a stall if the playhead reached the missing chunk, at media time `read`.
    /// Returns true if so.
    pub fn begin_stall(&mut self, now: Instant, read: Duration) -> bool {
        let Some(since) = self.since else {
            return false;
        };
        let played = self.from + now.saturating_duration_since(since);
        if !self.waiting || played < read {
            return false;
        }
        (self.from, self.since, self.stalled) = (read, None, true);
        true
    }

    /// True while playback is stalled, or slow to start, for want of a chunk.
    pub fn is_stalled(&self, now: Instant) -> bool {
        let waited = now.saturating_duration_since(self.begun);
        let slow_start = self.waiting && self.since.is_none() && waited > SLOW_START;
        self.stalled || slow_start
    }

    /// True before playback and in a stall.
    pub fn is_buffering(&self) -> bool {
        self.since.is_none()
    }

    /// True if playback has begun since the last seek, be it paused or stalled.
    pub fn has_started(&self) -> bool {
        self.since.is_some() || self.stalled
    }
}
