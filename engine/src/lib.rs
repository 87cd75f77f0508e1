//! Swarmplay's engine: every decision, no side effect.
//!
//! Each subsystem is plain values: events and `now` in, effects out. Sockets,
//! files, clocks, threads and actors live in the `swarmplay` crate.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::unwrap_used))]

pub mod catalogue;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod ids;
pub mod integrity;
pub mod io_failure;
pub mod library;
pub mod media;
pub mod player;
pub mod protocol;
pub mod scheduler;
pub mod store;
pub mod swarm;
pub mod throughput;
pub mod tracker;
pub mod units;
