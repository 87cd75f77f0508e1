//! Application: creates and connects all actors of a peer, and shuts them down.
//!
//! * [`node`]: starts and stops all actors.
//! * [`identity`]: peer id, stored in the data directory.

mod identity;
mod node;

pub use self::node::{Node, Role, StartError};
