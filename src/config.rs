//! Configuration: one documented struct per subsystem.
//!
//! Values come from the built-in defaults, a TOML file, `SWARMPLAY_SECTION__KEY` in the
//! environment and `--set section.key=value`; later sources override earlier ones
//! ([`load()`]). Unknown keys, wrong types and invalid values are rejected with file, line,
//! key and valid values. `config/tracker.toml` and `config/client.toml` list every key with
//! its default; a test keeps them equal to [`Config::default`].
//!
//! * [`mod@load`]: reads all sources.
//! * [`renamed`]: old names of keys.
//! * [`edit`]: changes the user's file.

mod edit;
mod load;
mod renamed;

use std::path::PathBuf;

use engine::scheduler::{DEFAULT_CRITICAL_WINDOW, DEFAULT_READ_AHEAD, Picker, Tuning};
use engine::swarm::DEFAULT_MAX_PEERS;
use engine::tracker::DEFAULT_TIMEOUT;
use engine::units::{ByteRate, ByteSize, HumanDuration, TransferCap};
use serde::Deserialize;

pub use self::edit::{EditError, edit_file};
pub use self::load::{ConfigError, load, load_with_warnings};
pub use self::renamed::RenamedKey;

/// Default file of a tracker, which documents every key.
pub const TRACKER_FILE: &str = include_str!("../config/tracker.toml");

/// Default file of a client, which documents every key.
pub const CLIENT_FILE: &str = include_str!("../config/client.toml");

/// Path of the user's file for clients; `None` without a home directory.
pub fn client_file() -> Option<PathBuf> {
    let folder = dirs::config_dir()?;
    Some(folder.join("swarmplay").join("client.toml"))
}

/// Complete configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Registry of clients.
    pub tracker: TrackerConfig,
    /// Name and addresses of this client.
    pub client: ClientConfig,
    /// Shared folders.
    pub library: LibraryConfig,
    /// Cache of downloaded chunks.
    pub store: StoreConfig,
    /// Limits of traffic and connections.
    pub limits: LimitsConfig,
    /// Download of played files.
    pub stream: StreamConfig,
    /// HTTP server for players.
    pub gateway: GatewayConfig,
    /// Decoding and audio.
    pub player: PlayerConfig,
    /// Window.
    pub window: WindowConfig,
    /// Log on stderr.
    pub log: LogConfig,
}

/// `[tracker]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrackerConfig {
    /// Listening address, for clients and peers.
    pub listen: String,
    /// Interval of heartbeats. Clients shorten it by up to a fifth at random, so that
    /// heartbeats spread out.
    pub heartbeat: HumanDuration,
    /// Silence after which a client is removed; at least twice `heartbeat`.
    pub timeout: HumanDuration,
    /// Maximum number of connected clients; further ones are rejected.
    pub max_clients: u32,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:7700".into(),
            heartbeat: HumanDuration::secs(10),
            timeout: HumanDuration(DEFAULT_TIMEOUT),
            max_clients: 10_000,
        }
    }
}

/// `[client]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Name shown to other users; empty means the host name.
    pub name: String,
    /// Address of the tracker, `host:port`.
    pub tracker: String,
    /// Address on which other peers connect; port 0 picks a free port. Choose a fixed one to
    /// open it in a firewall.
    pub listen: String,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            tracker: "127.0.0.1:7700".into(),
            listen: "0.0.0.0:0".into(),
        }
    }
}

/// `[library]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LibraryConfig {
    /// Folders or single files to share, including subfolders.
    pub folders: Vec<PathBuf>,
    /// Creates sidecars for shared files: posters, storyboards, waveforms and loudness, one
    /// file at a time. Also shares the subtitle files beside a film.
    pub sidecars: bool,
    /// Interval between two scans of the folders, for file systems that do not report
    /// changes, such as network mounts.
    pub rescan: HumanDuration,
}

impl Default for LibraryConfig {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            sidecars: true,
            rescan: HumanDuration::secs(600),
        }
    }
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Directory for chunks, the library database and the identity; empty means a directory
    /// per mode in the user's data directory.
    pub data_dir: PathBuf,
    /// Disk space for downloaded chunks of all files. Chunks far from any playhead are
    /// evicted first.
    pub quota: ByteSize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::new(),
            quota: ByteSize::gib(20),
        }
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Upload rate to all peers together.
    pub upload: ByteRate,
    /// Download rate from all peers together.
    pub download: ByteRate,
    /// Upload to all peers together within 24 hours. When it is used up, uploads pause until
    /// part of it is a day old.
    pub upload_per_day: TransferCap,
    /// Maximum number of connected peers.
    pub max_peers: u32,
    /// Maximum number of peers served at once; the others are choked until a slot is free.
    pub upload_slots: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            upload: ByteRate::UNLIMITED,
            download: ByteRate::UNLIMITED,
            upload_per_day: TransferCap::UNLIMITED,
            max_peers: DEFAULT_MAX_PEERS,
            upload_slots: 32,
        }
    }
}

/// `[stream]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Media to download ahead of the playhead. It lies on disk; the memory of a stream is
    /// bounded by `requests_per_peer` × peers × chunk size (at most 256 KiB).
    pub read_ahead: HumanDuration,
    /// Chunks due within this time are requested by deadline, later ones rarest first.
    pub critical_window: HumanDuration,
    /// Silence after which requests to a peer are reassigned; at least 1 s. A peer that sends
    /// messages but no chunks gets three times as long.
    pub request_timeout: HumanDuration,
    /// Maximum number of outstanding requests to one peer.
    pub requests_per_peer: u32,
    /// Order of chunk requests: `swarm`, or `in-order`, a control for benchmarks.
    pub picker: Picker,
}

