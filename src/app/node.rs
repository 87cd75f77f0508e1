//! Node: starts and stops all actors of a peer. A server is a peer with a tracker.
//!
//! Start order, dependencies first: store, tracker client, swarm, streams, library,
//! listener, gateway. Shutdown goes in the opposite direction.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use engine::ids::PeerId;
use engine::media::MediaKind;
use engine::protocol::{AGENT, Hello, PROTOCOL_VERSION};

use crate::app::identity;
use crate::config::Config;
use crate::handles::ActorHandles;
use crate::http::Gateway;
use crate::library::Library;
use crate::library::LibrarySettings;
use crate::library::{Index, IndexError};
use crate::net::{LinkLimits, listen};
use crate::net::{LinkRoutes, accept};
use crate::runtime::close;
use crate::scheduler::StreamManager;
use crate::store::Store;
use crate::swarm::Swarm;
use crate::swarm::{QuotaFile, SwarmSettings};
use crate::tracker::{Tracker, TrackerSettings};
use crate::tracker_client::{SendPeersTo, TrackerClient, TrackerClientSettings};

/// Time for the last messages to reach the network.
const FLUSH: Duration = Duration::from_millis(50);

/// Time limit for each actor to end.
const PATIENCE: Duration = Duration::from_millis(200);

/// Bytes of the token that proves the tracker's own library.
const TOKEN_LEN: usize = 32;

/// Role of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Tracker that also shares its own folders.
    Server,
    /// Client that follows the catalogue of one kind, or of both.
    Client(Option<MediaKind>),
}

impl Role {
    /// Name of the role, used for its data directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "tracker",
            Self::Client(Some(MediaKind::Video)) => "video",
            Self::Client(Some(MediaKind::Audio)) => "audio",
            Self::Client(_) => "peer",
        }
    }
}

/// Failure to start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("the data directory {}: {error}", path.display())]
    DataDir {
        /// Path of the directory.
        path: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
    /// The library database cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An address cannot be bound.
    #[error("{key}: cannot listen on {address}: {error}")]
    Listen {
        /// Configuration key.
        key: &'static str,
        /// Configured address.
        address: String,
        /// Error of the system.
        error: std::io::Error,
    },
}

/// Running peer.
pub struct Node {
    /// Peer id.
    pub peer: PeerId,
    /// Address for other peers.
    pub listen: SocketAddr,
    /// HTTP gateway; `None` on a server.
    pub gateway: Option<Gateway>,
    /// Actors.
    pub sources: ActorHandles,
    /// Tracker of a server.
    pub tracker: Option<Addr<Tracker>>,
    accepting: actix_rt::task::JoinHandle<()>,
}

impl Node {
    /// Starts all actors on the current arbiter.
    ///
    /// # Errors
    /// The data directory or an address cannot be used; no actor keeps running.
    pub async fn start(config: &Config, role: Role) -> Result<Self, StartError> {
        let data_dir = config.data_dir(role.name());
        let in_data_dir = |error| StartError::DataDir {
            path: data_dir.clone(),
            error,
        };
        let peer = identity::load(&data_dir).map_err(in_data_dir)?;
        let index = Index::open(&data_dir)?;
        let cache = data_dir.join("cache");
        let store = Store::open(cache, config.store.quota.0).map_err(in_data_dir)?;
        let (key, address) = match role {
            Role::Server => ("tracker.listen", &config.tracker.listen),
            Role::Client(_) => ("client.listen", &config.client.listen),
        };
        let listener = listen(address)
            .await
            .map_err(|error| cannot_listen(key, address, error))?;
        let local = listener
            .local_addr()
            .map_err(|error| cannot_listen(key, address, error))?;

        let hello = hello(config, peer, local.port());
        let token = Bytes::copy_from_slice(&rand::random::<[u8; TOKEN_LEN]>());
        let store = store.start();
        let announcer =
            TrackerClient::new(announcer_settings(config, role, &hello, local, &token)).start();
        let limits = LinkLimits::new(config.limits.upload, config.limits.download);
        let settings = swarm_settings(config, &hello, &limits, &data_dir);
        let swarm = Swarm::new(settings, store.clone(), announcer.clone()).start();
        announcer.do_send(SendPeersTo(swarm.clone().recipient()));
        let streams = StreamManager::new(
            peer,
            config.stream.clone(),
            config.limits.download.0,
            store.clone(),
            swarm.clone(),
            announcer.clone(),
        )
        .start();
        let settings = library_settings(config, &data_dir);
        let library = Library::new(settings, index, store.clone(), announcer.clone()).start();
        let sources = ActorHandles {
            name: hello.name,
            streams,
            store,
            announcer,
            swarm: swarm.clone(),
            library,
            actors: actix_rt::Arbiter::current(),
        };
        let tracker = (role == Role::Server).then(|| start_tracker(config, token));
        let routes = LinkRoutes {
            peers: swarm.recipient(),
            clients: tracker.clone().map(Addr::recipient),
            limits,
        };
        let accepting = actix_rt::spawn(accept(listener, routes));
        let gateway = match role {
            Role::Server => None,
            Role::Client(_) => Some(start_gateway(config, &sources)?),
        };
        Ok(Self {
            peer,
            listen: local,
            gateway,
            sources,
            tracker,
            accepting,
        })
    }

