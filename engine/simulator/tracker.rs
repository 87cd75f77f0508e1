//! The tracker: the engine's registry, and the answers it gives.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use engine::ids::{ChunkIndex, PeerId};
use engine::media::{FileEntry, Geometry, MediaInfo, MediaKind};
use engine::protocol::{PeerEntry, Publish, Report, TrackerMessage};
use engine::swarm::WANTED_PEERS;
use engine::tracker::{ClientInfo, DEFAULT_TIMEOUT, Outgoing, Registry};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Options;
use super::node::FILE;

/// Message of the tracker to a client.
#[derive(Debug)]
pub enum Answer {
    /// Peers of the film, best first.
    Peers(Vec<PeerEntry>),
    /// The last answer is out of date.
    Changed,
}

/// The tracker of one film.
#[derive(Debug)]
pub struct Tracker {
    registry: Registry,
    index: BTreeMap<PeerId, usize>,
    rng: StdRng,
}

impl Tracker {
    /// A tracker without clients.
    pub fn new(seed: u64) -> Self {
        Self {
            registry: Registry::default(),
            index: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Registers a client. Each has a network of its own.
    pub fn register(&mut self, now: Instant, number: usize, peer: PeerId) {
        let ip = [10, (number >> 8) as u8, number as u8, 1];
        let client = ClientInfo {
            name: String::new(),
            address: SocketAddr::from((ip, 7700)),
            origin: number == 0,
            observer: false,
            link: number as u64,
        };
        self.index.insert(peer, number);
        self.registry.register(now, peer, client);
    }

    /// Publishes the film as shared by a client.
    pub fn publish(&mut self, peer: PeerId, options: &Options, geometry: Geometry) {
        let entry = FileEntry {
            id: FILE,
            name: "film".into(),
            size: geometry.size(),
            chunk_size: geometry.chunk_size().bytes(),
            info: MediaInfo::new(MediaKind::Video, options.film.as_millis() as u64),
            sources: 1,
        };
        let publish = Publish {
            added: vec![entry],
            ..Publish::default()
        };
        self.registry.publish(peer, publish);
    }

    /// Takes the measurements of a client.
    pub fn report(&mut self, now: Instant, peer: PeerId, report: Report) {
        self.registry.heard(now, peer);
        self.registry.report(peer, report);
    }

    /// Answers which peers have the film.
    pub fn find_peers(
        &mut self,
        now: Instant,
        peer: PeerId,
        position: ChunkIndex,
    ) -> Vec<(usize, Answer)> {
        self.registry.heard(now, peer);
        let (rng, count) = (&mut self.rng, WANTED_PEERS);
        let outgoing = self.registry.find_peers(peer, FILE, position, count, rng);
        self.answers(outgoing)
    }

    /// Removes silent clients, and pushes what has changed.
    pub fn flush(&mut self, now: Instant) -> Vec<(usize, Answer)> {
        for peer in self.registry.silent(now, DEFAULT_TIMEOUT) {
            self.registry.remove(peer);
        }
        let outgoing = self.registry.flush();
        self.answers(outgoing)
    }

    fn answers(&self, outgoing: Vec<Outgoing>) -> Vec<(usize, Answer)> {
        let answer = |(peer, message)| {
            let answer = match message {
                TrackerMessage::PeerList { peers, .. } => Answer::Peers(peers),
                TrackerMessage::PeersChanged(_) => Answer::Changed,
                // Nobody subscribes to the catalogue, and everybody can be dialled.
                _ => return None,
            };
            Some((*self.index.get(&peer)?, answer))
        };
        outgoing.into_iter().filter_map(answer).collect()
    }
}
