//! Selection of suppliers for each viewer: the paths that chunks take.
//!
//! Each viewer gets a bounded set of suppliers ([`SUPPLIERS`]). Candidates are the
//! viewers at or just ahead of its position, who hold the chunks it needs next
//! or will soon. Some of them are drawn at random, each weighted by
//!
//! * its uplink, less the capacity promised to others (never the best alone: that
//!   makes hot spots and is worse than chance);
//! * the share it holds of the chunks needed next;
//! * nearness: a short measured round trip, or the same network.
//!
//! Suppliers that still serve are kept, so that a plan changes only with reason.
//!
//! Sources hold the whole file and are the insurance: only the [`FETCHERS`]
//! viewers at the front fetch new chunks from them, each its assignment, and pass
//! them on; the other viewers get the sources as a reserve. Fetchers are named to
//! each other, so that they agree on the assignment.
//!
//! A plan considers [`NEARBY`] viewers and [`SOURCES_CONSIDERED`] sources whatever
//! the size of the swarm, and plans are made one viewer at a time, when it asks. No
//! clock, no randomness of its own.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::protocol::PathReason;

/// Suppliers of a viewer, sources not counted: enough that a random mesh delivers
/// as much as a full one (the logarithm of a thousand viewers, and a margin).
pub const SUPPLIERS: usize = 10;

/// Viewers that fetch from one source.
const FETCHERS: usize = 10;

/// Sources named to a viewer, besides the origin.
const SOURCES: usize = 8;

/// Sources considered for one plan.
const SOURCES_CONSIDERED: usize = 32;

/// Most sources that have fetchers.
const SOURCES_FETCHED: usize = 4;

/// Viewers considered for one plan.
const NEARBY: usize = 64;

/// Chunks from the asker's position that count as "needed next".
const NEEDED_NEXT: u32 = 64;

/// Longest round trip that counts as near.
const NEAR: Duration = Duration::from_millis(20);

/// Factor by which another supplier must be better to replace one: a change costs a
/// connection and its estimates.
const KEEP_FACTOR: f64 = 20.0;

/// Uplink assumed where none is measured, in bytes a second.
pub const ASSUMED_UPLINK: u64 = 500_000;

/// Chunks of the file that a candidate holds.
#[derive(Debug, Clone, Copy)]
pub enum Held<'a> {
    /// All of it.
    All,
    /// These chunks; possibly none yet, for a fellow viewer.
    Part(&'a RoaringBitmap),
}

/// A peer that may be named.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Peer id.
    pub peer: PeerId,
    /// Address.
    pub ip: IpAddr,
    /// True for the origin.
    pub origin: bool,
    /// Chunks it holds.
    pub held: Held<'a>,
    /// Round trip to the asker, if either measured one.
    pub rtt: Option<Duration>,
    /// Uplink in bytes a second that it serves with; `None` if unknown.
    pub uplink: Option<u64>,
    /// Uplink in use in bytes a second, as last reported.
    pub busy: u64,
}

/// A viewer that asks for peers.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    /// Peer id.
    pub peer: PeerId,
    /// Address.
    pub ip: IpAddr,
    /// First chunk needed.
    pub position: ChunkIndex,
    /// Bitrate of the file in bytes a second.
    pub byte_rate: u64,
}

/// A peer to name, with reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supplier {
    /// Peer id.
    pub peer: PeerId,
    /// Weightiest first.
    pub reasons: Vec<PathReason>,
}

impl Supplier {
    /// True if it is only for chunks that would be late otherwise.
    pub fn is_reserve(&self) -> bool {
        self.reasons.contains(&PathReason::Reserve)
    }
}

/// The plans for all files.
#[derive(Debug, Default)]
pub struct Planner {
    swarms: HashMap<FileId, SwarmPlan>,
}

/// Viewers of one file, by position, and their suppliers.
#[derive(Debug, Default)]
struct SwarmPlan {
    by_position: BTreeSet<(ChunkIndex, PeerId)>,
    viewers: HashMap<PeerId, Viewer>,
}

#[derive(Debug, Default)]
struct Viewer {
    position: ChunkIndex,
    suppliers: Vec<PeerId>,
    /// Viewers it was named to.
    customers: u32,
}

impl Planner {
    /// Sets the position of a viewer in a file.
    pub fn set_position(&mut self, file: FileId, peer: PeerId, position: ChunkIndex) {
        let swarm = self.swarms.entry(file).or_default();
        let viewer = swarm.viewers.entry(peer).or_default();
        swarm.by_position.remove(&(viewer.position, peer));
        viewer.position = position;
        swarm.by_position.insert((position, peer));
    }

