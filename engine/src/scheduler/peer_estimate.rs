//! What one peer can be expected to deliver.

use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;

use crate::ids::ChunkIndex;
use crate::protocol::CRITICAL_WINDOW;
use crate::protocol::PeerPosition;
use crate::protocol::QueueDelay;
use crate::throughput::Throughput;

/// Requests a fresh peer may have outstanding.
const FIRST_WINDOW: u32 = 4;

/// Requests on top of a peer's window for what is needed very soon: they do not
/// wait in the line that the window is there to keep short.
const PRESSING_CREDITS: u32 = 4;

/// Media of a peer's queue we aim for: longer queues gain no throughput and
/// cost every seek and every deadline (libtorrent's `request_queue_time` is 3
/// s; a stream wants less).
const QUEUE_TARGET: Duration = Duration::from_millis(1000);

/// Rate assumed of a peer that has not delivered yet, in bytes a second.
const ASSUMED_RATE: f64 = 500_000.0;

/// A peer that says nothing of its place for longer may have stopped playing.
const PLACE_HOLDS: Duration = Duration::from_secs(3);

/// A peer that owes chunks is not suspected before this time of silence: chunks
/// of one uplink that serves many come in bursts.
const MIN_SILENCE: Duration = Duration::from_millis(1000);

/// How much longer a peer may send no chunk that at least says something.
const PATIENCE: u32 = 3;

/// Longest time a peer is left alone at its own word.
pub const MAX_BUSY: Duration = Duration::from_secs(5);

/// How long a busy peer is left alone even with what is needed very soon.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// How long a silent peer rests before it is tried again with one request.
const SNUB_PAUSE: Duration = Duration::from_millis(500);

/// Deliveries after which the time between them is trusted.
const KNOWN_GAPS: u32 = 8;

/// A connected peer, as the scheduler sees it.
#[derive(Debug)]
pub struct Peer {
    /// Name to show.
    pub name: String,
    /// Whether it is the server's library.
    pub origin: bool,
    has: FixedBitSet,
    /// Number of chunks it holds.
    held: u32,
    /// Whether it refuses to serve.
    pub choking: bool,
    /// Requests it has not answered.
    pub outstanding: u32,
    /// Verified bytes it supplied.
    pub supplied: u64,
    /// Not asked before this time.
    pub wait_until: Instant,
    busy_until: Instant,
    /// What it said last of its own place.
    pub place: PeerPosition,
    placed: Instant,
    /// Time it takes to send what waits there, of all who ask, as it said last.
    backlog: QueueDelay,
    /// Requests made since it said that.
    asked_since: u32,
    /// Whether it is asked only for what would come too late otherwise: the
    /// tracker keeps a source's uplink for others.
    pub reserve: bool,
    window: u32,
    gap: Gap,
    rtt: Duration,
    rate: Throughput,
    /// When it last sent a chunk, or was first asked for one.
    progress: Instant,
    /// When it last said anything.
    heard: Instant,
}

impl Peer {
    /// A peer that just connected.
    pub fn new(now: Instant, name: String, origin: bool) -> Self {
        Self {
            name,
            origin,
            has: FixedBitSet::new(),
            held: 0,
            choking: false,
            outstanding: 0,
            supplied: 0,
            wait_until: now,
            busy_until: now,
            place: PeerPosition::default(),
            placed: now,
            backlog: QueueDelay::default(),
            asked_since: 0,
            reserve: false,
            window: FIRST_WINDOW,
            gap: Gap::default(),
            rtt: Duration::ZERO,
            rate: Throughput::new(now),
            progress: now,
            heard: now,
        }
    }

    /// Chunks it holds.
    pub fn has(&self) -> &FixedBitSet {
        &self.has
    }

    /// Whether it holds a chunk.
    pub fn holds(&self, chunk: ChunkIndex) -> bool {
        self.has.contains(chunk.index())
    }

    /// Whether it holds all of a file of so many chunks.
    pub fn holds_all(&self, chunk_count: u32) -> bool {
        self.held == chunk_count
    }