impl Default for StreamConfig {
    fn default() -> Self {
        let tuning = Tuning::default();
        Self {
            read_ahead: HumanDuration(DEFAULT_READ_AHEAD),
            critical_window: HumanDuration(DEFAULT_CRITICAL_WINDOW),
            request_timeout: HumanDuration(tuning.request_timeout),
            requests_per_peer: tuning.requests_per_peer,
            picker: tuning.picker,
        }
    }
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// HTTP address for players; port 0 picks a free port. There is no password: use other
    /// addresses than loopback only in a trusted network.
    pub listen: String,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
        }
    }
}

/// `[player]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlayerConfig {
    /// Name or path of the ffmpeg program.
    pub ffmpeg: PathBuf,
    /// Name or path of the ffprobe program.
    pub ffprobe: PathBuf,
    /// Initial volume, 0 to 100.
    pub volume: u32,
    /// Plays songs equally loud, by their ReplayGain tags or else by measured loudness.
    pub normalise: bool,
    /// Time from the mixer to the ear, by which video is delayed.
    pub audio_delay: HumanDuration,
}

impl Default for PlayerConfig {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            volume: 80,
            normalise: true,
            audio_delay: HumanDuration::millis(25),
        }
    }
}

/// Colour theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Theme of the desktop; dark if unknown.
    #[default]
    System,
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
}

/// Language of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Language of the system, or English if it is not available.
    #[default]
    System,
    /// English.
    En,
    /// German.
    De,
    /// Portuguese.
    Pt,
    /// Spanish.
    Es,
}

/// Layout of the film library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Posters.
    #[default]
    Grid,
    /// One row per film.
    List,
}

/// `[window]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowConfig {
    /// `system`, `dark` or `light`.
    pub theme: Theme,
    /// `system`, `en`, `de`, `pt` or `es`.
    pub language: Language,
    /// Animates transitions.
    pub motion: bool,
    /// Layout of the film library: `grid` or `list`.
    pub library_layout: Layout,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            language: Language::System,
            motion: true,
            library_layout: Layout::Grid,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,swarmplay::swarm=debug`; `RUST_LOG` overrides it.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
        }
    }
}

/// Value that parses but is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    /// `section.key`.
    pub key: &'static str,
    /// Problem and valid values.
    pub problem: String,
}

impl Config {
    /// Checks constraints that the types do not express.
    ///
    /// # Errors
    /// The first invalid value, with its key and valid values.
    pub fn validate(&self) -> Result<(), Impossible> {
        let require = |holds: bool, key: &'static str, problem: &str| {
            let problem = problem.to_owned();
            holds.then_some(()).ok_or(Impossible { key, problem })
        };
        for (key, address) in [
            ("tracker.listen", &self.tracker.listen),
            ("client.listen", &self.client.listen),
            ("gateway.listen", &self.gateway.listen),
            ("client.tracker", &self.client.tracker),
        ] {
            let problem = format!("`{address}` is not an address; write it like \"0.0.0.0:7700\"");
            require(is_host_and_port(address), key, &problem)?;
        }
        require(
            self.tracker.heartbeat.0.as_millis() >= 100,
            "tracker.heartbeat",
            "must be at least 100 ms",
        )?;
        require(
            self.tracker.timeout.0 >= self.tracker.heartbeat.0.saturating_mul(2),
            "tracker.timeout",
            "must be at least twice tracker.heartbeat",
        )?;
        for (key, number) in [
            ("tracker.max_clients", self.tracker.max_clients),
            ("limits.max_peers", self.limits.max_peers),
            ("limits.upload_slots", self.limits.upload_slots),
            ("stream.requests_per_peer", self.stream.requests_per_peer),
        ] {
            require(number > 0, key, "must be at least 1")?;
        }
        for (key, rate) in [
            ("limits.upload", self.limits.upload),
            ("limits.download", self.limits.download),
        ] {
            let enough = rate.0.is_none_or(|bytes| bytes >= 1000);
            require(enough, key, "must be at least 8 kbit/s, or \"unlimited\"")?;
        }
        require(
            self.store.quota >= ByteSize::mib(16),
            "store.quota",
            "must be at least 16 MiB, to hold the chunks around the playhead",
        )?;
        require(
            self.library.rescan.0.as_secs() >= 1,
            "library.rescan",
            "must be at least 1 s",
        )?;
        require(
            self.stream.request_timeout.0.as_millis() >= 1000,
            "stream.request_timeout",
            "must be at least 1 s",
        )?;
        require(
            self.stream.critical_window.0 <= self.stream.read_ahead.0,
            "stream.critical_window",
            "must not exceed stream.read_ahead",
        )?;
        require(
            self.player.volume <= 100,
            "player.volume",
            "must be 0 to 100",
        )?;
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log.level);
        let problem = filter
            .err()
            .map_or(String::new(), |error| error.to_string());
        require(problem.is_empty(), "log.level", &problem)
    }

    /// Data directory. The default has one per role, so that several can run at once.
    pub fn data_dir(&self, role: &str) -> PathBuf {
        if !self.store.data_dir.as_os_str().is_empty() {
            return self.store.data_dir.clone();
        }
        let data = dirs::data_local_dir().unwrap_or_else(|| PathBuf::from("."));
        data.join("swarmplay").join(role)
    }

    /// Name shown to other users; by default the host name.
    pub fn client_name(&self) -> String {
        if !self.client.name.is_empty() {
            return self.client.name.clone();
        }
        std::fs::read_to_string("/proc/sys/kernel/hostname")
            .map(|name| name.trim().to_owned())
            .ok()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "someone".into())
    }
}

/// True if `text` is `host:port` with a numeric port.
fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
