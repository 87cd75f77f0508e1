//! Timelines as differences: most varints then have one to four bytes.

use std::time::Duration;

use engine::media::Timeline;
use engine::media::{MAX_INDEX_RANGES, MAX_POINTS};

use crate::wire::WireError;
use crate::wire::convert::proto;

/// `None` for a constant bitrate, which is implied.
pub(super) fn to_proto(timeline: &Timeline) -> Option<proto::Timeline> {
    let points = || timeline.points().iter();
    let ranges = timeline.index_ranges().iter();
    let said = proto::Timeline {
        bytes: differences(points().map(|point| point.byte)),
        times_ms: differences(points().map(|point| point.time_ms)),
        index: differences(ranges.flat_map(|range| [range.start, range.end])),
    };
    (said != proto::Timeline::default()).then_some(said)
}

/// Reads the timeline of a file.
pub(super) fn from_proto(entry: &proto::FileEntry) -> Result<Timeline, WireError> {
    let duration = Duration::from_millis(entry.duration_ms);
    let Some(said) = &entry.timeline else {
        return Ok(Timeline::constant(entry.size, duration));
    };
    if said.bytes.len() > MAX_POINTS || said.index.len() > 2 * MAX_INDEX_RANGES {
        return Err(WireError::Violation("too many timeline points"));
    }
    let impossible = WireError::Violation("invalid timeline");
    if said.bytes.len() != said.times_ms.len() || said.index.len() % 2 != 0 {
        return Err(impossible);
    }
    let lists = [&said.bytes, &said.times_ms, &said.index].map(|list| sums(list));
    let [Some(bytes), Some(times), Some(edges)] = lists else {
        return Err(impossible);
    };
    let points = bytes.into_iter().zip(times).map(Into::into).collect();
    let index = edges.chunks_exact(2).map(|edge| edge[0]..edge[1]).collect();
    Timeline::checked(points, index, entry.size, duration).ok_or(impossible)
}

/// Of values that do not descend.
fn differences(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut last = 0;
    let less = values.map(|value| value.saturating_sub(std::mem::replace(&mut last, value)));
    less.collect()
}

/// Undoes [`differences`]; `None` if the numbers are too large.
fn sums(differences: &[u64]) -> Option<Vec<u64>> {
    let mut sum = 0_u64;
    let add = |difference: &u64| {
        sum = sum.checked_add(*difference)?;
        Some(sum)
    };
    differences.iter().map(add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn entry(timeline: Option<proto::Timeline>) -> proto::FileEntry {
        proto::FileEntry {
            size: 1 << 30,
            duration_ms: 60_000,
            timeline,
            ..Default::default()
        }
    }

    #[test]
    fn timeline_survives_the_wire() {
        let points = vec![(5000, 0).into(), (70_000, 900).into(), (70_001, 900).into()];
        let index = vec![0..48, 1_000_000..1_500_000];
        let timeline = Timeline::checked(points, index, 1 << 30, MINUTE).expect("possible");
        let said = to_proto(&timeline).expect("not constant");
        assert_eq!(said.bytes, [5000, 65_000, 1]);
        assert_eq!(said.index, [0, 48, 999_952, 500_000]);
        assert_eq!(from_proto(&entry(Some(said))).expect("possible"), timeline);
    }

    #[test]
    fn constant_bitrate_is_left_out() {
        let constant = Timeline::constant(1 << 30, MINUTE);
        assert_eq!(to_proto(&constant), None);
        assert_eq!(to_proto(&Timeline::default()), None);
        assert_eq!(from_proto(&entry(None)).expect("possible"), constant);
    }

    #[test]
    fn impossible_timeline_is_refused() {
        let refused = |bytes: &[u64], times_ms: &[u64], index: &[u64]| {
            let said = proto::Timeline {
                bytes: bytes.to_vec(),
                times_ms: times_ms.to_vec(),
                index: index.to_vec(),
            };
            from_proto(&entry(Some(said))).is_err()
        };
        assert!(!refused(&[1, 1], &[0, 5], &[0, 48, 0, 9]));
        assert!(refused(&[1, 1], &[0], &[]), "a byte without a time");
        assert!(refused(&[], &[], &[5]), "a range without an end");
        assert!(refused(&[1, u64::MAX], &[0, 0], &[]), "too large");
        assert!(refused(&[1, 0], &[0, 0], &[]), "a byte twice");
        let many = [1; MAX_POINTS + 1];
        assert!(refused(&many, &many, &[]), "too many points");
    }
}
