//! Addresses of the actors of a running node.

use actix::prelude::*;
use actix_rt::ArbiterHandle;

use crate::library::Library;
use crate::scheduler::Streams;
use crate::store::Store;
use crate::swarm::Swarm;
use crate::tracker_client::Announcer;

/// The actors that requests are answered from.
#[derive(Clone)]
pub struct Sources {
    /// Name this client shows.
    pub name: String,
    /// Opens files.
    pub streams: Addr<Streams>,
    /// Holds bytes.
    pub store: Addr<Store>,
    /// Knows the catalogue.
    pub announcer: Addr<Announcer>,
    /// Knows the peers.
    pub swarm: Addr<Swarm>,
    /// Knows what is shared.
    pub library: Addr<Library>,
    /// The thread of all of these.
    pub actors: ArbiterHandle,
}
