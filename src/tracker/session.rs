//! Actor of one client's link.
//!
//! Passes the client's messages to the tracker and writes the answers. A client that
//! does not read is dropped when its control queue is full.

use actix::prelude::*;
use engine::ids::PeerId;
use engine::protocol::{ClientMessage, KickReason, TrackerMessage};

use crate::net::{LinkReader, LinkToClient, LinkWriter};
use crate::tracker::{ClientGone, CloseSession, FromClient, ToClient};
use crate::wire::WireError;

/// The actor.
pub struct Session {
    peer: PeerId,
    link: u64,
    reader: Option<LinkReader<ClientMessage>>,
    writer: LinkWriter<TrackerMessage>,
    messages: Recipient<FromClient>,
    gone: Recipient<ClientGone>,
}

impl Session {
    /// A session after registration.
    pub fn new(
        peer: PeerId,
        number: u64,
        link: LinkToClient,
        messages: Recipient<FromClient>,
        gone: Recipient<ClientGone>,
    ) -> Self {
        Self {
            peer,
            link: number,
            reader: Some(link.reader),
            writer: link.writer,
            messages,
            gone,
        }
    }

    fn send(&self, ctx: &mut Context<Self>, message: TrackerMessage) {
        if let Err(error) = self.writer.send(message) {
            tracing::info!(peer = ?self.peer, %error, "client dropped");
            ctx.stop();
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        if let Some(reader) = self.reader.take() {
            ctx.add_stream(reader.into_stream());
        }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.gone.do_send(ClientGone {
            peer: self.peer,
            link: self.link,
        });
    }
}

impl StreamHandler<Result<ClientMessage, WireError>> for Session {
    fn handle(&mut self, message: Result<ClientMessage, WireError>, ctx: &mut Context<Self>) {
        match message {
            Ok(ClientMessage::Leave) => ctx.stop(),
            // Echoed here rather than by the tracker, so that it measures the link alone.
            Ok(ClientMessage::Heartbeat(number)) => {
                self.send(ctx, TrackerMessage::Heartbeat(number));
                self.hand_up(ClientMessage::Heartbeat(number));
            }
            Ok(message) => self.hand_up(message),
            Err(error @ (WireError::Violation(_) | WireError::Malformed(_))) => {
                tracing::info!(peer = ?self.peer, %error, "client kicked");
                let kick = TrackerMessage::Kick {
                    reason: KickReason::Protocol,
                    text: error.to_string(),
                };
                self.send(ctx, kick);
                ctx.stop();
            }
            Err(_) => ctx.stop(),
        }
    }
}

impl Session {
    fn hand_up(&self, message: ClientMessage) {
        self.messages.do_send(FromClient {
            peer: self.peer,
            link: self.link,
            message,
        });
    }
}

impl Handler<ToClient> for Session {
    type Result = ();

    fn handle(&mut self, message: ToClient, ctx: &mut Context<Self>) {
        self.send(ctx, message.0);
    }
}

impl Handler<CloseSession> for Session {
    type Result = ();

    fn handle(&mut self, _: CloseSession, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
