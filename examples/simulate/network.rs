//! Clock, events and links.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::ids::{ChunkIndex, PeerId};
use engine::media::{ChunkSize, Geometry, Timeline};
use engine::scheduler::ChunkScheduler;
use engine::scheduler::Demand;
use engine::scheduler::PeerEvent;
use engine::swarm::UploadQueue;
use engine::tracker::{Asker, Candidate, Held, Planner};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::RoaringBitmap;

use crate::Options;
use crate::node::{FILE, Node, Say};
use crate::player::Player;

/// How often the scheduler looks for trouble, as the program's does.
const TICK: Duration = Duration::from_millis(100);
const PLACE_INTERVAL: Duration = Duration::from_secs(1);
/// How often a viewer asks the tracker for peers, as the program does.
const PLAN_INTERVAL: Duration = Duration::from_secs(15);

#[derive(Debug)]
enum Event {
    Arrive(usize),
    Vanish(usize),
    Tick(usize),
    Tell(usize),
    Position(usize),
    Plan(usize),
    Written(usize, PeerId, u32),
    Hear(usize, usize, Say),
}

/// An event and its time; of two at once, the one made first comes first.
#[derive(Debug)]
struct Timed {
    when: Duration,
    sequence: u64,
    event: Event,
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.when, self.sequence).cmp(&(other.when, other.sequence))
    }
}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timed {}

/// The swarm and its clock.
pub struct Network {
    options: Options,
    pub geometry: Geometry,
    start: Instant,
    pub now: Duration,
    events: BinaryHeap<Reverse<Timed>>,
    sequence: u64,
    /// The source first.
    pub nodes: Vec<Node>,
    index: HashMap<PeerId, usize>,
    rng: StdRng,
    planner: Planner,
    /// Time the planner took, and how often it was asked.
    pub planning: Duration,
    pub plans: u32,
    /// Bytes sent in each second by all uplinks.
    sent: Vec<u64>,
    /// When the last viewer came, and when the first held all.
    all_here: Duration,
    first_complete: Option<Duration>,
}

impl Network {
    pub fn new(options: &Options) -> Self {
        let size = options.film_bytes();
        let chosen = ChunkSize::for_media(size, options.film_length());
        let chunk = options.chunk.and_then(|kib| ChunkSize::checked(kib << 10));
        let mut network = Self {
            options: options.clone(),
            geometry: Geometry::new(size, chunk.unwrap_or(chosen)),
            start: Instant::now(),
            now: Duration::ZERO,
            events: BinaryHeap::new(),
            sequence: 0,
            nodes: Vec::new(),
            index: HashMap::new(),
            rng: StdRng::seed_from_u64(options.seed),
            planner: Planner::default(),
            planning: Duration::ZERO,
            plans: 0,
            sent: Vec::new(),
            all_here: Duration::ZERO,
            first_complete: None,
        };
        let all: RoaringBitmap = (0..network.geometry.chunk_count()).collect();
        network.add(options.source * 125_000.0, 1e9, all, None);
        for _ in 0..options.viewers {
            network.add_viewer();
        }
        for (viewer, at) in network.arrivals().into_iter().enumerate() {
            network.at(at, Event::Arrive(viewer + 1));
        }
        network
    }

    fn arrivals(&mut self) -> Vec<Duration> {
        let viewers = self.options.viewers;
        let step = self.options.arrivals / (viewers.max(2) - 1) as f64;
        let times = (0..viewers).map(|viewer| Duration::from_secs_f64(step * viewer as f64));
        times.collect()
    }

    fn add_viewer(&mut self) {
        let spread = self.rng.random_range(-1.0..=1.0) * self.options.uneven;
        let up = self.options.mean_uplink() * (1.0 + spread);
        let rng = StdRng::seed_from_u64(self.rng.random());
        let timeline = Timeline::constant(self.geometry.size(), self.options.film_length());
        let windows = Demand::new(
            self.geometry,
            Arc::new(timeline),
            Duration::from_secs(60),
            Duration::from_secs_f64(self.options.urgent.unwrap_or(1.5)),
            u32::MAX,
        );
        let tuning = self.options.tuning();
        let id = peer_id(self.nodes.len());
        let nothing = RoaringBitmap::new();
        let core =
            ChunkScheduler::new(self.start, id, tuning, windows, self.geometry, nothing, rng);
        let down = self.options.downlink * 125_000.0;
        self.add(up.max(1000.0), down, RoaringBitmap::new(), Some(core));
    }

