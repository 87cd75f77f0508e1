//! Texts of errors and reasons that actors report as types.

mod config;
mod library;
mod link;
mod media;
mod playback;
mod store;
mod system;

pub use self::config::{config_error, edit_error, start_error, unit_error};
pub use self::library::{add_error, index_error, skip_reason};
pub use self::link::{kick_reason, link_state, path_reasons, wire_error};
pub use self::media::media_failure;
pub use self::playback::{playback_error, player_notice, stall_cause};
pub use self::store::store_error;
pub use self::system::{io_error, io_failure, mailbox_error};
