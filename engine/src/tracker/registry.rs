//! Clients, their file lists and holdings.
//!
//! No socket, no clock, no randomness of its own. Changes are collected and
//! returned by [`Registry::flush`], so that a thousand files published at once
//! are one push to each subscriber and not a thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use rand::Rng;
use roaring::RoaringBitmap;

use crate::catalogue::{Search, by_title};
use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::{FileEntry, MediaKind};
use crate::protocol::{FileReport, MAX_ENTRIES, Publish, Report, TrackerMessage};
use crate::tracker::TrackerSnapshot;
use crate::tracker::client::{Client, ClientInfo};
use crate::tracker::pages::{deltas, first_pages};
use crate::tracker::planner::{Asker, Planner};
use crate::tracker::shared_file::SharedFile;

/// Files one client may share, its sidecars included (a film has up to four);
/// bounds the memory that one client can make the tracker use.
const MAX_FILES_PER_CLIENT: usize = 400_000;

/// Files one client may wait for peers of.
const MAX_QUESTIONS: usize = 64;

/// A message for a client.
pub type Outgoing = (PeerId, TrackerMessage);

/// All clients and shared files.
#[derive(Debug, Default)]
pub struct Registry {
    clients: BTreeMap<PeerId, Client>,
    files: HashMap<FileId, SharedFile>,
    planner: Planner,
    /// Files whose peers changed.
    dirty: HashSet<FileId>,
    /// Files whose catalogue entry changed.
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

    /// Adds a client. Returns the number of the link it replaces.
    pub fn register(&mut self, now: Instant, peer: PeerId, info: ClientInfo) -> Option<u64> {
        let replaced = self.clients.get(&peer).map(|client| client.info.link);
        self.remove(peer);
        self.clients.insert(peer, Client::new(now, info));
        replaced
    }

    /// Removes a client and the files it shared.
    pub fn remove(&mut self, peer: PeerId) {
        let Some(client) = self.clients.remove(&peer) else {
            return;
        };
        for file in client.questions.keys() {
            self.planner.remove(*file, peer);
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

    /// Records a sign of life.
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

    /// Removes a client from a file of which it holds nothing any more.
    fn gone_from(&mut self, peer: PeerId, file: FileId) {
        self.planner.remove(file, peer);
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

    /// Changes a client's file list. Files beyond the limit are ignored.
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

    /// Takes in a client's measurements and holdings.
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
        self.update_positions(peer);
        self.compare_uplink(peer);
    }

    /// Makes the viewers that a client serves ask again if its uplink changed.
    fn compare_uplink(&mut self, peer: PeerId) {
        let Some(client) = self.clients.get_mut(&peer) else {
            return;
        };
        if !client.uplink_changed() {
            return;
        }
        for part in &client.report.files {
            let customers = self.planner.invalidate(part.file, peer).into_iter();
            self.outdated
                .extend(customers.map(|customer| (customer, part.file)));
        }
    }

    /// Passes a client's positions on to the planner.
    fn update_positions(&mut self, peer: PeerId) {
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
                self.planner.remove(part.file, peer);
                shared.into_iter().for_each(|shared| {
                    shared.complete.insert(peer);
                });
            } else {
                shared.into_iter().for_each(|shared| {
                    shared.complete.remove(&peer);
                });
                self.planner.set_position(part.file, peer, part.position);
            }
        }
    }

    /// Subscribes a client to the catalogue and its changes; returns the first answer.
    pub fn subscribe(&mut self, peer: PeerId, kind: Option<MediaKind>) -> Vec<TrackerMessage> {
        if let Some(client) = self.clients.get_mut(&peer) {
            client.subscription = Some(kind);
        }
        first_pages(&self.entries(kind), self.client_count())
    }

    /// Entries of a kind, by title.
    fn entries(&self, kind: Option<MediaKind>) -> Vec<FileEntry> {
        let entries = self.files.values().filter_map(SharedFile::entry);
        let mut entries: Vec<FileEntry> = entries
            .filter(|entry| entry.info.kind.is_listed(kind))
            .collect();
        entries.sort_by_cached_key(by_title);
        entries
    }

