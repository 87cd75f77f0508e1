//! The tracker client's mailbox and its link to the tracker.
//!
//! States: waiting to dial → dialling → online → waiting. While there is no link,
//! the file list and open questions are kept; reports are dropped.

use std::time::{Duration, Instant};

use actix::prelude::*;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use engine::catalogue::Catalogue;
use engine::ids::{ChunkIndex, FileId};
use engine::media::FileEntry;
use engine::protocol::{
    ClientMessage, Hello, KickReason, MAX_ENTRIES, MAX_REMOVED, PeerEntry, Publish, TrackerMessage,
    Welcome,
};
use futures_util::StreamExt;
use rand::Rng;
use tokio::sync::oneshot;

use crate::net::{LinkToTracker, LinkWriter};
use crate::runtime::Close;
use crate::tracker_client::dial::{DIAL_TIMEOUT, dial};
use crate::tracker_client::questions::{NameWaiters, OpenQuestions};
use crate::tracker_client::{
    CatalogueSnapshot, CatalogueState, FindEntry, FindSeeds, ForgetPeers, KindFilter, LinkState,
    PeersFound, PublishFiles, SendPeersTo, SendReport, TrackerLink, WantPeers,
};
use crate::wire::WireError;

/// First and longest wait between dials. Short enough that a tracker restart
/// goes unnoticed, long enough not to hammer one that is down.
const MIN_WAIT: Duration = Duration::from_millis(300);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Peers whose names are asked for.
const NAMES: u32 = 12;

/// Identity and settings of the client.
#[derive(Debug, Clone)]
pub struct TrackerClientSettings {
    /// `host:port`.
    pub tracker: String,
    /// Introduction, the same as for peers.
    pub hello: Hello,
    /// Proof of being the tracker's own library; empty for clients.
    pub origin_token: Bytes,
    /// Kind of files whose catalogue is followed.
    pub kind: KindFilter,
    /// True for a client that only queries and shares nothing.
    pub observer: bool,
}

/// The actor.
pub struct TrackerClient {
    settings: TrackerClientSettings,
    catalogue: Catalogue,
    link: TrackerLink,
    writer: Option<LinkWriter<ClientMessage>>,
    tracker_host: Option<std::net::IpAddr>,
    link_generation: u64,
    heard: Instant,
    beats: u64,
    backoff: ExponentialBackoff,
    questions: OpenQuestions,
    name_waiters: NameWaiters,
    /// Reason the tracker gave before it closed the link.
    kicked: Option<KickReason>,
    swarm: Option<Recipient<PeersFound>>,
}

fn fresh_backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(MIN_WAIT)
        .with_max_delay(MAX_WAIT)
        .with_jitter()
        .without_max_times()
        .build()
}

impl TrackerClient {
    /// A client that dials as soon as it starts.
    pub fn new(settings: TrackerClientSettings) -> Self {
        let link = TrackerLink {
            address: settings.tracker.clone(),
            ..TrackerLink::default()
        };
        Self {
            settings,
            catalogue: Catalogue::default(),
            link,
            writer: None,
            tracker_host: None,
            link_generation: 0,
            heard: Instant::now(),
            beats: 0,
            backoff: fresh_backoff(),
            questions: OpenQuestions::default(),
            name_waiters: NameWaiters::default(),
            kicked: None,
            swarm: None,
        }
    }

    fn dial(&mut self, ctx: &mut Context<Self>) {
        let settings = self.settings.clone();
        let dialled = async move { dial(&settings).await };
        ctx.spawn(dialled.into_actor(self).map(|result, actor, ctx| {
            match result {
                Ok((link, welcome)) => actor.online(ctx, link, &welcome),
                Err(error) => actor.offline(ctx, &error),
            };
        }));
    }

    fn online(&mut self, ctx: &mut Context<Self>, link: LinkToTracker, welcome: &Welcome) {
        tracing::info!(tracker = %self.settings.tracker, "registered");
        self.link_generation += 1;
        self.heard = Instant::now();
        self.backoff = fresh_backoff();
        self.tracker_host = Some(link.remote.ip());
        self.writer = Some(link.writer);
        self.link.state = LinkState::Online;
        self.link.clients = welcome.clients;
        let generation = self.link_generation;
        ctx.add_stream(
            link.reader
                .into_stream()
                .map(move |message| (generation, message)),
        );
        self.heartbeat(ctx, generation, welcome.heartbeat, welcome.timeout);
        self.publish_all();
        if !self.settings.observer {
            self.send(ClientMessage::Subscribe(self.settings.kind));
        }
        for question in self.questions.iter() {
            self.ask(question);
        }
    }

