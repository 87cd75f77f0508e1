//! The conversation with one peer: no socket, no clock.
//!
//! [`Session::handle`] takes a message and says what follows from it
//! ([`Effect`]); an [`Offence`] closes the link. Invariants:
//!
//! 1. A chunk is taken only against a request of ours, so what a peer can make
//!    us hold is bounded by our own credits.
//! 2. Every request of a peer is answered once, by a chunk or a reject, unless
//!    it takes it back; when it is served is for [`crate::swarm::upload_queue`] to say.
//! 3. A file's holdings are only told to peers that asked, and only believed of
//!    peers that cut the file as we do.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId};
use crate::media::Geometry;
use crate::protocol::{ByeReason, PeerMessage, PeerPosition, QueueDelay, RejectReason};
use crate::throughput::Throughput;

/// Requests a peer may send without waiting for answers (see `proto/peer.proto`).
const MAX_REQUESTS: usize = 256;

/// Cancelled requests remembered, since their chunks may be on their way.
const MAX_CANCELLED: usize = 1024;

/// Chunks beyond what was asked for or cancelled that are overlooked: a cancel
/// and a repeated request can cross the chunk on the wire.
const MAX_UNEXPECTED: u32 = 64;

/// Files one peer may be interested in.
const MAX_INTERESTS: usize = 256;

/// How often a ping is sent.
pub const PING_INTERVAL: Duration = Duration::from_secs(3);

/// Silence after which the link is dead. A whole chunk must fit into it on the
/// slowest line of use: 256 KiB at 64 kbit/s. (A peer that owes chunks loses its
/// requests long before, see the scheduler.)
pub const MAX_SILENCE: Duration = Duration::from_secs(40);

/// A breach of the protocol; the link closes with this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    /// For the wire.
    pub reason: ByeReason,
    /// For both logs.
    pub text: &'static str,
}

/// What follows from a message.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Send this.
    Send(PeerMessage),
    /// The peer wants to know what we hold of a file.
    TellHoldings(FileId),
    /// The peer began to want something, or wants nothing any more.
    Wants(bool),
    /// The peer has these chunks of a file we want.
    Has(FileId, RoaringBitmap),
    /// The peer no longer has these.
    Lost(FileId, RoaringBitmap),
    /// The peer (no longer) serves us.
    Choked(bool),
    /// Bytes to verify and store.
    Arrived {
        /// Content id.
        file: FileId,
        /// Which chunk.
        chunk: ChunkIndex,
        /// Sibling hashes.
        proof: Bytes,
        /// The bytes.
        payload: Bytes,
    },
    /// A request of ours is not served.
    Rejected {
        /// Content id.
        file: FileId,
        /// Which chunk.
        chunk: ChunkIndex,
        /// Why.
        reason: RejectReason,
    },
    /// The peer asks for a chunk that it needs at this time.
    Asked(FileId, ChunkIndex, Instant),
    /// The peer takes a request back if it still waits.
    Recalled(FileId, ChunkIndex),
    /// The peer takes a request back.
    TookBack(FileId, ChunkIndex),
    /// The peer no longer wants a file.
    LostInterest(FileId),
    /// Time it takes the peer to serve all that waits.
    QueueDelay(QueueDelay),
    /// Where the peer is in a file.
    Position(FileId, PeerPosition),
    /// A round trip was measured.
    Rtt(Duration),
    /// The peer closes the link.
    Bye(ByeReason, String),
}

type ChunkOf = (FileId, ChunkIndex);

/// One conversation.
#[derive(Debug)]
pub struct Session {
    wants: HashMap<FileId, Geometry>,
    requested: HashSet<ChunkOf>,
    /// Oldest first; a chunk may stand here more than once.
    cancelled: VecDeque<ChunkOf>,
    unexpected: u32,
    choked: bool,
    interests: HashSet<FileId>,
    /// Requests of the peer that are not answered.
    asked: HashSet<ChunkOf>,
    choking: bool,
    heard: Instant,
    ping: Option<(u64, Instant)>,
    pings: u64,
    rtt: Option<Duration>,
    /// Bytes from the peer.
    pub received: Throughput,
    /// Bytes to the peer.
    pub sent: Throughput,
    /// The file that the last of them were of.
    taken: Option<FileId>,
}

impl Session {
    /// A conversation after both hellos.
    pub fn new(now: Instant) -> Self {
        Self {
            wants: HashMap::new(),
            requested: HashSet::new(),
            cancelled: VecDeque::new(),
            unexpected: 0,
            choked: false,
            interests: HashSet::new(),
            asked: HashSet::new(),
            choking: false,
            heard: now,
            ping: None,
            pings: 0,
            rtt: None,
            received: Throughput::new(now),
            sent: Throughput::new(now),
            taken: None,
        }
    }

