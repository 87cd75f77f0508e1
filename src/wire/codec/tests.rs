//! Round trips, and what happens to bytes that are not ours.

use std::time::Duration;

use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::{
    AudioTrack, Chapter, ChunkSize, ColourMatrix, FileEntry, Geometry, MediaInfo, MediaKind,
    Sidecar, SidecarRole, SubtitleTrack, Timeline, VideoTrack,
};
use engine::protocol::{
    ByeReason, CatalogueDelta, Hello, MAX_ENTRIES, MAX_REMOVED, PathReason, PeerEntry, Publish,
    RejectReason,
};
use proptest::prelude::*;

use super::*;

fn bytes_of(message: Message) -> BytesMut {
    let frame = Frame::new(message);
    let mut bytes = BytesMut::from(&frame.head[..]);
    bytes.extend_from_slice(&frame.payload);
    bytes
}

fn decode_all(mut bytes: BytesMut) -> Result<Vec<Message>, WireError> {
    let mut codec = WireCodec::default();
    let mut messages = Vec::new();
    while let Some(message) = codec.decode(&mut bytes)? {
        messages.push(message);
    }
    Ok(messages)
}

fn chunk(len: usize) -> Message {
    Message::Chunk {
        file: FileId([3; 32]),
        chunk: ChunkIndex(9),
        proof: Bytes::from(vec![5; 64]),
        payload: Bytes::from(vec![7; len]),
    }
}

/// A file of which everything is known.
fn film() -> FileEntry {
    let sidecar = |role, id, pictures, language: &str| Sidecar {
        role,
        id: FileId([id; 32]),
        size: 9000,
        pictures,
        language: language.into(),
    };
    let chapter = |start_ms, title: &str| Chapter {
        start_ms,
        title: title.into(),
    };
    FileEntry {
        id: FileId([5; 32]),
        name: "film.mkv".into(),
        size: 1 << 20,
        chunk_size: 16 << 10,
        info: MediaInfo {
            title: "Film".into(),
            audio: vec![
                AudioTrack {
                    codec: "aac".into(),
                    language: "eng".into(),
                    channels: 2,
                    title: "Director's commentary".into(),
                    commentary: true,
                    ..AudioTrack::default()
                },
                AudioTrack {
                    described: true,
                    ..AudioTrack::default()
                },
            ],
            subtitles: vec![
                SubtitleTrack {
                    codec: "ass".into(),
                    language: "eng".into(),
                    title: "Signs".into(),
                    forced: true,
                    ..SubtitleTrack::default()
                },
                SubtitleTrack {
                    impaired: true,
                    ..SubtitleTrack::default()
                },
            ],
            track_number: 3,
            disc_number: 2,
            album_artist: "All of them".into(),
            chapters: vec![chapter(0, "Begin"), chapter(30_000, "")],
            gain_cdb: Some(-652),
            sidecars: vec![
                sidecar(SidecarRole::Poster, 6, 0, ""),
                sidecar(SidecarRole::Storyboard, 7, 12, ""),
                sidecar(SidecarRole::Waveform, 8, 0, ""),
                sidecar(SidecarRole::Subtitles, 9, 0, "de"),
            ],
            timeline: Timeline::constant(1 << 20, Duration::from_secs(60)).into(),
            ..MediaInfo::new(MediaKind::Video, 60_000)
        },
        sources: 2,
    }
}