    /// Removes a viewer from a file.
    pub fn remove(&mut self, file: FileId, peer: PeerId) {
        let Some(swarm) = self.swarms.get_mut(&file) else {
            return;
        };
        if let Some(viewer) = swarm.viewers.remove(&peer) {
            swarm.by_position.remove(&(viewer.position, peer));
            viewer.suppliers.iter().for_each(|s| swarm.release(s));
        }
        if swarm.viewers.is_empty() {
            self.swarms.remove(&file);
        }
    }

    /// Removes a peer from all plans, because its uplink changed. Returns the viewers
    /// that it was named to, if there are other peers to choose from.
    pub fn invalidate(&mut self, file: FileId, peer: PeerId) -> Vec<PeerId> {
        let Some(swarm) = self.swarms.get_mut(&file) else {
            return Vec::new();
        };
        if swarm.viewers.len() <= SUPPLIERS {
            return Vec::new();
        }
        let mut customers = Vec::new();
        for (customer, viewer) in &mut swarm.viewers {
            if let Some(at) = viewer.suppliers.iter().position(|named| *named == peer) {
                viewer.suppliers.swap_remove(at);
                customers.push(*customer);
            }
        }
        if let Some(viewer) = swarm.viewers.get_mut(&peer) {
            viewer.customers = 0;
        }
        customers
    }

    /// Plans for one viewer. `look` returns a peer as a candidate, `None` if it can no
    /// longer be named; `sources` hold the whole file, the origin first.
    pub fn plan<'a>(
        &mut self,
        file: FileId,
        asker: Asker,
        sources: &[PeerId],
        look: impl Fn(PeerId) -> Option<Candidate<'a>>,
        rng: &mut impl Rng,
    ) -> Vec<Supplier> {
        self.set_position(file, asker.peer, asker.position);
        let swarm = self.swarms.entry(file).or_default();
        let fetchers = swarm.fetchers(sources.len());
        let fetches = fetchers.contains(&asker.peer);
        let mut named = swarm.suppliers(asker, &fetchers, fetches, &look, rng);
        let open = fetches || named.is_empty();
        let (origin, others) = sources.split_at(sources.len().min(1));
        let others = others.choose_multiple(rng, SOURCES_CONSIDERED);
        let seen: Vec<&PeerId> = origin.iter().chain(others).collect();
        let mut held: Vec<(f64, Candidate<'a>)> = seen
            .into_iter()
            .filter(|peer| **peer != asker.peer)
            .filter_map(|peer| look(*peer))
            .map(|source| (draw(weight(&source, asker, 0), rng), source))
            .collect();
        held.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut others = 0;
        held.retain(|(_, source)| {
            others += usize::from(!source.origin);
            source.origin || others <= SOURCES
        });
        // The origin last: it is the insurance of all viewers.
        held.sort_by_key(|(_, source)| source.origin);
        for (_, source) in held {
            let mut reasons = reasons(&source, asker, None);
            if !open {
                reasons.push(PathReason::Reserve);
            }
            let peer = source.peer;
            named.push(Supplier { peer, reasons });
        }
        named
    }
}

impl SwarmPlan {
    fn release(&mut self, supplier: &PeerId) {
        if let Some(viewer) = self.viewers.get_mut(supplier) {
            viewer.customers = viewer.customers.saturating_sub(1);
        }
    }

    /// The viewers at the front of the film.
    fn fetchers(&self, sources: usize) -> Vec<PeerId> {
        let front = self.by_position.iter().rev();
        let front = front.take(FETCHERS * sources.clamp(1, SOURCES_FETCHED));
        front.map(|(_, peer)| *peer).collect()
    }

    /// Viewers at the asker's position and ahead of it, nearest first.
    fn nearby(&self, asker: Asker) -> Vec<PeerId> {
        let here = asker.position;
        let ahead = self.by_position.range((here, PeerId([0; 16]))..);
        let behind = self.by_position.range(..(here, PeerId([0; 16]))).rev();
        let others = ahead.take(NEARBY * 3 / 4).chain(behind.take(NEARBY / 4));
        let others = others.map(|(_, peer)| *peer);
        others.filter(|peer| *peer != asker.peer).collect()
    }