    /// We want a file.
    pub fn want(&mut self, file: FileId, geometry: Geometry) -> PeerMessage {
        self.wants.insert(file, geometry);
        PeerMessage::Interested { file, want: true }
    }

    /// We no longer want a file.
    pub fn unwant(&mut self, file: FileId) -> PeerMessage {
        self.wants.remove(&file);
        PeerMessage::Interested { file, want: false }
    }

    /// Whether the peer wants anything.
    pub fn is_wanted(&self) -> bool {
        !self.interests.is_empty()
    }

    /// Whether the peer wants to know about a file.
    pub fn is_interested(&self, file: FileId) -> bool {
        self.interests.contains(&file)
    }

    /// We ask for a chunk.
    pub fn request(&mut self, file: FileId, chunk: ChunkIndex, deadline: Duration) -> PeerMessage {
        self.requested.insert((file, chunk));
        PeerMessage::Request {
            file,
            chunk,
            deadline,
        }
    }

    /// We take a request back; `None` if it is answered already.
    pub fn cancel(&mut self, file: FileId, chunk: ChunkIndex) -> Option<PeerMessage> {
        if !self.requested.remove(&(file, chunk)) {
            return None;
        }
        if self.cancelled.len() >= MAX_CANCELLED {
            self.cancelled.pop_front();
        }
        self.cancelled.push_back((file, chunk));
        Some(PeerMessage::Cancel { file, chunk })
    }

    /// We take a request back if it still waits; `None` if it is answered already.
    pub fn recall(&self, file: FileId, chunk: ChunkIndex) -> Option<PeerMessage> {
        let open = self.requested.contains(&(file, chunk));
        open.then_some(PeerMessage::Recall { file, chunk })
    }

    /// We stop or resume serving. What waits is to be refused.
    pub fn set_choking(&mut self, choking: bool) -> Option<PeerMessage> {
        if self.choking == choking {
            return None;
        }
        self.choking = choking;
        Some(if choking {
            PeerMessage::Choke
        } else {
            PeerMessage::Unchoke
        })
    }

    /// We answer a request. Returns whether the peer still waits for it.
    pub fn answer(&mut self, file: FileId, chunk: ChunkIndex) -> bool {
        self.asked.remove(&(file, chunk))
    }

    /// We send bytes of a file.
    pub fn note_sent(&mut self, now: Instant, file: FileId, bytes: u64) {
        self.sent.add(now, bytes);
        self.taken = Some(file);
    }

    /// The file that the peer takes, as long as bytes to it count in the rate.
    pub fn taking(&self, now: Instant) -> Option<FileId> {
        self.taken.filter(|_| self.sent.rate(now) >= 1.0)
    }

    /// Round-trip time, smoothed.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Called every second or so: a ping, or the end after too much silence.
    ///
    /// # Errors
    /// [`ByeReason::Silent`].
    pub fn tick(&mut self, now: Instant) -> Result<Option<PeerMessage>, Offence> {
        if now.saturating_duration_since(self.heard) > MAX_SILENCE {
            return Err(Offence {
                reason: ByeReason::Silent,
                text: "nothing heard for too long",
            });
        }
        let waited = |(_, sent): &(u64, Instant)| now.saturating_duration_since(*sent);
        let due = self
            .ping
            .as_ref()
            .is_none_or(|ping| waited(ping) >= PING_INTERVAL);
        if !due {
            return Ok(None);
        }
        self.pings += 1;
        self.ping = Some((self.pings, now));
        Ok(Some(PeerMessage::Ping(self.pings)))
    }

