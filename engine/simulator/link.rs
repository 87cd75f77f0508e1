//! A node's ends of its connections.

use std::collections::BTreeMap;
use std::time::Instant;

use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{ByeReason, PeerMessage, PeerPosition, QueueDelay, RejectReason};
use engine::scheduler::Effect as Request;
use engine::swarm::{COALESCE_DELAY, Effect, Offence, Session, Upload};

use roaring::RoaringBitmap;

use super::output::{Output, Timer};

/// All connections of a node, for one file.
#[derive(Debug)]
pub struct Links {
    file: FileId,
    sessions: BTreeMap<PeerId, Session>,
    /// Effects of the calls so far.
    pub outbox: Vec<Output>,
}

impl Links {
    /// No connections.
    pub fn new(file: FileId) -> Self {
        Self {
            file,
            sessions: BTreeMap::new(),
            outbox: Vec::new(),
        }
    }

    /// Begins a connection on which both sides have sent hello.
    pub fn open(&mut self, now: Instant, peer: PeerId) {
        self.sessions.insert(peer, Session::new(now));
    }

    /// Ends a connection.
    pub fn remove(&mut self, peer: PeerId) {
        self.sessions.remove(&peer);
    }

    /// Sends the reason, and ends a connection.
    pub fn close(&mut self, peer: PeerId, reason: ByeReason) {
        let text = String::new();
        self.send(peer, PeerMessage::Bye { reason, text });
        self.remove(peer);
    }

    /// Connected peers.
    pub fn peers(&self) -> Vec<PeerId> {
        self.sessions.keys().copied().collect()
    }

    /// All sessions with their peers.
    pub fn sessions(&self) -> impl Iterator<Item = (PeerId, &Session)> {
        self.sessions.iter().map(|(peer, session)| (*peer, session))
    }

    /// Handles a message; `None` if the peer is not connected.
    pub fn receive(
        &mut self,
        now: Instant,
        peer: PeerId,
        message: PeerMessage,
    ) -> Option<Result<Vec<Effect>, Offence>> {
        let session = self.sessions.get_mut(&peer)?;
        Some(session.handle(now, message))
    }

    /// Sends a ping if it is time for one; an error if the peer is silent.
    pub fn check(&mut self, now: Instant, peer: PeerId) -> Result<(), Offence> {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return Ok(());
        };
        if let Some(ping) = session.tick(now)? {
            self.send(peer, ping);
        }
        Ok(())
    }

    /// Tells a peer that the file is wanted.
    pub fn want(&mut self, peer: PeerId, geometry: Geometry) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            let interested = session.want(self.file, geometry);
            self.send(peer, interested);
        }
    }

    /// Makes a request that the scheduler decided.
    pub fn request(&mut self, request: Request) {
        let peer = match request {
            Request::Request(peer, ..) | Request::Cancel(peer, _) | Request::Recall(peer, _) => {
                peer
            }
            // Everything can be stored.
            Request::Fail(..) => return,
        };
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let message = match request {
            Request::Request(_, chunk, deadline) => {
                Some(session.request(self.file, chunk, deadline))
            }
            Request::Cancel(_, chunk) => session.cancel(self.file, chunk),
            Request::Recall(_, chunk) => session.recall(self.file, chunk),
            Request::Fail(..) => None,
        };
        if let Some(message) = message {
            self.send(peer, message);
        }
    }

    /// Answers a request with its chunk. Returns false if the peer no longer waits for it.
    pub fn upload(&mut self, now: Instant, peer: PeerId, upload: Upload) -> bool {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return false;
        };
        let waits = session.answer(upload.file, upload.chunk);
        if waits {
            session.note_sent(now, upload.file, upload.bytes.into());
            self.outbox.push(Output::Upload(peer, upload));
        }
        waits
    }

    /// Answers a request with a reason, if the peer still waits for it.
    pub fn refuse(&mut self, peer: PeerId, chunk: ChunkIndex, reason: RejectReason) {
        let (file, session) = (self.file, self.sessions.get_mut(&peer));
        if session.is_some_and(|session| session.answer(file, chunk)) {
            let message = PeerMessage::Reject {
                file,
                chunk,
                reason,
            };
            self.send(peer, message);
        }
    }

    /// Sends a message, after those that wait for one.
    pub fn send(&mut self, peer: PeerId, message: PeerMessage) {
        self.send_held(peer);
        self.outbox.push(Output::Send(peer, message));
    }

    /// Announces all chunks held, and the own position, to a peer that became interested.
    pub fn announce_all(&mut self, peer: PeerId, geometry: Geometry, have: &RoaringBitmap) {
        let session = self.sessions.get_mut(&peer);
        let first = session.is_some_and(|session| session.repeat_position(self.file));
        self.send_later(peer, first);
        if !have.is_empty() {
            self.announce(peer, geometry, have.clone());
        }
    }

    /// Announces chunks, if the peer is interested.
    pub fn announce(&mut self, peer: PeerId, geometry: Geometry, chunks: RoaringBitmap) {
        let session = self.sessions.get_mut(&peer);
        let message = session.and_then(|session| session.have(self.file, geometry, chunks));
        if let Some(message) = message {
            self.send(peer, message);
        }
    }

    /// Announces the own position.
    pub fn set_position(&mut self, peer: PeerId, file: FileId, position: PeerPosition) {
        let session = self.sessions.get_mut(&peer);
        let first = session.is_some_and(|session| session.set_position(file, position));
        self.send_later(peer, first);
    }

    /// Announces the queue delay.
    pub fn announce_delay(&mut self, peer: PeerId, delay: QueueDelay) {
        let session = self.sessions.get_mut(&peer);
        let first = session.is_some_and(|session| session.announce_delay(delay));
        self.send_later(peer, first);
    }

    /// Sets a timer for the messages that wait, if they have begun to wait.
    fn send_later(&mut self, peer: PeerId, first: bool) {
        if first {
            let timer = Output::Timer(COALESCE_DELAY, Timer::Held(peer));
            self.outbox.push(timer);
        }
    }

    /// Sends the messages that wait.
    pub fn send_held(&mut self, peer: PeerId) {
        if let Some(session) = self.sessions.get_mut(&peer) {
            let held = session.take_waiting().into_iter();
            let held = held.map(|message| Output::Send(peer, message));
            self.outbox.extend(held);
        }
    }
}