    fn offline(&mut self, ctx: &mut Context<Self>, error: &WireError) {
        self.writer = None;
        let state = match self.kicked.take() {
            Some(reason) => LinkState::Refused(reason),
            None => LinkState::after(error),
        };
        // A client that was kicked must not come straight back: two programs with one
        // id would replace each other without end.
        let wait = match state {
            LinkState::Refused(_) => MAX_WAIT,
            _ => self.backoff.next().unwrap_or(MAX_WAIT).min(MAX_WAIT),
        };
        if state != self.link.state {
            tracing::warn!(tracker = %self.settings.tracker, %error, "tracker unreachable; retrying");
        }
        self.link.state = state;
        ctx.run_later(wait, |actor, ctx| actor.dial(ctx));
    }

    /// Sends heartbeats at the tracker's interval, shortened by up to a fifth at
    /// random. Drops the link if the tracker does not echo them.
    fn heartbeat(
        &mut self,
        ctx: &mut Context<Self>,
        generation: u64,
        interval: Duration,
        timeout: Duration,
    ) {
        let jittered = interval.mul_f64(rand::rng().random_range(0.8..1.0));
        ctx.run_later(jittered, move |actor, ctx| {
            if actor.link_generation != generation || actor.writer.is_none() {
                return;
            }
            if actor.heard.elapsed() > timeout {
                return actor.lost(ctx, generation, &WireError::Timeout);
            }
            actor.beats += 1;
            actor.send(ClientMessage::Heartbeat(actor.beats));
            actor.heartbeat(ctx, generation, interval, timeout);
        });
    }

    fn lost(&mut self, ctx: &mut Context<Self>, generation: u64, error: &WireError) {
        if self.link_generation == generation && self.writer.is_some() {
            self.offline(ctx, error);
        }
    }

    /// Sends a message if there is a link. The reader notices a link that fails.
    fn send(&self, message: ClientMessage) {
        if let Some(writer) = &self.writer
            && let Err(error) = writer.send(message)
        {
            tracing::debug!(%error, "message to the tracker not sent");
        }
    }

    fn publish_all(&self) {
        let entries: Vec<FileEntry> = self.catalogue.own().cloned().collect();
        let pages = entries.chunks(MAX_ENTRIES).map(<[FileEntry]>::to_vec);
        let first = Publish {
            reset: true,
            ..Publish::default()
        };
        self.send(ClientMessage::Publish(first));
        for added in pages {
            self.send(ClientMessage::Publish(Publish {
                added,
                ..Publish::default()
            }));
        }
    }

    fn ask(&self, question: &WantPeers) {
        self.send(ClientMessage::FindPeers {
            file: question.file,
            position: question.position,
            count: question.count,
        });
    }

    /// Hands peers to the swarm, with the tracker's host filled in.
    fn hand_on(&self, file: FileId, mut peers: Vec<PeerEntry>) {
        for peer in &mut peers {
            peer.host = peer.host.or(self.tracker_host);
        }
        if let Some(swarm) = &self.swarm {
            swarm.do_send(PeersFound { file, peers });
        }
    }

    /// Hands peers to the swarm if it asked for them, and names to those that wait.
    fn answered(&mut self, file: FileId, peers: Vec<PeerEntry>) {
        let waiters = self.name_waiters.take(file);
        let only_names = waiters.is_some() && self.questions.get(file).is_none();
        for waiter in waiters.into_iter().flatten() {
            let names = peers.iter().map(|peer| peer.name.clone()).collect();
            // Dropped if the asker no longer waits.
            let _ = waiter.send(names);
        }
        if only_names {
            // The file is not fetched: no plan is needed.
            self.ask(&WantPeers {
                file,
                position: ChunkIndex(0),
                count: 0,
            });
        } else {
            self.hand_on(file, peers);
        }
    }

