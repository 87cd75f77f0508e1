//! Which bytes of a media file belong to which time.
//!
//! Bitrates vary, so a chunk's place in the file does not say when it is played.
//! The sharer lets ffprobe list all packets once, [`TimelineBuilder`] boils them
//! down to at most [`MAX_POINTS`] points, the catalogue carries those, and every
//! viewer asks the [`Timeline`] by when a byte is needed.
//!
//! It promises a bound, not an average: `time_at(byte)` is never later than the
//! earliest time of any sound or picture that ends after `byte`. In other words,
//! all that is needed to play up to `t` lies before `byte_at(t)`. Between two
//! points the time is linear. Consequences:
//!
//! * Where picture and sound of one moment lie apart, the bytes between them have
//!   the time of the one that is played first. In the extreme, with all sound
//!   behind all pictures, all pictures are due at once: early, but never late,
//!   and a scheduler that takes equal times in order still does the right thing.
//! * Only sound and picture count. A subtitle or a time code that was written to
//!   the end of the file holds nothing up.
//! * Ogg and MPEG-TS break packets up and do not say where they end; there the
//!   promise holds to within a packet or two.
//!
//! Bytes of no packet are what players read before anything else: the head, and
//! what stands behind the last packet (the index of an mp4, the cues of an mkv).
//! They are [`Timeline::index_ranges`], to be fetched at once and together, so
//! that an index at the end costs one round trip. Head and tail also have a time
//! (the first and the last), which such a fetch overrides.

use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most points of a file: about 3 KiB in the catalogue, and a two-hour film whose
/// bitrate changes wildly with every scene is told to within seconds.
pub const MAX_POINTS: usize = 512;
/// Most index ranges of a file. Two are made today.
pub const MAX_INDEX_RANGES: usize = 8;
/// Longest index range, in bytes: a two-hour mp4 of 30 frames a second and one
/// sound track was seen to have an index of 7.5 MB.
pub const MAX_INDEX_BYTES: u64 = 16 << 20;
/// Longest media that has points, in milliseconds (49 days): it bounds how long
/// the points' varints can get on the wire.
const MAX_TIME_MS: u64 = u32::MAX as u64;

/// Bytes behind the last packet that are no index but padding or the end of a
/// packet's own wrapping.
const MIN_TAIL: u64 = 64;
/// Pieces of the file that packets are sorted into, about as many as a two-hour
/// film has chunks. While a timeline is made they take 1 MiB.
const BUCKETS: u64 = 1 << 16;
/// Distance from the true times, in milliseconds, that is near enough: less needs
/// points for nothing, as the scheduler's own margins are larger.
const TOLERANCE_MS: u64 = 250;
/// Of a long film the same part of its duration is near enough: 0.9 s in 2 h.
const TOLERANCE_PART: u64 = 8192;
/// StreamManager whose packets are followed; further ones are taken as they come.
const MAX_STREAMS: usize = 64;

/// A byte and the time from which on it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Point {
    /// Offset in the file.
    pub byte: u64,
    /// Media time from the beginning, in milliseconds.
    pub time_ms: u64,
}

impl From<(u64, u64)> for Point {
    fn from((byte, time_ms): (u64, u64)) -> Self {
        Self { byte, time_ms }
    }
}

impl From<Point> for (u64, u64) {
    fn from(point: Point) -> Self {
        (point.byte, point.time_ms)
    }
}

/// When the bytes of one file are needed.
///
/// Two points are implied and not stored: byte 0 at time 0, and the end of the
/// file at the end of the media. So no points at all are a constant bitrate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timeline {
    size: u64,
    duration_ms: u64,
    /// Bytes strictly ascending, times never descending.
    points: Vec<Point>,
    /// Ascending and apart.
    index: Vec<Range<u64>>,
}

impl Timeline {
    /// A file of which nothing is known: its bitrate is constant.
    pub fn constant(size: u64, duration: Duration) -> Self {
        Self {
            size,
            duration_ms: millis(duration),
            ..Self::default()
        }
    }

