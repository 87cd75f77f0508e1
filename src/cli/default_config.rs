//! The commented default files, as they lie in `config/`.

/// Whose configuration.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Program {
    /// The server.
    Tracker,
    /// Clients and peers.
    Client,
}

impl Program {
    /// The file's text.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Tracker => crate::config::TRACKER_FILE,
            Self::Client => crate::config::CLIENT_FILE,
        }
    }
}