    /// Takes a message in.
    ///
    /// # Errors
    /// The [`Offence`] that closes the link.
    pub fn handle(&mut self, now: Instant, message: PeerMessage) -> Result<Vec<Effect>, Offence> {
        self.heard = now;
        Ok(match message {
            PeerMessage::Interested { file, want } => return self.interested(file, want),
            PeerMessage::Have {
                file,
                geometry,
                chunks,
            } => match self.wants.get(&file) {
                Some(ours) if *ours == geometry => vec![Effect::Has(file, chunks)],
                _ => Vec::new(),
            },
            PeerMessage::Evicted { file, chunks } if self.wants.contains_key(&file) => {
                vec![Effect::Lost(file, chunks)]
            }
            PeerMessage::Choke => self.choked_by_peer(true),
            PeerMessage::Unchoke => self.choked_by_peer(false),
            PeerMessage::Request {
                file,
                chunk,
                deadline,
            } => return self.requested_of_us(now, file, chunk, deadline),
            PeerMessage::Cancel { file, chunk } if self.asked.remove(&(file, chunk)) => {
                vec![Effect::TookBack(file, chunk)]
            }
            PeerMessage::Recall { file, chunk } if self.asked.contains(&(file, chunk)) => {
                vec![Effect::Recalled(file, chunk)]
            }
            PeerMessage::Cancel { .. } | PeerMessage::Recall { .. } => Vec::new(),
            PeerMessage::Position { file, position } if self.wants.contains_key(&file) => {
                vec![Effect::Position(file, position)]
            }
            PeerMessage::Chunk {
                file,
                chunk,
                proof,
                payload,
            } => {
                self.received.add(now, payload.len() as u64);
                if !self.is_expected((file, chunk)) {
                    self.unexpected += 1;
                    if self.unexpected > MAX_UNEXPECTED {
                        return Err(protocol("chunks nobody asked for"));
                    }
                    return Ok(Vec::new());
                }
                vec![Effect::Arrived {
                    file,
                    chunk,
                    proof,
                    payload,
                }]
            }
            PeerMessage::Reject {
                file,
                chunk,
                reason,
            } => {
                if !self.requested.remove(&(file, chunk)) {
                    return Ok(Vec::new());
                }
                vec![Effect::Rejected {
                    file,
                    chunk,
                    reason,
                }]
            }
            PeerMessage::QueueDelay(backlog) => vec![Effect::QueueDelay(backlog)],
            PeerMessage::Ping(number) => vec![Effect::Send(PeerMessage::Pong(number))],
            PeerMessage::Pong(number) => self.pong(now, number),
            PeerMessage::Bye { reason, text } => vec![Effect::Bye(reason, text)],
            PeerMessage::Hello(_) => return Err(protocol("a second hello")),
            PeerMessage::Evicted { .. } | PeerMessage::Position { .. } => Vec::new(),
        })
    }

    /// Whether the peer refuses to serve us.
    pub fn is_choked(&self) -> bool {
        self.choked
    }

    fn choked_by_peer(&mut self, choked: bool) -> Vec<Effect> {
        self.choked = choked;
        vec![Effect::Choked(choked)]
    }

    /// Whether a chunk was asked for, or asked for and cancelled.
    fn is_expected(&mut self, chunk: ChunkOf) -> bool {
        if self.requested.remove(&chunk) {
            return true;
        }
        let cancelled = self
            .cancelled
            .iter()
            .position(|cancelled| *cancelled == chunk);
        cancelled.and_then(|at| self.cancelled.remove(at)).is_some()
    }

    fn interested(&mut self, file: FileId, want: bool) -> Result<Vec<Effect>, Offence> {
        let wanted_any = !self.interests.is_empty();
        let mut effects = Vec::new();
        if want {
            if self.interests.len() >= MAX_INTERESTS {
                return Err(protocol("interest in too many files"));
            }
            self.interests.insert(file);
            effects.push(Effect::TellHoldings(file));
        } else {
            self.interests.remove(&file);
            self.asked.retain(|(asked, _)| *asked != file);
            effects.push(Effect::LostInterest(file));
        }
        let wants_any = !self.interests.is_empty();
        if wants_any != wanted_any {
            effects.push(Effect::Wants(wants_any));
        }
        Ok(effects)
    }

    fn requested_of_us(
        &mut self,
        now: Instant,
        file: FileId,
        chunk: ChunkIndex,
        deadline: Duration,
    ) -> Result<Vec<Effect>, Offence> {
        let reject = |reason| {
            Ok(vec![Effect::Send(PeerMessage::Reject {
                file,
                chunk,
                reason,
            })])
        };
        if self.choking {
            return reject(RejectReason::Choked);
        }
        if !self.interests.contains(&file) {
            return reject(RejectReason::NotHeld);
        }
        if self.asked.len() >= MAX_REQUESTS {
            return Err(protocol("too many requests at once"));
        }
        if !self.asked.insert((file, chunk)) {
            // The same again: the first is still to be answered.
            return Ok(Vec::new());
        }
        Ok(vec![Effect::Asked(file, chunk, now + deadline)])
    }

    /// Smooths round trips as TCP does (RFC 6298: 7/8 old, 1/8 new).
    fn pong(&mut self, now: Instant, number: u64) -> Vec<Effect> {
        let Some((_, sent)) = self.ping.filter(|(expected, _)| *expected == number) else {
            return Vec::new();
        };
        let sample = now.saturating_duration_since(sent);
        let smoothed = self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8);
        self.rtt = Some(smoothed);
        vec![Effect::Rtt(smoothed)]
    }
}

fn protocol(text: &'static str) -> Offence {
    Offence {
        reason: ByeReason::Protocol,
        text,
    }
}

#[cfg(test)]
mod tests;
