//! Bytes of a media file ↔ time.
//!
//! Bitrates vary, so the position of a chunk in the file does not tell when it is
//! played. The seed lists all packets with ffprobe once; [`TimelineBuilder`] reduces
//! them to at most [`MAX_POINTS`] points, which travel in the catalogue. Viewers ask
//! the [`Timeline`] for the time at which a byte is needed.
//!
//! The timeline is a bound, not an average: `time_at(byte)` is never later than the
//! earliest time of any audio or video packet that ends after `byte`. Equivalently,
//! everything needed to play up to `t` lies before `byte_at(t)`. Time is linear
//! between two points. Consequences:
//!
//! * If video and audio of one moment are stored apart, the bytes between them get
//!   the time of the packet that is played first. In the extreme case, with all audio
//!   behind all video, all video is due at time 0: early but never late, and a
//!   scheduler that requests equal times in file order still does the right thing.
//! * Only audio and video count. A subtitle or a time code at the end of the file
//!   does not delay anything.
//! * Ogg and MPEG-TS split packets and do not record where they end. The bound holds
//!   there to within a packet or two.
//!
//! Bytes outside packets are read by players before playback: the header, and
//! everything behind the last packet (the index of an mp4, the cues of an mkv). They
//! are the [`Timeline::index_ranges`], which are fetched at once and together, so that
//! an index at the end costs one round trip. Header and tail also have a time (the
//! first and the last), which such a fetch overrides.
//!
//! [`TimelineBuilder`]: crate::media::TimelineBuilder

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most points of a file: about 3 KiB in the catalogue. For a two-hour film whose
/// bitrate changes with every scene, the error stays within seconds.
pub const MAX_POINTS: usize = 512;
/// Most index ranges of a file. The builder makes at most two.
pub const MAX_INDEX_RANGES: usize = 8;
/// Longest index range, in bytes. A two-hour mp4 of 30 frames per second with one
/// audio track had an index of 7.5 MB.
pub const MAX_INDEX_BYTES: u64 = 16 << 20;
/// Longest media that has points, in milliseconds (49 days). Bounds the length of the
/// points' varints on the wire.
pub(super) const MAX_TIME_MS: u64 = u32::MAX as u64;

/// Byte offset and the time from which it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Point {
    /// Offset in the file.
    pub byte: u64,
    /// Time from the start of the media, in milliseconds.
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

/// Time at which each byte of a file is needed.
///
/// Two points are implicit: byte 0 at time 0, and the end of the file at the end of
/// the media. Without further points the bitrate is constant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timeline {
    size: u64,
    duration_ms: u64,
    /// Bytes strictly ascending, times never descending.
    points: Vec<Point>,
    /// Ascending, not overlapping.
    index: Vec<Range<u64>>,
}

impl Timeline {
    /// Timeline of constant bitrate, for a file whose packets are unknown.
    pub fn constant(size: u64, duration: Duration) -> Self {
        Self {
            size,
            duration_ms: millis(duration),
            ..Self::default()
        }
    }

    /// Timeline of points and index ranges that satisfy [`Self::checked`].
    pub(super) fn from_parts(
        size: u64,
        duration: Duration,
        points: Vec<Point>,
        index: Vec<Range<u64>>,
    ) -> Self {
        Self {
            size,
            duration_ms: millis(duration),
            points,
            index,
        }
    }

    /// Validates a timeline from outside; `None` if it is impossible for a file of this
    /// size and duration.
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

    /// True if it was made for a file of this size and duration. The default timeline
    /// fits no file.
    pub fn fits(&self, size: u64, duration: Duration) -> bool {
        (self.size, self.duration_ms) == (size, millis(duration))
    }

    /// Points between the two implicit ones.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Bytes that players read before playback.
    pub fn index_ranges(&self) -> &[Range<u64>] {
        &self.index
    }

    /// Time by which a byte is needed: no later byte is played earlier. A chunk is
    /// needed by the time of its first byte.
    pub fn time_at(&self, byte: u64) -> Duration {
        let after = self.points.partition_point(|point| point.byte <= byte);
        Duration::from_millis(self.line(after).time_at(byte))
    }

    /// First byte that is not needed to play up to `time`. A player that seeks there
    /// starts at the preceding key frame, a few seconds earlier.
    pub fn byte_at(&self, time: Duration) -> u64 {
        let time_ms = millis(time.saturating_add(Duration::from_nanos(999_999)));
        let after = self.points.partition_point(|point| point.time_ms < time_ms);
        self.line(after).byte_at(time_ms)
    }

