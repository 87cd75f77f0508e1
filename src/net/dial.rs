//! Dialling a peer.

use std::net::SocketAddr;
use std::time::Duration;

use engine::ids::PeerId;
use engine::protocol::{Hello, PROTOCOL_VERSION, PeerMessage};

use crate::net::PeerLink;
use crate::net::link::Link;
use crate::net::rate_limit::LinkLimits;
use crate::wire::WireError;

/// Time limit for a dial, and for the hello after it.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Dials a peer, exchanges hellos, and checks its identity.
pub async fn dial(
    address: SocketAddr,
    peer: PeerId,
    hello: &Hello,
    limits: &LinkLimits,
) -> Result<(PeerLink, Hello), WireError> {
    let mut link = Link::dial(&address.to_string(), HELLO_TIMEOUT, limits).await?;
    link.writer.send(PeerMessage::Hello(hello.clone()))?;
    match link.reader.next_within(HELLO_TIMEOUT).await? {
        PeerMessage::Hello(hello) if hello.version != PROTOCOL_VERSION => {
            Err(WireError::Violation("incompatible protocol version"))
        }
        PeerMessage::Hello(hello) if hello.peer != peer => {
            Err(WireError::Violation("unexpected peer id at this address"))
        }
        PeerMessage::Hello(hello) => Ok((link, hello)),
        PeerMessage::Bye { .. } => Err(WireError::Closed),
        _ => Err(WireError::Violation("no hello")),
    }
}
