//! A byte is never said to be needed later than it is, whatever the file.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const END_OF_MP4: &str = "format|format_name=mov,mp4,m4a,3gp,3g2,mj2|start_time=0.000000";

fn packet(stream: u32, byte: u64, size: u64, time_ms: i64) -> Packet {
    Packet {
        stream,
        byte: Some(byte),
        size,
        time_ms,
    }
}

/// A file of packets that follow each other, `(size, time_ms)` each.
fn built(packets: &[(u64, i64)], tail: u64, duration: Duration) -> Timeline {
    let size = packets.iter().map(|(size, _)| size).sum::<u64>() + tail;
    let mut builder = TimelineBuilder::new(size);
    let mut byte = 0;
    for (size, time_ms) in packets {
        builder.packet(packet(0, byte, *size, *time_ms));
        byte += size;
    }
    builder.line(END_OF_MP4);
    builder.finish(duration)
}

fn near(time: Duration, expected: Duration) -> bool {
    let tolerance = Duration::from_millis(2 * TOLERANCE_MS);
    time <= expected && time + tolerance >= expected
}

#[test]
fn without_points_the_bitrate_is_constant() {
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
fn a_busy_scene_has_more_bytes_for_its_time() {
    // Ten quiet seconds of 1 kB each and ten busy ones of 9 kB.
    let quiet = (0..100).map(|i| (100, i * 100));
    let busy = (100..200).map(|i| (900, i * 100));
    let packets: Vec<_> = quiet.chain(busy).collect();
    let timeline = built(&packets, 0, SECOND * 20);
    assert!(near(timeline.time_at(5000), SECOND * 5), "{timeline:?}");
    assert!(near(timeline.time_at(10_000), SECOND * 10), "{timeline:?}");
    assert!(near(timeline.time_at(55_000), SECOND * 15), "{timeline:?}");
    assert!(timeline.points().len() < 6, "{timeline:?}");
    let average = Timeline::constant(100_000, SECOND * 20);
    assert_eq!(average.time_at(10_000), SECOND * 2);
}

#[test]
fn the_head_and_an_index_at_the_end_are_found() {
    let mut builder = TimelineBuilder::new(712_888);
    let lines = [
        "packet|codec_type=video|stream_index=0|pts_time=0.000000|dts_time=-0.066667|size=4602|pos=48",
        "packet|codec_type=audio|stream_index=1|pts_time=-0.021333|dts_time=-0.021333|size=370|pos=5018|side_data|",
        "",
        "packet|codec_type=audio|stream_index=1|pts_time=29.994667|dts_time=29.994667|size=237|pos=680226",
        END_OF_MP4,
    ];
    lines.iter().for_each(|line| builder.line(line));
    let timeline = builder.finish(SECOND * 30);
    assert_eq!(timeline.index_ranges(), [0..48, 680_463..712_888]);
    assert_eq!(timeline.time_at(0), Duration::ZERO);
    let in_the_index = timeline.time_at(700_000);
    assert!(near(in_the_index, SECOND * 30), "{in_the_index:?}");
}

#[test]
fn padding_is_no_index_and_a_long_one_is_cut() {
    let padded = built(&[(1000, 0), (1000, 1000)], 63, SECOND * 2);
    assert!(padded.index_ranges().is_empty());
    let long = built(&[(1000, 0), (1000, 1000)], 1 << 30, SECOND * 2);
    let index = 2000..2000 + MAX_INDEX_BYTES;
    assert_eq!(long.index_ranges(), std::slice::from_ref(&index));
}

#[test]
fn what_ffmpeg_reads_at_the_end_of_an_ogg_is_an_index_and_its_pages_are_filled() {
    let mut builder = TimelineBuilder::new(291_079);
    let lines = [
        "packet|codec_type=audio|stream_index=0|pts_time=-0.006500|dts_time=-0.006500|size=356|pos=199",
        "packet|codec_type=audio|stream_index=0|pts_time=0.013500|dts_time=0.013500|size=207|pos=199",
        "packet|codec_type=audio|stream_index=0|pts_time=0.033500|dts_time=0.033500|size=182|pos=N/A",
    ];
    lines.iter().for_each(|line| builder.line(line));
    let page = builder.media.clone();
    assert_eq!(page, Some(199..199 + 356 + 207 + 182));
    builder.packet(packet(0, 290_660, 390, 23_993));
    builder.line("format|format_name=ogg|start_time=0.000000");
    let timeline = builder.finish(SECOND * 24);
    assert_eq!(timeline.index_ranges(), [0..199, 225_772..291_079]);
}

#[test]
fn only_timed_sound_and_picture_count() {
    let mut builder = TimelineBuilder::new(100_000);
    for second in 0..100 {
        builder.packet(packet(0, second * 1000, 1000, second as i64 * 1000));
    }
    let lines = [
        // A time code, a subtitle and a cover, all at the end.
        "packet|codec_type=data|stream_index=1|pts_time=0.000000|dts_time=0.000000|size=4|pos=99996",
        "packet|codec_type=subtitle|stream_index=2|pts_time=0.000000|dts_time=0.000000|size=9|pos=99990",
        "packet|codec_type=video|stream_index=3|pts_time=N/A|dts_time=N/A|size=5381|pos=90000",
        END_OF_MP4,
    ];
    lines.iter().for_each(|line| builder.line(line));
    let timeline = builder.finish(SECOND * 100);
    let middle = timeline.time_at(50_999);
    assert!(near(middle, SECOND * 50), "{timeline:?}");
}

#[test]
fn a_recording_begins_at_zero_whatever_its_clock_shows() {
    let mut builder = TimelineBuilder::new(100_000);
    for second in 0..100 {
        let time_ms = 36_000_000 + second as i64 * 1000;
        builder.packet(packet(0, second * 1000, 1000, time_ms));
    }
    builder.line("format|format_name=mpegts|start_time=36000.000000");
    let timeline = builder.finish(SECOND * 100);
    assert!(near(timeline.time_at(50_999), SECOND * 50), "{timeline:?}");
}

#[test]
fn with_all_sound_behind_all_pictures_the_pictures_are_due_at_once() {
    let mut builder = TimelineBuilder::new(1_100_000);
    for second in 0..100 {
        let time_ms = second as i64 * 1000;
        builder.packet(packet(0, second * 10_000, 10_000, time_ms));
        builder.packet(packet(1, 1_000_000 + second * 1000, 1000, time_ms));
    }
    builder.line(END_OF_MP4);
    let timeline = builder.finish(SECOND * 100);
    assert_eq!(timeline.time_at(900_000), Duration::ZERO);
    assert!(timeline.byte_at(SECOND) > 1_000_000);
    let sound = timeline.time_at(1_050_999);
    assert!(near(sound, SECOND * 50), "{timeline:?}");
}

#[test]
fn a_list_that_breaks_off_tells_what_it_told() {
    let mut builder = TimelineBuilder::new(1_000_000);
    for second in 0..50 {
        builder.packet(packet(0, 500 + second * 1000, 1000, second as i64 * 1000));
    }
    let timeline = builder.finish(SECOND * 100);
    assert!(near(timeline.time_at(25_499), SECOND * 24), "{timeline:?}");
    assert!(timeline.time_at(500_000) > SECOND * 60, "{timeline:?}");
    assert_eq!(timeline.index_ranges(), std::slice::from_ref(&(0..500)));
}

#[test]
fn a_wild_film_is_told_to_within_seconds() {
    let mut packets = Vec::new();
    for frame in 0..7200 * 4 {
        // Scenes of two seconds, the busiest with 40 times the bytes of the
        // quietest.
        let scene = frame / 8;
        packets.push((1000 + (scene * 7919 % 40) * 1000, frame as i64 * 250));
    }
    let timeline = built(&packets, 4 << 20, SECOND * 7200);
    let mut byte = 0;
    for (size, time_ms) in packets {
        byte += size;
        let needed = Duration::from_millis(time_ms as u64);
        let said = timeline.time_at(byte - 1);
        assert!(said <= needed && said + SECOND * 5 > needed, "{byte}");
    }
    assert_eq!(timeline.points().len(), MAX_POINTS);
}

#[test]
fn what_is_impossible_is_refused() {
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

#[test]
fn nonsense_of_ffprobe_does_no_harm() {
    for size in [0, 1, 2, 64, u64::MAX] {
        let mut builder = TimelineBuilder::new(size);
        for line in [
            "",
            "|||=|",
            "packet|codec_type=video",
            "packet|codec_type=video|pts_time=inf|pos=0",
            "packet|codec_type=video|pts_time=1e300|pos=0|size=1",
            "packet|codec_type=video|pts_time=-999999999|pos=0|size=18446744073709551615",
            "packet|codec_type=video|pts_time=9|pos=18446744073709551614|size=9",
            "packet|codec_type=audio|stream_index=99999999999|pts_time=3|pos=1|size=0",
            "format|format_name=ogg|start_time=N/A",
        ] {
            builder.line(line);
        }
        let timeline = builder.finish(SECOND);
        let _ = (timeline.time_at(size / 2), timeline.byte_at(SECOND / 2));
        let (points, index) = (timeline.points.clone(), timeline.index.clone());
        let taken = Timeline::checked(points, index, size, SECOND);
        assert_eq!(taken, Some(timeline), "{size}");
    }
}

/// Two interleaved streams with bytes and times as they come, and other things
/// between them.
fn packets() -> impl Strategy<Value = Vec<(u32, u64, u64, i64)>> {
    let packet = (0..2_u32, 0..20_u64, 1..5000_u64, -500..60_000_i64);
    prop::collection::vec(packet, 1..400).prop_map(|packets| {
        let mut byte = 0;
        let place = |(stream, gap, size, time_ms)| {
            let start = byte + gap;
            byte = start + size;
            (stream, start, size, time_ms)
        };
        packets.into_iter().map(place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_needed_before_its_time(
        mut packets in packets(),
        ordered in any::<bool>(),
        tail in 1..100_000_u64,
    ) {
        if ordered {
            let mut times: Vec<i64> = packets.iter().map(|packet| packet.3).collect();
            times.sort_unstable();
            packets.iter_mut().zip(times).for_each(|(packet, time)| packet.3 = time);
        }
        let size = packets.last().map_or(0, |packet| packet.1 + packet.2) + tail;
        let mut builder = TimelineBuilder::new(size);
        for (stream, start, length, time_ms) in &packets {
            builder.packet(packet(*stream, *start, *length, *time_ms));
        }
        builder.line(END_OF_MP4);
        let duration = SECOND * 50;
        let timeline = builder.finish(duration);

        for (_, start, length, time_ms) in &packets {
            let needed = Duration::from_millis((*time_ms).max(0) as u64);
            let last = start + length - 1;
            prop_assert!(timeline.time_at(last) <= needed);
            if needed < duration {
                let after = needed + Duration::from_millis(1);
                prop_assert!(timeline.byte_at(after) > last);
            }
        }
        let points = timeline.points().to_vec();
        let index = timeline.index_ranges().to_vec();
        let taken = Timeline::checked(points, index, size, duration);
        prop_assert_eq!(taken.as_ref(), Some(&timeline));
    }

    #[test]
    fn bytes_and_times_are_each_others_inverse(
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
