//! Peer decisions: the session with one peer, dialling, upload slots and order.

mod address_book;
mod choker;
mod daily_quota;
mod session;
mod upload_queue;

pub use self::address_book::{AddressBook, Admission, Known};
pub use self::choker::{Change, Choker};
pub use self::daily_quota::DailyQuota;
pub use self::session::{Effect, Offence, Session};
pub use self::upload_queue::{Upload, UploadQueue, UploadTuning};
