//! Playback decisions: player state, queue, tracks, clock, subtitles, history.

mod clock;
mod cues;
mod error;
mod history;
mod queue;
mod state;
mod tracks;

use std::time::Duration;

pub use self::clock::{Clock, SAMPLE_RATE, Verdict, judge};
pub use self::cues::{Cue, Cues, is_text, read as read_cues};
pub use self::error::{PlaybackError, SoundError};
pub use self::history::{History, PlayProgress};
pub use self::queue::{Item, Queue, Repeat};
pub use self::state::{Effect, Report, State};
pub use self::tracks::Tracks;

/// What a person at the controls can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Control {
    /// Pause, or go on.
    Toggle,
    /// To a time from the start.
    SeekTo(Duration),
    /// By seconds, back if negative.
    SeekBy(f64),
    /// To a share of the duration, 0 to 1.
    SeekShare(f64),
    /// 0 to 100.
    SetVolume(u32),
    /// By percent points.
    VolumeBy(i32),
    /// Mute, or not.
    ToggleMute,
    /// Faster by this much of normal, slower if negative; 0.5 to 2 in all.
    SpeedBy(f64),
    /// Another sound track of this file, by its number.
    ChooseAudio(usize),
    /// A subtitle track of this file, by its number, or none.
    ChooseSubtitles(Option<usize>),
    /// Subtitles later by this many milliseconds, earlier if negative.
    SubtitlesBy(i32),
    /// Sound later by this many milliseconds, earlier if negative.
    SoundBy(i32),
    /// The next file of the list.
    Next,
    /// The start of this file, or the previous one if it has just begun.
    Previous,
    /// To a place in the list.
    Jump(usize),
    /// Takes a place out of the list.
    Remove(usize),
    /// Moves what is at the first place of the list to the second.
    Shift(usize, usize),
    /// Takes all out of the list that comes after the present file.
    ClearUpcoming,
    /// The list in random order, or no longer.
    ToggleShuffle,
    /// The list in random order or not.
    SetShuffled(bool),
    /// Repeat nothing, all, or the present file.
    CycleRepeat,
    /// What happens at an end.
    SetRepeat(Repeat),
    /// To the beginning of the present file, and nothing plays; the list stays.
    Stop,
}

/// What the player does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing chosen.
    #[default]
    Stopped,
    /// A file or a place was chosen; nothing is decoded yet. `Playing`,
    /// `Paused` or `Failed` follows.
    Loading,
    /// Time passes.
    Playing,
    /// Stopped by hand.
    Paused,
    /// The bytes are late. `Playing` follows by itself.
    Buffering,
    /// The last file of the list is over.
    Ended,
    /// The file cannot be played.
    Failed(PlaybackError),
}

/// A song that could not be played, in place of which the next one plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Its title.
    pub title: String,
    /// Cause of the failure.
    pub error: PlaybackError,
}
