//! Upload order: one queue for the requests of all peers, without a clock.
//!
//! The uplink is the scarcest resource of a swarm, so waiting requests are ordered
//! ([`UploadQueue::next`]):
//!
//! 1. Critical requests, due within [`UploadTuning::critical_window`], the earliest
//!    deadline first; unless so many copies of the chunk were sent already that its
//!    holders can pass it on: a crowd that is late would otherwise receive old chunks
//!    only, and nobody new ones. If more is critical than can be served in time, only
//!    requests that are late already count as critical.
//! 2. Then the chunk with the fewest copies sent: a further copy can come from its
//!    receivers ("least copies first"). Then the earliest deadline.
//!
//! Within either group, a peer with more chunks in flight waits for the others. No
//! request waits for long: one that would not be served within
//! [`UploadTuning::longest_wait`] is refused, with the time after which to ask again,
//! so that the peer asks elsewhere. Each peer may have one request waiting in a queue
//! of up to twice that, so that nobody starves.
//!
//! Only so many bytes are handed to the sockets at once ([`UploadQueue::room`]) that a
//! choice remains, and enough that the uplink never idles. Its capacity is measured
//! while requests wait.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::protocol::{CRITICAL_WINDOW, QueueDelay, SourceShare};

/// Parameters of the upload order.
#[derive(Debug, Clone, Copy)]
pub struct UploadTuning {
    /// Time to the deadline below which a request is critical.
    pub critical_window: Duration,
    /// Delay added to a chunk's deadline for each copy sent of it.
    pub copy_costs: Duration,
    /// Longest expected wait of an accepted request.
    pub longest_wait: Duration,
}

impl Default for UploadTuning {
    /// Chosen by simulation, see `docs/benchmarks.md`.
    fn default() -> Self {
        Self {
            critical_window: CRITICAL_WINDOW,
            copy_costs: Duration::from_secs(1),
            longest_wait: Duration::from_secs(2),
        }
    }
}

/// Copies of a chunk after which none of its requests is critical.
const MAX_CRITICAL_COPIES: u16 = 6;

/// Share of [`UploadTuning::critical_window`] that all critical requests may take
/// together before only late ones count as critical: earliest deadline first under
/// overload would be late with all of them, and send nothing that others can pass on.
const OVERLOAD: f64 = 0.5;

/// Share of new chunks of an idle uplink, relative to that of a busy one.
const IDLE_SHARE: u64 = 2;

/// Queue delay from which an uplink counts as busy.
const BUSY: Duration = Duration::from_secs(1);

/// Shortest wait named in a refusal.
const MIN_BUSY: Duration = Duration::from_millis(100);

/// Most waiting requests of one peer.
pub const MAX_PER_PEER: usize = 128;

/// Sending time of the bytes in flight.
const IN_FLIGHT: Duration = Duration::from_millis(60);

/// Bytes in flight while the uplink is not measured.
const FIRST_IN_FLIGHT: u64 = 128 << 10;

/// Most bytes in flight: bounds the memory that serving takes.
const MAX_IN_FLIGHT: u64 = 8 << 20;

/// Multiple of its sending time after which a chunk in flight no longer keeps others
/// waiting: the peer reads slowly, or not at all.
const STUCK: u32 = 3;

/// Bounds of that time.
const MIN_STUCK: Duration = Duration::from_millis(100);
const MAX_STUCK: Duration = Duration::from_millis(800);

/// Uplink in bytes a second that needs no pacing: 100 Mbit/s.
const FAST: f64 = 12_500_000.0;

/// Pace of one connection relative to the uplink.
const PACE: f64 = 1.2;

/// Interval over which the uplink is measured.
const SAMPLE: Duration = Duration::from_millis(500);

/// Chunks whose copies are counted; beyond it the oldest are forgotten.
const MAX_COUNTED: usize = 1 << 16;

/// A request of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// Content id.
    pub file: FileId,
    /// Position in the file.
    pub chunk: ChunkIndex,
    /// Bytes of the chunk.
    pub bytes: u32,
    /// Time at which the peer needs it.
    pub deadline: Instant,
}

/// A chunk in flight.
#[derive(Debug)]
struct InFlight {
    peer: PeerId,
    bytes: u64,
    at: Instant,
}

/// Waiting requests of all peers.
#[derive(Debug)]
pub struct UploadQueue {
    tuning: UploadTuning,
    waiting: Vec<(PeerId, Upload)>,
    in_flight: Vec<InFlight>,
    copies: HashMap<(FileId, ChunkIndex), u16>,
    counted: VecDeque<(FileId, ChunkIndex)>,
    limit: Option<u64>,
    /// Measured uplink in bytes a second; 0 until measured.
    capacity: f64,
    sample_start: Instant,
    sample_bytes: u64,
    /// True if a request that could be sent waited throughout the sample.
    sample_full: bool,
}

