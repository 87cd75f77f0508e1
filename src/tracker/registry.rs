//! Clients, their file lists and what they hold: the tracker's memory.
//!
//! No socket, no clock, no randomness of its own. Changes are collected and
//! handed out by [`Registry::flush`], so that a thousand files published at once
//! are one push to each subscriber and not a thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;

use super::planner::{Asker, Candidate, Held, Planner};
use super::{ClientSnapshot, TrackerSnapshot};
use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::facts::search_words;
use crate::media::{FileEntry, MediaKind};
use crate::wire::{
    CatalogueDelta, FileReport, MAX_ENTRIES, MAX_REMOVED, Message, PeerEntry, Publish, Report,
};

/// Files one client may share; bounds what a client can make us hold.
const MAX_FILES_PER_CLIENT: usize = 100_000;

/// Files one client may wait for peers of.
const MAX_QUESTIONS: usize = 64;

/// A message for a client.
pub type Outgoing = (PeerId, Message);

/// What is known of a client when it registers.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// Name to show.
    pub name: String,
    /// Observed address with the port it listens on (0 if it does not).
    pub address: SocketAddr,
    /// Whether it is the server's library.
    pub origin: bool,
    /// Only asks, shares nothing.
    pub observer: bool,
    /// Number of its link, to tell it from a replaced one.
    pub link: u64,
}

#[derive(Debug)]
struct Client {
    info: ClientInfo,
    heard: Instant,
    shared: BTreeSet<FileId>,
    report: Report,
    questions: HashMap<FileId, ChunkIndex>,
    subscription: Option<Option<MediaKind>>,
}

/// A file that somebody shares.
#[derive(Debug, Default)]
struct SharedFile {
    /// As each sharer describes it; the one that came first counts.
    entries: Vec<(PeerId, FileEntry)>,
    /// Viewers that have fetched all of it.
    complete: BTreeSet<PeerId>,
}

impl SharedFile {
    /// The entry to show: the first sharer's description, all sharers counted.
    fn entry(&self) -> Option<FileEntry> {
        let mut entry = self.entries.first()?.1.clone();
        let alike = self
            .entries
            .iter()
            .filter(|(_, e)| e.chunk_size == entry.chunk_size);
        entry.sources = alike.count() as u32;
        Some(entry)
    }
}

/// The tracker's memory.
#[derive(Debug, Default)]
pub struct Registry {
    clients: BTreeMap<PeerId, Client>,
    files: HashMap<FileId, SharedFile>,
    planner: Planner,
    dirty: HashSet<FileId>,
    told_clients: u32,
}

impl Registry {
    /// Clients online, observers not counted.
    pub fn client_count(&self) -> u32 {
        let counted = self.clients.values().filter(|c| !c.info.observer);
        counted.count() as u32
    }

    /// All links, observers too.
    pub fn link_count(&self) -> usize {
        self.clients.len()
    }

    /// A client came online. Returns the number of the link it replaces.
    pub fn register(&mut self, now: Instant, peer: PeerId, info: ClientInfo) -> Option<u64> {
        let replaced = self.clients.get(&peer).map(|client| client.info.link);
        self.remove(peer);
        let client = Client {
            info,
            heard: now,
            shared: BTreeSet::new(),
            report: Report::default(),
            questions: HashMap::new(),
            subscription: None,
        };
        self.clients.insert(peer, client);
        replaced
    }

    /// A client is gone, and all that it shared.
    pub fn remove(&mut self, peer: PeerId) {
        let Some(client) = self.clients.remove(&peer) else {
            return;
        };
        for file in client.questions.keys() {
            self.planner.left(*file, peer);
        }
        for held in client.report.files {
            self.gone_from(peer, held.file);
            self.dirty.insert(held.file);
        }
        for file in client.shared {
            self.unshare(peer, file);
        }
    }

    /// Number of a client's present link.
    pub fn link_of(&self, peer: PeerId) -> Option<u64> {
        self.clients.get(&peer).map(|client| client.info.link)
    }

    /// A client showed that it lives.
    pub fn heard(&mut self, now: Instant, peer: PeerId) {
        if let Some(client) = self.clients.get_mut(&peer) {
            client.heard = now;
        }
    }

