//! One program of the swarm: what its actors do, without the actors.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::protocol::{PeerPosition, SourceShare};
use engine::protocol::{QueueDelay, RejectReason};
use engine::scheduler::ReaderId;
use engine::scheduler::{ChunkScheduler, Effect, PeerEvent};
use engine::swarm::{Upload, UploadQueue};
use roaring::RoaringBitmap;

use crate::player::Player;

pub const FILE: FileId = FileId([1; 32]);
const READER: ReaderId = ReaderId(1);

/// What nodes say to each other.
#[derive(Debug, Clone)]
pub enum Say {
    Up { origin: bool },
    Request(ChunkIndex, Duration),
    Cancel(ChunkIndex),
    Recall(ChunkIndex),
    Busy(ChunkIndex, Duration),
    Recalled(ChunkIndex),
    Chunk(ChunkIndex),
    Have(Rc<RoaringBitmap>),
    QueueDelay(QueueDelay),
    Position(Rc<PeerPosition>),
}

/// One program.
pub struct Node {
    pub id: PeerId,
    pub up: f64,
    pub down: f64,
    pub uploads: UploadQueue,
    /// None for the source.
    pub core: Option<ChunkScheduler>,
    pub player: Option<Player>,
    pub have: RoaringBitmap,
    pub fresh: RoaringBitmap,
    /// Whether others fetch from the source for it.
    pub reserved: bool,
    pub told_backlog: QueueDelay,
    pub neighbours: Vec<usize>,
    pub sent_bytes: u64,
    /// Of these, known to the tracker.
    pub reported_bytes: u64,
    /// Bytes a second sent, as last reported to the tracker.
    pub busy: u64,
    pub alive: bool,
    pub done_at: Option<Duration>,
    /// When the uplink and the downlink are free again.
    pub up_free: Duration,
    pub down_free: Duration,
    pub supplied: BTreeMap<usize, u64>,
}

impl Node {
    /// Performs what the core decided: messages to neighbours.
    pub fn effects(&mut self) -> Vec<(PeerId, Say)> {
        let Some(core) = &mut self.core else {
            return Vec::new();
        };
        let effects = std::iter::from_fn(|| core.poll_effect());
        let says = effects.filter_map(|effect| match effect {
            Effect::Request(peer, chunk, deadline) => Some((peer, Say::Request(chunk, deadline))),
            Effect::Cancel(peer, chunk) => Some((peer, Say::Cancel(chunk))),
            Effect::Recall(peer, chunk) => Some((peer, Say::Recall(chunk))),
            Effect::Fail(..) => None,
        });
        says.collect()
    }

    /// What a neighbour said; the answer, if there is one at once.
    pub fn hear(&mut self, now: Instant, from: PeerId, bytes: u32, say: Say) -> Option<Say> {
        match say {
            Say::Request(chunk, deadline) => {
                if !self.have.contains(chunk.0) {
                    return None;
                }
                let upload = Upload {
                    file: FILE,
                    chunk,
                    bytes,
                    deadline: now + deadline,
                };
                let busy = self.uploads.ask(now, from, upload).err();
                return busy.map(|wait| Say::Busy(chunk, wait));
            }
            Say::Recall(chunk) => {
                let waited = self.uploads.cancel(from, FILE, chunk);
                return waited.map(|_| Say::Recalled(chunk));
            }
            Say::Cancel(chunk) => {
                self.uploads.cancel(from, FILE, chunk);
                return None;
            }
            _ => {}
        }
        let core = self.core.as_mut()?;
        match say {
            Say::Up { origin } => {
                let name = String::new();
                core.handle(now, from, PeerEvent::Connected { name, origin });
            }
            Say::Busy(chunk, wait) => {
                let busy = RejectReason::Busy(wait);
                core.handle(now, from, PeerEvent::Rejected(chunk, busy));
            }
            Say::Recalled(chunk) => {
                let recalled = RejectReason::Recalled;
                core.handle(now, from, PeerEvent::Rejected(chunk, recalled));
            }
            Say::Have(chunks) => {
                core.handle(now, from, PeerEvent::Gained(chunks.as_ref().clone()));
            }
            Say::QueueDelay(delay) => core.handle(now, from, PeerEvent::QueueDelay(delay)),
            Say::Position(place) => {
                core.handle(now, from, PeerEvent::Position(place.as_ref().clone()));
            }
            Say::Chunk(chunk) => {
                core.handle(now, from, PeerEvent::Stored(chunk, bytes));
                if self.have.insert(chunk.0) {
                    self.fresh.insert(chunk.0);
                }
            }
            Say::Request(..) | Say::Cancel(..) | Say::Recall(..) => {}
        }
        None
    }

    /// Plays on, and asks for the next chunk.
    pub fn watch(&mut self, at: Duration, now: Instant) {
        let (Some(player), Some(core)) = (&mut self.player, &mut self.core) else {
            return;
        };
        let before = player.asks();
        player.update(at, &self.have);
        if let Some(asks) = player.asks() {
            // One after another, as they are asked for over HTTP.
            let first = before.map_or(asks.0, |asked| asked.0 + 1);
            for chunk in first..=asks.0 {
                core.set_reader(now, READER, ChunkIndex(chunk));
            }
        } else if player.is_done() {
            core.remove_reader(now, READER);
        }
    }

    /// Presses play.
    pub fn open(&mut self, now: Instant) {
        if let Some(core) = &mut self.core {
            core.set_reader(now, READER, ChunkIndex(0));
        }
    }

    /// What the others are told of our place.
    pub fn place(&mut self, now: Instant) -> PeerPosition {
        let share = match self.reserved {
            true => SourceShare::None,
            false => self.uploads.share(now),
        };
        let Some(core) = &mut self.core else {
            return PeerPosition::default();
        };
        core.set_share(share);
        PeerPosition {
            window: core.window(now),
            share,
            playhead: core.playhead(now),
        }
    }
}
