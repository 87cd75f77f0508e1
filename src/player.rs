//! The player: decodes by ffmpeg from the gateway, sounds through kira, hands
//! pictures to a [`Screen`]. Sound is the clock; the picture follows.
//!
//! * [`state`]: pure: what is playing, what a command changes.
//! * [`clock`]: pure: media time between two steps of the sound card; which
//!   frame to show, wait for or drop.
//! * [`sound`]: kira: the device, or a paced silence where there is none.
//! * [`process`]: an ffmpeg child that never outlives us.
//! * [`audio`], [`video`]: the two halves of a pipeline, on threads of their own.
//! * [`pipeline`]: one run of both from one position, with its generation.
//! * [`actor`] is the mailbox.
//!
//! A seek, another file or a lost device starts a new pipeline; what an older
//! one still says is ignored.

pub mod actor;
pub mod audio;
pub mod clock;
pub mod pipeline;
pub mod ppm;
pub mod process;
pub mod sound;
pub mod state;
pub mod video;

use std::time::Duration;

use actix::prelude::*;

use crate::ids::FileId;
use crate::media::FileEntry;

pub use actor::Player;

/// Plays a file, with the list it was chosen from for next and previous.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Play {
    /// The list, in the order shown.
    pub list: Vec<FileEntry>,
    /// Which of it.
    pub index: usize,
}

/// What a person at the controls can do.
#[derive(Debug, Clone, Copy, PartialEq, Message)]
#[rtype(result = "()")]
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
    /// The next file of the list.
    Next,
    /// The start of this file, or the previous one if it has just begun.
    Previous,
    /// Nothing any more.
    Stop,
}

/// Where pictures and news go. Latest value wins: a screen may drop whatever a
/// newer value has overtaken.
pub trait Screen: Send + Sync {
    /// A buffer for a frame of `width` × `height` RGB pixels.
    fn frame(&self, width: u32, height: u32) -> Box<dyn Frame>;
    /// Shows a frame of the film.
    fn show(&self, frame: Box<dyn Frame>);
    /// Shows the cover of a song; `None` if it has none.
    fn show_cover(&self, file: FileId, cover: Option<Box<dyn Frame>>);
    /// The state has changed.
    fn changed(&self, state: PlayerSnapshot);
}

/// Memory of the screen that a picture is decoded into.
pub trait Frame: Send {
    /// Three bytes a pixel, row by row.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// For the screen to get its own type back.
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any>;
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
    /// The file cannot be played, and why.
    Failed(String),
}

/// State of the player.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlayerSnapshot {
    /// What it does.
    pub phase: Phase,
    /// The file, if one is chosen.
    pub entry: Option<FileEntry>,
    /// Media time.
    pub position: Duration,
    /// Length of the file.
    pub duration: Duration,
    /// 0 to 100.
    pub volume: u32,
    /// Whether it was stopped by hand.
    pub paused: bool,
    /// Whether it is muted.
    pub muted: bool,
    /// Speed in percent of normal.
    pub speed: u32,
    /// Whether there is a next file in the list.
    pub has_next: bool,
    /// Something the person should know, such as a missing sound device.
    pub note: String,
    /// Frames shown and dropped since the file began.
    pub frames_shown: u64,
    /// Frames that came too late to be shown.
    pub frames_dropped: u64,
}

/// Asks for the state.
#[derive(Debug, Message)]
#[rtype(result = "PlayerSnapshot")]
pub struct PlayerState;
