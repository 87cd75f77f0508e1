//! Model test: under any sequence of events each chunk is held, in flight or missing,
//! and every request has exactly one end.
#![allow(clippy::disallowed_methods, reason = "one start time per run")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::ids::{ChunkIndex, Generation, PeerId};
use engine::media::{ChunkSize, Geometry, Timeline};
use engine::protocol::{PeerPosition, QueueDelay, RejectReason, SourceShare};
use engine::scheduler::{ChunkScheduler, Demand, Effect, PeerEvent, Playhead, ReaderId, Tuning};
use engine::store::StoreError;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::SeedableRng;
use rand::rngs::StdRng;
use roaring::RoaringBitmap;

const CHUNKS: u32 = 40;
const PEERS: u8 = 4;
const CHUNK: u32 = 16 << 10;
const REQUESTS_PER_PEER: u32 = 8;

/// One event; indices are taken modulo the number of candidates.
#[derive(Debug, Clone)]
enum Event {
    Connect(u8),
    Disconnect(u8),
    Gain(u8, Vec<u32>),
    GainAll(u8),
    Lose(u8, Vec<u32>),
    Choke(u8, bool),
    Backup(u8, bool),
    Position(u8, u32),
    QueueDelay(u8, u64),
    Read(u64, u32),
    CloseReader(u64),
    Playhead(u64, u32),
    DownloadAll(bool),
    Deliver(usize),
    DeliverLate(u8, u32),
    FailToStore(usize, bool),
    Reject(usize, u8),
    Hold(u32),
    Evict(Vec<u32>),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let peer = || 0..PEERS;
    let chunk = || 0..CHUNKS;
    let chunks = || prop::collection::vec(0..CHUNKS, 1..12);
    prop_oneof![
        2 => peer().prop_map(Event::Connect),
        1 => peer().prop_map(Event::Disconnect),
        3 => (peer(), chunks()).prop_map(|(peer, chunks)| Event::Gain(peer, chunks)),
        2 => peer().prop_map(Event::GainAll),
        1 => (peer(), chunks()).prop_map(|(peer, chunks)| Event::Lose(peer, chunks)),
        1 => (peer(), any::<bool>()).prop_map(|(peer, choked)| Event::Choke(peer, choked)),
        1 => (peer(), any::<bool>()).prop_map(|(peer, backup)| Event::Backup(peer, backup)),
        1 => (peer(), chunk()).prop_map(|(peer, chunk)| Event::Position(peer, chunk)),
        1 => (peer(), 0..3000_u64).prop_map(|(peer, delay)| Event::QueueDelay(peer, delay)),
        4 => (0..3_u64, chunk()).prop_map(|(reader, chunk)| Event::Read(reader, chunk)),
        1 => (0..3_u64).prop_map(Event::CloseReader),
        2 => (0..4_u64, 0..20_u32).prop_map(|(seek, time)| Event::Playhead(seek, time)),
        1 => any::<bool>().prop_map(Event::DownloadAll),
        8 => any::<usize>().prop_map(Event::Deliver),
        1 => (peer(), chunk()).prop_map(|(peer, chunk)| Event::DeliverLate(peer, chunk)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(nth, full)| Event::FailToStore(nth, full)),
        2 => (any::<usize>(), 0..5_u8).prop_map(|(nth, reason)| Event::Reject(nth, reason)),
        1 => chunk().prop_map(Event::Hold),
        1 => chunks().prop_map(Event::Evict),
        4 => (1..1500_u64).prop_map(Event::Wait),
    ]
}

/// The scheduler beside a model of what it knows.
struct Model {
    core: ChunkScheduler,
    now: Instant,
    have: RoaringBitmap,
    /// Connected peers and their chunks.
    peers: BTreeMap<PeerId, RoaringBitmap>,
    choking: BTreeSet<PeerId>,
    /// Requests without an end.
    requests: BTreeSet<(PeerId, ChunkIndex)>,
}

fn id(number: u8) -> PeerId {
    PeerId([number + 1; 16])
}

fn set(chunks: &[u32]) -> RoaringBitmap {
    chunks.iter().copied().collect()
}

