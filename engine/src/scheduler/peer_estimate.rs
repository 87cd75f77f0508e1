//! Delivery estimate of one peer: free request slots, expected arrival, silence.

use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;

use crate::ids::ChunkIndex;
use crate::protocol::{CRITICAL_WINDOW, PeerPosition, QueueDelay};
use crate::throughput::Throughput;

/// Requests that a fresh peer may have in flight.
const FIRST_WINDOW: u32 = 4;

/// Request slots on top of a peer's window for critical chunks: they overtake the
/// queue that the window keeps short.
const CRITICAL_SLOTS: u32 = 4;

/// Queueing time that the window aims for. A longer queue gains no throughput and
/// delays every seek and every deadline (libtorrent's `request_queue_time` is 3 s; a
/// stream needs less).
const QUEUE_TARGET: Duration = Duration::from_millis(1000);

/// Rate assumed of a peer that has not delivered yet, in bytes a second.
const ASSUMED_RATE: f64 = 500_000.0;

/// A playhead is extrapolated for this long after the peer reported it: a peer that is
/// silent for longer may have stopped playing.
const POSITION_VALIDITY: Duration = Duration::from_secs(3);

/// Silence below this is never suspicious: an uplink that serves many peers delivers
/// in bursts.
const MIN_SILENCE: Duration = Duration::from_millis(1000);

/// Multiple of the timeout that a peer may deliver nothing while it sends other
/// messages.
const PATIENCE: u32 = 3;

/// Upper bound of a pause that a peer asks for.
pub const MAX_BUSY: Duration = Duration::from_secs(5);

/// Pause before a busy peer is asked for critical chunks again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// Pause before a silent peer is tried again with one request.
const SNUB_PAUSE: Duration = Duration::from_millis(500);

/// Deliveries after which the gap between them is trusted.
const KNOWN_GAPS: u32 = 8;

/// A connected peer, as the scheduler sees it.
#[derive(Debug)]
pub struct Peer {
    /// Display name.
    pub name: String,
    /// True for the origin.
    pub origin: bool,
    /// True for a backup: a seed whose uplink the tracker keeps for others, asked only
    /// for chunks that would be late otherwise.
    pub backup: bool,
    /// Maximum of requests in flight, whatever the rate.
    max_requests: u32,
    has: FixedBitSet,
    /// Number of chunks in `has`.
    held: u32,
    choking: bool,
    in_flight: u32,
    /// Verified bytes delivered.
    supplied: u64,
    resting_until: Instant,
    busy_until: Instant,
    position: PeerPosition,
    positioned: Instant,
    /// Last reported delay of its upload queue, over all that it serves.
    queue_delay: QueueDelay,
    /// Requests sent since that report.
    asked_since: u32,
    window: u32,
    gap: Gap,
    rtt: Duration,
    rate: Throughput,
    /// Last delivery, or first request after an idle time.
    progress: Instant,
    /// Last message of any kind.
    active: Instant,
}

impl Peer {
    /// A peer that just connected and holds nothing, with a limit on requests in
    /// flight.
    pub fn new(now: Instant, name: String, origin: bool, max_requests: u32) -> Self {
        Self {
            name,
            origin,
            backup: false,
            max_requests,
            has: FixedBitSet::new(),
            held: 0,
            choking: false,
            in_flight: 0,
            supplied: 0,
            resting_until: now,
            busy_until: now,
            position: PeerPosition::default(),
            positioned: now,
            queue_delay: QueueDelay::default(),
            asked_since: 0,
            window: FIRST_WINDOW,
            gap: Gap::default(),
            rtt: Duration::ZERO,
            rate: Throughput::new(now),
            progress: now,
            active: now,
        }
    }

    /// Held chunks.
    pub fn has(&self) -> &FixedBitSet {
        &self.has
    }

    /// True if it holds a chunk.
    pub fn holds(&self, chunk: ChunkIndex) -> bool {
        self.has.contains(chunk.index())
    }

