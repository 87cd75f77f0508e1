//! Round trips, limits, and bytes from outside the protocol.

mod golden;

use std::fmt::Debug;
use std::time::Duration;

use engine::fixtures;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::{
    AudioTrack, Chapter, ChunkSize, ColourMatrix, FileEntry, Geometry, MediaInfo, MediaKind,
    Sidecar, SidecarRole, SubtitleTrack, Timeline, VideoTrack,
};
use engine::protocol::{
    ByeReason, CatalogueDelta, ClientMessage, Hello, MAX_ENTRIES, MAX_REMOVED, Opening, PathReason,
    PeerEntry, PeerMessage, Publish, RejectReason, TrackerMessage,
};
use proptest::prelude::*;

use super::*;

fn bytes_of(message: impl Encode) -> BytesMut {
    let frame = Frame::new(message);
    let mut bytes = BytesMut::from(&frame.head[..]);
    bytes.extend_from_slice(&frame.payload);
    bytes
}

fn decode_all<M: Decode>(mut bytes: BytesMut) -> Result<Vec<M>, WireError> {
    let mut codec = WireCodec::default();
    let mut messages = Vec::new();
    while let Some(message) = codec.decode(&mut bytes)? {
        messages.push(message);
    }
    Ok(messages)
}

/// Decodes messages between peers.
fn peer_messages(bytes: BytesMut) -> Result<Vec<PeerMessage>, WireError> {
    decode_all(bytes)
}

fn chunk(len: usize) -> PeerMessage {
    PeerMessage::Chunk {
        file: FileId([3; 32]),
        chunk: ChunkIndex(9),
        proof: Bytes::from(vec![5; 64]),
        payload: Bytes::from(vec![7; len]),
    }
}

/// A file with every field set.
fn film() -> FileEntry {
    let sidecar = |role, id, pictures, language: &str| Sidecar {
        size: 9000,
        pictures,
        language: language.into(),
        ..fixtures::sidecar(role, id)
    };
    let chapter = |start_ms, title: &str| Chapter {
        start_ms,
        title: title.into(),
    };
    FileEntry {
        size: 1 << 20,
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
        ..fixtures::film(5, "film.mkv")
    }
}

