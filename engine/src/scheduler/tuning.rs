//! Parameters of the request policy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Media fetched ahead of the playhead, by default.
pub const DEFAULT_READ_AHEAD: Duration = Duration::from_secs(60);

/// Media ahead of the playhead that is fetched by deadline, by default.
pub const DEFAULT_CRITICAL_WINDOW: Duration = Duration::from_millis(1500);

/// Interval between calls of [`ChunkScheduler::tick`].
///
/// It is fixed, not the time of the next decision: estimates and deadlines change
/// continuously, so the next instant at which one of them tips a decision is unknown.
///
/// [`ChunkScheduler::tick`]: crate::scheduler::ChunkScheduler::tick
pub const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// Interval between announcements of the playhead to peers, the tracker and the store.
pub const POSITION_INTERVAL: Duration = Duration::from_secs(1);

/// Media ahead of a playhead from which on seeds are not asked for chunks that viewers
/// hold: there is time to wait for viewers.
pub const PLENTY_AHEAD: Duration = Duration::from_secs(6);

/// Share of a viewer's estimate that must fit before the deadline.
pub const SAFETY: f64 = 0.7;

/// Choice of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picker {
    /// By deadline, assignment and rarity.
    #[default]
    Swarm,
    /// In order, from the peer with most free request slots: the control case of
    /// benchmarks.
    InOrder,
}

/// Bounds and thresholds of the policy.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Silence after which a peer loses its requests.
    pub request_timeout: Duration,
    /// Requests in flight at one peer, whatever its rate.
    pub requests_per_peer: u32,
    /// Choice of chunks.
    pub picker: Picker,
    /// Width of a deadline class: a chunk of an earlier class comes first however
    /// common it is; within a class the rarest comes first.
    pub rarest_within: Duration,
    /// A chunk that no viewer holds and that is needed within this time is fetched
    /// from a seed by any viewer that needs it, whoever it is assigned to.
    pub assignment_timeout: Duration,
    /// Chunks assigned to us that any viewer needs within this time precede all
    /// others.
    pub assignment_horizon: Duration,
    /// Deadlines sent to peers are never shorter than this.
    pub min_deadline: Duration,
    /// Time without a reader after which the scheduler is no longer needed. A player
    /// that has read a short file to its end still shows where it came from.
    pub idle_limit: Duration,
}

impl Tuning {
    /// Changes the parameters for a sidecar. It yields to media that is about to be
    /// seen or heard. And it is closed soon after use: a window shows hundreds of
    /// posters, and each that is open takes a place in reports and at every peer.
    #[must_use]
    pub fn for_sidecar(self) -> Self {
        Self {
            min_deadline: Duration::from_secs(3),
            idle_limit: Duration::from_secs(1),
            ..self
        }
    }
}

impl Default for Tuning {
    /// Chosen by simulation, see `docs/benchmarks.md`.
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(2),
            requests_per_peer: 64,
            picker: Picker::Swarm,
            rarest_within: Duration::from_secs(6),
            assignment_timeout: Duration::from_millis(300),
            assignment_horizon: Duration::from_secs(3),
            min_deadline: Duration::ZERO,
            idle_limit: Duration::from_secs(600),
        }
    }
}