    /// True if it holds all of a file of this many chunks.
    pub fn holds_all(&self, chunk_count: u32) -> bool {
        self.held == chunk_count
    }

    /// Adds a chunk of a file of this many. Returns true if that is new.
    pub(super) fn gain(&mut self, chunk: ChunkIndex, chunk_count: u32) -> bool {
        self.has.grow(chunk_count as usize);
        let new = !self.has.put(chunk.index());
        self.held += u32::from(new);
        new
    }

    /// Removes a chunk. Returns true if it was held.
    pub(super) fn lose(&mut self, chunk: ChunkIndex) -> bool {
        let held = self.holds(chunk);
        if held {
            self.has.remove(chunk.index());
            self.held -= 1;
        }
        held
    }

    /// Records a reported position.
    pub fn set_position(&mut self, now: Instant, position: PeerPosition) {
        self.position = position;
        self.positioned = now;
    }

    /// Last reported position.
    pub fn position(&self) -> &PeerPosition {
        &self.position
    }

    /// Media time that plays at the peer, extrapolated from its last report.
    pub fn playhead(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.positioned);
        self.position.playhead + since.min(POSITION_VALIDITY)
    }

    /// Records a round-trip time.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// Smoothed round trip; zero until measured.
    pub fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Records a reported queue delay.
    pub fn set_queue_delay(&mut self, queue_delay: QueueDelay) {
        self.queue_delay = queue_delay;
        self.asked_since = 0;
    }

    /// Records that it refuses to serve, or serves again.
    pub fn set_choking(&mut self, choking: bool) {
        self.choking = choking;
    }

    /// True if it refuses to serve.
    pub fn is_choking(&self) -> bool {
        self.choking
    }

    /// Bytes a second that it delivers.
    pub fn rate(&self, now: Instant) -> f64 {
        self.rate.rate(now)
    }

    /// Verified bytes that it delivered.
    pub fn supplied(&self) -> u64 {
        self.supplied
    }

    /// Requests that it has not answered.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Free request slots for critical chunks.
    pub fn critical_slots(&self, now: Instant) -> u32 {
        if self.choking || now < self.resting_until {
            return 0;
        }
        let window = self.window + CRITICAL_SLOTS;
        let window = window.min(self.max_requests);
        window.saturating_sub(self.in_flight)
    }

    /// Free request slots for any chunk.
    pub fn free_slots(&self, now: Instant) -> u32 {
        match self.is_busy(now) {
            true => 0,
            false => self.critical_slots(now).saturating_sub(CRITICAL_SLOTS),
        }
    }

    /// True while its queue is full by its own word: cancelling requests there makes no
    /// room for others.
    pub fn is_busy(&self, now: Instant) -> bool {
        now < self.busy_until
    }

    /// Counts a request.
    pub fn requested(&mut self, now: Instant) {
        if self.in_flight == 0 {
            self.progress = now;
        }
        self.in_flight += 1;
        self.asked_since += 1;
    }

    /// Counts a request as answered or cancelled.
    pub fn released(&mut self) {
        debug_assert!(self.in_flight > 0, "no request is in flight");
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Records a delivery. The window grows while the queue at the peer is shorter
    /// than [`QUEUE_TARGET`], and shrinks when it is longer.
    pub fn delivered(&mut self, now: Instant, bytes: u32) {
        self.gap.add(now.saturating_duration_since(self.progress));
        self.rate.add(now, bytes.into());
        self.progress = now;
        self.supplied += u64::from(bytes);
        let queue = f64::from(self.window) * f64::from(bytes) / self.rate.rate(now).max(1.0);
        let target = QUEUE_TARGET + self.rtt;
        if queue < target.as_secs_f64() {
            self.window = self.window.saturating_add(1);
        } else if queue > target.as_secs_f64() * 1.5 {
            self.window = (self.window - 1).max(2);
        }
    }

    /// Sends no request before this instant.
    pub fn rest_until(&mut self, until: Instant) {
        self.resting_until = until;
    }

    /// Records that its queue is full for `wait`: until then it is asked for critical
    /// chunks only, and not at once.
    pub fn set_busy(&mut self, now: Instant, wait: Duration) {
        self.busy_until = now + wait.min(MAX_BUSY);
        self.resting_until = now + wait.min(BUSY_PAUSE);
    }

    /// Records that it sent a message.
    pub fn record_activity(&mut self, now: Instant) {
        self.active = now;
    }

    /// True if it owes chunks and has sent nothing for `timeout`, or for longer than
    /// its deliveries usually take. Other messages show that it is alive and serves
    /// others, but excuse it only for [`PATIENCE`] timeouts.
    pub fn is_silent(&self, now: Instant, timeout: Duration) -> bool {
        let usual = self.gap.limit().unwrap_or(timeout);
        let limit = (usual + self.rtt).clamp(MIN_SILENCE, timeout.max(MIN_SILENCE));
        let since = |event: Instant| now.saturating_duration_since(event);
        let no_message = since(self.progress.max(self.active)) > limit;
        let no_chunk = since(self.progress) > timeout * PATIENCE;
        self.in_flight > 0 && (no_message || no_chunk)
    }

    /// Shrinks the window of a peer that lost its requests to one, after a rest.
    pub fn snub(&mut self, now: Instant) {
        self.window = 1;
        self.resting_until = now + SNUB_PAUSE;
    }

    /// Time until a chunk requested now, and needed in `due`, would arrive. A critical
    /// chunk queues behind critical chunks only.
    pub fn eta(&self, now: Instant, chunk_bytes: u32, due: Duration) -> Duration {
        let uplink = self.queue_delay.uplink.filter(|_| due < CRITICAL_WINDOW);
        let (rate, ahead, reported) = match (uplink, self.supplied) {
            (Some(uplink), _) => (
                uplink as f64,
                self.asked_since,
                self.queue_delay.critical + self.silence(now),
            ),
            (None, 0) => (ASSUMED_RATE, self.in_flight, self.queue_delay.all),
            (None, _) => (
                self.rate.rate(now).max(1000.0),
                self.in_flight,
                self.queue_delay.all,
            ),
        };
        let sending = f64::from(ahead + 1) * f64::from(chunk_bytes) / rate;
        let sending = Duration::from_secs_f64(sending.min(3600.0));
        match uplink {
            Some(_) => self.rtt + reported + sending,
            // The reported delay includes our own requests.
            None => self.rtt + sending.max(reported),
        }
    }

    /// Time since the last delivery while it owes chunks.
    fn silence(&self, now: Instant) -> Duration {
        match self.in_flight {
            0 => Duration::ZERO,
            _ => now.saturating_duration_since(self.progress),
        }
    }
}

/// Time between deliveries while requests are in flight: mean and deviation, smoothed
/// as TCP smooths round trips (RFC 6298).
#[derive(Debug, Default)]
struct Gap {
    mean: f64,
    deviation: f64,
    count: u32,
}

impl Gap {
    fn add(&mut self, gap: Duration) {
        let gap = gap.as_secs_f64();
        if self.count == 0 {
            (self.mean, self.deviation) = (gap, gap / 2.0);
        }
        self.deviation += ((gap - self.mean).abs() - self.deviation) / 4.0;
        self.mean += (gap - self.mean) / 8.0;
        self.count = self.count.saturating_add(1);
    }

    /// Longest usual gap, once enough gaps were seen.
    fn limit(&self) -> Option<Duration> {
        let limit = self.mean + self.deviation * 4.0;
        (self.count >= KNOWN_GAPS).then(|| Duration::from_secs_f64(limit))
    }
}

#[cfg(test)]
mod tests;
