//! Integration with the desktop.
//!
//! * [`dialogs`]: its file dialogs. [`open_with`]: other players.
//! * [`keep_awake`]: prevents the screen from turning off during a film.
//! * `media_keys`: player controls over MPRIS. `fonts`: a font for systems without one.

pub mod dialogs;
#[cfg(target_os = "linux")]
pub mod fonts;
pub mod keep_awake;
#[cfg(target_os = "linux")]
pub mod media_keys;
pub mod open_with;