impl Model {
    fn new() -> Self {
        let now = Instant::now();
        let geometry = Geometry::new(u64::from(CHUNKS * CHUNK), ChunkSize::MIN);
        let timeline = Timeline::constant(geometry.size(), Duration::from_secs(20));
        let (read_ahead, critical) = (Duration::from_secs(8), Duration::from_secs(1));
        let demand = Demand::new(geometry, Arc::new(timeline), read_ahead, critical, 1000);
        let tuning = Tuning {
            requests_per_peer: REQUESTS_PER_PEER,
            ..Tuning::default()
        };
        let (rng, have) = (StdRng::seed_from_u64(1), RoaringBitmap::new());
        let me = PeerId([99; 16]);
        let mut core = ChunkScheduler::new(now, me, tuning, demand, geometry, have, rng);
        core.set_share(SourceShare::Weight(1000));
        Self {
            core,
            now,
            have: RoaringBitmap::new(),
            peers: BTreeMap::new(),
            choking: BTreeSet::new(),
            requests: BTreeSet::new(),
        }
    }

    fn handle(&mut self, peer: PeerId, event: PeerEvent) {
        self.core.handle(self.now, peer, event);
    }

    fn drop_requests(&mut self, peer: PeerId) {
        self.requests.retain(|(at, _)| *at != peer);
    }

    fn nth_request(&self, nth: usize) -> Option<(PeerId, ChunkIndex)> {
        let nth = nth.checked_rem(self.requests.len())?;
        self.requests.iter().nth(nth).copied()
    }

    fn gain(&mut self, peer: PeerId, chunks: RoaringBitmap) {
        if let Some(has) = self.peers.get_mut(&peer) {
            *has |= &chunks;
        }
        self.handle(peer, PeerEvent::Gained(chunks));
    }

    fn connect(&mut self, peer: PeerId) {
        self.drop_requests(peer);
        self.choking.remove(&peer);
        self.peers.insert(peer, RoaringBitmap::new());
        let (name, origin) = (String::new(), false);
        self.handle(peer, PeerEvent::Connected { name, origin });
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.drop_requests(peer);
        self.choking.remove(&peer);
        self.peers.remove(&peer);
        self.handle(peer, PeerEvent::Disconnected);
    }

    fn choke(&mut self, peer: PeerId, choked: bool) {
        if choked {
            self.drop_requests(peer);
            self.choking.insert(peer);
        } else {
            self.choking.remove(&peer);
        }
        self.handle(peer, PeerEvent::Choked(choked));
    }

    fn fail_to_store(&mut self, nth: usize, full: bool) {
        if let Some((peer, chunk)) = self.nth_request(nth) {
            self.requests.remove(&(peer, chunk));
            let error = match full {
                true => StoreError::QuotaFull,
                false => StoreError::Corrupt,
            };
            self.handle(peer, PeerEvent::NotStored(chunk, error));
        }
    }

