//! Parameters of the choice, with what they were decided by.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How chunks are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picker {
    /// As the head of this module says.
    #[default]
    Swarm,
    /// In order, from whoever has credits left: what a client without a swarm in
    /// mind does. For comparison.
    InOrder,
}

/// Bounds on requests.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Silence after which a peer loses its requests.
    pub request_timeout: Duration,
    /// Requests at one peer, whatever its rate.
    pub requests_per_peer: u32,
    /// How chunks are chosen.
    pub picker: Picker,
    /// The configured downlink in bytes a second, as a cause of stalls.
    pub download_limit: Option<u64>,
    /// What is needed within this time comes before what is needed later, however
    /// rare that is; within it, the rarest comes first.
    pub rarest_within: Duration,
    /// A chunk that no viewer holds and that is needed within this time is fetched
    /// from a source by whoever needs it, whosever share it is.
    pub share_lapses: Duration,
    /// Our share of what somebody needs within this time comes before anything
    /// else.
    pub duty_within: Duration,
}

impl Default for Tuning {
    /// Decided by simulation, see `docs/benchmarks.md`.
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(2),
            requests_per_peer: 64,
            picker: Picker::Swarm,
            download_limit: None,
            rarest_within: Duration::from_secs(6),
            share_lapses: Duration::from_millis(300),
            duty_within: Duration::from_secs(3),
        }
    }
}