    /// Takes a timeline from outside; `None` unless it is possible for a file of
    /// this size and duration.
    pub fn checked(
        points: Vec<Point>,
        index: Vec<Range<u64>>,
        size: u64,
        duration: Duration,
    ) -> Option<Self> {
        let duration_ms = millis(duration);
        let ascending = points.is_sorted_by(|a, b| a.byte < b.byte && a.time_ms <= b.time_ms);
        let within = |point: &Point| {
            (1..size).contains(&point.byte)
                && point.time_ms <= duration_ms
                && point.time_ms <= MAX_TIME_MS
        };
        let apart = index.is_sorted_by(|a, b| a.end <= b.start);
        let sound = |range: &Range<u64>| {
            range.start < range.end
                && range.end <= size
                && range.end - range.start <= MAX_INDEX_BYTES
        };
        let few = points.len() <= MAX_POINTS && index.len() <= MAX_INDEX_RANGES;
        let allowed =
            few && ascending && apart && points.iter().all(within) && index.iter().all(sound);
        allowed.then_some(Self {
            size,
            duration_ms,
            points,
            index,
        })
    }

    /// Whether it was made for a file of this size and duration. The default one
    /// was not.
    pub fn fits(&self, size: u64, duration: Duration) -> bool {
        (self.size, self.duration_ms) == (size, millis(duration))
    }

    /// The points between the two implied ones.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Bytes that players read before they can play anything.
    pub fn index_ranges(&self) -> &[Range<u64>] {
        &self.index
    }

    /// By when a byte is needed: nothing from it on is played earlier. A chunk is
    /// needed by the time of its first byte.
    pub fn time_at(&self, byte: u64) -> Duration {
        let after = self.points.partition_point(|point| point.byte <= byte);
        Duration::from_millis(self.line(after).time_at(byte))
    }

    /// The first byte that is not needed to play up to `time`. A player that
    /// starts there begins at the key frame before it, a few seconds back.
    pub fn byte_at(&self, time: Duration) -> u64 {
        let time_ms = millis(time.saturating_add(Duration::from_nanos(999_999)));
        let after = self.points.partition_point(|point| point.time_ms < time_ms);
        self.line(after).byte_at(time_ms)
    }

    /// The straight line that ends in the point at `after`.
    fn line(&self, after: usize) -> Line {
        let before = after.checked_sub(1).map(|before| self.points[before]);
        let beginning = Point::from((0, 0));
        let end = Point::from((self.size, self.duration_ms));
        let to = self.points.get(after).copied();
        Line(before.unwrap_or(beginning), to.unwrap_or(end))
    }
}

/// A straight piece of a timeline.
#[derive(Debug, Clone, Copy)]
struct Line(Point, Point);

impl Line {
    /// Rounded down, so that it is not later than the line. Beyond the ends it is
    /// what it is there.
    fn time_at(self, byte: u64) -> u64 {
        let Self(from, to) = self;
        if byte <= from.byte {
            return from.time_ms;
        }
        if byte >= to.byte {
            return to.time_ms;
        }
        let rise = u128::from(to.time_ms.saturating_sub(from.time_ms));
        let part = u128::from(byte - from.byte) * rise / u128::from(to.byte - from.byte);
        from.time_ms + part as u64
    }

    /// The first byte whose time is not before `time_ms`.
    fn byte_at(self, time_ms: u64) -> u64 {
        let Self(from, to) = self;
        if time_ms <= from.time_ms {
            return from.byte;
        }
        if time_ms > to.time_ms {
            return to.byte;
        }
        let rise = u128::from(to.time_ms - from.time_ms);
        let run = u128::from(to.byte.saturating_sub(from.byte));
        let part = (u128::from(time_ms - from.time_ms) * run).div_ceil(rise);
        from.byte + part as u64
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One packet of sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Number of its stream.
    pub stream: u32,
    /// Where it begins; `None` if it lies in the same piece of the container as
    /// the one before it in its stream.
    pub byte: Option<u64>,
    /// Bytes of media in it.
    pub size: u64,
    /// When it is decoded or shown, whichever is earlier, by the file's own clock.
    pub time_ms: i64,
}

/// Packets of one stream at one place: Ogg and MPEG-TS give each the place of
/// the piece it is in.
#[derive(Debug, Clone, Copy)]
struct Run {
    byte: u64,
    end: u64,
}

/// What ffprobe says when it has listed all packets.
#[derive(Debug, Clone, Copy)]
struct Ending {
    /// What the file's own clock shows at the beginning.
    start_ms: Option<i64>,
    /// Bytes at the end that ffmpeg reads on opening.
    tail: u64,
}

/// Makes a [`Timeline`] of a file's packets, in any order and of any number, in
/// bounded memory.
#[derive(Debug)]
pub struct TimelineBuilder {
    size: u64,
    /// Bytes of a bucket.
    width: u64,
    /// For each bucket the earliest packet that ends in it.
    earliest: Vec<Option<i64>>,
    runs: BTreeMap<u32, Run>,
    /// From the first packet to the end of the last.
    media: Option<Range<u64>>,
    /// `None` while there may be more packets.
    ending: Option<Ending>,
}

impl TimelineBuilder {
    /// For a file of `size` bytes.
    pub fn new(size: u64) -> Self {
        let width = size.div_ceil(BUCKETS).max(1);
        Self {
            size,
            width,
            earliest: vec![None; size.div_ceil(width) as usize],
            runs: BTreeMap::new(),
            media: None,
            ending: None,
        }
    }

