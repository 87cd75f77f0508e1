//! Results of a run.

use std::fmt;
use std::time::Duration;

use engine::ids::ChunkIndex;
use engine::protocol::ByeReason;
use serde_json::json;

use super::Options;
use super::network::{Network, SEED};

/// Results of a run. Viewers that vanished do not count, except for what they sent and
/// received. Times are in seconds.
#[derive(Debug)]
pub struct Report {
    /// Seed of the run.
    pub seed: u64,
    /// Number of viewers.
    pub viewers: usize,
    /// Viewers without a stall.
    pub smooth: usize,
    /// Viewer, position in the film, and missing chunk of each stall.
    pub stalls: Vec<(usize, Duration, ChunkIndex)>,
    /// Links closed because of a violation of the protocol.
    pub violations: usize,
    /// Stalled time of each viewer, ascending.
    stalled: Vec<f64>,
    longest_stall: f64,
    /// Start-up time of each viewer, ascending.
    starts: Vec<f64>,
    /// Copies of the film that the seed sent.
    pub source_copies: f64,
    /// Share of the sent bytes that arrived twice.
    pub duplicates: f64,
    /// Rate at which the fluid limit (Kumar, Liu, Ross 2007) lets all viewers receive,
    /// over the rate of the film.
    slack: f64,
    /// Share of all uplinks in use.
    efficiency: f64,
    /// Rate of useful data over the fluid limit.
    pub of_fluid_limit: f64,
    /// Jain's index of the shares of their uplinks that the viewers used.
    fairness: f64,
    length: f64,
    /// Length of the run over the shortest time in which all can have the film.
    length_over_d_min: f64,
}

impl Report {
    /// Results of a network that has run.
    pub fn new(options: &Options, network: &Network) -> Self {
        let film = options.film_bytes() as f64;
        let (seed, viewers) = (&network.hosts[SEED], &network.hosts[SEED + 1..]);
        let stayed = || viewers.iter().filter(|host| !host.vanished);
        let playback = || stayed().filter_map(|host| host.node.viewer.as_ref());
        let starts = playback().map(|viewer| viewer.start.unwrap_or(Duration::MAX));
        let stalled = sorted(playback().map(|viewer| viewer.stalled));
        let schedulers = viewers.iter().filter_map(|h| h.node.scheduler.as_ref());
        let duplicates: u64 = schedulers.map(|s| s.duplicate_bytes()).sum();
        let sent: u64 = network.hosts.iter().map(|host| host.node.sent_bytes).sum();
        let duplicates = duplicates as f64 / sent.max(1) as f64;
        let uplinks: f64 = network.hosts.iter().map(|host| host.uplink).sum();
        let count = viewers.len() as f64;
        let limit = seed.uplink.min(uplinks / count);
        let d_min = (film / seed.uplink).max(count * film / uplinks);
        let used = viewers.iter();
        let used: Vec<f64> = used.map(|h| h.node.sent_bytes as f64 / h.uplink).collect();
        let (sum, squares) = used
            .iter()
            .fold((0.0, 0.0), |(sum, squares), u| (sum + u, squares + u * u));
        let longest_stall = playback().map(|viewer| viewer.longest_stall).max();
        let length = network.elapsed().as_secs_f64();
        let efficiency = network.efficiency();
        Self {
            seed: options.seed,
            viewers: stayed().count(),
            smooth: stalled.iter().filter(|time| **time == 0.0).count(),
            stalls: stalls(network),
            violations: violations(network),
            stalled,
            longest_stall: longest_stall.unwrap_or_default().as_secs_f64(),
            starts: sorted(starts),
            source_copies: seed.node.sent_bytes as f64 / film,
            duplicates,
            slack: limit / options.byte_rate,
            efficiency,
            of_fluid_limit: efficiency * (1.0 - duplicates) * uplinks / (limit * count),
            fairness: sum * sum / (squares * count).max(f64::MIN_POSITIVE),
            length,
            length_over_d_min: length / d_min,
        }
    }

    /// Median of the start-up times.
    pub fn start_median(&self) -> f64 {
        quantile(&self.starts, 0.5)
    }

    /// All results as one line of JSON.
    pub fn json(&self) -> String {
        json!({
            "seed": self.seed,
            "viewers": self.viewers,
            "smooth": self.smooth,
            "violations": self.violations,
            "stalled_s": self.stalled.iter().sum::<f64>(),
            "stalled_p95_s": quantile(&self.stalled, 0.95),
            "stalled_p99_s": quantile(&self.stalled, 0.99),
            "stalled_worst_s": self.stalled.last(),
            "stall_longest_s": self.longest_stall,
            "start_median_s": self.start_median(),
            "start_p95_s": quantile(&self.starts, 0.95),
            "start_max_s": self.starts.last(),
            "source_copies": self.source_copies,
            "duplicates": self.duplicates,
            "slack": self.slack,
            "efficiency": self.efficiency,
            "of_fluid_limit": self.of_fluid_limit,
            "fairness": self.fairness,
            "length_s": self.length,
            "length_over_d_min": self.length_over_d_min,
        })
        .to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = |sorted: &[f64]| sorted.last().copied().unwrap_or(0.0);
        write!(
            f,
            "seed {}: {} of {} smooth, stalled {:.1} s (p99 {:.1}, worst {:.1}, longest \
             {:.1} s), start median {:.2} p95 {:.2} max {:.2} s, {:.2} copies from the \
             source, {:.2} % duplicates, slack {:.2}, uplinks {:.1} % used, {:.1} % of the \
             fluid limit, fairness {:.2}, {:.1} s = {:.2} D_min",
            self.seed,
            self.smooth,
            self.viewers,
            self.stalled.iter().sum::<f64>(),
            quantile(&self.stalled, 0.99),
            last(&self.stalled),
            self.longest_stall,
            self.start_median(),
            quantile(&self.starts, 0.95),
            last(&self.starts),
            self.source_copies,
            self.duplicates * 100.0,
            self.slack,
            self.efficiency * 100.0,
            self.of_fluid_limit * 100.0,
            self.fairness,
            self.length,
            self.length_over_d_min,
        )
    }
}

fn stalls(network: &Network) -> Vec<(usize, Duration, ChunkIndex)> {
    let hosts = network.hosts.iter().enumerate();
    let playback = hosts.filter_map(|(number, host)| Some((number, host.node.viewer.as_ref()?)));
    let stalls = playback.flat_map(|(number, viewer)| {
        let stalls = viewer.stalls.iter();
        stalls.map(move |(position, chunk)| (number, *position, *chunk))
    });
    stalls.collect()
}

fn violations(network: &Network) -> usize {
    let closed = network.hosts.iter().flat_map(|host| &host.node.closed);
    closed
        .filter(|reason| **reason != ByeReason::Silent)
        .count()
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<f64> {
    let mut seconds: Vec<f64> = times.map(|time| time.as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    let at = (last * share).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}
