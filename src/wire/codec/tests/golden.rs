//! Bytes of every kind of message, recorded before messages were split by
//! direction. A change here breaks older programs.

use engine::protocol::{
    FileReport, KickReason, PeerPosition, QueueDelay, Register, Report, SourceShare, Welcome,
};

use super::*;

const FILE: FileId = FileId([0xf1; 32]);
const PEER: PeerId = PeerId([0xa2; 16]);
const CHUNK_INDEX: ChunkIndex = ChunkIndex(300);

/// Reads hexadecimal digits, whatever stands between them.
fn bytes(golden: &str) -> BytesMut {
    let digits: Vec<u32> = golden.chars().filter_map(|c| c.to_digit(16)).collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// Encodes to the recorded bytes, and decodes from them.
fn check<M: Encode + Decode + Clone + PartialEq + Debug>(golden: &str, message: M) {
    let golden = bytes(golden);
    assert_eq!(bytes_of(message.clone()), golden, "{message:?}");
    assert_eq!(decode_all::<M>(golden).expect("decodes"), [message]);
}

fn chunks() -> roaring::RoaringBitmap {
    (0..5).chain(9..10).collect()
}

fn entry() -> PeerEntry {
    PeerEntry {
        peer: PEER,
        name: "attic".into(),
        host: Some([10, 0, 0, 1].into()),
        port: Some(7702),
        origin: true,
        reasons: vec![
            PathReason::HasAll,
            PathReason::HasRange,
            PathReason::HasPart,
            PathReason::SameNetwork,
            PathReason::Near,
            PathReason::FreeUplink,
            PathReason::Origin,
            PathReason::Together,
            PathReason::Ahead,
            PathReason::Reserve,
        ],
    }
}

#[test]
fn peer_messages_keep_their_bytes() {
    let (file, peer, chunk) = (FILE, PEER, CHUNK_INDEX);
    let geometry = Geometry::new((1 << 20) + 1, ChunkSize::MIN);
    check(
        HELLO,
        PeerMessage::Hello(Hello {
            version: 2,
            peer,
            name: "den".into(),
            agent: "swarmplay/0".into(),
            listen_port: Some(7701),
        }),
    );
    check(INTERESTED, PeerMessage::Interested { file, want: true });
    check(
        HAVE,
        PeerMessage::Have {
            file,
            geometry,
            chunks: chunks(),
        },
    );
    check(
        EVICTED,
        PeerMessage::Evicted {
            file,
            chunks: chunks(),
        },
    );
    check(CHOKE, PeerMessage::Choke);
    check(UNCHOKE, PeerMessage::Unchoke);
    check(
        REQUEST,
        PeerMessage::Request {
            file,
            chunk,
            deadline: Duration::from_millis(1500),
        },
    );
    check(CANCEL, PeerMessage::Cancel { file, chunk });
    check(
        CHUNK,
        PeerMessage::Chunk {
            file,
            chunk,
            proof: Bytes::from(vec![5; 64]),
            payload: Bytes::from(vec![7; 10]),
        },
    );
    check(
        REJECT,
        PeerMessage::Reject {
            file,
            chunk,
            reason: RejectReason::Busy(Duration::from_millis(40)),
        },
    );
    check(PING, PeerMessage::Ping(77));
    check(PONG, PeerMessage::Pong(77));
    check(
        BYE,
        PeerMessage::Bye {
            reason: ByeReason::Corrupt,
            text: "chunk 3".into(),
        },
    );
    check(RECALL, PeerMessage::Recall { file, chunk });
}

#[test]
fn positions_and_delays_keep_their_bytes() {
    let file = FILE;
    check(
        POSITION,
        PeerMessage::Position {
            file,
            position: PeerPosition {
                window: 7..900,
                share: SourceShare::Unknown,
                playhead: Duration::from_millis(61_500),
            },
        },
    );
    check(
        POSITION_MEASURED,
        PeerMessage::Position {
            file,
            position: PeerPosition {
                window: 7..900,
                share: SourceShare::Weight(1_250_000),
                playhead: Duration::from_millis(61_500),
            },
        },
    );
    check(
        POSITION_PASSIVE,
        PeerMessage::Position {
            file,
            position: PeerPosition {
                window: 7..900,
                share: SourceShare::None,
                playhead: Duration::from_millis(61_500),
            },
        },
    );
    check(
        QUEUE_DELAY,
        PeerMessage::QueueDelay(QueueDelay {
            all: Duration::from_millis(800),
            critical: Duration::from_millis(250),
            uplink: Some(1_250_000),
        }),
    );
    check(
        QUEUE_DELAY_UNMEASURED,
        PeerMessage::QueueDelay(QueueDelay {
            all: Duration::from_millis(800),
            critical: Duration::from_millis(250),
            uplink: None,
        }),
    );
}

#[test]
fn client_messages_keep_their_bytes() {
    let (file, peer, chunk) = (FILE, PEER, CHUNK_INDEX);
    check(
        REGISTER,
        ClientMessage::Register(Register {
            version: 2,
            peer,
            name: "den".into(),
            agent: "swarmplay/0".into(),
            listen_port: Some(7701),
            origin_token: Bytes::from(vec![9; 8]),
            observer: true,
        }),
    );
    check(
        PUBLISH,
        ClientMessage::Publish(Publish {
            added: vec![film()],
            removed: vec![file],
            reset: true,
        }),
    );
    check(
        QUERY,
        ClientMessage::Query {
            number: 4,
            kind: Some(MediaKind::Audio),
            search: "ridge".into(),
            page: 2,
        },
    );
    check(SUBSCRIBE, ClientMessage::Subscribe(Some(MediaKind::Video)));
    check(
        FIND_PEERS,
        ClientMessage::FindPeers {
            file,
            position: chunk,
            count: 30,
        },
    );
    check(
        REPORT,
        ClientMessage::Report(Report {
            upload_rate: 1000,
            download_rate: 2000,
            uplink: Some(1_250_000),
            accepts_requests: true,
            files: vec![FileReport {
                file,
                chunk_size: 16 << 10,
                have: chunks(),
                position: chunk,
                buffer: Duration::from_millis(8000),
            }],
            rtts: vec![(peer, Duration::from_micros(15_000))],
        }),
    );
    check(
        REPORT_UNPLANNABLE,
        ClientMessage::Report(Report {
            accepts_requests: false,
            ..Report::default()
        }),
    );
    check(
        REPORT_UNMEASURED,
        ClientMessage::Report(Report {
            upload_rate: 5,
            ..Report::default()
        }),
    );
    check(HEARTBEAT, ClientMessage::Heartbeat(78));
    check(LEAVE, ClientMessage::Leave);
}

#[test]
fn tracker_messages_keep_their_bytes() {
    let file = FILE;
    check(
        WELCOME,
        TrackerMessage::Welcome(Welcome {
            heartbeat: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            your_address: "10.0.0.7:7701".into(),
            clients: 3,
        }),
    );
    check(
        QUERY_RESULT,
        TrackerMessage::QueryResult {
            number: 4,
            total: 40,
            entries: vec![film()],
        },
    );
    check(
        CATALOGUE_DELTA,
        TrackerMessage::CatalogueDelta(CatalogueDelta {
            reset: true,
            changed: vec![film()],
            removed: vec![file],
            clients: 3,
            more: true,
        }),
    );
    let mut list = TrackerMessage::PeerList {
        file,
        peers: vec![entry()],
    };
    assert_eq!(bytes_of(list.clone()), bytes(PEER_LIST));
    // The receiver keeps eight reasons.
    if let TrackerMessage::PeerList { peers, .. } = &mut list {
        peers[0].reasons.truncate(8);
    }
    let decoded = decode_all::<TrackerMessage>(bytes(PEER_LIST)).expect("decodes");
    assert_eq!(decoded, [list]);
    check(PEERS_CHANGED, TrackerMessage::PeersChanged(file));
    check(
        INTRODUCE,
        TrackerMessage::Introduce {
            file,
            peer: PeerEntry {
                host: None,
                port: None,
                origin: false,
                reasons: Vec::new(),
                ..entry()
            },
        },
    );
    check(HEARTBEAT, TrackerMessage::Heartbeat(78));
    check(
        KICK,
        TrackerMessage::Kick {
            reason: KickReason::Replaced,
            text: "registered again".into(),
        },
    );
}

const HELLO: &str = "
    0000002c2b0a2908021210a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a21a0364656e220b737761726d706c61792f
    3028953c
";
const INTERESTED: &str = "
    000000272612240a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f11001
";
const HAVE: &str = "
    00000037361a340a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1108180
    40188080012202100522040809100a
";
const EVICTED: &str = "
    0000002f2e222c0a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1120210
    0512040809100a
";
const CHOKE: &str = "00000003022a00";
const UNCHOKE: &str = "00000003023200";
const REQUEST: &str = "
    0000002b2a3a280a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f110ac02
    18dc0b
";
const CANCEL: &str = "
    000000282742250a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f110ac02
";
const CHUNK: &str = "
    00000074694a670a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f110ac02
    1a40050505050505050505050505050505050505050505050505050505050505050505050505050505050505
    0505050505050505050505050505050505050505050507070707070707070707
";
const REJECT: &str = "
    0000002c2b52290a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f110ac02
    18022028
";
const PING: &str = "00000005045a02084d";
const PONG: &str = "00000005046202084d";
const BYE: &str = "0000000e0d6a0b080412076368756e6b2033";
const POSITION: &str = "
    0000003231722f0a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1120508
    07108407180120bce003
";
const POSITION_MEASURED: &str = "
    000000343372310a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1120508
    0710840718d0a54c20bce003
";
const POSITION_PASSIVE: &str = "
    000000302f722d0a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1120508
    0710840720bce003
";
const QUEUE_DELAY: &str = "0000000d0c7a0a08a00610fa0118d0a54c";
const QUEUE_DELAY_UNMEASURED: &str = "00000009087a0608a00610fa01";
const RECALL: &str = "
    00000029288201250a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f110ac
    02
";
const REGISTER: &str = "
    000000393882023508021210a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a21a0364656e220b737761726d706c6179
    2f3028953c320809090909090909093801
";
const WELCOME: &str = "0000001b1a8a02170888271098751a0d31302e302e302e373a373730312003";
const PUBLISH: &str = "
    0000018a8803920284030add020a200505050505050505050505050505050505050505050505050505050505
    050505120866696c6d2e6d6b761880804020808001280130e0d40342250a036161631203656e671802221544
    69726563746f72277320636f6d6d656e746172792801420230014a130a036173731203656e671a055369676e
    7320014a022801520446696c6d70028201071205426567696e82010408b0ea018801970a9201270801122006
    0606060606060606060606060606060606060606060606060606060606060618a84692012908021220070707
    070707070707070707070707070707070707070707070707070707070718a846200c92012708031220080808
    080808080808080808080808080808080808080808080808080808080818a84692012b080412200909090909
    09090909090909090909090909090909090909090909090909090918a8462a026465980103a00102aa010b41
    6c6c206f66207468656d1220f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1
    1801
";
const QUERY: &str = "00000011109a020d080410021a0572696467652002";
const QUERY_RESULT: &str = "
    0000016ae802a202e402080410281add020a2005050505050505050505050505050505050505050505050505
    05050505050505120866696c6d2e6d6b761880804020808001280130e0d40342250a036161631203656e6718
    0222154469726563746f72277320636f6d6d656e746172792801420230014a130a036173731203656e671a05
    5369676e7320014a022801520446696c6d70028201071205426567696e82010408b0ea018801970a92012708
    011220060606060606060606060606060606060606060606060606060606060606060618a846920129080212
    20070707070707070707070707070707070707070707070707070707070707070718a846200c920127080312
    20080808080808080808080808080808080808080808080808080808080808080818a84692012b0804122009
    0909090909090909090909090909090909090909090909090909090909090918a8462a026465980103a00102
    aa010b416c6c206f66207468656d
";
const SUBSCRIBE: &str = "0000000605aa02020801";
const CATALOGUE_DELTA: &str = "
    0000018e8c03b2028803080112dd020a20050505050505050505050505050505050505050505050505050505
    0505050505120866696c6d2e6d6b761880804020808001280130e0d40342250a036161631203656e67180222
    154469726563746f72277320636f6d6d656e746172792801420230014a130a036173731203656e671a055369
    676e7320014a022801520446696c6d70028201071205426567696e82010408b0ea018801970a920127080112
    20060606060606060606060606060606060606060606060606060606060606060618a8469201290802122007
    0707070707070707070707070707070707070707070707070707070707070718a846200c9201270803122008
    0808080808080808080808080808080808080808080808080808080808080818a84692012b08041220090909
    090909090909090909090909090909090909090909090909090909090918a8462a026465980103a00102aa01
    0b416c6c206f66207468656d1a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1
    f1f120032801
";
const FIND_PEERS: &str = "
    0000002b2aba02270a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f110ac
    02181e
";
const PEER_LIST: &str = "
    0000005c5bc202580a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f11234
    0a10a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2120561747469631a0831302e302e302e3120963c2801320a0102
    030405060708090a
";
const REPORT: &str = "
    0000005d5cca025908e80710d00f18d0a54c22360a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1
    f1f1f1f1f1f1f1f1f1f1108080011a0210051a040809100a20ac0228c03e2a150a10a2a2a2a2a2a2a2a2a2a2
    a2a2a2a2a2a2109875
";
const REPORT_UNPLANNABLE: &str = "0000000605ca02021801";
const REPORT_UNMEASURED: &str = "0000000605ca02020805";
const PEERS_CHANGED: &str = "
    0000002625d202220a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1
";
const INTRODUCE: &str = "
    0000004140da023d0a20f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f11219
    0a10a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a212056174746963
";
const HEARTBEAT: &str = "0000000605e20202084e";
const LEAVE: &str = "0000000403ea0200";
const KICK: &str = "0000001817f20214080212107265676973746572656420616761696e";
