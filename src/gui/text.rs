//! Texts of the window: language, translated reasons, formatted values and names.

pub mod codecs;
pub mod language;
pub mod reasons;
