//! What people read.

use std::collections::BTreeMap;

use engine::fixtures::{film, video_track};
use engine::ids::{FileId, PeerId};
use engine::media::{AudioTrack, ChunkSize, Geometry, Sidecar, SidecarRole, VideoTrack};
use engine::protocol::PathReason;
use engine::scheduler::Supply;
use engine::store::StoreError;

use super::*;
use crate::tracker_client::LinkFailure;

fn entry(id: u8, title: &str, size: u64) -> FileEntry {
    let mut film = film(id, &format!("{title}.mp4"));
    film.size = size;
    film.sources = u32::from(id);
    film.info.duration_ms = 60_000;
    film.info.video = Some(VideoTrack {
        millifps: 30_000,
        ..video_track(640, 360)
    });
    film.info.title = title.into();
    film
}

/// A stream of 100 chunks.
pub fn stream(have: std::ops::Range<u32>, available: std::ops::Range<u32>) -> StreamSnapshot {
    StreamSnapshot {
        file: FileId([1; 32]),
        geometry: Geometry::new(100 * (16 << 10), ChunkSize::MIN),
        have: have.collect(),
        in_flight: RoaringBitmap::new(),
        available: available.collect(),
        read: true,
        position: ChunkIndex(0),
        buffer: Duration::from_secs(20),
        supplied: Vec::new(),
        duplicate_bytes: 0,
        problem: None,
        stalled: None,
        stalls: BTreeMap::new(),
    }
}

#[test]
fn the_bar_never_looks_better_than_it_is() {
    let stream = stream(0..55, 0..100);
    let cells = cells(&stream, 10);
    assert_eq!(cells[..5], [Held::Here; 5]);
    assert_eq!(cells[5], Held::InSwarm, "half here is not here");
    let segments = segments(&cells);
    assert_eq!(
        segments,
        [(0.0, 0.5, Held::Here), (0.5, 1.0, Held::InSwarm)]
    );
}

#[test]
fn all_four_states_are_told_apart() {
    let mut stream = stream(0..25, 0..75);
    stream.in_flight = (25..50).collect();
    let states = [Held::Here, Held::Coming, Held::InSwarm, Held::Nobody];
    assert_eq!(cells(&stream, 4), states);
}

#[test]
fn the_verdict_names_the_risk() {
    let rest = |rate| Rest {
        rate,
        left: Duration::from_secs(100),
    };
    let fast = rest(10_000_000);
    let verdict = |stream: &StreamSnapshot| verdict(stream, fast);
    assert_eq!(
        verdict(&stream(0..100, 0..0)),
        ("Fully buffered".into(), false)
    );
    assert_eq!(verdict(&stream(0..50, 0..100)).0, "Smooth playback");
    assert_eq!(
        verdict(&stream(0..50, 0..90)),
        ("Rest unavailable".into(), true)
    );
    let mut low = stream(0..1, 0..100);
    low.buffer = Duration::from_secs(1);
    assert!(verdict(&low).1);
    low.problem = Some(StoreError::DiskFull);
    assert_eq!(verdict(&low).0, "the disk is full");
    let mut coming = stream(0..10, 0..100);
    coming.buffer = Duration::from_secs(10);
    let bytes = 90 * u64::from(coming.geometry.chunk_size().bytes());
    let at = |rate| crate::gui::models::stream_map::verdict(&coming, rest(rate));
    assert_eq!(at(bytes / 100), ("Smooth playback".into(), false));
    assert!(at(bytes / 200).1 && at(bytes / 200).0.starts_with("Too slow: "));
    let mut much = coming.clone();
    much.buffer = Duration::from_secs(60);
    assert!(
        !crate::gui::models::stream_map::verdict(&much, rest(0)).1,
        "no more is asked for"
    );
}

#[test]
fn the_buffer_is_what_lies_ahead_of_the_player_not_of_its_decoders() {
    let minute = Duration::from_secs(100);
    let timeline = Timeline::constant(100 * (16 << 10), minute);
    let at = |second: u64| {
        from_playhead(
            &stream(0..50, 0..100),
            &timeline,
            Duration::from_secs(second),
        )
    };
    assert_eq!(at(20).buffer, Duration::from_secs(30));
    assert_eq!(at(20).position, ChunkIndex(20));
    assert_eq!(at(60).buffer, Duration::ZERO);
    assert_eq!(
        from_playhead(&stream(0..100, 0..0), &timeline, minute).position,
        ChunkIndex(99)
    );
}

#[test]
fn the_seek_bar_tells_time_and_not_bytes() {
    // The first tenth of the time takes half of the bytes.
    let (size, length) = (100 * (16 << 10), Duration::from_secs(100));
    let points = vec![(size / 2, 10_000).into()];
    let timeline = Timeline::checked(points, Vec::new(), size, length).expect("possible");
    let half = stream(0..50, 0..100);
    let in_time = cells_in_time(&half, &timeline, length, 10);
    assert_eq!(in_time[0], Held::Here);
    assert_eq!(in_time[1..], [Held::InSwarm; 9]);
    let all_but_the_last = stream(0..99, 0..100);
    let in_time = cells_in_time(&all_but_the_last, &timeline, length, 10);
    assert_eq!(in_time[9], Held::InSwarm, "nothing looks better than it is");
    let ahead = from_playhead(&half, &timeline, Duration::from_secs(4));
    assert_eq!(ahead.buffer, Duration::from_secs(6));
}

