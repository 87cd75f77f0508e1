//! The announcer's mailbox and its link to the tracker.
//!
//! States: waiting to dial → dialling → online → waiting. Messages that need
//! the tracker are kept where they still make sense later (file list, open
//! questions) and dropped where they do not (reports).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::prelude::*;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bytes::Bytes;
use engine::catalogue::Catalogue;
use engine::ids::{ChunkIndex, FileId};
use engine::media::FileEntry;
use engine::protocol::{
    ClientMessage, Hello, KickReason, MAX_ENTRIES, MAX_REMOVED, PeerEntry, Publish, Register,
    TrackerMessage, Welcome,
};
use futures_util::StreamExt;
use rand::Rng;
use tokio::sync::oneshot;

use crate::net::{Link, LinkLimits, LinkToTracker, LinkWriter};
use crate::runtime::Close;
use crate::tracker_client::PeersFound;
use crate::tracker_client::{
    CONNECTING, CatalogueSnapshot, CatalogueState, FindEntry, FindSeeds, ForgetPeers, KindFilter,
    NO_WELCOME, PublishFiles, SendPeersTo, SendReport, TrackerLink, WantPeers,
};
use crate::wire::WireError;

/// First and longest wait between dials. Short enough that a tracker restart
/// goes unnoticed, long enough not to hammer one that is down.
const MIN_WAIT: Duration = Duration::from_millis(300);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Time for a dial and for the welcome after it.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Files asked about that are remembered for the next link.
const MAX_QUESTIONS: usize = 64;

/// Sharers whose names are asked for.
const NAMES: u32 = 12;

/// Who we are to the tracker.
#[derive(Debug, Clone)]
pub struct TrackerClientSettings {
    /// `host:port`.
    pub tracker: String,
    /// What peers are told too.
    pub hello: Hello,
    /// Proof of being the tracker's own library; empty for clients.
    pub origin_token: Bytes,
    /// Kind of files whose catalogue is followed.
    pub kind: KindFilter,
    /// Only asks, shares nothing.
    pub observer: bool,
}

