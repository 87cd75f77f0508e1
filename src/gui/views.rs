//! Parts of the window. Each connects its callbacks, which send commands or change
//! models, and renders models into properties.
//!
//! * [`shell`]: status bar and banner. [`keys`]: keyboard shortcuts.
//! * [`library`], [`groups`], [`details`]: files of the swarm.
//! * [`player`], [`tracks`], [`queue`], [`swarm`], [`artwork`]: the current item.
//! * [`sharing`], [`downloads`]: files on this device.
//! * [`settings`], [`setup`]: configuration. [`desktop`]: other programs.
//! * [`list_model`]: updates the rows of a list.

pub mod artwork;
pub mod desktop;
pub mod details;
pub mod downloads;
pub mod groups;
pub mod keys;
pub mod library;
mod list_model;
pub mod player;
pub mod queue;
pub mod settings;
pub mod setup;
pub mod sharing;
pub mod shell;
pub mod swarm;
pub mod tracks;