impl UploadQueue {
    /// Sets the configured uplink in bytes a second.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit;
    }

    /// An empty queue; `limit` is the configured uplink in bytes a second.
    pub fn new(now: Instant, limit: Option<u64>, tuning: UploadTuning) -> Self {
        Self {
            tuning,
            waiting: Vec::new(),
            in_flight: Vec::new(),
            copies: HashMap::new(),
            counted: VecDeque::new(),
            limit,
            capacity: 0.0,
            sample_start: now,
            sample_bytes: 0,
            sample_full: false,
        }
    }

    /// Adds a request.
    ///
    /// # Errors
    /// The time after which to ask again, if the queue is too long.
    pub fn ask(&mut self, now: Instant, peer: PeerId, upload: Upload) -> Result<(), Duration> {
        let own = self.waiting.iter().filter(|(id, _)| *id == peer).count();
        let before = self.live_bytes(now);
        // Until now there was nothing to send.
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

    /// Sending time of some bytes; zero until the uplink is measured.
    fn wait_for(&self, bytes: u64) -> Duration {
        match self.uplink() {
            Some(uplink) => Duration::from_secs_f64(bytes as f64 / uplink.max(1) as f64),
            None => Duration::ZERO,
        }
    }

    /// Removes a cancelled request. Returns it if it still waited.
    pub fn cancel(&mut self, peer: PeerId, file: FileId, chunk: ChunkIndex) -> Option<Upload> {
        let wanted = |(id, up): &(PeerId, Upload)| (*id, up.file, up.chunk) == (peer, file, chunk);
        let index = self.waiting.iter().position(wanted)?;
        Some(self.waiting.swap_remove(index).1)
    }

    /// Removes the requests of a peer that is choked or gone, and returns them.
    pub fn forget(&mut self, peer: PeerId) -> Vec<Upload> {
        let own = self.waiting.iter().filter(|(id, _)| *id == peer);
        let own = own.map(|(_, upload)| *upload).collect();
        self.retain(|id, _| *id != peer);
        own
    }

    /// Removes a closed link, with its chunks in flight.
    pub fn gone(&mut self, peer: PeerId) {
        self.forget(peer);
        self.in_flight.retain(|chunk| chunk.peer != peer);
    }

    /// Removes the requests of a peer for a file.
    pub fn forget_file(&mut self, peer: PeerId, file: FileId) {
        self.retain(|id, upload| (*id, upload.file) != (peer, file));
    }

    fn retain(&mut self, keep: impl Fn(&PeerId, &Upload) -> bool) {
        self.waiting.retain(|(id, upload)| keep(id, upload));
    }

    /// Takes the request to serve now, if the uplink has room for it.
    pub fn next(&mut self, now: Instant) -> Option<(PeerId, Upload)> {
        if self.waiting.is_empty() || !self.has_room(now) {
            return None;
        }
        let overload =
            self.queue_delay(now).critical > self.tuning.critical_window.mul_f64(OVERLOAD);
        let critical_until = match overload {
            true => now,
            false => now + self.tuning.critical_window,
        };
        let rank = |(peer, upload): &(PeerId, Upload)| {
            let copies = self.copies.get(&(upload.file, upload.chunk)).copied();
            let copies = copies.unwrap_or(0);
            let later = match upload.deadline < critical_until && copies < MAX_CRITICAL_COPIES {
                true => Duration::ZERO,
                false => self.tuning.copy_costs * u32::from(copies),
            };
            let busy = self.in_flight.iter().filter(|h| h.peer == *peer).count();
            (upload.deadline + later, busy)
        };
        let stuck = self.stuck(now);
        let waiting = self.waiting.iter().enumerate();
        let ranked = waiting.filter(|(_, (peer, _))| !stuck.contains(peer));
        let (index, _) = ranked.min_by_key(|(_, waiting)| rank(waiting))?;
        let (peer, upload) = self.waiting.swap_remove(index);
        self.in_flight.push(InFlight {
            peer,
            bytes: upload.bytes.into(),
            at: now,
        });
        self.count(upload.file, upload.chunk);
        Some((peer, upload))
    }

    fn has_room(&self, now: Instant) -> bool {
        let fresh = self
            .in_flight
            .iter()
            .filter(|chunk| !self.is_stuck(now, chunk));
        fresh.map(|chunk| chunk.bytes).sum::<u64>() < self.room()
    }

    /// Peers that have not taken the chunks in flight to them: they get no more until
    /// they have, and their requests keep nobody waiting.
    fn stuck(&self, now: Instant) -> Vec<PeerId> {
        let stuck = self.in_flight.iter().filter(|h| self.is_stuck(now, h));
        stuck.map(|chunk| chunk.peer).collect()
    }

    /// Waiting requests that could be sent. If none of several peers takes its chunk, the
    /// uplink has become slow, not they.
    fn live(&self, now: Instant) -> impl Iterator<Item = &Upload> {
        let mut stuck = self.stuck(now);
        let first = self.in_flight.first().map(|chunk| chunk.peer);
        let several = self.in_flight.iter().any(|chunk| Some(chunk.peer) != first);
        if several && stuck.len() == self.in_flight.len() {
            stuck.clear();
        }
        let waiting = self.waiting.iter();
        let live = waiting.filter(move |(peer, _)| !stuck.contains(peer));
        live.map(|(_, upload)| upload)
    }

    /// Bytes of those requests.
    fn live_bytes(&self, now: Instant) -> u64 {
        self.live(now).map(|upload| u64::from(upload.bytes)).sum()
    }

    fn is_stuck(&self, now: Instant, chunk: &InFlight) -> bool {
        let usual = match self.capacity > 0.0 {
            true => self.wait_for(chunk.bytes) * STUCK,
            false => MAX_STUCK,
        };
        let age = now.saturating_duration_since(chunk.at);
        // A chunk counts as sent once the kernel queue has drained, which takes its time
        // on a slow uplink.
        let longest = MAX_STUCK.max(usual / 2);
        age >= usual.clamp(MIN_STUCK, longest)
    }

    /// Bytes in flight below which one more chunk may be sent.
    fn room(&self) -> u64 {
        if self.capacity == 0.0 {
            return FIRST_IN_FLIGHT;
        }
        let time = self.capacity * IN_FLIGHT.as_secs_f64();
        (time as u64).clamp(1, MAX_IN_FLIGHT)
    }

    /// Pace of one connection in bytes a second: a little more than the whole uplink, so
    /// that a faster uplink is still noticed, but no queue builds up in front of it,
    /// where acknowledgements and requests would wait. `None` while the uplink is
    /// unknown, and on a fast one.
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

    /// Counts a chunk as sent, or as failed (0 bytes).
    pub fn finished(&mut self, now: Instant, peer: PeerId, bytes: u64) {
        if let Some(index) = self.in_flight.iter().position(|chunk| chunk.peer == peer) {
            self.in_flight.remove(index);
        }
        self.sample_bytes += bytes;
        self.measure(now);
    }

    /// Takes a sample. It counts only if a request that could be sent waited throughout:
    /// then the uplink was the limit, not the demand.
    fn measure(&mut self, now: Instant) {
        let length = now.saturating_duration_since(self.sample_start);
        let waits = self.live(now).next().is_some();
        self.sample_full &= waits;
        if length < SAMPLE {
            return;
        }
        let rate = self.sample_bytes as f64 / length.as_secs_f64();
        // A faster sample counts at once (kernel buffers flatter, but briefly), a slower
        // one by a quarter.
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

    /// Uplink in bytes a second: the measured one within the configured limit; `None`
    /// while neither is known.
    pub fn uplink(&self) -> Option<u64> {
        let measured = (self.capacity > 0.0).then_some(self.capacity as u64);
        match (measured, self.limit) {
            (Some(measured), Some(limit)) => Some(measured.min(limit)),
            (measured, limit) => measured.or(limit),
        }
    }

    /// Own share of the new chunks: the uplink in bytes a second, and up to
    /// [`IDLE_SHARE`] times that while it idles, so that a newcomer soon holds chunks
    /// that others need.
    pub fn share(&self, now: Instant) -> SourceShare {
        let Some(uplink) = self.uplink() else {
            return SourceShare::Unknown;
        };
        let waits = self.wait_for(self.live_bytes(now));
        let idle = 1.0 - waits.min(BUSY).div_duration_f64(BUSY);
        let weight = uplink as f64 * (1.0 + (IDLE_SHARE - 1) as f64 * idle);
        SourceShare::Weight(weight as u64)
    }

    /// Time until the waiting requests will have been sent.
    pub fn queue_delay(&self, now: Instant) -> QueueDelay {
        let critical = |up: &&Upload| up.deadline < now + self.tuning.critical_window;
        let critical = self.live(now).filter(critical);
        let critical = critical.map(|up| u64::from(up.bytes)).sum();
        QueueDelay {
            all: self.wait_for(self.live_bytes(now)),
            critical: self.wait_for(critical),
            uplink: self.uplink(),
        }
    }
}

#[cfg(test)]
mod tests;
