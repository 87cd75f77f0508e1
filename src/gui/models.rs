//! State that the views show.

pub mod playback;
pub mod rows;
pub mod stream_map;
