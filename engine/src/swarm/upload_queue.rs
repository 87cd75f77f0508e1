//! Whose request is served next: one queue for all peers, no clock of its own.
//!
//! The uplink is the scarcest thing in a swarm, so that what waits for it is
//! ordered ([`UploadQueue::next`]):
//!
//! 1. What is needed within [`UploadTuning::pressing`], the earliest deadline first;
//!    unless we sent that chunk to so many already that they can pass it on: else a
//!    crowd that is late would have us send old chunks only, and nobody new ones.
//!    And unless more is pressing than can be served in time: then only what is late
//!    already.
//! 2. Then the chunk we sent least often: a second copy can come from whoever
//!    got the first ("least copies first"). Then the earliest deadline.
//!
//! Within either, a peer that has more on its way than another waits for it.
//! Nothing waits for long: a request that would not be served within
//! [`UploadTuning::longest_wait`] is refused, with the time after which asking again makes sense,
//! so that the peer asks elsewhere. Each peer may have one request waiting
//! in a queue of up to twice that, so that nobody starves.
//!
//! Only so much is handed to the sockets at once ([`UploadQueue::room`]) that a
//! choice remains, and enough that the line never idles. The uplink's rate is
//! measured while something waits.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::protocol::{CRITICAL_WINDOW, QueueDelay};

/// What decides whose request is served.
#[derive(Debug, Clone, Copy)]
pub struct UploadTuning {
    /// A deadline so near that only it counts.
    pub pressing: Duration,
    /// How much later a chunk's deadline counts for each copy sent of it.
    pub copy_costs: Duration,
    /// Longest time a request may expect to wait.
    pub longest_wait: Duration,
}

impl Default for UploadTuning {
    /// Decided by simulation, see `docs/benchmarks.md`.
    fn default() -> Self {
        Self {
            pressing: CRITICAL_WINDOW,
            copy_costs: Duration::from_secs(1),
            longest_wait: Duration::from_secs(2),
        }
    }
}

/// Copies we sent of a chunk after which no deadline is pressing.
const MAX_CRITICAL_COPIES: u16 = 6;

/// Share of [`UploadTuning::pressing`] that all pressing requests may take together
/// before only those that are late already are privileged: served by deadline alone,
/// a line that is too long would be late with all of it (earliest deadline first
/// under overload), and send nothing that others can pass on.
const OVERLOAD: f64 = 0.5;

/// The share of new chunks that an idle uplink takes, to pass them on, over that of
/// one that is busy.
const IDLE_SHARE: u64 = 2;

/// An uplink for which so much waits is busy.
const BUSY: Duration = Duration::from_secs(1);

/// How long a refused peer should wait at least.
const MIN_BUSY: Duration = Duration::from_millis(100);

/// Requests of one peer that may wait at all.
pub const MAX_PER_PEER: usize = 128;

/// Time of the uplink handed to the sockets at once.
const HANDED_OUT: Duration = Duration::from_millis(60);

/// Bytes handed out at once while the uplink is not measured.
const FIRST_HANDED_OUT: u64 = 128 << 10;

/// Bytes handed out at once, at most: the memory that serving takes.
const MAX_HANDED_OUT: u64 = 8 << 20;

/// What was handed out this much longer ago than it takes the uplink no longer
/// keeps others waiting: that peer reads slowly, or not at all.
const STUCK: u32 = 3;

/// Bounds of the time after which a peer counts as stuck.
const MIN_STUCK: Duration = Duration::from_millis(100);
const MAX_STUCK: Duration = Duration::from_millis(800);

/// A line of so many bytes a second has no long queues: 100 Mbit/s.
const FAST: f64 = 12_500_000.0;

/// Pace of one connection over the uplink's rate.
const PACE: f64 = 1.2;

/// Interval over which the uplink's rate is measured.
const SAMPLE: Duration = Duration::from_millis(500);

/// Chunks whose copies are counted; the oldest are forgotten beyond it.
const MAX_COUNTED: usize = 1 << 16;

/// A request of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// Content id.
    pub file: FileId,
    /// Which chunk.
    pub chunk: ChunkIndex,
    /// Its bytes.
    pub bytes: u32,
    /// When the peer needs it.
    pub deadline: Instant,
}

#[derive(Debug)]
struct Handed {
    peer: PeerId,
    bytes: u64,
    at: Instant,
}

/// All requests that wait, of all peers.
#[derive(Debug)]
pub struct UploadQueue {
    tuning: UploadTuning,
    waiting: Vec<(PeerId, Upload)>,
    handed: Vec<Handed>,
    copies: HashMap<(FileId, ChunkIndex), u16>,
    counted: VecDeque<(FileId, ChunkIndex)>,
    limit: Option<u64>,
    /// Bytes a second while something waited; 0 until measured.
    capacity: f64,
    sample_start: Instant,
    sample_bytes: u64,
    /// Whether something that could be sent waited all through the sample.
    sample_full: bool,
}

