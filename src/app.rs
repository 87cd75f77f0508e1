//! Putting the program together: which actor starts after which, who knows
//! whom, and an orderly end.
//!
//! * [`node`]: everything a peer consists of.
//! * [`listener`]: the listening socket; the first message of a link decides
//!   where it goes.
//! * [`identity`]: the peer id, kept in the data directory.

pub mod identity;
pub mod node;

pub use node::{Node, Role, StartError};