    fn set_playhead(&mut self, generation: u64, seconds: u32) {
        let playhead = Playhead {
            time: Duration::from_secs(seconds.into()),
            speed: 100,
            generation: Generation(generation),
        };
        self.core.set_playhead(self.now, playhead);
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Connect(peer) => self.connect(id(peer)),
            Event::Disconnect(peer) => self.disconnect(id(peer)),
            Event::Gain(peer, chunks) => self.gain(id(peer), set(&chunks)),
            Event::GainAll(peer) => self.gain(id(peer), (0..CHUNKS).collect()),
            Event::Lose(peer, chunks) => {
                let chunks = set(&chunks);
                if let Some(has) = self.peers.get_mut(&id(peer)) {
                    *has -= &chunks;
                }
                self.handle(id(peer), PeerEvent::Lost(chunks));
            }
            Event::Choke(peer, choked) => self.choke(id(peer), choked),
            Event::Backup(peer, backup) => self.handle(id(peer), PeerEvent::Backup(backup)),
            Event::Position(peer, chunk) => {
                let position = PeerPosition {
                    window: chunk..CHUNKS,
                    share: SourceShare::Weight(1000),
                    playhead: Duration::from_millis(u64::from(chunk) * 500),
                };
                self.handle(id(peer), PeerEvent::Position(position));
            }
            Event::QueueDelay(peer, delay) => {
                let delay = QueueDelay {
                    all: Duration::from_millis(delay),
                    critical: Duration::from_millis(delay / 4),
                    uplink: Some(100_000),
                };
                self.handle(id(peer), PeerEvent::QueueDelay(delay));
            }
            Event::Read(reader, chunk) => {
                let reader = ReaderId(reader);
                self.core.set_reader(self.now, reader, ChunkIndex(chunk));
            }
            Event::Playhead(generation, seconds) => self.set_playhead(generation, seconds),
            Event::CloseReader(reader) => self.core.remove_reader(self.now, ReaderId(reader)),
            Event::DownloadAll(wanted) => {
                self.core.set_download_all(self.now, wanted);
            }
            Event::Deliver(nth) => {
                if let Some((peer, chunk)) = self.nth_request(nth) {
                    self.deliver(peer, chunk);
                }
            }
            // A chunk whose request was cancelled too late.
            Event::DeliverLate(peer, chunk) => {
                if self.peers.contains_key(&id(peer)) {
                    self.deliver(id(peer), ChunkIndex(chunk));
                }
            }
            Event::FailToStore(nth, full) => self.fail_to_store(nth, full),
            Event::Reject(nth, reason) => self.reject(nth, reason),
            Event::Hold(chunk) => {
                self.have.insert(chunk);
                self.core.now_held(ChunkIndex(chunk));
            }
            Event::Evict(chunks) => {
                self.have -= set(&chunks);
                self.core.evicted(&set(&chunks));
            }
            Event::Wait(time) => {
                self.now += Duration::from_millis(time);
                self.core.tick(self.now);
            }
        }
    }

    fn deliver(&mut self, peer: PeerId, chunk: ChunkIndex) {
        self.requests.remove(&(peer, chunk));
        self.have.insert(chunk.0);
        self.handle(peer, PeerEvent::Stored(chunk, CHUNK));
    }

    fn reject(&mut self, nth: usize, reason: u8) {
        let Some((peer, chunk)) = self.nth_request(nth) else {
            return;
        };
        let reason = match reason {
            0 => RejectReason::Busy(Duration::from_millis(300)),
            1 => RejectReason::Choked,
            2 => RejectReason::Disk,
            3 => RejectReason::NotHeld,
            _ => RejectReason::Recalled,
        };
        self.requests.remove(&(peer, chunk));
        if let Some(has) = self.peers.get_mut(&peer)
            && reason == RejectReason::NotHeld
        {
            has.remove(chunk.0);
        }
        self.handle(peer, PeerEvent::Rejected(chunk, reason));
    }

    /// Applies the effects to the model; each must fit.
    fn take_effects(&mut self) -> Result<(), TestCaseError> {
        while let Some(effect) = self.core.poll_effect() {
            match effect {
                Effect::Request(peer, chunk, _) => {
                    let has = self.peers.get(&peer);
                    let holds = has.is_some_and(|has| has.contains(chunk.0));
                    prop_assert!(holds, "{effect:?} to a peer that does not hold it");
                    prop_assert!(!self.choking.contains(&peer), "{effect:?} while choked");
                    prop_assert!(self.requests.insert((peer, chunk)), "{effect:?} twice");
                }
                Effect::Cancel(peer, chunk) => {
                    let known = self.requests.remove(&(peer, chunk));
                    prop_assert!(known, "{effect:?} without a request");
                }
                Effect::Recall(peer, chunk) => {
                    let known = self.requests.contains(&(peer, chunk));
                    prop_assert!(known, "{effect:?} without a request");
                }
                Effect::Fail(chunk, _) => {
                    prop_assert!(!self.have.contains(chunk.0), "{effect:?} though it is held");
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let requested = self.requests.iter().map(|(_, chunk)| chunk.0);
        let requested: RoaringBitmap = requested.collect();
        prop_assert_eq!(self.core.have(), &self.have);
        prop_assert_eq!(self.core.in_flight(), &requested);
        prop_assert!(self.have.is_disjoint(&requested), "held and in flight");
        for chunk in &requested {
            let copies = self.requests.iter().filter(|(_, of)| of.0 == chunk);
            prop_assert!(copies.count() <= 2, "chunk {} at three peers", chunk);
        }
        for peer in self.peers.keys() {
            let at_peer = self.requests.iter().filter(|(at, _)| at == peer).count();
            prop_assert!(
                at_peer <= REQUESTS_PER_PEER as usize,
                "{at_peer} at {peer:?}"
            );
        }
        Ok(())
    }
}

#[test]
fn each_chunk_is_held_in_flight_or_missing() {
    let config = Config {
        cases: 256,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let events = prop::collection::vec(event(), 1..200);
    let run = runner.run(&events, |events| {
        let mut model = Model::new();
        for event in events {
            model.apply(event);
            model.take_effects()?;
            model.check()?;
        }
        Ok(())
    });
    run.unwrap();
}