    fn add(&mut self, up: f64, down: f64, have: RoaringBitmap, core: Option<ChunkScheduler>) {
        let id = peer_id(self.nodes.len());
        self.index.insert(id, self.nodes.len());
        self.nodes.push(Node {
            id,
            up,
            down,
            uploads: UploadQueue::new(self.start, None, self.options.upload_tuning()),
            alive: core.is_none(),
            core,
            player: None,
            have,
            told_backlog: Default::default(),
            reserved: false,
            fresh: RoaringBitmap::new(),
            neighbours: Vec::new(),
            sent_bytes: 0,
            reported_bytes: 0,
            busy: 0,
            done_at: None,
            up_free: Duration::ZERO,
            down_free: Duration::ZERO,
            supplied: Default::default(),
        });
    }

    fn at(&mut self, when: Duration, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse(Timed {
            when,
            sequence: self.sequence,
            event,
        }));
    }

    fn instant(&self) -> Instant {
        self.start + self.now
    }

    /// Runs until everybody has seen the film, or ten times its length is over.
    pub fn run(&mut self) {
        let end = self.options.film_length() * 10;
        let mut left = self.options.viewers;
        while let Some(Reverse(Timed { when, event, .. })) = self.events.pop() {
            self.now = when;
            left -= usize::from(self.handle(event));
            if left == 0 || when > end {
                return;
            }
        }
    }

    /// Returns whether a viewer is done.
    fn handle(&mut self, event: Event) -> bool {
        let now = self.instant();
        match event {
            Event::Arrive(viewer) => self.arrive(viewer),
            Event::Vanish(viewer) => {
                if self.nodes[viewer].alive {
                    self.nodes[viewer].alive = false;
                    return self.nodes[viewer].done_at.is_none();
                }
            }
            Event::Tick(viewer) => return self.tick(viewer),
            Event::Tell(viewer) if self.nodes[viewer].alive => self.tell(viewer),
            Event::Plan(viewer) if self.nodes[viewer].alive => self.plan(viewer),
            Event::Position(viewer) if self.nodes[viewer].alive => {
                let place = self.nodes[viewer].place(now);
                self.tell_neighbours(viewer, &Say::Position(Rc::new(place)));
                self.report(viewer);
                self.at(self.now + PLACE_INTERVAL, Event::Position(viewer));
            }
            Event::Tell(_) | Event::Position(_) | Event::Plan(_) => {}
            Event::Written(node, ..) if !self.nodes[node].alive => {}
            Event::Written(node, peer, bytes) => {
                self.nodes[node].uploads.finished(now, peer, bytes.into());
                self.serve(node);
            }
            Event::Hear(to, from, say) => self.hear(to, from, say),
        }
        false
    }

    pub fn print_stalls(&self) {
        for (number, node) in self.nodes.iter().enumerate() {
            for (at, chunk) in node.player.iter().flat_map(|player| &player.stalls) {
                println!(
                    "viewer {number} at {:.2} s: no chunk {chunk}",
                    at.as_secs_f64()
                );
            }
        }
    }

    /// Share of all uplinks used while everybody is here and wants something.
    pub fn used(&self) -> f64 {
        let uplinks: f64 = self.nodes.iter().map(|node| node.up).sum();
        let from = self.all_here.as_secs() as usize + 1;
        let until = self.first_complete.unwrap_or(self.now).as_secs() as usize;
        let busy = self.sent.get(from..until.min(self.sent.len()));
        let busy = busy.unwrap_or_default();
        let sent: u64 = busy.iter().sum();
        sent as f64 / (uplinks * busy.len().max(1) as f64)
    }

    fn arrive(&mut self, viewer: usize) {
        self.nodes[viewer].alive = true;
        self.all_here = self.now;
        self.plan(viewer);
        if self.options.bulk {
            let now = self.instant();
            if let Some(core) = self.nodes[viewer].core.as_mut() {
                core.set_download_all(now, true);
            }
        } else {
            let length = self.options.film_length();
            let timeline = Timeline::constant(self.geometry.size(), length);
            let player = Player::new(self.now, self.geometry, timeline, length);
            self.nodes[viewer].player = Some(player);
            let now = self.instant();
            self.nodes[viewer].open(now);
        }
        self.at(self.now, Event::Position(viewer));
        self.at(self.now, Event::Tick(viewer));
        self.at(self.now, Event::Tell(viewer));
        if self.rng.random_bool(self.options.vanish) {
            let after = self.rng.random_range(0.1..0.9) * self.options.film;
            let when = self.now + Duration::from_secs_f64(after);
            self.at(when, Event::Vanish(viewer));
        }
    }

    /// Asks the tracker's planner for suppliers, and connects to them.
    fn plan(&mut self, viewer: usize) {
        let node = &self.nodes[viewer];
        let position = node
            .core
            .as_ref()
            .map_or(0, |core| core.window(self.instant()).start);
        let asker = Asker {
            peer: node.id,
            ip: address(viewer),
            position: ChunkIndex(position),
            byte_rate: (self.options.bitrate * 125_000.0) as u64,
        };
        let chunks = u64::from(self.geometry.chunk_count());
        let complete = |node: &&Node| node.alive && node.have.len() == chunks;
        let sources: Vec<PeerId> = self.nodes.iter().filter(complete).map(|n| n.id).collect();
        let (nodes, index) = (&self.nodes, &self.index);
        let look = |peer: PeerId| {
            let number = *index.get(&peer)?;
            let node = &nodes[number];
            node.alive.then(|| Candidate {
                peer,
                ip: address(number),
                origin: number == 0,
                held: match node.have.len() == chunks {
                    true => Held::All,
                    false => Held::Part(&node.have),
                },
                rtt: None,
                uplink: node.uploads.uplink(),
                busy: node.busy,
            })
        };
        let began = Instant::now();
        let named = self
            .planner
            .plan(FILE, asker, &sources, look, &mut self.rng);
        self.planning += began.elapsed();
        self.plans += 1;
        let now = self.instant();
        for supplier in named {
            let other = self.index[&supplier.peer];
            if let Some(core) = &mut self.nodes[viewer].core {
                core.handle(now, supplier.peer, PeerEvent::Backup(supplier.is_reserve()));
            }
            if other == 0 {
                self.nodes[viewer].reserved = supplier.is_reserve();
            }
            if !self.nodes[viewer].neighbours.contains(&other) {
                self.connect(viewer, other);
            }
        }
        self.at(self.now + PLAN_INTERVAL, Event::Plan(viewer));
    }

    /// The tracker hears where a viewer is.
    fn report(&mut self, viewer: usize) {
        let now = self.instant();
        let node = &mut self.nodes[viewer];
        let sent = node.sent_bytes - node.reported_bytes;
        node.busy = (sent as f64 / PLACE_INTERVAL.as_secs_f64()) as u64;
        node.reported_bytes = node.sent_bytes;
        if node.have.len() == u64::from(self.geometry.chunk_count()) {
            self.planner.remove(FILE, node.id);
        } else if let Some(core) = &node.core {
            let start = core.window(now).start;
            self.planner.set_position(FILE, node.id, ChunkIndex(start));
        }
    }

    fn connect(&mut self, one: usize, other: usize) {
        for (a, b) in [(one, other), (other, one)] {
            self.nodes[a].neighbours.push(b);
            // Said by b to a: here I am, this is what I hold, here I watch.
            self.say(b, a, Say::Up { origin: b == 0 });
            self.say(b, a, Say::Have(Rc::new(self.nodes[b].have.clone())));
            let now = self.instant();
            let place = self.nodes[b].place(now);
            self.say(b, a, Say::Position(Rc::new(place)));
            let backlog = self.nodes[b].uploads.queue_delay(now);
            self.say(b, a, Say::QueueDelay(backlog));
        }
    }

    fn say(&mut self, from: usize, to: usize, say: Say) {
        let latency = Duration::from_secs_f64(self.options.latency / 1000.0);
        self.at(self.now + latency, Event::Hear(to, from, say));
    }

    fn tell_neighbours(&mut self, node: usize, say: &Say) {
        for other in self.nodes[node].neighbours.clone() {
            self.say(node, other, say.clone());
        }
    }

    fn hear(&mut self, to: usize, from: usize, say: Say) {
        if !self.nodes[to].alive {
            return;
        }
        let now = self.instant();
        let peer = self.nodes[from].id;
        let chunk = match &say {
            Say::Request(chunk, _) | Say::Chunk(chunk) => Some(*chunk),
            _ => None,
        };
        let bytes = chunk.map_or(0, |chunk| self.geometry.chunk_len(chunk));
        let arrived = matches!(say, Say::Chunk(_));
        if arrived {
            *self.nodes[to].supplied.entry(from).or_default() += u64::from(bytes);
        }
        if let Some(answer) = self.nodes[to].hear(now, peer, bytes, say) {
            self.say(to, from, answer);
        }
        if arrived {
            self.nodes[to].watch(self.now, now);
        }
        self.perform(to);
        self.serve(to);
    }

    fn perform(&mut self, node: usize) {
        for (peer, say) in self.nodes[node].effects() {
            if let Some(to) = self.index.get(&peer).copied() {
                self.say(node, to, say);
            }
        }
    }

    /// Sends what the upload queue chooses: one chunk after another.
    fn serve(&mut self, node: usize) {
        if !self.nodes[node].alive {
            return;
        }
        let now = self.instant();
        let latency = Duration::from_secs_f64(self.options.latency / 1000.0);
        while let Some((peer, upload)) = self.nodes[node].uploads.next(now) {
            let to = self.index[&peer];
            let on_line = |rate: f64| Duration::from_secs_f64(f64::from(upload.bytes) / rate);
            let sender = &mut self.nodes[node];
            let written = sender.up_free.max(self.now) + on_line(sender.up);
            sender.up_free = written;
            sender.sent_bytes += u64::from(upload.bytes);
            let second = written.as_secs() as usize;
            if self.sent.len() <= second {
                self.sent.resize(second + 1, 0);
            }
            self.sent[second] += u64::from(upload.bytes);
            self.at(written, Event::Written(node, peer, upload.bytes));
            let receiver = &mut self.nodes[to];
            let arrived = (written + latency).max(receiver.down_free + on_line(receiver.down));
            receiver.down_free = arrived;
            self.at(arrived, Event::Hear(to, node, Say::Chunk(upload.chunk)));
        }
    }

    /// What is new goes to all neighbours.
    fn tell(&mut self, viewer: usize) {
        let backlog = self.nodes[viewer].uploads.queue_delay(self.instant());
        let told = self.nodes[viewer].told_backlog;
        let news = Duration::from_millis(100);
        let all = backlog.all.abs_diff(told.all) >= news;
        if all || backlog.critical.abs_diff(told.critical) >= news {
            self.nodes[viewer].told_backlog = backlog;
            self.tell_neighbours(viewer, &Say::QueueDelay(backlog));
        }
        let fresh = std::mem::take(&mut self.nodes[viewer].fresh);
        if !fresh.is_empty() {
            self.tell_neighbours(viewer, &Say::Have(Rc::new(fresh)));
        }
        let again = self.now + Duration::from_secs_f64(self.options.tell);
        self.at(again, Event::Tell(viewer));
    }

    fn tick(&mut self, viewer: usize) -> bool {
        if !self.nodes[viewer].alive {
            return false;
        }
        let now = self.instant();
        self.nodes[viewer].watch(self.now, now);
        if let Some(core) = &mut self.nodes[viewer].core {
            core.tick(now);
        }
        self.perform(viewer);
        self.serve(viewer);
        self.at(self.now + TICK, Event::Tick(viewer));
        let node = &mut self.nodes[viewer];
        let complete = node.have.len() == u64::from(self.geometry.chunk_count());
        let watched = node.player.as_ref().is_none_or(Player::is_done);
        if complete {
            self.first_complete.get_or_insert(self.now);
        }
        if node.done_at.is_none() && complete && watched {
            node.done_at = Some(self.now);
            return true;
        }
        false
    }
}

/// Everybody in a network of their own.
fn address(node: usize) -> std::net::IpAddr {
    [10, (node >> 8) as u8, node as u8, 1].into()
}

/// Different for each node, and without a pattern.
fn peer_id(node: usize) -> PeerId {
    let mut rng = StdRng::seed_from_u64(node as u64 + 1000);
    PeerId(rng.random())
}
