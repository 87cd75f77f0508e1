//! Path from other threads to the event loop. The latest value wins; the event loop is
//! woken only for a value that nobody waits for yet.
//!
//! * [`slot`]: a one-slot cell. [`screen`]: all cells, and the player's `Screen`.
//! * [`observer`]: actor: asks all actors for their state.
//! * [`artwork`]: actor: loads and decodes posters, storyboards and waveforms.

pub mod artwork;
pub mod observer;
pub mod screen;
pub mod slot;
