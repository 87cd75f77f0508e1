//! The way from other threads to the event loop.

pub mod artwork;
pub mod observer;
pub mod screen;
pub mod slot;
