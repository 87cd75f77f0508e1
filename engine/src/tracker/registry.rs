//! Clients, their file lists and what they hold: the tracker's memory.
//!
//! No socket, no clock, no randomness of its own. Changes are collected and
//! handed out by [`Registry::flush`], so that a thousand files published at once
//! are one push to each subscriber and not a thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;

use answers::{candidate, deltas, peer_entry};

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::search_words;
use crate::media::{FileEntry, MediaKind};
use crate::protocol::{CatalogueDelta, FileReport, MAX_ENTRIES, Publish, Report, TrackerMessage};
use crate::tracker::planner::{ASSUMED_UPLINK, Asker, Planner};
use crate::tracker::{ClientSnapshot, TrackerSnapshot};

/// Files one client may share; bounds what a client can make us hold.
/// A film has up to four sidecars beside it.
const MAX_FILES_PER_CLIENT: usize = 400_000;

/// Files one client may wait for peers of.
const MAX_QUESTIONS: usize = 64;

/// By how many times an uplink changes before plans that count on it are made anew:
/// measured ones of a steady line stay well within it.
const MUCH: u64 = 2;

/// A message for a client.
pub type Outgoing = (PeerId, TrackerMessage);

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
    /// Bytes a second its uplink carried when others were last told to ask anew.
    planned_uplink: u64,
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
    /// Whether the catalogue shows it.
    fn is_listed(&self) -> bool {
        let first = self.entries.first();
        first.is_some_and(|(_, entry)| entry.info.kind.is_listed(None))
    }

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
    /// Files of which the answer to who has them changed.
    dirty: HashSet<FileId>,
    /// Files of which what the catalogue says changed.
    relisted: HashSet<FileId>,
    /// Viewers whose suppliers are no longer the best.
    outdated: BTreeSet<(PeerId, FileId)>,
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
            planned_uplink: ASSUMED_UPLINK,
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
            if shared.is_listed() {
                self.relisted.insert(file);
            }
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
            if entry.info.kind.is_listed(None) {
                self.relisted.insert(entry.id);
            }
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
        self.compare_uplink(peer);
    }

    /// Whom a client serves is to ask again if its uplink became another.
    fn compare_uplink(&mut self, peer: PeerId) {
        let Some(client) = self.clients.get_mut(&peer) else {
            return;
        };
        let (before, now) = (client.planned_uplink, client.report.uplink);
        let alike = now < before.saturating_mul(MUCH) && before < now.saturating_mul(MUCH);
        if now == 0 || alike {
            return;
        }
        client.planned_uplink = now;
        for part in &client.report.files {
            let customers = self.planner.shifted(part.file, peer).into_iter();
            self.outdated
                .extend(customers.map(|customer| (customer, part.file)));
        }
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
    pub fn subscribe(&mut self, peer: PeerId, kind: Option<MediaKind>) -> Vec<TrackerMessage> {
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
            TrackerMessage::CatalogueDelta(CatalogueDelta {
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
            .filter(|entry| entry.info.kind.is_listed(kind))
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
                outgoing.push((named.peer, TrackerMessage::Introduce { file, peer }));
            }
            peers.push(entry);
        }
        outgoing.push((asker, TrackerMessage::PeerList { file, peers }));
        outgoing
    }

    /// Hands out what changed since the last flush: to subscribers the
    /// catalogue's changes, to those who asked for peers that the answer differs.
    pub fn flush(&mut self) -> Vec<Outgoing> {
        let clients = self.client_count();
        let outdated = std::mem::take(&mut self.outdated);
        let news = std::mem::replace(&mut self.told_clients, clients) != clients;
        if self.dirty.is_empty() && !news {
            return self.outdated_answers(outdated);
        }
        let dirty = std::mem::take(&mut self.dirty);
        let (mut changed, mut removed) = (Vec::new(), Vec::new());
        for file in std::mem::take(&mut self.relisted) {
            match self.files.get(&file).and_then(SharedFile::entry) {
                Some(entry) => changed.push(entry),
                None => removed.push(file),
            }
        }
        let news = news || !changed.is_empty() || !removed.is_empty();
        let others = outdated
            .into_iter()
            .filter(|(_, file)| !dirty.contains(file));
        let mut outgoing = self.outdated_answers(others.collect());
        for (peer, client) in &self.clients {
            if let Some(kind) = client.subscription.filter(|_| news) {
                let deltas = deltas(kind, &changed, &removed, clients);
                outgoing.extend(deltas.map(|delta| (*peer, delta)));
            }
            let asked = client.questions.keys().filter(|file| dirty.contains(file));
            outgoing.extend(asked.map(|file| (*peer, TrackerMessage::PeersChanged(*file))));
        }
        outgoing
    }

    /// Tells viewers that still ask for a file's peers that the answer differs.
    fn outdated_answers(&self, outdated: BTreeSet<(PeerId, FileId)>) -> Vec<Outgoing> {
        let asks = |(peer, file): &(PeerId, FileId)| {
            let client = self.clients.get(peer);
            client.is_some_and(|client| client.questions.contains_key(file))
        };
        let outdated = outdated.into_iter().filter(asks);
        let told = outdated.map(|(peer, file)| (peer, TrackerMessage::PeersChanged(file)));
        told.collect()
    }

    /// The state, for people and tests.
    pub fn snapshot(&self) -> TrackerSnapshot {
        let counted = self.clients.values().filter(|c| !c.info.observer);
        let listed = |file: &FileId| self.files.get(file).is_some_and(SharedFile::is_listed);
        TrackerSnapshot {
            clients: counted
                .map(|client| ClientSnapshot {
                    name: client.info.name.clone(),
                    address: client.info.address,
                    origin: client.info.origin,
                    files: client.shared.iter().filter(|file| listed(file)).count(),
                })
                .collect(),
            files: self.files.keys().filter(|file| listed(file)).count(),
        }
    }
}

mod answers;
#[cfg(test)]
mod tests;
