//! Addresses of the actors of a running node.

use actix::prelude::*;
use actix_rt::ArbiterHandle;

use crate::library::Library;
use crate::scheduler::StreamManager;
use crate::store::Store;
use crate::swarm::Swarm;
use crate::tracker_client::TrackerClient;

/// Addresses of the actors that answer requests.
#[derive(Clone)]
pub struct ActorHandles {
    /// Name shown to other users.
    pub name: String,
    /// Stream manager, which opens files.
    pub streams: Addr<StreamManager>,
    /// Store, which holds chunks.
    pub store: Addr<Store>,
    /// Tracker client, which mirrors the catalogue.
    pub announcer: Addr<TrackerClient>,
    /// Swarm, which holds the peers.
    pub swarm: Addr<Swarm>,
    /// Library, which holds the shared files.
    pub library: Addr<Library>,
    /// Arbiter on which these actors run.
    pub actors: ArbiterHandle,
}