    /// Stops all actors.
    pub async fn stop(self) {
        self.accepting.abort();
        if let Some(gateway) = &self.gateway {
            gateway.stop().await;
        }
        close(&self.sources.library, PATIENCE).await;
        close(&self.sources.streams, PATIENCE).await;
        close(&self.sources.swarm, PATIENCE).await;
        close(&self.sources.announcer, PATIENCE).await;
        if let Some(tracker) = &self.tracker {
            close(tracker, PATIENCE).await;
        }
        close(&self.sources.store, PATIENCE).await;
        tokio::time::sleep(FLUSH).await;
    }
}

fn cannot_listen(key: &'static str, address: &str, error: std::io::Error) -> StartError {
    StartError::Listen {
        key,
        address: address.to_owned(),
        error,
    }
}

fn hello(config: &Config, peer: PeerId, listen_port: u16) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        peer,
        name: config.client_name(),
        agent: AGENT.into(),
        listen_port: Some(listen_port),
    }
}

fn swarm_settings(
    config: &Config,
    hello: &Hello,
    limits: &LinkLimits,
    data_dir: &Path,
) -> SwarmSettings {
    SwarmSettings {
        hello: hello.clone(),
        max_peers: config.limits.max_peers as usize,
        upload_slots: config.limits.upload_slots as usize,
        limits: limits.clone(),
        upload_limit: config.limits.upload.0,
        upload_per_day: config.limits.upload_per_day,
        quota_file: QuotaFile(data_dir.join("uploaded.json")),
    }
}

fn start_gateway(config: &Config, sources: &ActorHandles) -> Result<Gateway, StartError> {
    let listen = &config.gateway.listen;
    let started = Gateway::start(listen, sources.clone());
    started.map_err(|error| cannot_listen("gateway.listen", listen, error))
}

/// Settings of the tracker client: a client registers with the configured tracker, a server
/// with itself.
fn announcer_settings(
    config: &Config,
    role: Role,
    hello: &Hello,
    local: SocketAddr,
    token: &Bytes,
) -> TrackerClientSettings {
    let (tracker, origin_token, kind) = match role {
        Role::Server => (loopback(local).to_string(), token.clone(), None),
        Role::Client(kind) => (config.client.tracker.clone(), Bytes::new(), kind),
    };
    TrackerClientSettings {
        tracker,
        hello: hello.clone(),
        origin_token,
        kind,
        observer: false,
    }
}

/// Loopback address for an unspecified listening address.
fn loopback(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn library_settings(config: &Config, data_dir: &Path) -> LibrarySettings {
    LibrarySettings {
        folders: config.library.folders.clone(),
        rescan: config.library.rescan.0,
        ffprobe: config.player.ffprobe.clone(),
        ffmpeg: config
            .library
            .sidecars
            .then(|| config.player.ffmpeg.clone()),
        data_dir: data_dir.to_owned(),
    }
}

fn start_tracker(config: &Config, origin_token: Bytes) -> Addr<Tracker> {
    let settings = TrackerSettings {
        heartbeat: config.tracker.heartbeat.0,
        timeout: config.tracker.timeout.0,
        max_clients: config.tracker.max_clients as usize,
        origin_token,
    };
    Tracker::new(settings).start()
}
