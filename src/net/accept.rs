//! The listening socket. Peers and clients of the tracker use the same port: the
//! first message of a link tells them apart.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use engine::protocol::{ByeReason, Opening, PROTOCOL_VERSION, PeerMessage};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::net::link::Link;
use crate::net::rate_limit::LinkLimits;
use crate::net::{ClientArrived, PeerArrived};
use crate::wire::WireError;

/// Time limit for the first message.
const FIRST_MESSAGE: Duration = Duration::from_secs(5);

/// Links without their first message; beyond it new ones wait in the kernel's queue.
const MAX_UNKNOWN: usize = 512;

/// Pause after a failed accept, mostly for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Receivers of new links.
#[derive(Clone)]
pub struct LinkRoutes {
    /// Peers.
    pub peers: Recipient<PeerArrived>,
    /// Clients of the tracker; `None` without a tracker.
    pub clients: Option<Recipient<ClientArrived>>,
    /// Limits of links between peers.
    pub limits: LinkLimits,
}

/// Accepts links until the task is dropped.
pub async fn accept(listener: TcpListener, routes: LinkRoutes) {
    let unknown = Arc::new(Semaphore::new(MAX_UNKNOWN));
    loop {
        let Ok(permit) = unknown.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, remote)) => {
                let routes = routes.clone();
                actix_rt::spawn(async move {
                    if let Err(error) = introduce(stream, &routes).await {
                        tracing::debug!(%remote, %error, "link refused");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Reads the first message and hands the link on.
async fn introduce(stream: TcpStream, routes: &LinkRoutes) -> Result<(), WireError> {
    let mut link: Link<Opening, PeerMessage> = Link::new(stream, &routes.limits)?;
    match link.reader.next_within(FIRST_MESSAGE).await {
        Ok(Opening::Hello(hello)) if hello.version == PROTOCOL_VERSION => {
            let link = link.cast();
            routes.peers.do_send(PeerArrived { link, hello });
            Ok(())
        }
        Ok(Opening::Hello(_)) => link.writer.send(PeerMessage::Bye {
            reason: ByeReason::Version,
            text: format!("this peer speaks protocol version {PROTOCOL_VERSION}"),
        }),
        Ok(Opening::Register(register)) => match &routes.clients {
            Some(clients) => {
                let link = link.cast();
                clients.do_send(ClientArrived { link, register });
                Ok(())
            }
            None => link.writer.send(PeerMessage::Bye {
                reason: ByeReason::Protocol,
                text: "this peer is not a tracker".into(),
            }),
        },
        Err(error) => {
            if let Some(bye) = farewell(&error) {
                link.writer.send(bye)?;
            }
            Err(error)
        }
    }
}

/// The answer to an opening that is no message of ours; `None` if the link is gone.
fn farewell(error: &WireError) -> Option<PeerMessage> {
    let text = match error {
        WireError::Violation(text) => (*text).to_owned(),
        WireError::Malformed(_) => "malformed message".into(),
        WireError::Timeout => "no message in time".into(),
        WireError::Lookup(_)
        | WireError::Io(_)
        | WireError::Closed
        | WireError::NoWelcome
        | WireError::Refused(_) => return None,
    };
    let reason = ByeReason::Protocol;
    Some(PeerMessage::Bye { reason, text })
}
