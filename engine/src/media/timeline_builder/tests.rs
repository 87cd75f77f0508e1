//! Tests of the timeline builder.

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

/// Timeline of contiguous packets, `(size, time_ms)` each.
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
fn busy_scene_has_more_bytes_per_second() {
    // Ten quiet seconds of 1 kB each, then ten busy seconds of 9 kB each.
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
fn header_and_trailing_index_are_index_ranges() {
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
fn trailing_padding_is_ignored_and_long_index_cut() {
    let padded = built(&[(1000, 0), (1000, 1000)], 63, SECOND * 2);
    assert!(padded.index_ranges().is_empty());
    let long = built(&[(1000, 0), (1000, 1000)], 1 << 30, SECOND * 2);
    let index = 2000..2000 + MAX_INDEX_BYTES;
    assert_eq!(long.index_ranges(), std::slice::from_ref(&index));
}

#[test]
fn ogg_tail_is_an_index_range() {
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
fn subtitles_data_and_covers_are_ignored() {
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
fn times_are_relative_to_container_start_time() {
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
fn video_before_all_audio_is_due_at_time_zero() {
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
fn truncated_packet_list_gives_partial_timeline() {
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
fn wild_bitrate_error_stays_within_seconds() {
    let mut packets = Vec::new();
    for frame in 0..7200 * 4 {
        // Scenes of two seconds; the busiest has 40 times the bytes of the quietest.
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
fn malformed_ffprobe_lines_give_a_valid_timeline() {
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
        let (points, index) = (timeline.points().to_vec(), timeline.index_ranges().to_vec());
        let taken = Timeline::checked(points, index, size, SECOND);
        assert_eq!(taken, Some(timeline), "{size}");
    }
}

/// Two interleaved streams with random times and gaps.
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
    fn time_at_is_never_later_than_any_packet(
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
}
