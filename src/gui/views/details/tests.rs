//! Texts of the details dialog.

use std::time::Duration;

use engine::ids::{ChunkIndex, FileId};
use engine::media::{
    AudioTrack, ChunkSize, Geometry, MediaInfo, MediaKind, Sidecar, SidecarRole, SubtitleTrack,
    VideoTrack,
};
use engine::store::StoreError;

use super::*;

fn film() -> FileEntry {
    FileEntry {
        id: FileId([1; 32]),
        name: "film.mkv".into(),
        size: 10_000_000,
        chunk_size: 16 << 10,
        info: MediaInfo::new(MediaKind::Video, 20_000),
        sources: 1,
    }
}

fn lines(entry: &FileEntry) -> Vec<String> {
    let fields = info_fields(entry, "").into_iter();
    fields
        .map(|(name, value)| format!("{name}: {value}"))
        .collect()
}

#[test]
fn unknown_properties_are_omitted() {
    let expected = [
        "Duration: 0:20",
        "Size: 9.5 MiB",
        "Bitrate: 4.0 Mbit/s",
        "File: film.mkv",
    ];
    assert_eq!(lines(&film()), expected);
}

#[test]
fn video_and_tracks_are_listed() {
    let mut entry = film();
    entry.info.video = Some(VideoTrack {
        codec: "h264".into(),
        width: 1280,
        height: 720,
        millifps: 23_976,
        hdr: true,
        ..VideoTrack::default()
    });
    let track = |language: &str| AudioTrack {
        codec: "aac".into(),
        language: language.into(),
        channels: 2,
        ..AudioTrack::default()
    };
    entry.info.audio = vec![track("eng"), track("deu")];
    entry.info.subtitles = vec![SubtitleTrack {
        codec: "ass".into(),
        language: "eng".into(),
        forced: true,
        ..SubtitleTrack::default()
    }];
    entry.info.sidecars = vec![Sidecar {
        role: SidecarRole::Subtitles,
        id: FileId([2; 32]),
        size: 1,
        pictures: 0,
        language: "de".into(),
    }];
    let expected = [
        "Video: 1280 × 720, H.264, 23.98 fps, HDR",
        "Audio: English · AAC · stereo\nGerman · AAC · stereo",
        "Subtitles: English · forced\nGerman",
    ];
    assert_eq!(lines(&entry)[1..4], expected);
}

#[test]
fn sources_beyond_the_limit_are_counted() {
    let names = |count: usize| (0..count).map(|i| format!("p{i}")).collect::<Vec<_>>();
    assert_eq!(source_names(names(2), 2), "p0, p1");
    assert_eq!(source_names(names(2), 5), "p0, p1 and 3 more");
    assert_eq!(source_names(Vec::new(), 3), "3 sources");
    assert_eq!(source_names(Vec::new(), 0), "no sources");
    assert!(source_names(names(12), 12).ends_with(" and 4 more"));
}

#[test]
fn download_text_shows_progress_and_cause_of_a_wait() {
    let mut stream = StreamSnapshot {
        file: FileId([1; 32]),
        geometry: Geometry::new(100 * (16 << 10), ChunkSize::MIN),
        have: (0..25).collect(),
        in_flight: Default::default(),
        available: (0..100).collect(),
        read: false,
        position: ChunkIndex(0),
        buffer: Duration::ZERO,
        supplied: Vec::new(),
        duplicate_bytes: 0,
        problem: None,
        stalled: None,
        stalls: Default::default(),
    };
    assert_eq!(download_text(&stream), "25 % downloaded");
    stream.problem = Some(StoreError::QuotaFull);
    let expected = "Waiting at 25 %: storage limit reached: all content is in use or kept";
    assert_eq!(download_text(&stream), expected);
}
