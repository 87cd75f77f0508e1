//! Swarmplay: a private media-streaming swarm.
//!
//! `engine` decides; these modules act.
pub mod app;
pub mod cli;
pub mod config;
pub mod ffmpeg;
#[cfg(feature = "gui")]
pub mod gui;
pub mod handles;
pub mod http;
pub mod library;
pub mod net;
#[cfg(feature = "gui")]
pub mod player;
pub mod runtime;
pub mod scheduler;
pub mod store;
pub mod swarm;
pub mod tracker;
pub mod tracker_client;
pub mod wire;
