//! The nodes of a run, their links, and the events between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::ids::{ChunkIndex, PeerId};
use engine::media::{ChunkSize, Geometry, Timeline};
use engine::protocol::{MAX_PAYLOAD, PeerMessage, Report};
use engine::scheduler::{ChunkScheduler, DEFAULT_READ_AHEAD, Demand};
use engine::swarm::Upload;
use engine::tracker::FLUSH_INTERVAL;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::RoaringBitmap;

use super::Options;
use super::clock::Clock;
use super::node::{FILE, Node};
use super::output::{Output, Timer};
use super::tracker::{Answer, Tracker};
use super::viewer::Viewer;

/// Number of the node that has the film from the start.
pub const SEED: usize = 0;

/// A run ends after this many lengths of the film.
const LONGEST_RUN: u32 = 10;

/// Program start of a viewer before it opens the film, at most. The phases of its timers
/// follow from it.
const MAX_UPTIME: Duration = Duration::from_secs(60);

/// Content of all chunks.
static CONTENT: [u8; MAX_PAYLOAD] = [0; MAX_PAYLOAD];

#[derive(Debug)]
enum Event {
    Arrive(usize),
    Vanish(usize),
    Timer(usize, Timer),
    Message {
        to: usize,
        from: PeerId,
        message: PeerMessage,
    },
    Uploaded(usize, PeerId, u32),
    Report(usize, Report),
    FindPeers(usize, ChunkIndex),
    Flush,
    Answer(usize, Answer),
}

/// A node and the state of its access to the network.
#[derive(Debug)]
pub struct Host {
    /// The program.
    pub node: Node,
    /// Bytes per second.
    pub uplink: f64,
    downlink: f64,
    /// Time since the start at which the uplink and the downlink are free again.
    uplink_free: Duration,
    downlink_free: Duration,
    online: bool,
    /// True once it has played or downloaded all of the film.
    pub done: bool,
    /// True if it left before that.
    pub vanished: bool,
}

/// The swarm on its clock.
#[derive(Debug)]
pub struct Network {
    options: Options,
    geometry: Geometry,
    clock: Clock<Event>,
    /// The seed first.
    pub hosts: Vec<Host>,
    index: BTreeMap<PeerId, usize>,
    tracker: Tracker,
    rng: StdRng,
    /// Viewers that are neither done nor gone.
    viewers_left: usize,
    /// Bytes sent by all uplinks in each second.
    sent: Vec<u64>,
    /// Arrival of the last viewer.
    last_arrival: Duration,
    /// Completion of the first download.
    first_complete: Option<Duration>,
}

impl Network {
    /// A network with the seed online, and the arrivals of the viewers scheduled.
    pub fn new(options: &Options, start: Instant) -> Self {
        let size = options.film_bytes();
        let chunk_size = options.chunk_size;
        let chunk_size = chunk_size.unwrap_or_else(|| ChunkSize::for_media(size, options.film));
        let mut rng = StdRng::seed_from_u64(options.seed);
        let mut network = Self {
            options: options.clone(),
            geometry: Geometry::new(size, chunk_size),
            clock: Clock::new(start),
            hosts: Vec::new(),
            index: BTreeMap::new(),
            tracker: Tracker::new(rng.random()),
            rng,
            viewers_left: options.viewers,
            sent: Vec::new(),
            last_arrival: Duration::ZERO,
            first_complete: None,
        };
        network.add_seed();
        let step = options.arrivals.as_secs_f64() / (options.viewers.max(2) - 1) as f64;
        for viewer in 1..=options.viewers {
            network.add_viewer();
            let at = Duration::from_secs_f64(step * (viewer - 1) as f64);
            network.clock.at(at, Event::Arrive(viewer));
        }
        network
    }

    fn add_seed(&mut self) {
        let all = (0..self.geometry.chunk_count()).collect();
        self.add(self.options.seed_uplink, f64::INFINITY, all, None);
        let peer = self.hosts[SEED].node.id;
        self.go_online(SEED);
        self.tracker.publish(peer, &self.options, self.geometry);
        self.clock.after(FLUSH_INTERVAL, Event::Flush);
    }

