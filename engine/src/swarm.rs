//! Peer decisions. Each part takes events and `now`, and returns effects.
//!
//! * [`session`]: protocol state of one link; [`announcements`] belongs to it.
//! * [`address_book`]: known peers, dial backoff, bans.
//! * [`choker`]: upload slots; [`upload_queue`]: order of uploads.
//! * [`joined_files`]: files being fetched, own positions, reports.
//! * [`have_batch`]: stored chunks to announce.
//! * [`traffic`]: rates, totals, idle links.
//! * [`daily_quota`]: upload quota over 24 hours.

mod address_book;
mod announcements;
mod choker;
mod daily_quota;
mod have_batch;
mod joined_files;
mod session;
mod traffic;
mod tuning;
mod upload_queue;

pub use self::address_book::{AddressBook, Admission, Known};
pub use self::choker::{Change, Choker};
pub use self::daily_quota::DailyQuota;
pub use self::have_batch::HaveBatch;
pub use self::joined_files::{JoinedFile, JoinedFiles};
pub use self::session::{Effect, Offence, Session};
pub use self::traffic::{PeerSnapshot, SwarmSnapshot, Traffic};
pub use self::tuning::{
    COALESCE_DELAY, DEFAULT_MAX_PEERS, FIND_PEERS_INTERVAL, HAVE_DELAY, LINK_INTERVAL,
    QUEUE_DELAY_CHANGE, QUEUE_DELAY_INTERVAL, REPORT_INTERVAL, WANTED_PEERS,
};
pub use self::upload_queue::{Upload, UploadQueue, UploadTuning};