    /// Takes a line of `ffprobe -of compact` with the sections `packet` and
    /// `format`. What is of no use is ignored.
    pub fn line(&mut self, line: &str) {
        let value = |key: &str| {
            let mut fields = line.trim_end().split('|');
            fields.find_map(|field| field.strip_prefix(key)?.strip_prefix('='))
        };
        let time = |key| value(key).and_then(milliseconds);
        if line.starts_with("format|") {
            self.ending = Some(Ending {
                start_ms: time("start_time"),
                tail: tail_read(value("format_name").unwrap_or_default()),
            });
            return;
        }
        if !matches!(value("codec_type"), Some("video" | "audio")) {
            return;
        }
        let times = [time("pts_time"), time("dts_time")];
        // A cover has no time.
        let Some(time_ms) = times.into_iter().flatten().min() else {
            return;
        };
        let number = |key| value(key).and_then(|text| text.parse().ok());
        self.packet(Packet {
            stream: number("stream_index").unwrap_or(0) as u32,
            byte: number("pos"),
            size: number("size").unwrap_or(0),
            time_ms,
        });
    }

    /// Takes a packet.
    pub fn packet(&mut self, packet: Packet) {
        let known = self.runs.get(&packet.stream).copied();
        let run = match (packet.byte, known) {
            (None, None) => return,
            (Some(byte), Some(run)) if byte != run.byte => Run { byte, end: byte },
            (Some(byte), None) => Run { byte, end: byte },
            (_, Some(run)) => run,
        };
        if run.byte >= self.size {
            return;
        }
        let end = run.end.saturating_add(packet.size.max(1)).min(self.size);
        if known.is_some() || self.runs.len() < MAX_STREAMS {
            self.runs.insert(packet.stream, Run { end, ..run });
        }
        let bucket = &mut self.earliest[((end - 1) / self.width) as usize];
        let time_ms = bucket.map_or(packet.time_ms, |time_ms| time_ms.min(packet.time_ms));
        *bucket = Some(time_ms);
        let media = self.media.get_or_insert(run.byte..end);
        *media = media.start.min(run.byte)..media.end.max(end);
    }

    /// The timeline of all packets so far. Without the end of ffprobe's list the
    /// rest of the file is taken to have a constant bitrate and no index.
    pub fn finish(self, duration: Duration) -> Timeline {
        let mut timeline = Timeline::constant(self.size, duration);
        if timeline.duration_ms <= MAX_TIME_MS {
            timeline.points = simplified(&self.corners(timeline.duration_ms));
        }
        timeline.index = self.index();
        timeline
    }

    /// The first byte, and the end of each bucket with the earliest time from that
    /// bucket on: a line through them is nowhere later than a packet.
    fn corners(&self, duration_ms: u64) -> Vec<Point> {
        let beginning = Point::from((0, 0));
        let Some(last) = self.earliest.iter().rposition(Option::is_some) else {
            return vec![beginning];
        };
        let first_ms = self.earliest.iter().flatten().min();
        let ended = self.ending.and_then(|ending| ending.start_ms);
        let start_ms = ended.or(first_ms.copied()).unwrap_or(0);
        let count = match self.ending {
            Some(_) => self.earliest.len(),
            None => last + 1,
        };
        let mut least = duration_ms;
        let mut corners = Vec::with_capacity(count + 1);
        for bucket in (0..count).rev() {
            if let Some(time_ms) = self.earliest[bucket] {
                let time_ms = time_ms.saturating_sub(start_ms);
                least = least.min(u64::try_from(time_ms).unwrap_or(0));
            }
            let end = (bucket as u64 + 1).saturating_mul(self.width);
            corners.push(Point::from((end.min(self.size - 1), least)));
        }
        corners.push(beginning);
        corners.reverse();
        corners.dedup_by_key(|corner| corner.byte);
        corners
    }

