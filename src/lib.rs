//! Swarmplay: a private media-streaming swarm.
pub mod announcer;
pub mod app;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod ids;
pub mod integrity;
pub mod library;
pub mod media;
pub mod scheduler;
pub mod store;
pub mod swarm;
pub mod tracker;
pub mod wire;