    /// Segment that ends at point `after`.
    fn line(&self, after: usize) -> Line {
        let before = after.checked_sub(1).map(|before| self.points[before]);
        let beginning = Point::from((0, 0));
        let end = Point::from((self.size, self.duration_ms));
        let to = self.points.get(after).copied();
        Line(before.unwrap_or(beginning), to.unwrap_or(end))
    }
}

/// Linear segment of a timeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line(pub Point, pub Point);

impl Line {
    /// Time at a byte, rounded down so that it is never later than the segment.
    /// Clamped to the ends.
    pub fn time_at(self, byte: u64) -> u64 {
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

    /// First byte whose time is not before `time_ms`.
    pub fn byte_at(self, time_ms: u64) -> u64 {
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

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn bitrate_is_constant_without_points() {
        let timeline = Timeline::constant(1000, SECOND * 10);
        assert_eq!(timeline.time_at(500), SECOND * 5);
        assert_eq!(timeline.time_at(5000), SECOND * 10);
        assert_eq!(timeline.byte_at(SECOND * 5), 500);
        assert_eq!(timeline.byte_at(SECOND * 50), 1000);
        assert_eq!(timeline.byte_at(Duration::MAX), 1000);
        assert!(timeline.fits(1000, SECOND * 10));
        assert!(!Timeline::default().fits(1000, SECOND * 10));
    }

    #[test]
    fn checked_rejects_impossible_timelines() {
        let checked = |points: &[(u64, u64)], index: &[Range<u64>]| {
            let points = points.iter().copied().map(Point::from).collect();
            Timeline::checked(points, index.to_vec(), 1 << 30, SECOND * 10)
        };
        assert!(checked(&[], &[]).is_some());
        assert!(checked(&[(1, 0), (2, 0), (3, 10_000)], &[0..5, 5..6]).is_some());
        assert!(checked(&[(0, 0)], &[]).is_none(), "the first byte");
        assert!(checked(&[(1 << 30, 0)], &[]).is_none(), "beyond the end");
        assert!(checked(&[(1, 10_001)], &[]).is_none(), "after the end");
        assert!(checked(&[(2, 0), (2, 1)], &[]).is_none(), "a byte twice");
        assert!(checked(&[(2, 5), (3, 4)], &[]).is_none(), "back in time");
        let empty = Range { start: 5, end: 5 };
        assert!(checked(&[], &[empty]).is_none(), "an empty range");
        assert!(checked(&[], &[0..6, 5..7]).is_none(), "twice the same");
        let beyond = (1 << 30) - 1..(1 << 30) + 1;
        assert!(checked(&[], &[beyond]).is_none(), "beyond the end");
        let long = 0..MAX_INDEX_BYTES + 1;
        assert!(checked(&[], &[long]).is_none(), "the whole file");
        let many: Vec<_> = (1..=MAX_POINTS as u64 + 1).map(|i| (i, 0)).collect();
        assert!(checked(&many, &[]).is_none(), "too many points");
        let many: Vec<_> = (0..=MAX_INDEX_RANGES as u64).map(|i| i..i + 1).collect();
        assert!(checked(&[], &many).is_none(), "too many ranges");
        let endless = Timeline::checked(vec![(1, u64::MAX).into()], vec![], 9, Duration::MAX);
        assert!(endless.is_none(), "a time that bloats the catalogue");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn byte_at_and_time_at_are_inverse(
            mut bytes in prop::collection::btree_set(1..100_000_u64, 0..50),
            times in prop::collection::vec(0..100_000_u64, 50),
            byte in 0..110_000_u64,
            time in 0..110_000_u64,
        ) {
            bytes.retain(|byte| *byte < 100_000);
            let mut times = times;
            times.sort_unstable();
            let points = bytes.into_iter().zip(times).map(Point::from).collect();
            let size = 100_000;
            let timeline = Timeline::checked(points, vec![], size, SECOND * 100).expect("possible");
            prop_assert!(timeline.time_at(byte) <= timeline.time_at(byte + 1));

            let time = Duration::from_millis(time);
            let first = timeline.byte_at(time);
            prop_assert!(first <= size);
            if time <= SECOND * 100 {
                prop_assert!(timeline.time_at(first) >= time);
            }
            if first > 0 {
                prop_assert!(timeline.time_at(first - 1) < time);
            }
        }
    }
}
