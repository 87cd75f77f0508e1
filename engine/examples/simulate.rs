//! Command line of the simulator.
//!
//! ```text
//! cargo run --release -p swarmplay-engine --example simulate -- --viewers 100 --slack 1.2 --arrivals 30 --source 20
//! ```

#![allow(clippy::print_stdout, reason = "the results are its output")]

#[path = "../simulator/simulator.rs"]
mod simulator;

use std::time::{Duration, Instant};

use clap::Parser;
use engine::media::ChunkSize;
use engine::scheduler::{Picker, Tuning};
use engine::swarm::UploadTuning;

use crate::simulator::{MBIT, Options};

/// Simulates a swarm that plays one film. Defaults are the flash crowd and the
/// program's own parameters.
#[derive(Debug, Parser)]
struct Arguments {
    /// Number of viewers
    #[arg(long, default_value_t = 6)]
    viewers: usize,
    /// Length of the film in seconds
    #[arg(long, default_value_t = 60.0)]
    film: f64,
    /// Bitrate of the film in Mbit/s
    #[arg(long, default_value_t = 4.0)]
    bitrate: f64,
    /// Uplink of the source in Mbit/s
    #[arg(long, default_value_t = 8.0)]
    source: f64,
    /// Mean uplink of a viewer in Mbit/s
    #[arg(long, default_value_t = 4.0)]
    uplink: f64,
    /// Fluid limit (Kumar, Liu, Ross 2007) over the bitrate, instead of --uplink
    #[arg(long, conflicts_with = "uplink")]
    slack: Option<f64>,
    /// Spread of the uplinks: 0 for equal ones, 1 for any between zero and twice the
    /// mean
    #[arg(long, default_value_t = 0.0)]
    uneven: f64,
    /// Downlink of a viewer in Mbit/s
    #[arg(long, default_value_t = 40.0)]
    downlink: f64,
    /// Time in seconds within which the viewers arrive
    #[arg(long, default_value_t = 5.0)]
    arrivals: f64,
    /// Latency of a link in one direction in milliseconds
    #[arg(long, default_value_t = 15.0)]
    latency: f64,
    /// Share of the viewers that vanish during the film without closing their links
    #[arg(long, default_value_t = 0.0)]
    vanish: f64,
    /// Download the film instead of playing it
    #[arg(long)]
    download: bool,
    /// Chunk size in KiB
    #[arg(long)]
    chunk: Option<u32>,
    /// Policy: time in seconds within which the rarest chunk is fetched first
    #[arg(long)]
    rarest_within: Option<f64>,
    /// Policy: time in seconds before the deadline at which an assignment ends
    #[arg(long)]
    assignment_timeout: Option<f64>,
    /// Policy: time in seconds within which the own assignment is fetched first
    #[arg(long)]
    assignment_horizon: Option<f64>,
    /// Policy: media in seconds ahead of the playhead that is fetched by deadline
    #[arg(long)]
    critical_window: Option<f64>,
    /// Policy: critical window of the upload queue in seconds
    #[arg(long)]
    upload_critical_window: Option<f64>,
    /// Policy: delay of a chunk's deadline in seconds for each copy sent
    #[arg(long)]
    copy_cost: Option<f64>,
    /// Policy: longest wait in the upload queue in seconds
    #[arg(long)]
    longest_wait: Option<f64>,
    /// Fetch chunks in order, for comparison
    #[arg(long)]
    in_order: bool,
    /// Print each stall
    #[arg(long)]
    stalls: bool,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of runs, with consecutive seeds
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Print one line of JSON per run
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn options(&self, seed: u64) -> Options {
        let defaults = Options::default();
        let seconds = Duration::from_secs_f64;
        Options {
            viewers: self.viewers,
            film: seconds(self.film),
            byte_rate: self.bitrate * MBIT,
            seed_uplink: self.source * MBIT,
            uplink: self.mean_uplink() * MBIT,
            uneven: self.uneven,
            downlink: self.downlink * MBIT,
            arrivals: seconds(self.arrivals),
            latency: seconds(self.latency / 1000.0),
            vanish: self.vanish,
            download: self.download,
            chunk_size: self.chunk.and_then(|kib| ChunkSize::checked(kib << 10)),
            critical_window: self
                .critical_window
                .map_or(defaults.critical_window, seconds),
            tuning: self.tuning(),
            uploads: self.upload_tuning(),
            seed,
        }
    }

    fn mean_uplink(&self) -> f64 {
        let viewers = self.viewers as f64;
        self.slack.map_or(self.uplink, |slack| {
            (slack * self.bitrate * viewers - self.source).max(0.0) / viewers
        })
    }

    fn tuning(&self) -> Tuning {
        let mut tuning = Tuning::default();
        set(&mut tuning.rarest_within, self.rarest_within);
        set(&mut tuning.assignment_timeout, self.assignment_timeout);
        set(&mut tuning.assignment_horizon, self.assignment_horizon);
        if self.in_order {
            tuning.picker = Picker::InOrder;
        }
        tuning
    }

    fn upload_tuning(&self) -> UploadTuning {
        let mut tuning = UploadTuning::default();
        set(&mut tuning.critical_window, self.upload_critical_window);
        set(&mut tuning.copy_costs, self.copy_cost);
        set(&mut tuning.longest_wait, self.longest_wait);
        tuning
    }
}

fn set(value: &mut Duration, seconds: Option<f64>) {
    if let Some(seconds) = seconds {
        *value = Duration::from_secs_f64(seconds);
    }
}

#[allow(clippy::disallowed_methods, reason = "the origin of virtual time")]
fn main() {
    let arguments = Arguments::parse();
    for run in 0..arguments.runs {
        let options = arguments.options(arguments.seed + run);
        let report = simulator::run(&options, Instant::now());
        if arguments.stalls {
            for (viewer, position, chunk) in &report.stalls {
                println!("viewer {viewer} stalled at {position:.2?} for chunk {chunk}");
            }
        }
        match arguments.json {
            true => println!("{}", report.json()),
            false => println!("{report}"),
        }
    }
}