impl UploadQueue {
    /// Another configured uplink, in bytes a second.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// An empty queue; `limit` is the configured uplink in bytes a second.
    pub fn new(now: Instant, limit: Option<u64>, tuning: UploadTuning) -> Self {
        Self {
            tuning,
            waiting: Vec::new(),
            handed: Vec::new(),
            copies: HashMap::new(),
            counted: VecDeque::new(),
            limit,
            capacity: 0.0,
            sample_start: now,
            sample_bytes: 0,
            sample_full: false,
        }
    }

    /// A request comes in.
    ///
    /// # Errors
    /// The time after which asking again makes sense, if the queue is too long.
    pub fn ask(&mut self, now: Instant, peer: PeerId, upload: Upload) -> Result<(), Duration> {
        let own = self.waiting.iter().filter(|(id, _)| *id == peer).count();
        let before = self.live_bytes(now);
        // Until now there was nothing that the line could have sent.
        self.sample_full &= before > 0;
        let wait = self.wait_for(before + u64::from(upload.bytes));
        let crowded = own > 0 && wait > self.tuning.longest_wait;
        let flooded = !self.waiting.is_empty() && wait > self.tuning.longest_wait * 2;
        if own >= MAX_PER_PEER || crowded || flooded {
            return Err((wait / 2).clamp(MIN_BUSY, self.tuning.longest_wait));
        }
        self.waiting.push((peer, upload));
        Ok(())
    }

    /// Time that sending so many bytes takes; nothing until it is measured.
    fn wait_for(&self, bytes: u64) -> Duration {
        match self.uplink() {
            Some(uplink) => Duration::from_secs_f64(bytes as f64 / uplink.max(1) as f64),
            None => Duration::ZERO,
        }
    }

    /// A request is taken back. Returns it if it still waited.
    pub fn cancel(&mut self, peer: PeerId, file: FileId, chunk: ChunkIndex) -> Option<Upload> {
        let wanted = |(id, up): &(PeerId, Upload)| (*id, up.file, up.chunk) == (peer, file, chunk);
        let index = self.waiting.iter().position(wanted)?;
        Some(self.waiting.swap_remove(index).1)
    }

    /// A peer is gone, or is no longer served. Returns what it waited for.
    pub fn forget(&mut self, peer: PeerId) -> Vec<Upload> {
        let own = self.waiting.iter().filter(|(id, _)| *id == peer);
        let own = own.map(|(_, upload)| *upload).collect();
        self.retain(|id, _| *id != peer);
        own
    }

    /// A link is gone, with what was on its way.
    pub fn gone(&mut self, peer: PeerId) {
        self.forget(peer);
        self.handed.retain(|handed| handed.peer != peer);
    }

    /// A peer no longer wants a file.
    pub fn forget_file(&mut self, peer: PeerId, file: FileId) {
        self.retain(|id, upload| (*id, upload.file) != (peer, file));
    }

    fn retain(&mut self, keep: impl Fn(&PeerId, &Upload) -> bool) {
        self.waiting.retain(|(id, upload)| keep(id, upload));
    }

    /// The request to serve now, if the line has room for it.
    pub fn next(&mut self, now: Instant) -> Option<(PeerId, Upload)> {
        if self.waiting.is_empty() || !self.has_room(now) {
            return None;
        }
        let overload = self.backlog(now).pressing > self.tuning.pressing.mul_f64(OVERLOAD);
        let pressing = match overload {
            true => now,
            false => now + self.tuning.pressing,
        };
        let rank = |(peer, upload): &(PeerId, Upload)| {
            let copies = self.copies.get(&(upload.file, upload.chunk)).copied();
            let copies = copies.unwrap_or(0);
            let later = match upload.deadline < pressing && copies < MAX_CRITICAL_COPIES {
                true => Duration::ZERO,
                false => self.tuning.copy_costs * u32::from(copies),
            };
            let busy = self.handed.iter().filter(|h| h.peer == *peer).count();
            (upload.deadline + later, busy)
        };
        let stuck = self.stuck(now);
        let waiting = self.waiting.iter().enumerate();
        let ranked = waiting.filter(|(_, (peer, _))| !stuck.contains(peer));
        let (index, _) = ranked.min_by_key(|(_, waiting)| rank(waiting))?;
        let (peer, upload) = self.waiting.swap_remove(index);
        self.handed.push(Handed {
            peer,
            bytes: upload.bytes.into(),
            at: now,
        });
        self.count(upload.file, upload.chunk);
        Some((peer, upload))
    }

    fn has_room(&self, now: Instant) -> bool {
        let fresh = self
            .handed
            .iter()
            .filter(|handed| !self.is_stuck(now, handed));
        fresh.map(|handed| handed.bytes).sum::<u64>() < self.room()
    }

    /// Who has not taken what it was handed: it gets no more until it has, and what it
    /// waits for keeps nobody waiting.
    fn stuck(&self, now: Instant) -> Vec<PeerId> {
        let stuck = self.handed.iter().filter(|h| self.is_stuck(now, h));
        stuck.map(|handed| handed.peer).collect()
    }