    /// A page of the files whose name or tags hold all words of `search`.
    pub fn query(&self, kind: Option<MediaKind>, search: &str, page: u32) -> (u32, Vec<FileEntry>) {
        let search = Search::new(search);
        let mut found = self.entries(kind);
        found.retain(|entry| search.matches(entry));
        let total = found.len() as u32;
        let first = (page as usize).saturating_mul(MAX_ENTRIES);
        let entries = found.into_iter().skip(first).take(MAX_ENTRIES).collect();
        (total, entries)
    }

    /// Peers that have a file, for an asker that needs it from `position` on. Also
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
                self.planner.remove(file, asker);
            }
            return Vec::new();
        }
        if client.questions.len() < MAX_QUESTIONS || client.questions.contains_key(&file) {
            client.questions.insert(file, position);
        }
        let sources = self.sources(file);
        let shared = self.files.get(&file);
        let byte_rate = shared.and_then(|shared| Some(shared.entries.first()?.1.byte_rate()));
        let client = &self.clients[&asker];
        let address = client.info.address;
        let who = Asker {
            peer: asker,
            ip: address.ip(),
            position,
            byte_rate: byte_rate.unwrap_or(0),
        };
        let nothing = RoaringBitmap::new();
        let clients = &self.clients;
        let look = |peer: PeerId| {
            let other = clients.get(&peer).filter(|other| other.can_reach(client))?;
            Some(other.candidate(peer, file, (asker, client), &nothing))
        };
        let mut named = self.planner.plan(file, who, &sources, look, rng);
        named.truncate(count as usize);
        let mut outgoing = Vec::new();
        let mut peers = Vec::new();
        for supplier in named {
            let found = &self.clients[&supplier.peer];
            let mut entry = found.peer_entry(supplier.peer, address);
            entry.reasons = supplier.reasons;
            if entry.port.is_none() {
                let peer = self.clients[&asker].peer_entry(asker, found.info.address);
                let introduce = TrackerMessage::Introduce { file, peer };
                outgoing.push((supplier.peer, introduce));
            }
            peers.push(entry);
        }
        outgoing.push((asker, TrackerMessage::PeerList { file, peers }));
        outgoing
    }

    /// Peers that hold all of a file, the origin first.
    fn sources(&self, file: FileId) -> Vec<PeerId> {
        let Some(shared) = self.files.get(&file) else {
            return Vec::new();
        };
        let mut sources: Vec<PeerId> = shared.entries.iter().map(|(peer, _)| *peer).collect();
        let is_origin = |peer: &PeerId| self.clients.get(peer).is_some_and(|c| c.info.origin);
        sources.sort_by_key(|peer| !is_origin(peer));
        sources.extend(&shared.complete);
        sources
    }

    /// Returns the changes since the last flush: for subscribers those of the
    /// catalogue, for clients with an open question that its answer changed.
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

    /// Notifies viewers that still ask for a file's peers.
    fn outdated_answers(&self, outdated: BTreeSet<(PeerId, FileId)>) -> Vec<Outgoing> {
        let asks = |(peer, file): &(PeerId, FileId)| {
            let client = self.clients.get(peer);
            client.is_some_and(|client| client.questions.contains_key(file))
        };
        let outdated = outdated.into_iter().filter(asks);
        let told = outdated.map(|(peer, file)| (peer, TrackerMessage::PeersChanged(file)));
        told.collect()
    }

    /// State for people and tests.
    pub fn snapshot(&self) -> TrackerSnapshot {
        let counted = self.clients.values().filter(|c| !c.info.observer);
        let listed = |file: &FileId| self.files.get(file).is_some_and(SharedFile::is_listed);
        TrackerSnapshot {
            clients: counted.map(|client| client.snapshot(listed)).collect(),
            files: self.files.keys().filter(|file| listed(file)).count(),
        }
    }
}

#[cfg(test)]
mod tests;