/// A file whose every text is as long as can be, in characters of four bytes.
fn wordy_film() -> FileEntry {
    let long = || "𝄞".repeat(300);
    let audio = AudioTrack {
        codec: long(),
        language: long(),
        channels: u32::MAX,
        title: long(),
        commentary: true,
        described: true,
    };
    let subtitles = SubtitleTrack {
        codec: long(),
        language: long(),
        title: long(),
        forced: true,
        impaired: true,
    };
    let chapter = |start_ms| Chapter {
        start_ms,
        title: long(),
    };
    let sidecar = Sidecar {
        language: long(),
        ..film().info.sidecars[1].clone()
    };
    let end = 1 << 39;
    let duration_ms = 400_000_000;
    let point = |number: u64| (number * (end / 513), number * (duration_ms / 513));
    let points = (1..=512).map(|number| point(number).into()).collect();
    let index = (0..8).map(|number| (number << 30)..(number << 30) + (16 << 20));
    let length = Duration::from_millis(duration_ms);
    let timeline = Timeline::checked(points, index.collect(), end, length);
    FileEntry {
        name: long(),
        size: end,
        chunk_size: 256 << 10,
        info: MediaInfo {
            title: long(),
            artist: long(),
            album: long(),
            video: Some(VideoTrack {
                codec: long(),
                width: u32::MAX,
                height: u32::MAX,
                millifps: u32::MAX,
                interlaced: true,
                hdr: true,
                matrix: ColourMatrix::Other,
            }),
            audio: vec![audio; 100],
            subtitles: vec![subtitles; 100],
            chapters: (0..500).map(|number| chapter(number * 100_000)).collect(),
            sidecars: vec![sidecar; 100],
            gain_cdb: Some(-5000),
            track_number: u32::MAX,
            disc_number: u32::MAX,
            album_artist: long(),
            timeline: timeline.expect("allowed").into(),
            ..MediaInfo::new(MediaKind::Video, duration_ms)
        },
        ..film()
    }
}

#[test]
fn as_many_files_as_are_allowed_fit_a_message_however_wordy() {
    let message = Message::CatalogueDelta(CatalogueDelta {
        changed: vec![wordy_film(); MAX_ENTRIES],
        removed: vec![FileId([1; 32]); MAX_REMOVED],
        ..CatalogueDelta::default()
    });
    let bytes = bytes_of(message);
    let length = bytes.len();
    let decoded = decode_all(bytes).unwrap_or_else(|error| panic!("{length} bytes: {error}"));
    let [Message::CatalogueDelta(delta)] = &decoded[..] else {
        panic!("one delta: {decoded:?}");
    };
    assert_eq!(delta.changed.len(), MAX_ENTRIES);
    let info = &delta.changed[0].info;
    assert_eq!(info.timeline.points().len(), 512);
    // Titles for which there is no room are left out, the tracks are kept.
    let titles = info.audio.iter().map(|track| track.title.chars().count());
    assert_eq!(titles.collect::<Vec<_>>(), [80, 80, 80, 0, 0, 0, 0, 0]);
    assert_eq!(info.subtitles.len(), 16);
}

fn samples() -> Vec<Message> {
    let file = FileId([1; 32]);
    let geometry = Geometry::new(1 << 20, ChunkSize::MIN);
    vec![
        Message::Hello(Hello {
            version: 1,
            peer: PeerId([2; 16]),
            name: "den".into(),
            agent: "swarmplay/0".into(),
            listen_port: Some(7701),
        }),
        Message::Have {
            file,
            geometry,
            chunks: (0..5).chain(9..10).collect(),
        },
        Message::Interested { file, want: true },
        Message::Reject {
            file,
            chunk: ChunkIndex(1),
            reason: RejectReason::Busy(Duration::from_millis(40)),
        },
        chunk(100),
        Message::Bye {
            reason: ByeReason::Corrupt,
            text: "chunk 3".into(),
        },
        Message::PeerList {
            file,
            peers: vec![PeerEntry {
                peer: PeerId([4; 16]),
                name: "attic".into(),
                host: Some([10, 0, 0, 1].into()),
                port: None,
                origin: false,
                reasons: vec![PathReason::HasAll, PathReason::Near],
            }],
        },
        Message::Publish(Publish {
            added: vec![film()],
            ..Publish::default()
        }),
        Message::Heartbeat(77),
    ]
}

