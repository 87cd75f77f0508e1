//! Peer decisions: the session with one peer, dialling, upload slots and order.

mod address_book;
mod announcements;
mod choker;
mod daily_quota;
mod have_batch;
mod joined_files;
mod session;
mod traffic;
mod upload_queue;

pub use self::address_book::{AddressBook, Admission, Known};
pub use self::choker::{Change, Choker};
pub use self::daily_quota::DailyQuota;
pub use self::have_batch::HaveBatch;
pub use self::joined_files::{JoinedFile, JoinedFiles};
pub use self::session::{Effect, Offence, Session};
pub use self::traffic::{PeerSnapshot, SwarmSnapshot, Traffic};
pub use self::upload_queue::{Upload, UploadQueue, UploadTuning};