    /// Clients not heard of for longer than `timeout`.
    pub fn silent(&self, now: Instant, timeout: Duration) -> Vec<PeerId> {
        let silent = |client: &Client| now.saturating_duration_since(client.heard) > timeout;
        let silent = self.clients.iter().filter(|(_, client)| silent(client));
        silent.map(|(peer, _)| *peer).collect()
    }

    /// A client holds nothing of a file any more.
    fn gone_from(&mut self, peer: PeerId, file: FileId) {
        self.planner.left(file, peer);
        if let Some(shared) = self.files.get_mut(&file) {
            shared.complete.remove(&peer);
        }
    }

    fn unshare(&mut self, peer: PeerId, file: FileId) {
        if let Some(shared) = self.files.get_mut(&file) {
            shared.entries.retain(|(sharer, _)| *sharer != peer);
            if shared.entries.is_empty() {
                self.files.remove(&file);
            }
        }
        self.dirty.insert(file);
    }

    /// A change of a client's file list. What exceeds the limit is ignored.
    pub fn publish(&mut self, peer: PeerId, publish: Publish) {
        let Some(client) = self.clients.get_mut(&peer) else {
            return;
        };
        let mut removed = publish.removed;
        if publish.reset {
            removed.extend(client.shared.iter().copied());
        }
        for file in &removed {
            client.shared.remove(file);
        }
        let room = MAX_FILES_PER_CLIENT.saturating_sub(client.shared.len());
        let added: Vec<FileEntry> = publish.added.into_iter().take(room).collect();
        client.shared.extend(added.iter().map(|entry| entry.id));
        for file in removed {
            self.unshare(peer, file);
        }
        for entry in added {
            self.dirty.insert(entry.id);
            let entries = &mut self.files.entry(entry.id).or_default().entries;
            match entries.iter_mut().find(|(sharer, _)| *sharer == peer) {
                Some((_, known)) => *known = entry,
                None => entries.push((peer, entry)),
            }
        }
    }

    /// What a client measured and holds.
    pub fn report(&mut self, peer: PeerId, report: Report) {
        let Some(client) = self.clients.get_mut(&peer) else {
            return;
        };
        let begun = |new: &&FileReport| {
            let known = client.report.files.iter().find(|old| old.file == new.file);
            known.is_none_or(|known| known.have.is_empty() != new.have.is_empty())
        };
        let news: Vec<FileId> = report.files.iter().filter(begun).map(|r| r.file).collect();
        self.dirty.extend(news);
        let now_held: HashSet<FileId> = report.files.iter().map(|report| report.file).collect();
        let before = std::mem::replace(&mut client.report, report);
        let asks: Vec<FileId> = client.questions.keys().copied().collect();
        for old in before.files {
            if !now_held.contains(&old.file) && !asks.contains(&old.file) {
                self.gone_from(peer, old.file);
            }
        }
        self.place(peer);
    }

    /// Enters where a client is in the files it holds parts of.
    fn place(&mut self, peer: PeerId) {
        let Some(client) = self.clients.get(&peer) else {
            return;
        };
        for part in &client.report.files {
            let shared = self.files.get_mut(&part.file);
            let chunks = shared.as_ref().and_then(|shared| {
                let geometry = shared.entries.first()?.1.geometry()?;
                Some(u64::from(geometry.chunk_count()))
            });
            if chunks == Some(part.have.len()) {
                self.planner.left(part.file, peer);
                shared.into_iter().for_each(|shared| {
                    shared.complete.insert(peer);
                });
            } else {
                shared.into_iter().for_each(|shared| {
                    shared.complete.remove(&peer);
                });
                self.planner.moved(part.file, peer, part.position);
            }
        }
    }