#[test]
fn every_sample_survives_the_wire_however_it_is_cut() {
    let mut stream = BytesMut::new();
    samples()
        .into_iter()
        .for_each(|m| stream.extend(bytes_of(m)));
    assert_eq!(decode_all(stream.clone()).expect("decodes"), samples());
    let mut codec = WireCodec::default();
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    for byte in stream {
        buffer.put_u8(byte);
        messages.extend(codec.decode(&mut buffer).expect("decodes"));
    }
    assert_eq!(messages, samples());
}

/// The first bytes of a Request, fixed: a change here breaks older peers.
#[test]
fn golden_bytes_of_a_request() {
    let request = Message::Request {
        file: FileId([0xaa; 32]),
        chunk: ChunkIndex(300),
        deadline: Duration::from_millis(1500),
    };
    let mut golden = vec![0, 0, 0, 43, 42, 0x3a, 40, 0x0a, 32];
    golden.extend([0xaa; 32]);
    golden.extend([0x10, 0xac, 0x02, 0x18, 0xdc, 0x0b]);
    assert_eq!(bytes_of(request.clone()), golden);
    let decoded = decode_all(BytesMut::from(&golden[..])).expect("decodes");
    assert_eq!(decoded, [request]);
}

/// Where the payload of a chunk begins, fixed.
#[test]
fn golden_bytes_of_a_chunk() {
    let bytes = bytes_of(chunk(3));
    let envelope_len = usize::from(bytes[4]);
    assert_eq!(bytes[..4], (1 + envelope_len as u32 + 3).to_be_bytes());
    assert_eq!(bytes[5], 0x4a, "field 9, length-delimited");
    assert_eq!(bytes[5 + envelope_len..], [7, 7, 7]);
}

#[test]
fn a_kind_of_a_later_version_is_ignored() {
    let later = [0, 0, 0, 4, 3, 0xfa, 0x07, 0];
    let messages = decode_all(BytesMut::from(&later[..])).expect("decodes");
    assert_eq!(messages, [Message::Unknown]);
}

#[test]
fn a_length_above_the_limit_is_refused_before_memory_is_taken() {
    let mut buffer = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
    let error = WireCodec::default()
        .decode(&mut buffer)
        .expect_err("too long");
    assert!(matches!(error, WireError::Violation(_)), "{error}");
    assert!(buffer.capacity() < 1024);
}

#[test]
fn payloads_and_envelopes_beyond_their_place_are_refused() {
    assert!(decode_all(bytes_of(chunk(MAX_PAYLOAD))).is_ok());
    assert!(decode_all(bytes_of(chunk(MAX_PAYLOAD + 1))).is_err());
    let mut ping_with_payload = bytes_of(Message::Ping(1));
    ping_with_payload[3] += 2;
    ping_with_payload.extend([0, 0]);
    assert!(decode_all(ping_with_payload).is_err());
    for broken in [
        &[0, 0, 0, 0][..],
        &[0, 0, 0, 1, 9],
        &[0, 0, 0, 5, 255, 255, 255, 255, 1],
    ] {
        assert!(decode_all(BytesMut::from(broken)).is_err(), "{broken:?}");
    }
}

#[test]
fn impossible_fields_are_refused() {
    let file = FileId([1; 32]);
    let geometry = Geometry::new(ChunkSize::MIN.bytes().into(), ChunkSize::MIN);
    let beyond = Message::Have {
        file,
        geometry,
        chunks: (0..2).collect(),
    };
    assert!(decode_all(bytes_of(beyond)).is_err());
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut framed = BytesMut::new();
        framed.put_u32(bytes.len() as u32);
        framed.put_slice(&bytes);
        let _ = decode_all(framed);
        let _ = decode_all(BytesMut::from(&bytes[..]));
    }

    #[test]
    fn a_damaged_message_is_refused_or_still_a_message(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = bytes_of(samples().swap_remove(which.index(samples().len())));
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = decode_all(bytes);
    }
}
