//! Scheduling decisions for one file: which chunk from which peer, and when.

mod core;
mod demand;
mod peer_estimate;
mod peer_table;

use std::ops::Range;

use serde::Serialize;

pub use self::core::{ChunkScheduler, Effect, Picker, Tuning};
pub use self::demand::Demand;
use crate::ids::PeerId;

/// One place where a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderId(pub u64);

/// Why playing stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StallCause {
    /// Nobody who is reached holds what is needed.
    NoSource,
    /// Who holds it does not send it fast enough.
    SlowSource,
    /// Who holds it chokes us: its slots, or what it may give a day, are used up.
    Choked,
    /// It cannot be stored.
    Disk,
    /// The configured download limit.
    OwnLimit,
    /// It is here, but not decoded fast enough.
    Decoder,
}

impl StallCause {
    /// In plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoSource => "nobody online has this part",
            Self::SlowSource => "the sources are too slow",
            Self::Choked => "who has this part gives nothing at present",
            Self::Disk => "the disk is full or fails",
            Self::OwnLimit => "your download limit",
            Self::Decoder => "this machine decodes too slowly",
        }
    }
}

/// What one peer supplied of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Supply {
    /// Who.
    #[serde(skip)]
    pub peer: PeerId,
    /// Name to show.
    pub name: String,
    /// Whether it is the server's library.
    pub origin: bool,
    /// Verified bytes.
    pub bytes: u64,
}

/// What of a file is to be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefetchRange {
    /// So many bytes of its beginning.
    pub head: u64,
    /// And then these, if they are any.
    pub place: Range<u64>,
}
