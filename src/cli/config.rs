//! `swarmplay config`: prints the default files, checks a file.

use std::path::Path;

use crate::cli::query;
use crate::config::{CLIENT_FILE, TRACKER_FILE, load_with_warnings};

/// Program with a default file.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Program {
    /// The tracker.
    Tracker,
    /// Clients and peers.
    Client,
}

impl Program {
    /// Text of the default file.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Tracker => TRACKER_FILE,
            Self::Client => CLIENT_FILE,
        }
    }
}

/// `swarmplay config check`
pub(super) fn check(file: &Path) -> anyhow::Result<()> {
    let (_, warnings) = load_with_warnings(Some(file), &[])?;
    for warning in warnings {
        eprintln!("swarmplay: {warning}");
    }
    query::print(&format!("{}: ok\n", file.display()))
}
