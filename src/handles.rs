//! Addresses of the actors of a running node.

use actix::prelude::*;
use actix_rt::ArbiterHandle;

use crate::library::Library;
use crate::scheduler::StreamManager;
use crate::store::Store;
use crate::swarm::Swarm;
use crate::tracker_client::TrackerClient;

/// The actors that requests are answered from.
#[derive(Clone)]
pub struct ActorHandles {
    /// Name this client shows.
    pub name: String,
    /// Opens files.
    pub streams: Addr<StreamManager>,
    /// Holds bytes.
    pub store: Addr<Store>,
    /// Knows the catalogue.
    pub announcer: Addr<TrackerClient>,
    /// Knows the peers.
    pub swarm: Addr<Swarm>,
    /// Knows what is shared.
    pub library: Addr<Library>,
    /// The thread of all of these.
    pub actors: ArbiterHandle,
}
