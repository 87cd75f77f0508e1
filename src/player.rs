//! Player: decodes with ffmpeg, plays sound through kira, hands pictures to a [`Screen`].
//! The sound is the clock; the picture follows it.
//!
//! * [`actor`]: mailbox; performs the effects that
//!   [`engine::player::State`] decides.
//! * [`playback`]: the running pipeline, its gain and frame counts.
//! * [`pipeline`]: decoders from one position of one file, on threads of their own.
//! * [`preload`]: data and decoder of the next item, ahead of time.
//! * [`audio_output`]: device policy: open, suspend, replace.
//! * [`sound`]: sample ring, output and device.
//! * [`publisher`]: snapshots for the screen.
//! * [`cover`]: picture embedded in a song.
//! * [`history_file`]: progress of files, on disk.
//!
//! A seek, another file or a lost device starts a new pipeline with a new generation.
//! Reports of older generations are ignored.

mod actor;
mod audio_output;
mod cover;
mod history_file;
mod pipeline;
mod playback;
mod preload;
mod publisher;
mod sound;

use std::time::Duration;

use actix::prelude::*;
use engine::ids::FileId;
use engine::media::FileEntry;
use engine::player::{Control, Item, Phase, PlayProgress, Repeat, SkippedSong};

pub use actor::Player;
pub use history_file::HistoryFile;

/// Command to the player.
#[derive(Debug, Clone, Copy, PartialEq, Message)]
#[rtype(result = "()")]
pub struct PlayerCommand(pub Control);

/// Replaces the queue and plays one of its files.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Play {
    /// Files in the order shown.
    pub list: Vec<FileEntry>,
    /// Index of the file to play.
    pub index: usize,
}

/// Adds files to the queue.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Enqueue {
    /// Files in the order of playback.
    pub entries: Vec<FileEntry>,
    /// True to insert behind the present file, false to append.
    pub next: bool,
}

/// Marks a file as played, or forgets its progress.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Mark {
    /// File to mark.
    pub entry: FileEntry,
    /// True if played.
    pub played: bool,
}

/// Destination of pictures and snapshots. Latest value wins: a screen may drop values
/// that a newer one replaces.
pub trait Screen: Send + Sync {
    /// Allocates a frame of `width` × `height` RGB pixels.
    fn frame(&self, width: u32, height: u32) -> Box<dyn Frame>;
    /// Shows a video frame.
    fn show(&self, frame: Box<dyn Frame>);
    /// Shows the cover of a song; `None` clears it.
    fn show_cover(&self, file: FileId, cover: Option<Box<dyn Frame>>);
    /// Takes a new snapshot of the player.
    fn changed(&self, state: PlayerSnapshot);
    /// Takes a new snapshot of the queue.
    fn queue_changed(&self, queue: QueueSnapshot);
    /// Reports a song that was skipped because it cannot be played.
    fn song_skipped(&self, song: SkippedSong);
    /// Takes the progress of all files, most recently played first.
    fn history_changed(&self, progress: Vec<(FileId, PlayProgress)>);
}

/// Memory of the screen that a picture is written to.
pub trait Frame: Send {
    /// Three bytes a pixel, row by row.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Converts to the screen's own type.
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any>;
}

/// Persistent condition of the player that the user should know about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// No sound device is available; the null output keeps time.
    NoSoundDevice,
}

/// State of the player.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlayerSnapshot {
    /// Phase of playback.
    pub phase: Phase,
    /// Present file.
    pub entry: Option<FileEntry>,
    /// Media time.
    pub position: Duration,
    /// Duration of the file.
    pub duration: Duration,
    /// 0 to 100.
    pub volume: u32,
    /// True while paused by the user.
    pub paused: bool,
    /// True while muted.
    pub muted: bool,
    /// Speed in percent of normal.
    pub speed: u32,
    /// Number of the audio track.
    pub audio_track: usize,
    /// Number of the subtitle track, if one is shown.
    pub subtitle_track: Option<usize>,
    /// Subtitle text over the picture.
    pub subtitle: String,
    /// Delay of the subtitles in milliseconds.
    pub subtitle_delay_ms: i32,
    /// Delay of the sound against the picture in milliseconds.
    pub audio_delay_ms: i32,
    /// True if the queue continues after the present file.
    pub has_next: bool,
    /// True while the queue is shuffled.
    pub shuffled: bool,
    /// Repeat mode.
    pub repeat: Repeat,
    /// Position at which the file resumed, while the notice is shown.
    pub resumed: Option<Duration>,
    /// Persistent condition to show as a banner.
    pub notice: Option<Notice>,
    /// Frames shown since the file started.
    pub frames_shown: u64,
    /// Frames dropped since the file started, because they were late.
    pub frames_dropped: u64,
}

/// Items of a [`QueueSnapshot`] at most.
pub const SHOWN_UPCOMING: usize = 200;

/// Queue behind the present file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueueSnapshot {
    /// Index of the first of `upcoming` in the queue.
    pub first: usize,
    /// The next [`SHOWN_UPCOMING`] items.
    pub upcoming: Vec<Item>,
    /// Number of all items behind the present file.
    pub count: usize,
}

/// Query for the state.
#[derive(Debug, Message)]
#[rtype(result = "PlayerSnapshot")]
pub struct PlayerState;