    fn add_viewer(&mut self) {
        let spread = self.rng.random_range(-1.0..=1.0) * self.options.uneven;
        let uplink = self.options.uplink * (1.0 + spread);
        let timeline = Timeline::constant(self.geometry.size(), self.options.film);
        let demand = Demand::new(
            self.geometry,
            Arc::new(timeline),
            DEFAULT_READ_AHEAD,
            self.options.critical_window,
            u32::MAX,
        );
        let scheduler = ChunkScheduler::new(
            self.clock.now(),
            peer_id(self.hosts.len()),
            self.options.tuning,
            demand,
            self.geometry,
            RoaringBitmap::new(),
            StdRng::seed_from_u64(self.rng.random()),
        );
        let nothing = RoaringBitmap::new();
        let downlink = self.options.downlink;
        self.add(uplink.max(1000.0), downlink, nothing, Some(scheduler));
    }

    fn add(
        &mut self,
        uplink: f64,
        downlink: f64,
        have: RoaringBitmap,
        scheduler: Option<ChunkScheduler>,
    ) {
        let id = peer_id(self.hosts.len());
        self.index.insert(id, self.hosts.len());
        let (now, uploads) = (self.clock.now(), self.options.uploads);
        self.hosts.push(Host {
            node: Node::new(now, id, self.geometry, have, scheduler, uploads),
            uplink,
            downlink,
            uplink_free: Duration::ZERO,
            downlink_free: Duration::ZERO,
            online: false,
            done: false,
            vanished: false,
        });
    }

    /// Runs until all viewers are done or gone.
    pub fn run(&mut self) {
        let end = self.options.film * LONGEST_RUN;
        while let Some(event) = self.clock.next() {
            self.handle(event);
            if self.viewers_left == 0 || self.clock.elapsed() > end {
                return;
            }
        }
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Share of all uplinks in use between the last arrival and the first complete
    /// download.
    pub fn efficiency(&self) -> f64 {
        let uplinks: f64 = self.hosts.iter().map(|host| host.uplink).sum();
        let from = self.last_arrival.as_secs() as usize + 1;
        let until = self.first_complete.unwrap_or(self.elapsed()).as_secs() as usize;
        let busy = self.sent.get(from..until.min(self.sent.len()));
        let busy = busy.unwrap_or_default();
        let sent: u64 = busy.iter().sum();
        sent as f64 / (uplinks * busy.len().max(1) as f64)
    }

    fn handle(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Arrive(viewer) => self.arrive(viewer),
            Event::Vanish(viewer) => {
                let host = &mut self.hosts[viewer];
                host.online = false;
                host.vanished = !host.done;
                self.viewers_left -= usize::from(host.vanished);
            }
            Event::Timer(number, timer) => self.timer(number, timer),
            Event::Message { to, from, message } => {
                self.call(to, |node| node.receive(now, from, message));
            }
            Event::Uploaded(number, peer, bytes) => {
                self.call(number, |node| node.uploaded(now, peer, bytes));
            }
            Event::Report(number, report) => {
                let peer = self.hosts[number].node.id;
                self.tracker.report(now, peer, report);
            }
            Event::FindPeers(number, position) => {
                let peer = self.hosts[number].node.id;
                let answers = self.tracker.find_peers(now, peer, position);
                self.deliver(answers);
            }
            Event::Flush => {
                let answers = self.tracker.flush(now);
                self.deliver(answers);
                self.clock.after(FLUSH_INTERVAL, Event::Flush);
            }
            Event::Answer(number, Answer::Peers(peers)) => {
                self.call(number, |node| node.peers_found(now, peers));
            }
            Event::Answer(number, Answer::Changed) => self.call(number, Node::find_peers),
        }
    }

    fn deliver(&mut self, answers: Vec<(usize, Answer)>) {
        for (number, answer) in answers {
            let answer = Event::Answer(number, answer);
            self.clock.after(self.options.latency, answer);
        }
    }

    /// Calls a node that is online, and performs what follows.
    fn call(&mut self, number: usize, call: impl FnOnce(&mut Node)) {
        let host = &mut self.hosts[number];
        if !host.online {
            return;
        }
        call(&mut host.node);
        for output in host.node.take_outputs() {
            self.perform(number, output);
        }
    }

    fn perform(&mut self, number: usize, output: Output) {
        let latency = self.options.latency;
        match output {
            Output::Send(peer, message) => self.send(latency, number, peer, message),
            Output::Upload(peer, upload) => self.upload(number, peer, upload),
            Output::Dial(peer) => self.dial(number, peer),
            Output::Timer(delay, timer) => self.clock.after(delay, Event::Timer(number, timer)),
            Output::Report(report) => self.clock.after(latency, Event::Report(number, report)),
            Output::FindPeers(position) => {
                self.clock
                    .after(latency, Event::FindPeers(number, position));
            }
        }
    }