    /// What waits and could be sent. Where nobody of several takes what it was handed, it
    /// is the line that has become slow, not they.
    fn live(&self, now: Instant) -> impl Iterator<Item = &Upload> {
        let mut stuck = self.stuck(now);
        let first = self.handed.first().map(|handed| handed.peer);
        let several = self.handed.iter().any(|handed| Some(handed.peer) != first);
        if several && stuck.len() == self.handed.len() {
            stuck.clear();
        }
        let waiting = self.waiting.iter();
        let live = waiting.filter(move |(peer, _)| !stuck.contains(peer));
        live.map(|(_, upload)| upload)
    }

    /// Bytes of it.
    fn live_bytes(&self, now: Instant) -> u64 {
        self.live(now).map(|upload| u64::from(upload.bytes)).sum()
    }

    fn is_stuck(&self, now: Instant, handed: &Handed) -> bool {
        let usual = match self.capacity > 0.0 {
            true => self.wait_for(handed.bytes) * STUCK,
            false => MAX_STUCK,
        };
        let age = now.saturating_duration_since(handed.at);
        // A chunk counts as sent when it has left for the line: on a slow one that takes
        // its time.
        let longest = MAX_STUCK.max(usual / 2);
        age >= usual.clamp(MIN_STUCK, longest)
    }

    /// Bytes on their way into the sockets below which one more chunk may go.
    fn room(&self) -> u64 {
        if self.capacity == 0.0 {
            return FIRST_HANDED_OUT;
        }
        let time = self.capacity * HANDED_OUT.as_secs_f64();
        (time as u64).clamp(1, MAX_HANDED_OUT)
    }

    /// Bytes a second that one connection may send at: a little more than the
    /// whole uplink carries, so that what it can is still found out, and so that
    /// no queue builds up in front of the line, where acknowledgements and
    /// requests would wait. `None` while that is
    /// not known, and on fast lines.
    pub fn pace(&self) -> Option<u64> {
        let slow = (1.0..FAST).contains(&self.capacity);
        slow.then_some((self.capacity * PACE) as u64)
    }

    fn count(&mut self, file: FileId, chunk: ChunkIndex) {
        let copies = self.copies.entry((file, chunk)).or_insert(0);
        if *copies == 0 {
            self.counted.push_back((file, chunk));
        }
        *copies = copies.saturating_add(1);
        if self.counted.len() > MAX_COUNTED
            && let Some(oldest) = self.counted.pop_front()
        {
            self.copies.remove(&oldest);
        }
    }

    /// A chunk is on its way, or could not be read (0 bytes).
    pub fn finished(&mut self, now: Instant, peer: PeerId, bytes: u64) {
        if let Some(index) = self.handed.iter().position(|handed| handed.peer == peer) {
            self.handed.remove(index);
        }
        self.sample_bytes += bytes;
        self.measure(now);
    }

    /// Samples count only if something that could be sent waited from their beginning to
    /// their end: then the line was the limit, and not what peers asked for or took.
    fn measure(&mut self, now: Instant) {
        let length = now.saturating_duration_since(self.sample_start);
        let waits = self.live(now).next().is_some();
        self.sample_full &= waits;
        if length < SAMPLE {
            return;
        }
        let rate = self.sample_bytes as f64 / length.as_secs_f64();
        // Faster is believed at once (kernel buffers flatter, but briefly);
        // slower only bit by bit.
        if self.sample_full {
            let weight = if self.capacity == 0.0 { 1.0 } else { 0.25 };
            self.capacity += (rate - self.capacity) * weight;
        } else if rate > self.capacity && self.capacity > 0.0 {
            self.capacity = rate;
        }
        self.sample_start = now;
        self.sample_bytes = 0;
        self.sample_full = waits;
    }

    /// Bytes a second this uplink carries: as measured, within the configured
    /// limit; `None` while neither is known.
    pub fn uplink(&self) -> Option<u64> {
        let measured = (self.capacity > 0.0).then_some(self.capacity as u64);
        match (measured, self.limit) {
            (Some(measured), Some(limit)) => Some(measured.min(limit)),
            (measured, limit) => measured.or(limit),
        }
    }

    /// What decides our share of the new chunks: the uplink in bytes a second, and up
    /// to [`IDLE_SHARE`] times that while it has little to send, so that who has just
    /// come soon holds something that others want.
    pub fn share(&self, now: Instant) -> Option<u64> {
        let uplink = self.uplink()?;
        let waits = self.wait_for(self.live_bytes(now));
        let idle = 1.0 - waits.min(BUSY).div_duration_f64(BUSY);
        Some((uplink as f64 * (1.0 + (IDLE_SHARE - 1) as f64 * idle)) as u64)
    }

    /// Time until what waits now will have been sent.
    pub fn backlog(&self, now: Instant) -> QueueDelay {
        let pressing = |up: &&Upload| up.deadline < now + self.tuning.pressing;
        let pressing = self.live(now).filter(pressing);
        let pressing = pressing.map(|up| u64::from(up.bytes)).sum();
        QueueDelay {
            all: self.wait_for(self.live_bytes(now)),
            pressing: self.wait_for(pressing),
            uplink: self.uplink().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests;