/// A file whose every text exceeds its limit, in characters of four bytes.
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
fn largest_catalogue_delta_fits_a_frame() {
    let message = TrackerMessage::CatalogueDelta(CatalogueDelta {
        changed: vec![wordy_film(); MAX_ENTRIES],
        removed: vec![FileId([1; 32]); MAX_REMOVED],
        ..CatalogueDelta::default()
    });
    let bytes = bytes_of(message);
    let length = bytes.len();
    let decoded = decode_all(bytes).unwrap_or_else(|error| panic!("{length} bytes: {error}"));
    let [TrackerMessage::CatalogueDelta(delta)] = &decoded[..] else {
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

fn hello() -> Hello {
    Hello {
        version: 1,
        peer: PeerId([2; 16]),
        name: "den".into(),
        agent: "swarmplay/0".into(),
        listen_port: Some(7701),
    }
}

fn peer_samples() -> Vec<PeerMessage> {
    let file = FileId([1; 32]);
    let geometry = Geometry::new(1 << 20, ChunkSize::MIN);
    vec![
        PeerMessage::Hello(hello()),
        PeerMessage::Have {
            file,
            geometry,
            chunks: (0..5).chain(9..10).collect(),
        },
        PeerMessage::Interested { file, want: true },
        PeerMessage::Reject {
            file,
            chunk: ChunkIndex(1),
            reason: RejectReason::Busy(Duration::from_millis(40)),
        },
        chunk(100),
        PeerMessage::Bye {
            reason: ByeReason::Corrupt,
            text: "chunk 3".into(),
        },
    ]
}

fn client_samples() -> Vec<ClientMessage> {
    vec![
        ClientMessage::Publish(Publish {
            added: vec![film()],
            ..Publish::default()
        }),
        ClientMessage::Heartbeat(77),
    ]
}

fn tracker_samples() -> Vec<TrackerMessage> {
    vec![
        TrackerMessage::PeerList {
            file: FileId([1; 32]),
            peers: vec![PeerEntry {
                peer: PeerId([4; 16]),
                name: "attic".into(),
                host: Some([10, 0, 0, 1].into()),
                port: None,
                origin: false,
                reasons: vec![PathReason::HasAll, PathReason::Near],
            }],
        },
        TrackerMessage::QueryResult {
            number: 1,
            total: 1,
            entries: vec![film()],
        },
        TrackerMessage::Heartbeat(77),
    ]
}

/// Decodes messages from one stream, whole and byte by byte.
fn survives<M: Encode + Decode + Clone + PartialEq + Debug>(samples: Vec<M>) {
    let mut stream = BytesMut::new();
    let encoded = samples.iter().cloned().map(bytes_of);
    encoded.for_each(|bytes| stream.extend(bytes));
    assert_eq!(decode_all::<M>(stream.clone()).expect("decodes"), samples);
    let mut codec = WireCodec::<M>::default();
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    for byte in stream {
        buffer.put_u8(byte);
        messages.extend(codec.decode(&mut buffer).expect("decodes"));
    }
    assert_eq!(messages, samples);
}

#[test]
fn samples_survive_the_wire_however_they_are_cut() {
    survives(peer_samples());
    survives(client_samples());
    survives(tracker_samples());
}

#[test]
fn chunk_payload_begins_behind_its_envelope() {
    let bytes = bytes_of(chunk(3));
    let envelope_len = usize::from(bytes[4]);
    assert_eq!(bytes[..4], (1 + envelope_len as u32 + 3).to_be_bytes());
    assert_eq!(bytes[5], 0x4a, "field 9, length-delimited");
    assert_eq!(bytes[5 + envelope_len..], [7, 7, 7]);
}

#[test]
fn opening_keeps_what_follows_it_in_the_buffer() {
    let mut buffer = bytes_of(PeerMessage::Hello(hello()));
    buffer.extend(bytes_of(PeerMessage::Ping(1)));
    let mut codec = WireCodec::<Opening>::default();
    let opening = codec.decode(&mut buffer).expect("decodes");
    assert_eq!(opening, Some(Opening::Hello(hello())));
    let next = codec.cast::<PeerMessage>().decode(&mut buffer);
    assert_eq!(next.expect("decodes"), Some(PeerMessage::Ping(1)));
}

#[test]
fn opening_with_another_message_is_refused() {
    let ping = decode_all::<Opening>(bytes_of(PeerMessage::Ping(1)));
    assert!(matches!(ping, Err(WireError::Violation(_))), "{ping:?}");
}

#[test]
fn unknown_kinds_are_skipped() {
    let later = [0, 0, 0, 4, 3, 0xfa, 0x07, 0];
    let mut stream = BytesMut::from(&later[..]);
    stream.extend(bytes_of(ClientMessage::Leave));
    stream.extend(bytes_of(PeerMessage::Ping(1)));
    let messages = peer_messages(stream).expect("decodes");
    assert_eq!(messages, [PeerMessage::Ping(1)]);
}

#[test]
fn oversized_length_is_refused_before_allocation() {
    let mut buffer = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
    let error = WireCodec::<PeerMessage>::default()
        .decode(&mut buffer)
        .expect_err("too long");
    assert!(matches!(error, WireError::Violation(_)), "{error}");
    assert!(buffer.capacity() < 1024);
}

#[test]
fn misplaced_payloads_and_envelopes_are_refused() {
    assert!(peer_messages(bytes_of(chunk(MAX_PAYLOAD))).is_ok());
    assert!(peer_messages(bytes_of(chunk(MAX_PAYLOAD + 1))).is_err());
    let mut ping_with_payload = bytes_of(PeerMessage::Ping(1));
    ping_with_payload[3] += 2;
    ping_with_payload.extend([0, 0]);
    assert!(peer_messages(ping_with_payload).is_err());
    for broken in [
        &[0, 0, 0, 0][..],
        &[0, 0, 0, 1, 9],
        &[0, 0, 0, 5, 255, 255, 255, 255, 1],
    ] {
        let decoded = peer_messages(BytesMut::from(broken));
        assert!(decoded.is_err(), "{broken:?}");
    }
}

#[test]
fn chunks_beyond_the_file_are_refused() {
    let file = FileId([1; 32]);
    let geometry = Geometry::new(ChunkSize::MIN.bytes().into(), ChunkSize::MIN);
    let beyond = PeerMessage::Have {
        file,
        geometry,
        chunks: (0..2).collect(),
    };
    assert!(peer_messages(bytes_of(beyond)).is_err());
}

/// Replaces one byte. The result is refused, incomplete, or messages that mean the
/// same after another round trip.
fn damage<M: Encode + Decode + Clone + PartialEq + Debug>(
    sample: M,
    at: prop::sample::Index,
    value: u8,
) {
    let mut bytes = bytes_of(sample);
    let at = at.index(bytes.len());
    bytes[at] = value;
    match decode_all::<M>(bytes) {
        Ok(messages) => {
            for message in messages {
                let again = decode_all::<M>(bytes_of(message.clone()));
                assert_eq!(again.expect("decodes again"), [message]);
            }
        }
        Err(error) => {
            let refused = matches!(error, WireError::Violation(_) | WireError::Malformed(_));
            assert!(refused, "{error}");
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut framed = BytesMut::new();
        framed.put_u32(bytes.len() as u32);
        framed.put_slice(&bytes);
        let _ = decode_all::<PeerMessage>(framed.clone());
        let _ = decode_all::<ClientMessage>(framed.clone());
        let _ = decode_all::<TrackerMessage>(framed);
        let _ = decode_all::<Opening>(BytesMut::from(&bytes[..]));
    }

    #[test]
    fn damaged_message_is_refused_or_still_a_message(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        damage(which.get(&peer_samples()).clone(), at, value);
        damage(which.get(&client_samples()).clone(), at, value);
        damage(which.get(&tracker_samples()).clone(), at, value);
    }
}
