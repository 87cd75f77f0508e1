//! Peer decisions: the session with one peer, dialling, upload slots and order.

mod address_book;
mod choker;
mod daily_quota;
mod session;
mod upload_queue;

pub use self::address_book::{Admission, Known, Roster};
pub use self::choker::{Change, Slots};
pub use self::daily_quota::Allowance;
pub use self::session::{Effect, Offence, Session};
pub use self::upload_queue::{Upload, UploadTuning, Uploads};
