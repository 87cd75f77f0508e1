//! A swarm of up to thousands of viewers on a simulated network, with the very
//! scheduler, upload queue and path planner that run on sockets.
//!
//! ```text
//! cargo run --release --example simulate -- --viewers 1000 --slack 1.2 --arrivals 30
//! ```
//!
//! * [`network`]: clock, events, links with a rate each way and a latency.
//! * [`node`]: one program of the swarm, as its actors would drive it.
//! * [`player`]: who watches, and how well that goes.
//! * [`report`]: what came out of it.
//!
//! Links carry one chunk after another at the rate of the slower end; there is
//! no loss, no congestion control, no processor time. So it compares policies
//! and parameters and shows how they grow; what it says of one is no promise
//! about a network, which is what `scripts/lab` is for.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

mod network;
mod node;
mod player;
mod report;

use std::time::Duration;

use clap::Parser;
use engine::scheduler::{Picker, Tuning};
use engine::swarm::UploadTuning;

/// What is simulated.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Viewers.
    #[arg(long, default_value_t = 6)]
    viewers: usize,
    /// Length of the film in seconds.
    #[arg(long, default_value_t = 60.0)]
    film: f64,
    /// Bitrate of the film in Mbit/s.
    #[arg(long, default_value_t = 4.0)]
    bitrate: f64,
    /// Uplink of the source in Mbit/s.
    #[arg(long, default_value_t = 8.0)]
    source: f64,
    /// Uplink of a viewer in Mbit/s.
    #[arg(long, default_value_t = 4.0)]
    uplink: f64,
    /// Instead of --uplink: the fluid limit over the bitrate (Kumar and Ross).
    #[arg(long)]
    slack: Option<f64>,
    /// Spread of the uplinks: 0 for all alike, 1 for anything from none to twice
    /// the mean.
    #[arg(long, default_value_t = 0.0)]
    uneven: f64,
    /// Downlink of a viewer in Mbit/s.
    #[arg(long, default_value_t = 40.0)]
    downlink: f64,
    /// Seconds over which the viewers arrive.
    #[arg(long, default_value_t = 5.0)]
    arrivals: f64,
    /// Latency of a link, one way, in milliseconds.
    #[arg(long, default_value_t = 15.0)]
    latency: f64,
    /// Seconds between two messages that tell the neighbours of new chunks.
    #[arg(long, default_value_t = 0.2)]
    tell: f64,
    /// Share of the viewers that vanish without a word somewhere in the film.
    #[arg(long, default_value_t = 0.0)]
    vanish: f64,
    /// Fetch the whole film as fast as possible instead of watching it.
    #[arg(long)]
    bulk: bool,
    /// Bytes of a chunk in KiB; by default what the program would choose.
    #[arg(long)]
    chunk: Option<u32>,
    /// Parameters of the policy, in seconds, to sweep them.
    #[arg(long)]
    rarest_within: Option<f64>,
    #[arg(long)]
    share_lapses: Option<f64>,
    #[arg(long)]
    duty_within: Option<f64>,
    #[arg(long)]
    urgent: Option<f64>,
    #[arg(long)]
    pressing: Option<f64>,
    #[arg(long)]
    copy_costs: Option<f64>,
    #[arg(long)]
    longest_wait: Option<f64>,
    /// Choose chunks in order, as a comparison.
    #[arg(long)]
    in_order: bool,
    /// Print each stall.
    #[arg(long)]
    events: bool,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of runs, with seeds counted up.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Print one line of JSON a run instead of a table.
    #[arg(long)]
    json: bool,
}

impl Options {
    fn tuning(&self) -> Tuning {
        let mut tuning = Tuning::default();
        set(&mut tuning.rarest_within, self.rarest_within);
        set(&mut tuning.assignment_timeout, self.share_lapses);
        set(&mut tuning.assignment_horizon, self.duty_within);
        if self.in_order {
            tuning.picker = Picker::InOrder;
        }
        tuning
    }

    fn upload_tuning(&self) -> UploadTuning {
        let mut tuning = UploadTuning::default();
        set(&mut tuning.copy_costs, self.copy_costs);
        set(&mut tuning.critical_window, self.pressing);
        set(&mut tuning.longest_wait, self.longest_wait);
        tuning
    }

    /// Mean uplink of a viewer in bytes a second.
    fn mean_uplink(&self) -> f64 {
        let viewers = self.viewers as f64;
        let total = |slack: f64| slack * self.bitrate * viewers;
        let mbit = self.slack.map_or(self.uplink, |slack| {
            (total(slack) - self.source).max(0.0) / viewers
        });
        mbit * 125_000.0
    }

    fn film_bytes(&self) -> u64 {
        (self.film * self.bitrate * 125_000.0) as u64
    }

    fn film_length(&self) -> Duration {
        Duration::from_secs_f64(self.film)
    }
}

fn set(value: &mut Duration, seconds: Option<f64>) {
    if let Some(seconds) = seconds {
        *value = Duration::from_secs_f64(seconds);
    }
}

fn main() {
    let options = Options::parse();
    for run in 0..options.runs {
        let mut options = options.clone();
        options.seed += run;
        let mut swarm = network::Network::new(&options);
        swarm.run();
        let report = report::Report::new(&options, &swarm);
        if options.events {
            swarm.print_stalls();
        }
        if options.json {
            println!("{}", report.json());
        } else {
            println!("{report}");
        }
    }
}