    fn send(&mut self, delay: Duration, number: usize, peer: PeerId, message: PeerMessage) {
        let from = self.hosts[number].node.id;
        let to = self.index[&peer];
        self.clock
            .after(delay, Event::Message { to, from, message });
    }

    /// Opens a connection: the hello follows the handshake of TCP. Both nodes learn of it
    /// at once, so that they never dial each other at the same time.
    fn dial(&mut self, number: usize, peer: PeerId) {
        let dialler = &self.hosts[number].node;
        let (id, hello) = (dialler.id, dialler.hello());
        match self.hosts[self.index[&peer]].node.expect(id) {
            true => self.send(self.options.latency * 3, number, peer, hello),
            false => self.hosts[number].node.refused(peer),
        }
    }

    /// Sends a chunk after those that wait for the uplink. A peer that has vanished
    /// acknowledges nothing, so that sending to it does not end.
    fn upload(&mut self, number: usize, peer: PeerId, upload: Upload) {
        let Upload { chunk, bytes, .. } = upload;
        let now = self.clock.elapsed();
        let at_rate = |rate: f64| Duration::from_secs_f64(f64::from(bytes) / rate);
        let sender = &mut self.hosts[number];
        let sent = sender.uplink_free.max(now) + at_rate(sender.uplink);
        sender.uplink_free = sent;
        self.count(sent, bytes);
        let to = self.index[&peer];
        let receiver = &mut self.hosts[to];
        if !receiver.online {
            return;
        }
        let through = receiver.downlink_free + at_rate(receiver.downlink);
        let arrival = (sent + self.options.latency).max(through);
        receiver.downlink_free = arrival;
        self.clock.at(sent, Event::Uploaded(number, peer, bytes));
        let message = PeerMessage::Chunk {
            file: FILE,
            chunk,
            proof: Bytes::new(),
            payload: Bytes::from_static(&CONTENT[..bytes as usize]),
        };
        self.send(arrival - now, number, peer, message);
    }

    fn count(&mut self, at: Duration, bytes: u32) {
        let second = at.as_secs() as usize;
        if self.sent.len() <= second {
            self.sent.resize(second + 1, 0);
        }
        self.sent[second] += u64::from(bytes);
    }

    fn arrive(&mut self, viewer: usize) {
        self.last_arrival = self.clock.elapsed();
        self.go_online(viewer);
        let now = self.clock.now();
        let film = self.options.film;
        let play = (!self.options.download).then_some(film);
        self.call(viewer, |node| node.start(now, play));
        if self.rng.random_bool(self.options.vanish) {
            let after = film.mul_f64(self.rng.random_range(0.1..0.9));
            self.clock.after(after, Event::Vanish(viewer));
        }
    }

    /// Registers a node, and starts its timers as if it had been running for a while.
    fn go_online(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        host.online = true;
        self.tracker
            .register(self.clock.now(), number, host.node.id);
        let uptime = MAX_UPTIME.mul_f64(self.rng.random());
        for timer in Timer::PERIODIC {
            let period = timer.period().unwrap_or(MAX_UPTIME);
            let since = Duration::from_nanos((uptime.as_nanos() % period.as_nanos()) as u64);
            self.clock
                .after(period - since, Event::Timer(number, timer));
        }
    }

    fn timer(&mut self, number: usize, timer: Timer) {
        let now = self.clock.now();
        self.call(number, |node| node.timer(now, timer));
        let host = &mut self.hosts[number];
        if let Some(period) = timer.period().filter(|_| host.online) {
            self.clock.after(period, Event::Timer(number, timer));
        }
        if !host.node.is_complete() || number == SEED || host.done || host.vanished {
            return;
        }
        self.first_complete.get_or_insert(self.clock.elapsed());
        host.done = host.node.viewer.as_ref().is_none_or(Viewer::is_done);
        self.viewers_left -= usize::from(host.done);
    }
}

/// Id of a node: random, and the same in every run.
fn peer_id(number: usize) -> PeerId {
    let mut rng = StdRng::seed_from_u64(number as u64 + 1000);
    PeerId(rng.random())
}