    /// Asks for the catalogue and its changes; returns the first answer.
    pub fn subscribe(&mut self, peer: PeerId, kind: Option<MediaKind>) -> Vec<Message> {
        if let Some(client) = self.clients.get_mut(&peer) {
            client.subscription = Some(kind);
        }
        let entries = self.entries(kind);
        let clients = self.client_count();
        let mut pages: Vec<Vec<FileEntry>> =
            entries.chunks(MAX_ENTRIES).map(<[_]>::to_vec).collect();
        if pages.is_empty() {
            pages.push(Vec::new());
        }
        let last = pages.len() - 1;
        let page = |(index, changed)| {
            Message::CatalogueDelta(CatalogueDelta {
                reset: index == 0,
                changed,
                removed: Vec::new(),
                clients,
                more: index < last,
            })
        };
        pages.into_iter().enumerate().map(page).collect()
    }

    /// Entries of a kind, by title.
    fn entries(&self, kind: Option<MediaKind>) -> Vec<FileEntry> {
        let entries = self.files.values().filter_map(SharedFile::entry);
        let mut entries: Vec<FileEntry> = entries
            .filter(|entry| kind.is_none_or(|kind| entry.facts.kind == kind))
            .collect();
        entries.sort_by_cached_key(|entry| (entry.display_title().to_lowercase(), entry.id));
        entries
    }

    /// A page of the files whose name or tags hold all words of `search`.
    pub fn query(&self, kind: Option<MediaKind>, search: &str, page: u32) -> (u32, Vec<FileEntry>) {
        let words = search_words(search);
        let mut found = self.entries(kind);
        found.retain(|entry| entry.matches(&words));
        let total = found.len() as u32;
        let first = (page as usize).saturating_mul(MAX_ENTRIES);
        let entries = found.into_iter().skip(first).take(MAX_ENTRIES).collect();
        (total, entries)
    }

    /// Who has a file, for an asker that needs it from `position` on. Also
    /// introduces the asker to peers that can only dial themselves.
    pub fn find_peers(
        &mut self,
        asker: PeerId,
        file: FileId,
        position: ChunkIndex,
        count: u32,
        rng: &mut impl Rng,
    ) -> Vec<Outgoing> {
        let Some(client) = self.clients.get_mut(&asker) else {
            return Vec::new();
        };
        if count == 0 {
            client.questions.remove(&file);
            if client.report.files.iter().all(|report| report.file != file) {
                self.planner.left(file, asker);
            }
            return Vec::new();
        }
        if client.questions.len() < MAX_QUESTIONS || client.questions.contains_key(&file) {
            client.questions.insert(file, position);
        }
        let client = &self.clients[&asker];
        let address = client.info.address;
        let shared = self.files.get(&file);
        let byte_rate = shared.and_then(|shared| Some(shared.entries.first()?.1.byte_rate()));
        let who = Asker {
            peer: asker,
            ip: address.ip(),
            position,
            byte_rate: byte_rate.unwrap_or(0),
        };
        let sources: Vec<PeerId> = shared.map_or(Vec::new(), |shared| {
            let sharers = shared.entries.iter().map(|(peer, _)| *peer);
            let mut sharers: Vec<PeerId> = sharers.collect();
            let is_server = |peer: &PeerId| self.clients.get(peer).is_some_and(|c| c.info.origin);
            sharers.sort_by_key(|peer| !is_server(peer));
            sharers.extend(&shared.complete);
            sharers
        });
        let nothing = roaring::RoaringBitmap::new();
        let clients = &self.clients;
        let reachable = |other: &Client| other.info.address.port() != 0 || address.port() != 0;
        let look = |peer: PeerId| {
            let other = clients.get(&peer).filter(|other| reachable(other))?;
            Some(candidate(other, peer, client, asker, file, &nothing))
        };
        let mut named = self.planner.plan(file, who, &sources, look, rng);
        named.truncate(count as usize);
        let mut outgoing = Vec::new();
        let mut peers = Vec::new();
        for named in named {
            let found = &self.clients[&named.peer].info;
            let mut entry = peer_entry(named.peer, found, address);
            entry.reasons = named.reasons;
            if entry.port.is_none() {
                let client = &self.clients[&asker];
                let peer = peer_entry(asker, &client.info, found.address);
                outgoing.push((named.peer, Message::Introduce { file, peer }));
            }
            peers.push(entry);
        }
        outgoing.push((asker, Message::PeerList { file, peers }));
        outgoing
    }

