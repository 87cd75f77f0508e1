//! Scheduling decisions: which chunk from which peer, and when.
//!
//! [`ChunkScheduler`] decides for one file: it takes events and the time, and returns
//! [`Effect`]s. It composes:
//! * [`demand`]: needed chunks and their deadlines;
//! * [`chunk_table`]: the state of every chunk;
//! * [`peer_table`], [`peer_estimate`]: holders, and what each can deliver;
//! * [`transfers`]: the three above, kept in step by every request;
//! * [`policy`]: new requests, with [`assignment`] of chunks to viewers;
//! * [`reassign`]: late requests, silent peers;
//! * [`stats`]: duplicates, stalls and their causes, failures of the [`storage`];
//! * [`usage`]: readers and downloads that keep it running.
//!
//! [`Prefetcher`] decides for all files: the order of background fetches.

mod assignment;
mod chunk_scheduler;
mod chunk_table;
mod demand;
mod peer_estimate;
mod peer_table;
mod policy;
mod prefetch;
mod reassign;
mod stats;
mod storage;
mod transfers;
mod tuning;
mod usage;

pub use self::chunk_scheduler::{ChunkScheduler, PeerEvent, ReaderMove};
pub use self::demand::{Demand, Playhead, ReaderId};
pub use self::peer_table::Supply;
pub use self::prefetch::{PrefetchEffect, PrefetchRange, PrefetchTask, Prefetcher, StreamProgress};
pub use self::stats::StallCause;
pub use self::transfers::Effect;
pub use self::tuning::{
    DEFAULT_CRITICAL_WINDOW, DEFAULT_READ_AHEAD, POSITION_INTERVAL, Picker, TICK_INTERVAL, Tuning,
};
