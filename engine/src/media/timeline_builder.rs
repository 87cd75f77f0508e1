//! A timeline from the packets that ffprobe lists.

use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;
use std::time::Duration;

use crate::media::timeline::{
    Line, MAX_INDEX_BYTES, MAX_POINTS, MAX_TIME_MS, Point, Timeline, millis,
};

/// Bytes behind the last packet that are too few for an index: padding, or the end of
/// a packet's framing.
const MIN_TAIL: u64 = 64;
/// Buckets that packets are sorted into, about as many as a two-hour film has chunks.
/// They take 1 MiB while a timeline is built.
const BUCKETS: u64 = 1 << 16;
/// Tolerated error in milliseconds. The scheduler's margins are larger, so a smaller
/// error would only cost points.
const TOLERANCE_MS: u64 = 250;
/// Tolerated error of long media, as a fraction of the duration: 0.9 s in 2 h.
const TOLERANCE_PART: u64 = 8192;
/// Streams whose pages are tracked; packets of further streams need an offset.
const MAX_STREAMS: usize = 64;

/// Audio or video packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Stream number.
    pub stream: u32,
    /// Offset of its first byte; `None` if it continues the container page of the
    /// previous packet of its stream.
    pub byte: Option<u64>,
    /// Bytes of payload.
    pub size: u64,
    /// Decoding or presentation time, whichever is earlier, on the container's clock.
    pub time_ms: i64,
}

/// Consecutive packets of one stream that report the same offset: Ogg and MPEG-TS
/// report the offset of the page.
#[derive(Debug, Clone, Copy)]
struct Run {
    byte: u64,
    end: u64,
}

/// Container properties that ffprobe prints after all packets.
#[derive(Debug, Clone, Copy)]
struct Ending {
    /// Start time on the container's clock.
    start_ms: Option<i64>,
    /// Trailing bytes that ffmpeg reads on opening.
    tail: u64,
}

/// Builds a [`Timeline`] from any number of packets in any order, in bounded memory.
#[derive(Debug)]
pub struct TimelineBuilder {
    size: u64,
    /// Bytes per bucket.
    width: u64,
    /// Earliest time of the packets that end in each bucket.
    earliest: Vec<Option<i64>>,
    runs: BTreeMap<u32, Run>,
    /// From the first byte of the first packet to the end of the last.
    media: Option<Range<u64>>,
    /// `None` until all packets are listed.
    ending: Option<Ending>,
}

impl TimelineBuilder {
    /// Builder for a file of `size` bytes.
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

    /// Parses a line of `ffprobe -of compact` of section `packet` or `format`. Other
    /// lines are ignored.
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
        // Packets of covers have no time.
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

    /// Adds a packet.
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

    /// Timeline of all packets so far. If the list was truncated, the rest of the file
    /// is assumed to have a constant bitrate and no index.
    pub fn finish(self, duration: Duration) -> Timeline {
        let duration_ms = millis(duration);
        let points = match duration_ms <= MAX_TIME_MS {
            true => simplified(&self.corners(duration_ms)),
            false => Vec::new(),
        };
        Timeline::from_parts(self.size, duration, points, self.index())
    }

    /// The first byte, and the end of each bucket with the earliest time from that
    /// bucket on. A line through these corners is never later than any packet.
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

/// Trailing bytes that ffmpeg reads on opening, apart from an index.
fn tail_read(format_name: &str) -> u64 {
    match format_name {
        // The last page holds the duration (`MAX_PAGE_SIZE` in oggdec.c).
        "ogg" => 65_307,
        // The last timestamps (`DURATION_MAX_READ_SIZE` in demux.c).
        "mpegts" | "mpeg" => 250_000,
        // Tags: ID3v1, preceded by the APE footer.
        "mp3" | "aac" => 128 + 32,
        _ => 0,
    }
}

/// Parses `12.345678` seconds as milliseconds, rounded down; `None` for `N/A`.
fn milliseconds(seconds: &str) -> Option<i64> {
    let seconds: f64 = seconds.parse().ok()?;
    let millis = (seconds * 1000.0).floor();
    (millis.abs() < 1e15).then_some(millis as i64)
}

/// Corners that become one segment, and the corner farthest from that segment.
/// Ordered by this distance.
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

/// Reduces corners to at most [`MAX_POINTS`]: splits the worst stretch at its farthest
/// corner until all errors are tolerable or the points are used up. `corners` start at
/// the first byte.
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

/// Moves the kept corners to earlier times, each just enough for the segments on both
/// sides to lie below all corners, but not before time 0.
fn lowered(corners: &[Point], kept: &[usize]) -> Vec<Point> {
    let excess = |pair: &[usize]| {
        let line = Line(corners[pair[0]], corners[pair[1]]);
        let within = corners[pair[0]..=pair[1]].iter();
        let over = within.map(|corner| line.time_at(corner.byte).saturating_sub(corner.time_ms));
        over.max().unwrap_or(0)
    };
    let excess: Vec<u64> = kept.windows(2).map(excess).collect();
    // Times are offset by `zero` so that intermediate values stay non-negative.
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
