//! Priority of control messages over payload.

use engine::ids::{ChunkIndex, FileId};
use engine::protocol::PeerMessage;
use engine::units::ByteRate;

use bytes::Bytes;

use super::*;

const FILE: FileId = FileId([1; 32]);

type PeerLink = Link<PeerMessage, PeerMessage>;

/// Both ends of a connection; the first one sends at most `rate` bytes a second.
async fn pair(rate: u64) -> (PeerLink, PeerLink) {
    let listener = listen("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let limits = LinkLimits::new(ByteRate(Some(rate)), ByteRate(None));
    let one = Link::dial(&address, Duration::from_secs(60), &limits).await;
    let (other, _) = listener.accept().await.expect("dialled");
    let other = Link::new(other, &LinkLimits::default()).expect("connected");
    (one.expect("listens"), other)
}

fn request(chunk: u32) -> PeerMessage {
    PeerMessage::Request {
        file: FILE,
        chunk: ChunkIndex(chunk),
        deadline: Duration::from_secs(1),
    }
}

#[actix_rt::test]
async fn requests_overtake_payload() {
    // A chunk takes an hour.
    let (one, mut other) = pair(18).await;
    for chunk in 0..8 {
        let slot = one.writer.reserve_payload().await.expect("room");
        slot.send(PeerMessage::Chunk {
            file: FILE,
            chunk: ChunkIndex(chunk),
            proof: Bytes::new(),
            payload: vec![0; 64 << 10].into(),
        });
    }
    one.writer.send(request(7)).expect("connected");
    let heard = other.reader.next_within(Duration::from_secs(60)).await;
    assert_eq!(heard.expect("a message"), request(7));
}
