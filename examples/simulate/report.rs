//! What came out of a run.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::Options;
use crate::network::Network;
use crate::player::Player;

/// The figures of one run.
pub struct Report {
    seed: u64,
    viewers: usize,
    smooth: usize,
    stalled: Vec<f64>,
    starts: Vec<f64>,
    copies: f64,
    duplicates: f64,
    limit: f64,
    efficiency: f64,
    useful: f64,
    longest_stall: f64,
    spread: f64,
    fairness: f64,
    length: f64,
    plan: Duration,
}

impl Report {
    pub fn new(options: &Options, network: &Network) -> Self {
        let film = options.film_bytes() as f64;
        let viewers = &network.nodes[1..];
        let watched = viewers
            .iter()
            .filter(|node| node.alive || node.done_at.is_some());
        let watched: Vec<_> = watched.collect();
        let players = || watched.iter().filter_map(|node| node.player.as_ref());
        let mut starts: Vec<f64> = players()
            .map(|player| player.start.unwrap_or(Duration::MAX).as_secs_f64())
            .collect();
        starts.sort_by(f64::total_cmp);
        let mut stalled: Vec<f64> = players().map(|p| p.stalled.as_secs_f64()).collect();
        stalled.sort_by(f64::total_cmp);
        let duplicates = viewers.iter().filter_map(|node| node.core.as_ref());
        let duplicates: u64 = duplicates.map(|core| core.duplicate_bytes()).sum();
        let sent: u64 = network.nodes.iter().map(|node| node.sent_bytes).sum();
        let uplinks: f64 = network.nodes.iter().map(|node| node.up).sum();
        let source = network.nodes[0].up;
        let limit = source.min(uplinks / viewers.len() as f64);
        let d_min = (film / source).max(viewers.len() as f64 * film / uplinks);
        let used: Vec<f64> = viewers.iter().map(|n| n.sent_bytes as f64 / n.up).collect();
        let square: f64 = used.iter().map(|share| share * share).sum();
        let sum: f64 = used.iter().sum();
        let length = network.now.as_secs_f64();
        let duplicates = duplicates as f64 / sent.max(1) as f64;
        // What the fluid limit lets all viewers receive, over what all uplinks can send.
        let receivable = limit * viewers.len() as f64 / uplinks;
        Self {
            seed: options.seed,
            viewers: watched.len(),
            smooth: stalled.iter().filter(|time| **time == 0.0).count(),
            stalled,
            starts,
            copies: network.nodes[0].sent_bytes as f64 / film,
            duplicates,
            limit: limit / (options.bitrate * 125_000.0),
            efficiency: network.used(),
            useful: network.used() * (1.0 - duplicates) / receivable,
            longest_stall: players()
                .map(Player::longest_stall)
                .max()
                .unwrap_or_default()
                .as_secs_f64(),
            spread: length / d_min,
            fairness: sum * sum / (square * used.len() as f64).max(f64::MIN_POSITIVE),
            length,
            plan: network.planning / network.plans.max(1),
        }
    }

    pub fn json(&self) -> String {
        json!({
            "seed": self.seed,
            "viewers": self.viewers,
            "smooth": self.smooth,
            "stalled_s": self.stalled.iter().sum::<f64>(),
            "stalled_p95_s": quantile(&self.stalled, 0.95),
            "stalled_p99_s": quantile(&self.stalled, 0.99),
            "stalled_worst_s": self.stalled.last(),
            "stall_longest_s": self.longest_stall,
            "start_median_s": quantile(&self.starts, 0.5),
            "start_p95_s": quantile(&self.starts, 0.95),
            "start_max_s": self.starts.last(),
            "source_copies": self.copies,
            "duplicates": self.duplicates,
            "slack": self.limit,
            "efficiency": self.efficiency,
            "of_fluid_limit": self.useful,
            "fairness": self.fairness,
            "plan_us": self.plan.as_micros() as u64,
            "length_s": self.length,
            "length_over_d_min": self.spread,
        })
        .to_string()
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted
        .get((last * share).round() as usize)
        .copied()
        .unwrap_or(0.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: f64 = self.stalled.iter().sum();
        let worst = self.stalled.last().copied().unwrap_or(0.0);
        write!(
            f,
            "seed {}: {} of {} smooth, stalled {total:.1} s (a viewer p99 {:.1}, worst \
             {worst:.1}, at once {:.1} s), \
             start median {:.2} p95 {:.2} max {:.2} s, source {:.2} copies, \
             duplicates {:.2} %, slack {:.2}, uplinks used {:.1} %, \
             {:.1} % of the fluid limit, fairness {:.2}, \
             {:.1} s = {:.2} D_min, {:?} a plan",
            self.seed,
            self.smooth,
            self.viewers,
            quantile(&self.stalled, 0.99),
            self.longest_stall,
            quantile(&self.starts, 0.5),
            quantile(&self.starts, 0.95),
            self.starts.last().copied().unwrap_or(0.0),
            self.copies,
            self.duplicates * 100.0,
            self.limit,
            self.efficiency * 100.0,
            self.useful * 100.0,
            self.fairness,
            self.length,
            self.spread,
            self.plan,
        )
    }
}
