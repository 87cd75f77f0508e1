//! Parts of the window: each connects its callbacks and renders its properties.

pub mod desktop;
pub mod details;
pub mod downloads;
pub mod groups;
pub mod keys;
pub mod library;
pub mod player;
pub mod queue;
pub mod settings;
pub mod setup;
pub mod sharing;
pub mod tracks;
