//! Integration with the desktop: fonts and media keys.

#[cfg(target_os = "linux")]
pub mod fonts;
#[cfg(target_os = "linux")]
pub mod media_keys;