/// The actor.
pub struct TrackerClient {
    settings: TrackerClientSettings,
    catalogue: Catalogue,
    link: TrackerLink,
    writer: Option<LinkWriter<ClientMessage>>,
    tracker_host: Option<std::net::IpAddr>,
    life: u64,
    heard: Instant,
    beats: u64,
    backoff: ExponentialBackoff,
    questions: HashMap<FileId, WantPeers>,
    /// Who wants to know names only.
    curious: HashMap<FileId, Vec<oneshot::Sender<Vec<String>>>>,
    /// What the tracker said when it closed the link.
    kicked: Option<String>,
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
    /// An announcer that dials as soon as it starts.
    pub fn new(settings: TrackerClientSettings) -> Self {
        let link = TrackerLink {
            address: settings.tracker.clone(),
            problem: CONNECTING.into(),
            ..TrackerLink::default()
        };
        Self {
            settings,
            catalogue: Catalogue::default(),
            link,
            writer: None,
            tracker_host: None,
            life: 0,
            heard: Instant::now(),
            beats: 0,
            backoff: fresh_backoff(),
            questions: HashMap::new(),
            curious: HashMap::new(),
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
        self.life += 1;
        self.heard = Instant::now();
        self.backoff = fresh_backoff();
        self.tracker_host = Some(link.remote.ip());
        self.writer = Some(link.writer);
        self.link = TrackerLink {
            online: true,
            clients: welcome.clients,
            problem: String::new(),
            address: self.settings.tracker.clone(),
            listed: self.link.listed,
        };
        let life = self.life;
        ctx.add_stream(
            link.reader
                .into_stream()
                .map(move |message| (life, message)),
        );
        self.heartbeat(ctx, self.life, welcome.heartbeat, welcome.timeout);
        self.publish_all();
        if !self.settings.observer {
            self.send(ClientMessage::Subscribe(self.settings.kind));
        }
        for question in self.questions.values().cloned().collect::<Vec<_>>() {
            self.ask(&question);
        }
    }

    fn offline(&mut self, ctx: &mut Context<Self>, error: &WireError) {
        self.writer = None;
        // Who was sent away must not come straight back: two programs with one
        // identity would throw each other out without end.
        let kicked = self.kicked.take().or_else(|| match error {
            WireError::Refused(text) => Some(text.clone()),
            _ => None,
        });
        let wait = match kicked {
            Some(_) => MAX_WAIT,
            None => self.backoff.next().unwrap_or(MAX_WAIT).min(MAX_WAIT),
        };
        let problem = kicked.unwrap_or_else(|| error.to_string());
        if problem != self.link.problem {
            tracing::warn!(tracker = %self.settings.tracker, %error, "no tracker; trying again");
        }
        self.link.online = false;
        self.link.problem = problem;
        ctx.run_later(wait, |actor, ctx| actor.dial(ctx));
    }

    /// Sends a sign of life at the tracker's interval, shortened by up to a
    /// fifth at random, and gives up on a tracker that does not echo.
    fn heartbeat(
        &mut self,
        ctx: &mut Context<Self>,
        life: u64,
        interval: Duration,
        timeout: Duration,
    ) {
        let jittered = interval.mul_f64(rand::rng().random_range(0.8..1.0));
        ctx.run_later(jittered, move |actor, ctx| {
            if actor.life != life || actor.writer.is_none() {
                return;
            }
            if actor.heard.elapsed() > timeout {
                return actor.lost(ctx, life, &WireError::Timeout);
            }
            actor.beats += 1;
            actor.send(ClientMessage::Heartbeat(actor.beats));
            actor.heartbeat(ctx, life, interval, timeout);
        });
    }

    fn lost(&mut self, ctx: &mut Context<Self>, life: u64, error: &WireError) {
        if self.life == life && self.writer.is_some() {
            self.offline(ctx, error);
        }
    }

    /// Sends if there is a tracker. A link that fails is noticed by its reader.
    fn send(&self, message: ClientMessage) {
        if let Some(writer) = &self.writer
            && let Err(error) = writer.send(message)
        {
            tracing::debug!(%error, "not sent to the tracker");
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
    fn meet(&self, file: FileId, mut peers: Vec<PeerEntry>) {
        for peer in &mut peers {
            peer.host = peer.host.or(self.tracker_host);
        }
        if let Some(swarm) = &self.swarm {
            swarm.do_send(PeersFound { file, peers });
        }
    }

    /// Peers go to the swarm if it wants them, names to whoever asked for names.
    fn answered(&mut self, file: FileId, peers: Vec<PeerEntry>) {
        let curious = self.curious.remove(&file);
        let only_names = curious.is_some() && !self.questions.contains_key(&file);
        for curious in curious.into_iter().flatten() {
            let names = peers.iter().map(|peer| peer.name.clone()).collect();
            // Whoever does not wait any more need not know.
            let _ = curious.send(names);
        }
        if only_names {
            // Nothing is fetched: no plan is needed.
            self.ask(&WantPeers {
                file,
                position: ChunkIndex(0),
                count: 0,
            });
        } else {
            self.meet(file, peers);
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
                if let Some(question) = self.questions.get(&file) {
                    self.ask(question);
                }
            }
            TrackerMessage::Introduce { file, peer } => self.meet(file, vec![peer]),
            TrackerMessage::Kick { reason, text } => {
                tracing::warn!(?reason, text, "the tracker closed the link");
                let temporary = reason == KickReason::Shutdown;
                self.kicked = Some(text).filter(|_| !temporary);
            }
            // Signs of life, and answers to questions that this client does not ask.
            TrackerMessage::Heartbeat(_)
            | TrackerMessage::Welcome(_)
            | TrackerMessage::QueryResult { .. } => {}
        }
    }
}

/// Dials and registers.
/// The link and the welcome, or why there is none.
///
/// # Errors
/// What the wire says; `Refused` if the tracker does not let us in.
pub async fn dial(settings: &TrackerClientSettings) -> Result<(LinkToTracker, Welcome), WireError> {
    let limits = LinkLimits::default();
    let mut link: LinkToTracker = Link::dial(&settings.tracker, DIAL_TIMEOUT, &limits).await?;
    link.writer.send(ClientMessage::Register(Register {
        version: settings.hello.version,
        peer: settings.hello.peer,
        name: settings.hello.name.clone(),
        agent: settings.hello.agent.clone(),
        listen_port: settings.hello.listen_port,
        origin_token: settings.origin_token.clone(),
        observer: settings.observer,
    }))?;
    match link.reader.next_within(DIAL_TIMEOUT).await {
        Ok(TrackerMessage::Welcome(welcome)) => Ok((link, welcome)),
        Ok(TrackerMessage::Kick { text, .. }) => Err(WireError::Refused(text)),
        // A peer that is no tracker says goodbye in a message that only peers know.
        Ok(_) | Err(WireError::Closed) => Err(WireError::Violation(NO_WELCOME)),
        Err(error) => Err(error),
    }
}

/// What a life of the link brings.
type LifeMessage = (u64, Result<TrackerMessage, WireError>);

impl Actor for TrackerClient {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.dial(ctx);
    }
}

impl StreamHandler<LifeMessage> for TrackerClient {
    fn handle(&mut self, (life, message): LifeMessage, ctx: &mut Context<Self>) {
        if life != self.life {
            return;
        }
        match message {
            Ok(message) => {
                self.heard = Instant::now();
                self.receive(message);
            }
            Err(error) => self.lost(ctx, life, &error),
        }
    }

    /// The actor outlives each of its links.
    fn finished(&mut self, _: &mut Context<Self>) {}
}

impl Handler<WantPeers> for TrackerClient {
    type Result = ();

    fn handle(&mut self, want: WantPeers, _: &mut Context<Self>) {
        self.ask(&want);
        if self.questions.len() >= MAX_QUESTIONS && !self.questions.contains_key(&want.file) {
            self.questions.clear();
        }
        self.questions.insert(want.file, want);
    }
}

impl Handler<ForgetPeers> for TrackerClient {
    type Result = ();

    fn handle(&mut self, forget: ForgetPeers, _: &mut Context<Self>) {
        if let Some(question) = self.questions.remove(&forget.0) {
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
        let (curious, names) = oneshot::channel();
        if self.curious.len() >= MAX_QUESTIONS {
            self.curious.clear();
        }
        self.curious.entry(file).or_default().push(curious);
        let known = self.questions.get(&file).cloned();
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
