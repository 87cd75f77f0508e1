//! Choice of peers, and its bounds.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const FILE: FileId = FileId([1; 32]);

fn id(number: u32) -> PeerId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    PeerId(bytes)
}

/// Viewers that hold all up to ten chunks past their position.
struct World {
    planner: Planner,
    held: HashMap<PeerId, RoaringBitmap>,
    uplinks: HashMap<PeerId, u64>,
    busy: HashMap<PeerId, u64>,
    sources: Vec<PeerId>,
    rng: StdRng,
}

impl World {
    fn new() -> Self {
        Self {
            planner: Planner::default(),
            held: HashMap::new(),
            uplinks: HashMap::new(),
            busy: HashMap::new(),
            sources: vec![id(0)],
            rng: StdRng::seed_from_u64(3),
        }
    }

    fn viewer(&mut self, number: u32, position: u32) {
        let peer = id(number);
        self.held.insert(peer, (0..position + 10).collect());
        self.planner.set_position(FILE, peer, ChunkIndex(position));
    }

    fn plan(&mut self, number: u32, position: u32) -> Vec<Supplier> {
        let asker = Asker {
            peer: id(number),
            ip: [10, 0, 0, 1].into(),
            position: ChunkIndex(position),
            byte_rate: 500_000,
        };
        let (held, sources, uplinks) = (&self.held, &self.sources, &self.uplinks);
        let busy = &self.busy;
        let look = |peer: PeerId| {
            let source = sources.contains(&peer);
            Some(Candidate {
                peer,
                ip: [10, 0, 1, 1].into(),
                origin: source,
                held: match source {
                    true => Held::All,
                    false => Held::Part(held.get(&peer)?),
                },
                rtt: None,
                uplink: uplinks.get(&peer).copied(),
                busy: busy.get(&peer).copied().unwrap_or(0),
            })
        };
        self.planner.plan(FILE, asker, sources, look, &mut self.rng)
    }
}

#[test]
fn small_group_names_everybody_and_opens_the_source() {
    let mut world = World::new();
    (1..=6).for_each(|viewer| world.viewer(viewer, viewer));
    let named = world.plan(3, 3);
    assert_eq!(named.len(), 6);
    let source = named.last().expect("named");
    assert_eq!(source.peer, id(0));
    assert!(!source.is_reserve());
}

#[test]
fn crowd_front_fetches_and_others_follow_those_ahead() {
    let mut world = World::new();
    (1..=300).for_each(|viewer| world.viewer(viewer, viewer * 10));
    let middle = world.plan(100, 1000);
    assert_eq!(middle.len(), SUPPLIERS + 1, "bounded");
    assert!(middle.last().expect("source").is_reserve());
    let ahead = middle.iter().filter(|supplier| supplier.peer > id(100));
    assert!(ahead.count() >= SUPPLIERS / 2, "mostly those ahead");
    let front = world.plan(300, 3000);
    assert!(!front.last().expect("source").is_reserve());
    let fellows = front.iter().filter(|supplier| supplier.peer > id(290));
    assert_eq!(fellows.count(), FETCHERS - 1, "fetchers know each other");
}

#[test]
fn replanning_keeps_suppliers_and_spreads_load() {
    let mut world = World::new();
    (1..=100).for_each(|viewer| world.viewer(viewer, 50));
    let mut kept = 0;
    for viewer in 1..=100 {
        let before = world.plan(viewer, 50);
        let after = world.plan(viewer, 50);
        kept += before.iter().filter(|s| after.contains(s)).count();
    }
    assert!(kept > 700, "of 1100: {kept}");
    let swarm = &world.planner.swarms[&FILE];
    let most = swarm.viewers.values().map(|viewer| viewer.customers).max();
    assert!(most < Some(40), "no hot spot: {most:?}");
    let named: usize = swarm.viewers.values().map(|v| v.suppliers.len()).sum();
    let customers: u32 = swarm.viewers.values().map(|v| v.customers).sum();
    assert_eq!(named, customers as usize, "the books balance");
}

#[test]
fn strong_uplink_serves_more() {
    let mut world = World::new();
    (1..=60).for_each(|viewer| world.viewer(viewer, 50));
    for viewer in 1..=60 {
        let uplink = if viewer <= 30 { 5_000_000 } else { 100_000 };
        world.uplinks.insert(id(viewer), uplink);
    }
    let mut strong = 0;
    for viewer in 1..=60 {
        let named = world.plan(viewer, 50);
        let uplinks = named.iter().filter_map(|s| world.uplinks.get(&s.peer));
        strong += uplinks.filter(|uplink| **uplink > 1_000_000).count();
    }
    assert!(strong > 400, "of 600: {strong}");
}

#[test]
fn busy_uplink_serves_less() {
    let mut world = World::new();
    (1..=60).for_each(|viewer| world.viewer(viewer, 50));
    for viewer in 1..=60 {
        world.uplinks.insert(id(viewer), 5_000_000);
        let busy = if viewer <= 30 { 4_900_000 } else { 100_000 };
        world.busy.insert(id(viewer), busy);
    }
    let mut idle = 0;
    for viewer in 1..=60 {
        let named = world.plan(viewer, 50);
        idle += named.iter().filter(|s| s.peer > id(30)).count();
    }
    assert!(idle > 400, "of 600: {idle}");
}

#[test]
fn invalidated_peer_is_removed_from_all_plans() {
    let mut world = World::new();
    (1..=100).for_each(|viewer| world.viewer(viewer, 50));
    (1..=100).for_each(|viewer| drop(world.plan(viewer, 50)));
    let has = |world: &World, viewer: &PeerId| {
        let swarm = &world.planner.swarms[&FILE];
        swarm.viewers[viewer].suppliers.contains(&id(7))
    };
    let customers = world.planner.invalidate(FILE, id(7));
    assert!(customers.len() > 3, "it served some: {}", customers.len());
    assert!(customers.iter().all(|viewer| !has(&world, viewer)));
    assert_eq!(world.planner.swarms[&FILE].viewers[&id(7)].customers, 0);
    assert!(world.planner.invalidate(FILE, id(7)).is_empty());
}

#[test]
fn removed_viewers_are_forgotten() {
    let mut world = World::new();
    (1..=20).for_each(|viewer| world.viewer(viewer, 5));
    (1..=20).for_each(|viewer| drop(world.plan(viewer, 5)));
    (1..=20).for_each(|viewer| world.planner.remove(FILE, id(viewer)));
    assert!(world.planner.swarms.is_empty());
}

#[test]
fn networks_are_compared_by_prefix() {
    let ip = |text: &str| text.parse::<IpAddr>().expect("test address");
    assert!(same_network(ip("192.168.1.2"), ip("192.168.1.200")));
    assert!(!same_network(ip("192.168.1.2"), ip("192.168.2.2")));
    assert!(same_network(ip("2001:db8:1::1"), ip("2001:db8:1:ffff::2")));
    assert!(same_network(ip("127.0.0.1"), ip("::1")));
}