    fn index(&self) -> Vec<Range<u64>> {
        let Some(media) = &self.media else {
            return Vec::new();
        };
        let head = 0..media.start.min(MAX_INDEX_BYTES);
        let mut ranges = vec![head.clone()];
        if let Some(ending) = self.ending {
            let padding = self.size - media.end < MIN_TAIL;
            let behind = if padding { self.size } else { media.end };
            let read = self.size.saturating_sub(ending.tail);
            let start = behind.min(read).max(head.end);
            let end = start.saturating_add(MAX_INDEX_BYTES);
            ranges.push(start..end.min(self.size));
        }
        ranges.retain(|range| !range.is_empty());
        ranges
    }
}

/// Bytes at the end that ffmpeg reads on opening though no index is there.
fn tail_read(format_name: &str) -> u64 {
    match format_name {
        // The last page tells the duration (`MAX_PAGE_SIZE` in oggdec.c).
        "ogg" => 65_307,
        // The last time stamps do (`DURATION_MAX_READ_SIZE` in demux.c).
        "mpegts" | "mpeg" => 250_000,
        // Tags: ID3v1 and, before it, the footer of APE.
        "mp3" | "aac" => 128 + 32,
        _ => 0,
    }
}

/// `12.345678` in milliseconds, rounded down; `None` for `N/A`.
fn milliseconds(seconds: &str) -> Option<i64> {
    let seconds: f64 = seconds.parse().ok()?;
    let millis = (seconds * 1000.0).floor();
    (millis.abs() < 1e15).then_some(millis as i64)
}

/// A stretch of corners that is to become one straight line, and the corner that
/// lies farthest from it. Ordered by that distance.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    off_ms: u64,
    first: usize,
    farthest: usize,
    last: usize,
}

impl Stretch {
    fn new(corners: &[Point], first: usize, last: usize) -> Self {
        let line = Line(corners[first], corners[last]);
        let off = |at: usize| line.time_at(corners[at].byte).abs_diff(corners[at].time_ms);
        let farthest = (first..=last).max_by_key(|at| off(*at)).unwrap_or(first);
        Self {
            off_ms: off(farthest),
            first,
            farthest,
            last,
        }
    }
}

/// The corners that are needed to tell all of them: the worst stretch is cut at
/// its farthest corner, again and again, until all are near enough or the points
/// used up. `corners` begin at the first byte.
fn simplified(corners: &[Point]) -> Vec<Point> {
    let end = corners.len() - 1;
    let tolerance_ms = TOLERANCE_MS.max(corners[end].time_ms / TOLERANCE_PART);
    let mut kept = vec![0, end];
    let mut stretches = BinaryHeap::from([Stretch::new(corners, 0, end)]);
    while let Some(worst) = stretches.pop() {
        if worst.off_ms <= tolerance_ms || kept.len() == MAX_POINTS {
            break;
        }
        kept.push(worst.farthest);
        stretches.push(Stretch::new(corners, worst.first, worst.farthest));
        stretches.push(Stretch::new(corners, worst.farthest, worst.last));
    }
    kept.sort_unstable();
    lowered(corners, &kept)
}

/// Moves the kept corners to earlier times, each by as much as puts the lines on
/// both its sides under all corners, but not before the beginning.
fn lowered(corners: &[Point], kept: &[usize]) -> Vec<Point> {
    let excess = |pair: &[usize]| {
        let line = Line(corners[pair[0]], corners[pair[1]]);
        let within = corners[pair[0]..=pair[1]].iter();
        let over = within.map(|corner| line.time_at(corner.byte).saturating_sub(corner.time_ms));
        over.max().unwrap_or(0)
    };
    let excess: Vec<u64> = kept.windows(2).map(excess).collect();
    // Times are counted from `zero`, so that none is below 0 in between.
    let zero = excess.iter().copied().max().unwrap_or(0);
    let mut lower = Vec::with_capacity(kept.len());
    let mut least = u64::MAX;
    for (at, corner) in kept.iter().enumerate().rev() {
        let sides = [at.checked_sub(1), Some(at)].into_iter().flatten();
        let over = sides.filter_map(|line| excess.get(line)).max();
        least = least.min(corners[*corner].time_ms + zero - over.unwrap_or(&0));
        lower.push(Point::from((corners[*corner].byte, least)));
    }
    lower.reverse();
    let mut points = Vec::with_capacity(kept.len());
    for line in lower.windows(2) {
        let (from, to) = (line[0], line[1]);
        if to.time_ms <= zero {
            continue;
        }
        if from.time_ms <= zero {
            let begins = Line(from, to).byte_at(zero).min(to.byte - 1);
            points.push(Point::from((begins, 0)));
        }
        points.push(Point::from((to.byte, to.time_ms - zero)));
    }
    points.retain(|point| point.byte > 0);
    points
}

#[cfg(test)]
mod tests;