    /// Hands out what changed since the last flush: to subscribers the
    /// catalogue's changes, to those who asked for peers that the answer differs.
    pub fn flush(&mut self) -> Vec<Outgoing> {
        let clients = self.client_count();
        if self.dirty.is_empty() && clients == self.told_clients {
            return Vec::new();
        }
        self.told_clients = clients;
        let dirty = std::mem::take(&mut self.dirty);
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        for file in &dirty {
            match self.files.get(file).and_then(SharedFile::entry) {
                Some(entry) => changed.push(entry),
                None => removed.push(*file),
            }
        }
        let mut outgoing = Vec::new();
        for (peer, client) in &self.clients {
            if let Some(kind) = client.subscription {
                let deltas = deltas(kind, &changed, &removed, clients);
                outgoing.extend(deltas.map(|delta| (*peer, delta)));
            }
            let asked = client.questions.keys().filter(|file| dirty.contains(file));
            outgoing.extend(asked.map(|file| (*peer, Message::PeersChanged(*file))));
        }
        outgoing
    }

    /// The state, for people and tests.
    pub fn snapshot(&self) -> TrackerSnapshot {
        let counted = self.clients.values().filter(|c| !c.info.observer);
        TrackerSnapshot {
            clients: counted
                .map(|client| ClientSnapshot {
                    name: client.info.name.clone(),
                    address: client.info.address,
                    origin: client.info.origin,
                    files: client.shared.len(),
                })
                .collect(),
            files: self.files.len(),
        }
    }
}

/// What is known of a client that may supply a file to another.
fn candidate<'a>(
    other: &'a Client,
    peer: PeerId,
    client: &Client,
    asker: PeerId,
    file: FileId,
    nothing: &'a roaring::RoaringBitmap,
) -> Candidate<'a> {
    let part = other.report.files.iter().find(|report| report.file == file);
    let measured = |from: &Client, to: PeerId| {
        let mut rtts = from.report.rtts.iter();
        rtts.find(|(peer, _)| *peer == to).map(|(_, rtt)| *rtt)
    };
    Candidate {
        peer,
        ip: other.info.address.ip(),
        origin: other.info.origin,
        held: match part {
            _ if other.shared.contains(&file) => Held::All,
            Some(part) => Held::Part(&part.have),
            None => Held::Part(nothing),
        },
        rtt: measured(client, peer).or_else(|| measured(other, asker)),
        uplink: other.report.uplink,
    }
}

/// A change of the catalogue in messages of allowed length; at least one, since
/// the number of clients may be the news.
fn deltas<'a>(
    kind: Option<MediaKind>,
    changed: &'a [FileEntry],
    removed: &'a [FileId],
    clients: u32,
) -> impl Iterator<Item = Message> + use<'a> {
    let of_kind = move |entry: &&FileEntry| kind.is_none_or(|kind| entry.facts.kind == kind);
    let changed: Vec<FileEntry> = changed.iter().filter(of_kind).cloned().collect();
    let messages = changed.len().div_ceil(MAX_ENTRIES);
    let messages = messages.max(removed.len().div_ceil(MAX_REMOVED)).max(1);
    (0..messages).map(move |index| {
        let page = |len: usize, size: usize| (index * size).min(len)..((index + 1) * size).min(len);
        Message::CatalogueDelta(CatalogueDelta {
            reset: false,
            changed: changed[page(changed.len(), MAX_ENTRIES)].to_vec(),
            removed: removed[page(removed.len(), MAX_REMOVED)].to_vec(),
            clients,
            more: false,
        })
    })
}

/// How `asker_address` reaches a client. One that reached the tracker over
/// loopback lives on the tracker's host, whatever that is called from outside.
fn peer_entry(peer: PeerId, info: &ClientInfo, asker_address: SocketAddr) -> PeerEntry {
    let ip = info.address.ip();
    let at_tracker = ip.is_loopback() && !asker_address.ip().is_loopback();
    PeerEntry {
        peer,
        name: info.name.clone(),
        host: (!at_tracker).then_some(ip),
        port: Some(info.address.port()).filter(|port| *port != 0),
        origin: info.origin,
        reasons: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