    /// It holds a chunk of a file of so many. Returns whether that is new.
    pub(super) fn gain(&mut self, chunk: ChunkIndex, chunk_count: u32) -> bool {
        self.has.grow(chunk_count as usize);
        let new = !self.has.put(chunk.index());
        self.held += u32::from(new);
        new
    }

    /// It no longer holds a chunk. Returns whether it did.
    pub(super) fn lose(&mut self, chunk: ChunkIndex) -> bool {
        let held = self.holds(chunk);
        if held {
            self.has.remove(chunk.index());
            self.held -= 1;
        }
        held
    }

    /// It says where it is.
    pub fn set_place(&mut self, now: Instant, place: PeerPosition) {
        self.place = place;
        self.placed = now;
    }

    /// Media time that plays at the peer, if it plays on since it told.
    pub fn playhead(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.placed);
        self.place.playhead + since.min(PLACE_HOLDS)
    }

    /// A new round-trip time.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// Bytes a second that come from it.
    pub fn rate(&self, now: Instant) -> f64 {
        self.rate.rate(now)
    }

    /// Smoothed round trip; zero until measured.
    pub fn rtt(&self) -> Duration {
        self.rtt
    }

    /// Requests for what is needed very soon that it may be sent now.
    pub fn pressing_credits(&self, now: Instant, limit: u32) -> u32 {
        if self.choking || now < self.wait_until {
            return 0;
        }
        let window = self.window + PRESSING_CREDITS;
        window.min(limit).saturating_sub(self.outstanding)
    }

    /// Whether it said that its queue is full: to take requests back then makes no
    /// room for others.
    pub fn is_busy(&self, now: Instant) -> bool {
        now < self.busy_until
    }

    /// Requests it may be sent now.
    pub fn free_credits(&self, now: Instant, limit: u32) -> u32 {
        match self.is_busy(now) {
            true => 0,
            false => {
                let credits = self.pressing_credits(now, limit);
                credits.saturating_sub(PRESSING_CREDITS)
            }
        }
    }

    /// A request goes out.
    pub fn requested(&mut self, now: Instant) {
        if self.outstanding == 0 {
            self.progress = now;
        }
        self.outstanding += 1;
        self.asked_since += 1;
    }

    /// A request is answered without a chunk, or taken back.
    pub fn released(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }

    /// A chunk came. The window grows while the queue at the peer is shorter
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

    /// Its queue is full, for so long as it says: only what is needed very soon is
    /// asked for, and not at once.
    pub fn busy(&mut self, now: Instant, wait: Duration) {
        self.busy_until = now + wait.min(MAX_BUSY);
        self.wait_until = now + wait.min(BUSY_PAUSE);
    }

    /// It said something.
    pub fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Whether it owes us chunks and has said nothing for `timeout`, or for much
    /// longer than chunks usually take. One that speaks is alive, and has others to
    /// serve; but that counts only for [`PATIENCE`] times as long.
    pub fn is_silent(&self, now: Instant, timeout: Duration) -> bool {
        let usual = self.gap.limit().unwrap_or(timeout);
        let limit = (usual + self.rtt).clamp(MIN_SILENCE, timeout.max(MIN_SILENCE));
        let since = |event: Instant| now.saturating_duration_since(event);
        let nothing_said = since(self.progress.max(self.heard)) > limit;
        let nothing_sent = since(self.progress) > timeout * PATIENCE;
        self.outstanding > 0 && (nothing_said || nothing_sent)
    }

    /// It lost its requests: it must prove itself again.
    pub fn snub(&mut self, now: Instant) {
        self.window = 1;
        self.wait_until = now + SNUB_PAUSE;
    }

    /// What waits there, as it says.
    pub fn set_backlog(&mut self, backlog: QueueDelay) {
        self.backlog = backlog;
        self.asked_since = 0;
    }

    /// Time until a chunk asked for now, and needed in `due`, would be here. What is
    /// needed very soon only waits for what is, too.
    pub fn eta(&self, now: Instant, chunk_bytes: u32, due: Duration) -> Duration {
        let uplink = self.backlog.uplink.filter(|_| due < CRITICAL_WINDOW);
        let (rate, ahead, told) = match (uplink, self.supplied) {
            (Some(uplink), _) => (
                uplink as f64,
                self.asked_since,
                self.backlog.pressing + self.silence(now),
            ),
            (None, 0) => (ASSUMED_RATE, self.outstanding, self.backlog.all),
            (None, _) => (
                self.rate.rate(now).max(1000.0),
                self.outstanding,
                self.backlog.all,
            ),
        };
        let sent = f64::from(ahead + 1) * f64::from(chunk_bytes) / rate;
        let sent = Duration::from_secs_f64(sent.min(3600.0));
        match uplink {
            Some(_) => self.rtt + told + sent,
            None => self.rtt + sent.max(told),
        }
    }

    /// How long it has owed us chunks and sent none.
    fn silence(&self, now: Instant) -> Duration {
        match self.outstanding {
            0 => Duration::ZERO,
            _ => now.saturating_duration_since(self.progress),
        }
    }
}