#[test]
fn the_split_adds_up() {
    let mut stream = stream(0..50, 0..100);
    let supply = |id: u8, origin, bytes| Supply {
        peer: PeerId([id; 16]),
        name: String::new(),
        origin,
        bytes,
    };
    stream.supplied = vec![supply(1, false, 900), supply(2, true, 100)];
    let (share, text) = split(&stream);
    assert!((share - 0.9).abs() < 1e-6);
    assert_eq!(text, "90 % from viewers, 10 % from the server");
}

#[test]
fn figures_read_well() {
    assert_eq!(timestamp(Duration::from_secs(3723)), "1:02:03");
    assert_eq!(megabits(525_000), "4.2");
    assert_eq!(
        (rtt(Some(300)), rtt(Some(2600)), rtt(None)),
        ("<1 ms".into(), "3 ms".into(), "–".into())
    );
    assert_eq!(detail(&entry(1, "x", 1)), "360p · H.264");
    assert_eq!(sources(0), "no sources");
}

#[test]
fn languages_are_counted_not_tracks() {
    let mut film = entry(1, "x", 1);
    let spoken = |language: &str| AudioTrack {
        language: language.into(),
        ..AudioTrack::default()
    };
    film.info.audio = ["eng", "eng", ""].map(spoken).into();
    assert_eq!(detail(&film), "360p · H.264");
    film.info.audio.push(spoken("deu"));
    assert_eq!(detail(&film), "360p · H.264 · 2 languages");
}

#[test]
fn subtitles_beside_a_film_are_subtitles_too() {
    let mut film = entry(1, "x", 1);
    film.info.sidecars = vec![Sidecar {
        role: SidecarRole::Subtitles,
        id: FileId([2; 32]),
        size: 1,
        pictures: 0,
        language: "en".into(),
    }];
    assert_eq!(detail(&film), "360p · H.264 · subtitles");
    film.info.sidecars[0].role = SidecarRole::Waveform;
    assert_eq!(detail(&film), "360p · H.264");
}

#[test]
fn an_empty_list_says_why() {
    let link = |state, listed| TrackerLink {
        state,
        listed,
        ..TrackerLink::default()
    };
    let refused = LinkState::Unreachable(LinkFailure::Closed);
    let up = link(LinkState::Online, true);
    let text = |state, total, search| {
        let link = link(state, true);
        empty_text(MediaKind::Audio, &link, total, search, Only::All).0
    };
    let nothing = |link| empty_text(MediaKind::Audio, &link, 0, "", Only::All).0;
    let connecting = link(LinkState::Connecting, false);
    assert_eq!(nothing(connecting), "Loading library");
    assert_eq!(nothing(link(LinkState::Online, false)), "Loading library");
    assert_eq!(nothing(link(refused, false)), "Cannot reach the tracker");
    assert_eq!(text(LinkState::Online, 0, ""), "No songs yet");
    assert_eq!(text(refused, 0, ""), "Cannot reach the tracker");
    assert_eq!(text(LinkState::Online, 3, "xyz"), "No songs match “xyz”");
    let only = |only| empty_text(MediaKind::Audio, &up, 5, "", only).0;
    assert_eq!(only(Only::Unseen), "No unplayed songs");
    assert_eq!(only(Only::Here), "Nothing on this device");
    // What is searched comes first, and so does that there is nothing at all.
    let searched = empty_text(MediaKind::Audio, &up, 5, "x", Only::Here).0;
    assert_eq!(searched, text(LinkState::Online, 5, "x"));
    let nothing = empty_text(MediaKind::Audio, &up, 0, "", Only::Here).0;
    assert_eq!(nothing, text(LinkState::Online, 0, ""));
}

#[test]
fn a_swarm_is_of_those_who_have_to_do_with_the_file() {
    let stream = stream(0..10, 0..100);
    let named = |file: Option<FileId>| PeerSnapshot {
        peer: PeerId([7; 16]),
        name: "attic".into(),
        address: ([127, 0, 0, 1], 1).into(),
        origin: false,
        rtt_us: None,
        download_rate: 0,
        upload_rate: 0,
        downloaded: 0,
        uploaded: 0,
        taking: None,
        reasons: file
            .map(|file| (file, vec![PathReason::HasAll]))
            .into_iter()
            .collect(),
    };
    let (this, other) = (named(Some(stream.file)), named(Some(FileId([9; 32]))));
    assert!(takes_part(&stream, &this) && takes_part(&stream, &named(None)));
    assert!(!takes_part(&stream, &other));
    let taking = Some(stream.file);
    let takes = PeerSnapshot { taking, ..other };
    assert!(takes_part(&stream, &takes));
}
