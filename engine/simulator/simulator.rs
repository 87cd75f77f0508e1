//! A swarm of viewers on virtual time, with the decisions of the program.
//!
//! Every node runs the engine's sessions, scheduler and upload queue, and asks the
//! engine's tracker for peers, with the intervals and defaults of the program. Nodes
//! exchange protocol messages over links with a rate and a latency.
//!
//! * [`clock`]: virtual time and the events on it.
//! * [`network`]: delivers messages and chunks, and the tracker's answers.
//! * [`node`]: one program of the swarm, doing what its actors do.
//! * [`output`]: effects of a node, and its timers.
//! * [`link`]: a node's ends of its connections.
//! * [`tracker`]: the registry, and what clients ask of it.
//! * [`viewer`]: playback of one viewer.
//! * [`report`]: results of a run.
//!
//! An uplink sends one chunk after another; other messages take only the latency of
//! the link. There is no congestion control, no disk and CPU time, and no limit on
//! upload slots and on the peers of the seed. So the simulator compares policies and shows how they scale,
//! but does not predict absolute results of a network.
//!
//! A seed determines a run: the results are the same on every machine.

mod clock;
mod link;
mod network;
mod node;
mod output;
mod report;
mod tracker;
mod viewer;

use std::time::{Duration, Instant};

use engine::media::ChunkSize;
use engine::scheduler::{DEFAULT_CRITICAL_WINDOW, Tuning};
use engine::swarm::UploadTuning;

pub use report::Report;

/// Parameters of a run. The default is the flash crowd: six viewers within 5 s, and a
/// seed with an uplink of twice the bitrate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of viewers.
    pub viewers: usize,
    /// Length of the film.
    pub film: Duration,
    /// Bytes per second of the film.
    pub byte_rate: f64,
    /// Uplink of the seed in bytes per second.
    pub seed_uplink: f64,
    /// Mean uplink of the viewers in bytes per second.
    pub uplink: f64,
    /// Relative spread of the viewers' uplinks, from 0 for equal uplinks to 1 for a
    /// uniform distribution between zero and twice the mean.
    pub uneven: f64,
    /// Downlink of a viewer in bytes per second.
    pub downlink: f64,
    /// Time within which the viewers arrive, at equal intervals.
    pub arrivals: Duration,
    /// Latency of a link in one direction.
    pub latency: Duration,
    /// Probability with which a viewer vanishes during the film, without closing its
    /// links.
    pub vanish: f64,
    /// Downloads the film instead of playing it.
    pub download: bool,
    /// Chunk size; by default that of the program for such a film.
    pub chunk_size: Option<ChunkSize>,
    /// Media ahead of the playhead that is fetched by deadline.
    pub critical_window: Duration,
    /// Parameters of the scheduler.
    pub tuning: Tuning,
    /// Parameters of the upload queue.
    pub uploads: UploadTuning,
    /// Seed of all random numbers.
    pub seed: u64,
}

/// Bytes per second of 1 Mbit/s.
pub const MBIT: f64 = 125_000.0;

impl Default for Options {
    fn default() -> Self {
        Self {
            viewers: 6,
            film: Duration::from_secs(60),
            byte_rate: 4.0 * MBIT,
            seed_uplink: 8.0 * MBIT,
            uplink: 4.0 * MBIT,
            uneven: 0.0,
            downlink: 40.0 * MBIT,
            arrivals: Duration::from_secs(5),
            latency: Duration::from_millis(15),
            vanish: 0.0,
            download: false,
            chunk_size: None,
            critical_window: DEFAULT_CRITICAL_WINDOW,
            tuning: Tuning::default(),
            uploads: UploadTuning::default(),
            seed: 1,
        }
    }
}

impl Options {
    /// Size of the film.
    fn film_bytes(&self) -> u64 {
        (self.film.as_secs_f64() * self.byte_rate) as u64
    }
}

/// Simulates until every viewer has played the film, has vanished, or has taken ten
/// times its length. `start` is the origin of virtual time and does not affect the
/// results.
pub fn run(options: &Options, start: Instant) -> Report {
    let mut network = network::Network::new(options, start);
    network.run();
    Report::new(options, &network)
}
