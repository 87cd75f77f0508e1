//! Protocol state of one link between peers: no socket, no clock.
//!
//! [`Session::handle`] takes a message and returns its effects ([`Effect`]); an
//! [`Offence`] closes the link. Invariants:
//!
//! 1. A chunk is accepted only against a request of ours, so the memory that a
//!    peer can make us use is bounded by our own request slots.
//! 2. Every request of a peer is answered once, by a chunk or a reject, unless it
//!    is cancelled; [`crate::swarm::upload_queue`] decides when it is served.
//! 3. Holdings of a file are announced only to interested peers, and accepted only
//!    from peers that use the same chunk layout.

mod effect;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId};
use crate::media::Geometry;
use crate::protocol::{ByeReason, PeerMessage, PeerPosition, QueueDelay, RejectReason};
use crate::swarm::announcements::Announcements;
use crate::throughput::Throughput;

pub use self::effect::{Effect, Offence};

/// Requests a peer may send without waiting for answers (see `proto/peer.proto`).
const MAX_REQUESTS: usize = 256;

/// Cancelled requests remembered, since their chunks may already be in flight.
const MAX_CANCELLED: usize = 1024;

/// Unexpected chunks that are tolerated: a cancel and a repeated request can cross
/// the chunk on the wire.
const MAX_UNEXPECTED: u32 = 64;

/// Files one peer may be interested in.
const MAX_INTERESTS: usize = 256;

/// Interval of pings.
pub const PING_INTERVAL: Duration = Duration::from_secs(3);

/// Silence after which the link is dead: time for the largest chunk, 256 KiB, on a
/// link of 64 kbit/s. (A silent peer loses its requests long before, see the
/// scheduler.)
pub const MAX_SILENCE: Duration = Duration::from_secs(40);

type ChunkOf = (FileId, ChunkIndex);

/// State of one link.
#[derive(Debug)]
pub struct Session {
    wants: HashMap<FileId, Geometry>,
    requested: HashSet<ChunkOf>,
    /// Oldest first; the same chunk may occur more than once.
    cancelled: VecDeque<ChunkOf>,
    unexpected: u32,
    choked: bool,
    interests: HashSet<FileId>,
    /// Unanswered requests of the peer.
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
    /// File of the latest bytes to the peer.
    taken: Option<FileId>,
    announcements: Announcements,
}