    /// Draws the viewers that supply another, and records them.
    fn suppliers<'a>(
        &mut self,
        asker: Asker,
        fetchers: &[PeerId],
        fetches: bool,
        look: &impl Fn(PeerId) -> Option<Candidate<'a>>,
        rng: &mut impl Rng,
    ) -> Vec<Supplier> {
        let known = self.viewers.get_mut(&asker.peer);
        let before = known.map_or(Vec::new(), |viewer| std::mem::take(&mut viewer.suppliers));
        before.iter().for_each(|supplier| self.release(supplier));
        let together = |peer: &PeerId| fetches && fetchers.contains(peer);
        let mut nearby = self.nearby(asker);
        let far = before.iter().chain(fetchers.iter().filter(|p| together(p)));
        let far: Vec<PeerId> = far.copied().filter(|p| !nearby.contains(p)).collect();
        nearby.extend(far);
        nearby.sort_unstable();
        nearby.dedup();
        let mut drawn: Vec<(bool, f64, ChunkIndex, Candidate<'a>)> = nearby
            .into_iter()
            .filter(|peer| *peer != asker.peer)
            .filter_map(|peer| {
                let viewer = self.viewers.get(&peer)?;
                let candidate = look(peer)?;
                let mut weight = weight(&candidate, asker, viewer.customers);
                if before.contains(&peer) {
                    weight *= KEEP_FACTOR;
                }
                let key = draw(weight, rng);
                Some((together(&peer), key, viewer.position, candidate))
            })
            .collect();
        drawn.sort_by(|a, b| {
            (b.0, b.1)
                .partial_cmp(&(a.0, a.1))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        drawn.truncate(SUPPLIERS);
        let named = drawn
            .into_iter()
            .map(|(_, _, position, candidate)| Supplier {
                peer: candidate.peer,
                reasons: reasons(&candidate, asker, Some(position)),
            });
        let named: Vec<Supplier> = named.collect();
        for supplier in &named {
            if let Some(viewer) = self.viewers.get_mut(&supplier.peer) {
                viewer.customers += 1;
            }
        }
        if let Some(viewer) = self.viewers.get_mut(&asker.peer) {
            viewer.suppliers = named.iter().map(|supplier| supplier.peer).collect();
        }
        named
    }
}

/// Draws without replacement in proportion to weights: the highest keys win
/// (Efraimidis and Spirakis, "Weighted random sampling with a reservoir", 2006).
fn draw(weight: f64, rng: &mut impl Rng) -> f64 {
    let uniform: f64 = rng.random_range(f64::MIN_POSITIVE..1.0);
    uniform.ln() / weight.max(f64::MIN_POSITIVE)
}

/// Weight of a candidate in the draw.
fn weight(candidate: &Candidate<'_>, asker: Asker, customers: u32) -> f64 {
    let uplink = candidate.uplink.unwrap_or(ASSUMED_UPLINK) as f64;
    let promised = f64::from(customers) * asker.byte_rate as f64 / SUPPLIERS as f64;
    let taken = promised.max(candidate.busy as f64);
    let residual = (uplink - taken).max(uplink * 0.05);
    let useful = match needed_share(candidate, asker) {
        share if share >= 0.5 => 1.0,
        share if share > 0.0 => 0.7,
        _ => 0.4,
    };
    let near = match (candidate.rtt, same_network(candidate.ip, asker.ip)) {
        (Some(rtt), _) if rtt <= NEAR => 2.0,
        (_, true) => 2.0,
        (Some(rtt), _) if rtt > NEAR * 8 => 0.5,
        _ => 1.0,
    };
    residual * useful * near
}

/// Share of the chunks needed next that a candidate holds.
fn needed_share(candidate: &Candidate<'_>, asker: Asker) -> f64 {
    match candidate.held {
        Held::All => 1.0,
        Held::Part(chunks) => {
            let from = asker.position.0;
            let held = chunks.range_cardinality(from..from.saturating_add(NEEDED_NEXT));
            held as f64 / f64::from(NEEDED_NEXT)
        }
    }
}

fn reasons(
    candidate: &Candidate<'_>,
    asker: Asker,
    position: Option<ChunkIndex>,
) -> Vec<PathReason> {
    let mut reasons = Vec::new();
    match candidate.held {
        Held::All => reasons.push(PathReason::HasAll),
        Held::Part(_) if needed_share(candidate, asker) >= 0.5 => {
            reasons.push(PathReason::HasRange);
        }
        Held::Part(_) => reasons.push(PathReason::HasPart),
    }
    if candidate.origin {
        reasons.push(PathReason::Origin);
    }
    match position {
        Some(at) if at.0.abs_diff(asker.position.0) <= NEEDED_NEXT => {
            reasons.push(PathReason::Together);
        }
        Some(at) if at > asker.position => reasons.push(PathReason::Ahead),
        _ => {}
    }
    if candidate.rtt.is_some_and(|rtt| rtt <= NEAR) {
        reasons.push(PathReason::Near);
    }
    let enough = |uplink: u64| uplink >= asker.byte_rate;
    if candidate.uplink.is_some_and(enough) {
        reasons.push(PathReason::FreeUplink);
    }
    if same_network(candidate.ip, asker.ip) {
        reasons.push(PathReason::SameNetwork);
    }
    reasons
}

/// True if two addresses share a /24 (IPv4) or a /48 (IPv6), or are both loopback.
pub fn same_network(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..3] == b.segments()[..3],
        _ => a.is_loopback() && b.is_loopback(),
    }
}

#[cfg(test)]
mod tests;
