//! The listening socket. One port serves both conversations: the first message
//! of a link says whether a peer or a client of the tracker is there.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use engine::protocol::{ByeReason, Message, PROTOCOL_VERSION};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::net::link::Link;
use crate::net::rate_limit::LinkLimits;
use crate::net::{ClientArrived, PeerArrived};
use crate::wire::WireError;

/// Time to say the first message.
const FIRST_MESSAGE: Duration = Duration::from_secs(5);

/// Links that have not said their first message yet; beyond it new ones wait in
/// the kernel's queue.
const MAX_UNKNOWN: usize = 512;

/// Pause after the system refused a connection (out of descriptors, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where links go.
#[derive(Clone)]
pub struct LinkRoutes {
    /// Peers.
    pub peers: Recipient<PeerArrived>,
    /// Clients of the tracker, if one lives here.
    pub clients: Option<Recipient<ClientArrived>>,
    /// Limits of links between peers.
    pub limits: LinkLimits,
}

/// Accepts until the task is dropped.
pub async fn accept(listener: TcpListener, doors: LinkRoutes) {
    let unknown = Arc::new(Semaphore::new(MAX_UNKNOWN));
    loop {
        let Ok(permit) = unknown.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, remote)) => {
                let doors = doors.clone();
                actix_rt::spawn(async move {
                    if let Err(error) = introduce(stream, &doors).await {
                        tracing::debug!(%remote, %error, "a link came to nothing");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Reads the first message and hands the link on.
async fn introduce(stream: TcpStream, doors: &LinkRoutes) -> Result<(), WireError> {
    let mut link = Link::new(stream, &doors.limits)?;
    let first = match link.reader.next_within(FIRST_MESSAGE).await {
        Ok(Message::Hello(hello)) => Message::Hello(hello),
        Ok(Message::Register(register)) => Message::Register(register),
        other => {
            let error = other
                .err()
                .unwrap_or(WireError::Violation("neither a hello nor a registration"));
            if let Some(bye) = farewell(&error) {
                link.writer.send(bye)?;
            }
            return Err(error);
        }
    };
    match first {
        Message::Hello(hello) if hello.version == PROTOCOL_VERSION => {
            doors.peers.do_send(PeerArrived { link, hello });
            Ok(())
        }
        Message::Hello(_) => link.writer.send(Message::Bye {
            reason: ByeReason::Version,
            text: format!("this peer speaks protocol version {PROTOCOL_VERSION}"),
        }),
        Message::Register(register) => match &doors.clients {
            Some(clients) => {
                clients.do_send(ClientArrived { link, register });
                Ok(())
            }
            None => link.writer.send(Message::Bye {
                reason: ByeReason::Protocol,
                text: "no tracker lives here".into(),
            }),
        },
        _ => Err(WireError::Violation("neither a hello nor a registration")),
    }
}

/// What a link that came to nothing is told, if it still listens.
fn farewell(error: &WireError) -> Option<Message> {
    let text = match error {
        WireError::Violation(text) => (*text).to_owned(),
        WireError::Malformed(_) => "a malformed message".into(),
        WireError::Timeout => "nothing was said in time".into(),
        _ => return None,
    };
    let reason = ByeReason::Protocol;
    Some(Message::Bye { reason, text })
}