impl Session {
    /// A link after both hellos.
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
            announcements: Announcements::default(),
        }
    }

    /// Begins our interest in a file.
    pub fn want(&mut self, file: FileId, geometry: Geometry) -> PeerMessage {
        self.wants.insert(file, geometry);
        PeerMessage::Interested { file, want: true }
    }

    /// Ends our interest in a file.
    pub fn unwant(&mut self, file: FileId) -> PeerMessage {
        self.wants.remove(&file);
        self.announcements.remove_position(file);
        PeerMessage::Interested { file, want: false }
    }

    /// Announces chunks now held; `None` if the peer is not interested in the file.
    pub fn have(
        &mut self,
        file: FileId,
        geometry: Geometry,
        chunks: RoaringBitmap,
    ) -> Option<PeerMessage> {
        if !self.interests.contains(&file) {
            return None;
        }
        self.announcements.set_geometry(file, geometry);
        Some(PeerMessage::Have {
            file,
            geometry,
            chunks,
        })
    }

    /// Announces chunks no longer held; `None` if the peer is not interested.
    pub fn evicted(&self, file: FileId, chunks: RoaringBitmap) -> Option<PeerMessage> {
        let interested = self.interests.contains(&file);
        interested.then_some(PeerMessage::Evicted { file, chunks })
    }

    /// Sets our position in a file. True if the caller has to send what waits
    /// ([`Self::take_waiting`]) soon.
    pub fn set_position(&mut self, file: FileId, position: PeerPosition) -> bool {
        self.announcements.set_position(file, position);
        self.interests.contains(&file) && self.announcements.queue_position(file)
    }

    /// Repeats our position in a file, for a peer that became interested. True as for
    /// [`Self::set_position`].
    pub fn repeat_position(&mut self, file: FileId) -> bool {
        self.announcements.queue_position(file)
    }

    /// Announces our queue delay to a peer that is interested in anything. True as
    /// for [`Self::set_position`].
    pub fn announce_delay(&mut self, delay: QueueDelay) -> bool {
        let interested = !self.interests.is_empty();
        interested && self.announcements.queue(PeerMessage::QueueDelay(delay))
    }

    /// Takes the messages that wait for the next one.
    pub fn take_waiting(&mut self) -> Vec<PeerMessage> {
        self.announcements.take()
    }

    /// Bytes of a chunk of a file that the peer may request.
    pub fn chunk_len(&self, file: FileId, chunk: ChunkIndex) -> u32 {
        self.announcements.chunk_len(file, chunk)
    }

    /// Requests a chunk.
    pub fn request(&mut self, file: FileId, chunk: ChunkIndex, deadline: Duration) -> PeerMessage {
        self.requested.insert((file, chunk));
        PeerMessage::Request {
            file,
            chunk,
            deadline,
        }
    }

    /// Cancels a request; `None` if it is already answered.
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

    /// Recalls a request; `None` if it is already answered.
    pub fn recall(&self, file: FileId, chunk: ChunkIndex) -> Option<PeerMessage> {
        let open = self.requested.contains(&(file, chunk));
        open.then_some(PeerMessage::Recall { file, chunk })
    }

    /// Stops or resumes serving. The caller refuses the waiting requests.
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

    /// Marks a request as answered. False if the peer no longer waits for it.
    pub fn answer(&mut self, file: FileId, chunk: ChunkIndex) -> bool {
        self.asked.remove(&(file, chunk))
    }

    /// Counts bytes of a file sent to the peer.
    pub fn note_sent(&mut self, now: Instant, file: FileId, bytes: u64) {
        self.sent.add(now, bytes);
        self.taken = Some(file);
    }

    /// File that the peer is taking, while bytes to it count in the rate.
    pub fn taking(&self, now: Instant) -> Option<FileId> {
        self.taken.filter(|_| self.sent.rate(now) >= 1.0)
    }

    /// Round-trip time, smoothed.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Returns a ping when one is due. Called about every second.
    ///
    /// # Errors
    /// [`ByeReason::Silent`] after too long a silence.
    pub fn tick(&mut self, now: Instant) -> Result<Option<PeerMessage>, Offence> {
        if now.saturating_duration_since(self.heard) > MAX_SILENCE {
            return Err(Offence {
                reason: ByeReason::Silent,
                text: "silent for too long",
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

    /// Handles a message of the peer.
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
                vec![Effect::Cancelled(file, chunk)]
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
                        return Err(Offence::protocol("unrequested chunks"));
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
            PeerMessage::QueueDelay(delay) => vec![Effect::QueueDelay(delay)],
            PeerMessage::Ping(number) => vec![Effect::Send(PeerMessage::Pong(number))],
            PeerMessage::Pong(number) => self.pong(now, number),
            PeerMessage::Bye { reason, text } => vec![Effect::Bye(reason, text)],
            PeerMessage::Hello(_) => return Err(Offence::protocol("repeated hello")),
            PeerMessage::Evicted { .. } | PeerMessage::Position { .. } => Vec::new(),
        })
    }

    /// True while the peer chokes us.
    pub fn is_choked(&self) -> bool {
        self.choked
    }

    fn choked_by_peer(&mut self, choked: bool) -> Vec<Effect> {
        self.choked = choked;
        vec![Effect::Choked(choked)]
    }

    /// True for a chunk that was requested, cancelled since or not.
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
                return Err(Offence::protocol("interest in too many files"));
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
            return Err(Offence::protocol("too many open requests"));
        }
        if !self.asked.insert((file, chunk)) {
            // A repetition: the first is still to be answered.
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

#[cfg(test)]
mod tests;
