//! One client's link to the tracker.
//!
//! Reads messages and hands them up; writes what it is given. A client that
//! does not read is dropped when its control queue is full.

use actix::prelude::*;
use engine::ids::PeerId;
use engine::protocol::{KickReason, Message};

use crate::net::{Link, LinkReader, LinkWriter};
use crate::tracker::{ClientGone, CloseSession, FromClient, ToClient};
use crate::wire::WireError;

/// The actor.
pub struct Session {
    peer: PeerId,
    link: u64,
    reader: Option<LinkReader>,
    writer: LinkWriter,
    messages: Recipient<FromClient>,
    gone: Recipient<ClientGone>,
}

impl Session {
    /// A session after registration.
    pub fn new(
        peer: PeerId,
        number: u64,
        link: Link,
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

    fn send(&self, ctx: &mut Context<Self>, message: Message) {
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

impl StreamHandler<Result<Message, WireError>> for Session {
    fn handle(&mut self, message: Result<Message, WireError>, ctx: &mut Context<Self>) {
        match message {
            Ok(Message::Leave) => ctx.stop(),
            // The echo needs nothing from above, so it measures the link alone.
            Ok(Message::Heartbeat(number)) => {
                self.send(ctx, Message::Heartbeat(number));
                self.hand_up(Message::Heartbeat(number));
            }
            Ok(message) => self.hand_up(message),
            Err(error @ (WireError::Violation(_) | WireError::Malformed(_))) => {
                tracing::info!(peer = ?self.peer, %error, "client kicked");
                let kick = Message::Kick {
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
    fn hand_up(&self, message: Message) {
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
