//! Configuration: one documented struct per subsystem.
//!
//! Values come, in rising order of precedence, from the built-in defaults, a
//! TOML file, `SWARMPLAY_SECTION__KEY` in the environment and `--set
//! section.key=value` ([`load()`]). Unknown keys, wrong types and impossible
//! values are refused with the file, the line, the key and what would be right.
//! `config/tracker.toml` and `config/client.toml` list every key with its
//! default; a test keeps them equal to [`Config::default`].

pub mod edit;
pub mod load;

use std::path::PathBuf;

use engine::scheduler::Picker;
use engine::units::{ByteRate, ByteSize, HumanDuration, TransferCap};
use serde::Deserialize;

pub use load::{ConfigError, load};

/// The default file of a tracker, every key explained.
pub const TRACKER_FILE: &str = include_str!("../config/tracker.toml");

/// The default file of a client, every key explained.
pub const CLIENT_FILE: &str = include_str!("../config/client.toml");

/// Where a client's file is looked for if none is named; `None` where there is no home.
pub fn client_file() -> Option<PathBuf> {
    let folder = dirs::config_dir()?;
    Some(folder.join("swarmplay").join("client.toml"))
}

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The server's registry of clients.
    pub tracker: TrackerConfig,
    /// Who this client is and how it is reached.
    pub client: ClientConfig,
    /// The folders whose media is shared.
    pub library: LibraryConfig,
    /// Where chunks are kept, and how many.
    pub store: StoreConfig,
    /// Bounds on traffic and on connections.
    pub limits: LimitsConfig,
    /// How a film is fetched from the swarm.
    pub stream: StreamConfig,
    /// The HTTP address players read from.
    pub gateway: GatewayConfig,
    /// Decoding and sound.
    pub player: PlayerConfig,
    /// The window.
    pub window: WindowConfig,
    /// What is written to stderr.
    pub log: LogConfig,
}

/// `[tracker]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrackerConfig {
    /// Address and port for clients and peers alike; one port serves both.
    pub listen: String,
    /// How often a client is asked to show that it lives. Clients shorten it by
    /// up to a fifth at random so that they do not all speak at once.
    pub heartbeat: HumanDuration,
    /// Silence after which a client counts as gone; at least twice `heartbeat`.
    pub timeout: HumanDuration,
    /// Clients connected at once; one more is refused with a reason.
    pub max_clients: u32,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:7700".into(),
            heartbeat: HumanDuration::secs(10),
            timeout: HumanDuration::secs(30),
            max_clients: 10_000,
        }
    }
}

/// `[client]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// The name others see; empty means the machine's host name.
    pub name: String,
    /// Address of the tracker, `host:port`.
    pub tracker: String,
    /// Address other peers dial; port 0 takes any free one. Give a fixed port
    /// where a firewall must let it through.
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
    /// Folders (or single files) that are shared, subfolders included.
    pub folders: Vec<PathBuf>,
    /// Whether posters, storyboards, waveforms and loudness are made of what is
    /// shared, one file after another, so that others see what they will get.
    pub previews: bool,
    /// How often the folders are walked again, for file systems that report no
    /// changes (network mounts).
    pub rescan: HumanDuration,
}

impl Default for LibraryConfig {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            previews: true,
            rescan: HumanDuration::secs(600),
        }
    }
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Directory for chunks, the library database and the identity; empty
    /// means the user's data directory.
    pub data_dir: PathBuf,
    /// Bytes of downloaded chunks kept on disk, across all files. Chunks far
    /// from any playhead go first.
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
    /// Upload to all peers together.
    pub upload: ByteRate,
    /// Download from all peers together.
    pub download: ByteRate,
    /// Upload to all peers together in any 24 hours; when it is used up, nobody is
    /// served until some of it is a day old.
    pub upload_per_day: TransferCap,
    /// Peers connected at once.
    pub max_peers: u32,
    /// Peers served at once; others are choked and take turns.
    pub upload_slots: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            upload: ByteRate::UNLIMITED,
            download: ByteRate::UNLIMITED,
            upload_per_day: TransferCap::UNLIMITED,
            max_peers: 64,
            upload_slots: 32,
        }
    }
}

/// `[stream]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamConfig {
    /// Media fetched ahead of the playhead. Memory held by a stream is bounded
    /// by `requests_per_peer` × peers × chunk size (256 KiB at most), not by
    /// this: what has arrived is on disk.
    pub read_ahead: HumanDuration,
    /// Near the playhead, the earliest deadline is fetched first; from here on,
    /// the rarest chunk.
    pub urgent: HumanDuration,
    /// Silence after which a peer loses its requests to others, at least 1 s. One that
    /// sends no chunks but speaks keeps them three times as long.
    pub request_timeout: HumanDuration,
    /// Requests one peer may have outstanding, whatever its rate.
    pub requests_per_peer: u32,
    /// How chunks are chosen: `swarm`, or `in-order` for comparison.
    pub picker: Picker,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            read_ahead: HumanDuration::secs(60),
            urgent: HumanDuration::millis(1500),
            request_timeout: HumanDuration::millis(2000),
            requests_per_peer: 64,
            picker: Picker::Swarm,
        }
    }
}

/// `[gateway]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Address players read from over HTTP; port 0 takes any free one. It has
    /// no password, so keep it on loopback unless the network is yours.
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
    /// The ffmpeg program, by name or path.
    pub ffmpeg: PathBuf,
    /// The ffprobe program, by name or path.
    pub ffprobe: PathBuf,
    /// TransferCap at start, 0 to 100.
    pub volume: u32,
    /// Whether songs sound equally loud: by their tags, else as measured.
    pub normalise: bool,
    /// How long sound takes from kira to the ear; pictures wait as long.
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

/// Which colours the window wears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the desktop says; dark where it says nothing.
    #[default]
    System,
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
}

/// Which language the window speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// That of the system; English where that is none of these.
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

/// How films are laid out in the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Posters.
    #[default]
    Pictures,
    /// One row a film.
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
    /// Whether things move when they appear and change.
    pub motion: bool,
    /// `pictures` or `list`.
    pub films: Layout,
}

impl Default for WindowConfig {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            language: Language::System,
            motion: true,
            films: Layout::Pictures,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,swarmplay::swarm=debug`; `RUST_LOG` wins.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".into(),
        }
    }
}

/// A value that parses but cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    /// `section.key`.
    pub key: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Config {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first impossible value, with its key and what would be right.
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
            "must be at least 16 MiB, to hold the part of a film that plays",
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
            self.stream.urgent.0 <= self.stream.read_ahead.0,
            "stream.urgent",
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

    /// The data directory, with the default filled in: one for each thing that the
    /// program can be, so that a machine may be several at once.
    pub fn data_dir(&self, of: &str) -> PathBuf {
        if !self.store.data_dir.as_os_str().is_empty() {
            return self.store.data_dir.clone();
        }
        let data = dirs::data_local_dir().unwrap_or_else(|| PathBuf::from("."));
        data.join("swarmplay").join(of)
    }

    /// The name others see, with the default filled in.
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

/// Whether `text` is `host:port` with a port that is a number.
fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