    fn receive(&mut self, message: TrackerMessage) {
        match message {
            TrackerMessage::CatalogueDelta(delta) => {
                self.link.clients = delta.clients;
                self.link.listed |= !delta.more;
                self.catalogue.apply(delta);
            }
            TrackerMessage::PeerList { file, peers } => self.answered(file, peers),
            TrackerMessage::PeersChanged(file) => {
                if let Some(question) = self.questions.get(file) {
                    self.ask(question);
                }
            }
            TrackerMessage::Introduce { file, peer } => self.hand_on(file, vec![peer]),
            TrackerMessage::Kick { reason, text } => {
                tracing::warn!(?reason, text, "link closed by the tracker");
                let temporary = reason == KickReason::Shutdown;
                self.kicked = Some(reason).filter(|_| !temporary);
            }
            // Signs of life, and answers to questions that this client does not ask.
            TrackerMessage::Heartbeat(_)
            | TrackerMessage::Welcome(_)
            | TrackerMessage::QueryResult { .. } => {}
        }
    }
}

/// A message, with the generation of the link it came over.
type LinkMessage = (u64, Result<TrackerMessage, WireError>);

impl Actor for TrackerClient {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.dial(ctx);
    }
}

impl StreamHandler<LinkMessage> for TrackerClient {
    fn handle(&mut self, (generation, message): LinkMessage, ctx: &mut Context<Self>) {
        if generation != self.link_generation {
            return;
        }
        match message {
            Ok(message) => {
                self.heard = Instant::now();
                self.receive(message);
            }
            Err(error) => self.lost(ctx, generation, &error),
        }
    }

    /// The actor outlives each of its links.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl Handler<WantPeers> for TrackerClient {
    type Result = ();

    fn handle(&mut self, want: WantPeers, _: &mut Context<Self>) {
        self.ask(&want);
        self.questions.insert(want);
    }
}

impl Handler<ForgetPeers> for TrackerClient {
    type Result = ();

    fn handle(&mut self, forget: ForgetPeers, _: &mut Context<Self>) {
        if let Some(question) = self.questions.remove(forget.0) {
            self.ask(&WantPeers {
                count: 0,
                ..question
            });
        }
    }
}

impl Handler<FindSeeds> for TrackerClient {
    type Result = ResponseFuture<Vec<String>>;

    fn handle(&mut self, FindSeeds(file): FindSeeds, _: &mut Context<Self>) -> Self::Result {
        let (waiter, names) = oneshot::channel();
        self.name_waiters.insert(file, waiter);
        let known = self.questions.get(file).cloned();
        self.ask(&known.unwrap_or(WantPeers {
            file,
            position: ChunkIndex(0),
            count: NAMES,
        }));
        Box::pin(async move {
            let named = tokio::time::timeout(DIAL_TIMEOUT, names).await;
            named.ok().and_then(Result::ok).unwrap_or_default()
        })
    }
}

impl Handler<SendReport> for TrackerClient {
    type Result = ();

    fn handle(&mut self, report: SendReport, _: &mut Context<Self>) {
        self.send(ClientMessage::Report(report.0));
    }
}

impl Handler<PublishFiles> for TrackerClient {
    type Result = ();

    fn handle(&mut self, publish: PublishFiles, _: &mut Context<Self>) {
        self.catalogue.apply_own(&publish.0);
        let Publish {
            added,
            removed,
            reset,
        } = publish.0;
        if reset {
            self.publish_all();
        } else {
            for added in added.chunks(MAX_ENTRIES).map(<[_]>::to_vec) {
                let change = Publish {
                    added,
                    ..Publish::default()
                };
                self.send(ClientMessage::Publish(change));
            }
            for removed in removed.chunks(MAX_REMOVED).map(<[_]>::to_vec) {
                let change = Publish {
                    removed,
                    ..Publish::default()
                };
                self.send(ClientMessage::Publish(change));
            }
        }
    }
}

impl Handler<FindEntry> for TrackerClient {
    type Result = Option<FileEntry>;

    fn handle(&mut self, find: FindEntry, _: &mut Context<Self>) -> Self::Result {
        self.catalogue.find(&find.0)
    }
}

impl Handler<CatalogueState> for TrackerClient {
    type Result = MessageResult<CatalogueState>;

    fn handle(&mut self, _: CatalogueState, _: &mut Context<Self>) -> Self::Result {
        MessageResult(CatalogueSnapshot {
            version: self.catalogue.version(),
            entries: self.catalogue.entries(self.settings.kind),
            tracker: self.link.clone(),
        })
    }
}

impl Handler<SendPeersTo> for TrackerClient {
    type Result = ();

    fn handle(&mut self, to: SendPeersTo, _: &mut Context<Self>) {
        self.swarm = Some(to.0);
    }
}

impl Handler<Close> for TrackerClient {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Context<Self>) {
        self.send(ClientMessage::Leave);
        self.writer = None;
        ctx.stop();
    }
}
