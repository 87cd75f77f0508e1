//! Swarmplay: a private media-streaming swarm.
pub mod config;
pub mod ids;
pub mod integrity;
pub mod media;
pub mod store;
pub mod wire;
