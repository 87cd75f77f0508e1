//! Texts of the window.
//!
//! * [`language`]: the language of the window and its catalogues.
//! * [`reasons`]: causes and errors of other parts of the program, translated.
//! * [`mod@format`]: figures and counts. [`codecs`], [`tracks`]: names of codecs,
//!   resolutions, languages and tracks.

pub mod codecs;
pub mod format;
pub mod language;
pub mod reasons;
pub mod tracks;
