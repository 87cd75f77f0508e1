//! One program of the swarm: what its actors do, without the actors.
//!
//! The program's counterparts are `scheduler/actor`, `swarm/actor`,
//! `swarm/connection` and `swarm/uploader`. A node has no clock and no network: the
//! network calls it with messages and timers, and performs its [`Output`].

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::Geometry;
use engine::protocol::{
    AGENT, ByeReason, Hello, PROTOCOL_VERSION, PathReason, PeerEntry, PeerMessage, PeerPosition,
    QueueDelay, RejectReason, Report, SourceShare,
};
use engine::scheduler::{ChunkScheduler, PeerEvent};
use engine::swarm::{
    DEFAULT_MAX_PEERS, Effect, HAVE_DELAY, HaveBatch, JoinedFiles, QUEUE_DELAY_CHANGE, Upload,
    UploadQueue, UploadTuning,
};
use roaring::RoaringBitmap;

use super::link::Links;
use super::output::{Output, Timer};
use super::viewer::Viewer;

/// Content id of the film.
pub const FILE: FileId = FileId([1; 32]);

/// One program.
#[derive(Debug)]
pub struct Node {
    /// Id on the wire.
    pub id: PeerId,
    /// Chunks held.
    pub have: RoaringBitmap,
    /// `None` for the seed.
    pub scheduler: Option<ChunkScheduler>,
    /// Playback, once it has begun.
    pub viewer: Option<Viewer>,
    /// Bytes of chunks given to the network.
    pub sent_bytes: u64,
    /// Reasons for which it closed links.
    pub closed: Vec<ByeReason>,
    geometry: Geometry,
    links: Links,
    /// Peers connected, and those that are being connected.
    known: BTreeSet<PeerId>,
    dialling: BTreeSet<PeerId>,
    uploads: UploadQueue,
    /// Queue delay announced last.
    announced_delay: QueueDelay,
    /// Chunks not announced yet.
    batch: HaveBatch,
    files: JoinedFiles<()>,
}

impl Node {
    /// A node without peers.
    pub fn new(
        now: Instant,
        id: PeerId,
        geometry: Geometry,
        have: RoaringBitmap,
        scheduler: Option<ChunkScheduler>,
        uploads: UploadTuning,
    ) -> Self {
        Self {
            id,
            have,
            scheduler,
            viewer: None,
            sent_bytes: 0,
            closed: Vec::new(),
            geometry,
            links: Links::new(FILE),
            known: BTreeSet::new(),
            dialling: BTreeSet::new(),
            uploads: UploadQueue::new(now, None, uploads),
            announced_delay: QueueDelay::default(),
            batch: HaveBatch::default(),
            files: JoinedFiles::default(),
        }
    }