/// Time between deliveries while something is owed: mean and deviation, smoothed
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

    /// A gap that is out of the usual, once the usual is known.
    fn limit(&self) -> Option<Duration> {
        let limit = self.mean + self.deviation * 4.0;
        (self.count >= KNOWN_GAPS).then(|| Duration::from_secs_f64(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: u32 = 64 << 10;

    #[test]
    fn the_window_follows_the_rate() {
        let start = Instant::now();
        let mut peer = Peer::new(start, String::new(), false);
        let mut now = start;
        for _ in 0..2000 {
            now += Duration::from_millis(5);
            peer.delivered(now, CHUNK);
        }
        let fast = peer.free_credits(now, 10_000);
        assert!((150..=300).contains(&fast), "a second of 13 MB/s: {fast}");
        for _ in 0..200 {
            now += Duration::from_millis(500);
            peer.delivered(now, CHUNK);
        }
        assert!(peer.free_credits(now, 10_000) <= 5);
    }

    #[test]
    fn what_is_needed_very_soon_waits_for_less_and_may_always_be_asked_for() {
        let now = Instant::now();
        let mut peer = Peer::new(now, String::new(), false);
        peer.set_backlog(QueueDelay {
            all: Duration::from_secs(2),
            pressing: Duration::from_millis(100),
            uplink: Some(u64::from(CHUNK) * 10),
        });
        let eta = |peer: &Peer, due| peer.eta(now, CHUNK, due).as_millis();
        assert_eq!(eta(&peer, CRITICAL_WINDOW * 2), 2000);
        assert_eq!(eta(&peer, CRITICAL_WINDOW / 2), 200);
        (0..FIRST_WINDOW).for_each(|_| peer.requested(now));
        assert_eq!(
            eta(&peer, CRITICAL_WINDOW / 2),
            600,
            "with what it was asked since"
        );
        assert_eq!(peer.free_credits(now, 64), 0);
        assert_eq!(peer.pressing_credits(now, 64), PRESSING_CREDITS);
    }

    #[test]
    fn silence_counts_only_while_something_is_owed() {
        let now = Instant::now();
        let later = now + Duration::from_secs(5);
        let timeout = Duration::from_secs(2);
        let mut peer = Peer::new(now, String::new(), false);
        assert!(!peer.is_silent(later, timeout));
        peer.requested(later);
        assert!(!peer.is_silent(later, timeout));
        let much_later = later + timeout * 2;
        assert!(peer.is_silent(much_later, timeout));
        peer.hear(much_later);
        assert!(
            !peer.is_silent(much_later, timeout),
            "it has others to serve"
        );
        peer.hear(later + timeout * 4);
        assert!(peer.is_silent(later + timeout * 4, timeout), "for so long?");
        peer.snub(later);
        assert_eq!(peer.free_credits(later, 64), 0);
    }
}
