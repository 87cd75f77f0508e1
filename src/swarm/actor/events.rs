//! Events of the tracker client, the store and the connections.

use std::net::SocketAddr;
use std::time::Instant;

use actix::prelude::*;
use engine::media::Geometry;
use engine::protocol::PathReason;
use engine::scheduler::PeerEvent;
use engine::swarm::HAVE_DELAY;
use roaring::RoaringBitmap;

use crate::store::StoreEvent;
use crate::swarm::SwarmEvent;
use crate::swarm::actor::Swarm;
use crate::swarm::connection::{ConnectionEvent, HoldingsChanged};
use crate::tracker_client::PeersFound;

impl Handler<PeersFound> for Swarm {
    type Result = ();

    fn handle(&mut self, found: PeersFound, ctx: &mut Context<Self>) {
        let now = Instant::now();
        for entry in found.peers {
            if let Some(joined) = self.files.get(found.file) {
                let reserve = entry.reasons.contains(&PathReason::Reserve);
                let backup = PeerEvent::Backup(reserve);
                joined.events.do_send(SwarmEvent::Peer(entry.peer, backup));
            }
            self.files.peer_named(found.file, &entry.reasons);
            let address = entry.host.zip(entry.port).map(SocketAddr::from);
            self.book.learn(now, entry.peer, address, entry.origin);
            self.book.named(entry.peer, found.file, entry.reasons);
        }
        self.tick(ctx);
    }
}

impl Handler<StoreEvent> for Swarm {
    type Result = ();

    fn handle(&mut self, event: StoreEvent, ctx: &mut Context<Self>) {
        match event {
            StoreEvent::Stored { file, chunk } => {
                if self.batch.add(file, chunk) {
                    ctx.run_later(HAVE_DELAY, Self::announce_batch);
                }
            }
            StoreEvent::Opened { file, .. } => self.announce_all_held(ctx, file),
            StoreEvent::Evicted { file, chunks } => {
                self.batch.evict(file, &chunks);
                self.files.evict(file, &chunks);
                self.broadcast(&HoldingsChanged::Less(file, chunks));
            }
            StoreEvent::Withdrawn { file } => {
                self.files.withdraw(file);
                let mut all = RoaringBitmap::new();
                all.insert_range(0..Geometry::MAX_CHUNKS);
                self.broadcast(&HoldingsChanged::Less(file, all));
            }
            StoreEvent::Completed(_) | StoreEvent::Changed { .. } => {}
        }
    }
}

impl Handler<ConnectionEvent> for Swarm {
    type Result = ();

    fn handle(&mut self, event: ConnectionEvent, _: &mut Context<Self>) {
        match event {
            ConnectionEvent::Wants(peer, true) => {
                let change = self.choker.enter(peer);
                change.into_iter().for_each(|change| self.apply(change));
            }
            ConnectionEvent::Wants(peer, false) => {
                let change = self.choker.leave(peer);
                change.into_iter().for_each(|change| self.apply(change));
            }
            ConnectionEvent::State(state) => {
                if self.connections.contains_key(&state.peer) {
                    self.traffic.update(*state);
                }
            }
            ConnectionEvent::Corrupt(peer) => self.book.ban(Instant::now(), peer),
            ConnectionEvent::Closed(peer, connection) => {
                match self.connections.get(&peer) {
                    Some(current) if *current == connection => {}
                    // Replaced by another link. Schedulers forgot the peer when the old
                    // one closed, so they learn of it anew.
                    Some(current) => return self.join_all(current),
                    None => return,
                }
                self.connections.remove(&peer);
                self.forget(peer);
                self.book.closed(Instant::now(), peer);
            }
        }
    }
}