    /// Takes the effects of the calls so far.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        if let Some(scheduler) = &mut self.scheduler {
            while let Some(request) = scheduler.poll_effect() {
                self.links.request(request);
            }
        }
        std::mem::take(&mut self.links.outbox)
    }

    /// True if it holds all chunks.
    pub fn is_complete(&self) -> bool {
        self.have.len() == u64::from(self.geometry.chunk_count())
    }

    /// Introduction of this node.
    pub fn hello(&self) -> PeerMessage {
        PeerMessage::Hello(Hello {
            version: PROTOCOL_VERSION,
            peer: self.id,
            name: String::new(),
            agent: AGENT.into(),
            listen_port: Some(7700),
        })
    }

    /// Begins to play a film of this length, or to download it.
    pub fn start(&mut self, now: Instant, play: Option<Duration>) {
        let Some(scheduler) = &mut self.scheduler else {
            return;
        };
        self.files.join(FILE, self.geometry, ());
        match play {
            Some(length) => {
                self.viewer = Some(Viewer::open(now, self.geometry, length, scheduler));
            }
            None => {
                scheduler.set_download_all(now, true);
            }
        }
        self.find_peers();
    }

    /// Notes that a peer is dialling this node, or returns false if it has enough peers.
    pub fn expect(&mut self, peer: PeerId) -> bool {
        let room = self.has_room();
        room && self.known.insert(peer)
    }

    /// A peer that was dialled has refused.
    pub fn refused(&mut self, peer: PeerId) {
        self.dialling.remove(&peer);
        self.known.remove(&peer);
    }

    /// The seed of a crowd is configured for all of it.
    fn has_room(&self) -> bool {
        self.scheduler.is_none() || self.known.len() < DEFAULT_MAX_PEERS as usize
    }

    /// Handles a timer.
    pub fn timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Tick => {
                if let Some(scheduler) = &mut self.scheduler {
                    scheduler.tick(now);
                }
                self.play(now);
            }
            Timer::Position => self.announce_position(now),
            Timer::QueueDelay => {
                self.serve(now);
                self.announce_delay(now);
            }
            Timer::Links => self.check_links(now),
            Timer::Report => self.report(now),
            Timer::FindPeers => self.find_peers(),
            Timer::Haves => self.announce_haves(),
            Timer::Held(peer) => self.links.send_held(peer),
        }
    }

    /// Asks the tracker for peers, if it wants the film.
    pub fn find_peers(&mut self) {
        if !self.files.is_empty() {
            let position = self.files.playhead(FILE);
            self.links.outbox.push(Output::FindPeers(position));
        }
    }

    /// Learns the tracker's answer, and dials those that are new.
    pub fn peers_found(&mut self, now: Instant, peers: Vec<PeerEntry>) {
        for PeerEntry { peer, reasons, .. } in peers {
            let reserve = reasons.contains(&PathReason::Reserve);
            self.notify(now, peer, PeerEvent::Backup(reserve));
            self.files.peer_named(FILE, &reasons);
            if self.has_room() && self.known.insert(peer) {
                self.dialling.insert(peer);
                self.links.outbox.push(Output::Dial(peer));
            }
        }
    }

    /// Handles a message of a peer.
    pub fn receive(&mut self, now: Instant, peer: PeerId, message: PeerMessage) {
        let hello = matches!(message, PeerMessage::Hello(_));
        match self.links.receive(now, peer, message) {
            Some(Ok(effects)) => effects
                .into_iter()
                .for_each(|effect| self.perform(now, peer, effect)),
            Some(Err(offence)) => self.close(now, peer, offence.reason),
            None if hello => self.connect(now, peer),
            None => {}
        }
    }

    fn connect(&mut self, now: Instant, peer: PeerId) {
        if !self.dialling.remove(&peer) {
            self.links.send(peer, self.hello());
        }
        self.links.open(now, peer);
        self.check_link(now, peer);
        if self.scheduler.is_some() {
            let (name, origin) = (String::new(), false);
            self.notify(now, peer, PeerEvent::Connected { name, origin });
            self.links.want(peer, self.geometry);
        }
        for (file, position) in self.files.positions() {
            self.links.set_position(peer, file, position.clone());
        }
    }

    fn close(&mut self, now: Instant, peer: PeerId, reason: ByeReason) {
        self.links.close(peer, reason);
        self.closed.push(reason);
        self.disconnect(now, peer);
    }

    fn disconnect(&mut self, now: Instant, peer: PeerId) {
        self.links.remove(peer);
        self.known.remove(&peer);
        self.uploads.gone(peer);
        self.notify(now, peer, PeerEvent::Disconnected);
        self.serve(now);
    }

    fn perform(&mut self, now: Instant, peer: PeerId, effect: Effect) {
        match effect {
            Effect::Send(message) => self.links.send(peer, message),
            Effect::TellHoldings(_) => self.links.announce_all(peer, self.geometry, &self.have),
            Effect::Bye(..) => self.disconnect(now, peer),
            Effect::Asked(file, chunk, deadline) => {
                let bytes = self.geometry.chunk_len(chunk);
                let upload = Upload {
                    file,
                    chunk,
                    bytes,
                    deadline,
                };
                if let Err(wait) = self.uploads.ask(now, peer, upload) {
                    self.links.refuse(peer, chunk, RejectReason::Busy(wait));
                }
                self.serve(now);
            }
            Effect::Cancelled(file, chunk) => {
                self.uploads.cancel(peer, file, chunk);
                self.serve(now);
            }
            Effect::Recalled(file, chunk) => {
                if self.uploads.cancel(peer, file, chunk).is_some() {
                    self.links.refuse(peer, chunk, RejectReason::Recalled);
                }
                self.serve(now);
            }
            Effect::LostInterest(file) => {
                self.uploads.forget_file(peer, file);
                self.serve(now);
            }
            Effect::Arrived { chunk, payload, .. } => {
                self.store(now, peer, chunk, payload.len() as u32);
            }
            Effect::Has(_, chunks) => self.notify(now, peer, PeerEvent::Gained(chunks)),
            Effect::Lost(_, chunks) => self.notify(now, peer, PeerEvent::Lost(chunks)),
            Effect::Choked(choked) => self.notify(now, peer, PeerEvent::Choked(choked)),
            Effect::Rtt(rtt) => self.notify(now, peer, PeerEvent::Rtt(rtt)),
            Effect::QueueDelay(delay) => self.notify(now, peer, PeerEvent::QueueDelay(delay)),
            Effect::Position(_, position) => {
                self.notify(now, peer, PeerEvent::Position(position));
            }
            Effect::Rejected { chunk, reason, .. } => {
                self.notify(now, peer, PeerEvent::Rejected(chunk, reason));
            }
            // There are upload slots for all.
            Effect::Wants(_) => {}
        }
    }

    fn notify(&mut self, now: Instant, peer: PeerId, event: PeerEvent) {
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.handle(now, peer, event);
        }
    }

    fn store(&mut self, now: Instant, peer: PeerId, chunk: ChunkIndex, bytes: u32) {
        self.notify(now, peer, PeerEvent::Stored(chunk, bytes));
        if self.have.insert(chunk.0) && self.batch.add(FILE, chunk) {
            let timer = Output::Timer(HAVE_DELAY, Timer::Haves);
            self.links.outbox.push(timer);
        }
        self.play(now);
    }

    fn play(&mut self, now: Instant) {
        if let (Some(viewer), Some(scheduler)) = (&mut self.viewer, &mut self.scheduler) {
            viewer.watch(now, &self.have, scheduler);
        }
    }

    /// Gives the chunks whose turn it is to the network.
    fn serve(&mut self, now: Instant) {
        while let Some((peer, upload)) = self.uploads.next(now) {
            match self.links.upload(now, peer, upload) {
                true => self.sent_bytes += u64::from(upload.bytes),
                false => self.uploads.finished(now, peer, 0),
            }
        }
    }

    /// A chunk has left for the peer.
    pub fn uploaded(&mut self, now: Instant, peer: PeerId, bytes: u32) {
        self.uploads.finished(now, peer, bytes.into());
        self.serve(now);
    }

    fn check_links(&mut self, now: Instant) {
        for peer in self.links.peers() {
            self.check_link(now, peer);
        }
    }

    fn check_link(&mut self, now: Instant, peer: PeerId) {
        if let Err(offence) = self.links.check(now, peer) {
            self.close(now, peer, offence.reason);
        }
    }

    fn announce_position(&mut self, now: Instant) {
        let Some(scheduler) = &mut self.scheduler else {
            return;
        };
        self.files.report(scheduler.report(now, FILE));
        let position = PeerPosition {
            window: scheduler.window(now),
            share: SourceShare::None,
            playhead: scheduler.playhead(now),
        };
        let share = self.uploads.share(now);
        if let Some(position) = self.files.set_position(FILE, position, share) {
            scheduler.set_share(position.share);
            for peer in self.links.peers() {
                self.links.set_position(peer, FILE, position.clone());
            }
        }
    }

    fn announce_haves(&mut self) {
        for (_, chunks) in self.batch.take() {
            for peer in self.links.peers() {
                self.links.announce(peer, self.geometry, chunks.clone());
            }
        }
    }

    fn announce_delay(&mut self, now: Instant) {
        let (delay, before) = (self.uploads.queue_delay(now), self.announced_delay);
        let changed = delay.all.abs_diff(before.all) >= QUEUE_DELAY_CHANGE;
        if changed || delay.critical.abs_diff(before.critical) >= QUEUE_DELAY_CHANGE {
            self.announced_delay = delay;
            for peer in self.links.peers() {
                self.links.announce_delay(peer, delay);
            }
        }
    }

    fn report(&mut self, now: Instant) {
        let sessions = || self.links.sessions().map(|(_, session)| session);
        let rtts = self.links.sessions();
        let rtts = rtts.filter_map(|(peer, session)| Some((peer, session.rtt()?)));
        let report = Report {
            upload_rate: sessions().map(|s| s.sent.rate(now) as u64).sum(),
            download_rate: sessions().map(|s| s.received.rate(now) as u64).sum(),
            uplink: self.uploads.uplink(),
            accepts_requests: true,
            files: self.files.reports(),
            rtts: rtts.collect(),
        };
        self.links.outbox.push(Output::Report(report));
    }
}
