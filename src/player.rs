//! The player: decodes by ffmpeg from the gateway, sounds through kira, hands
//! pictures to a [`Screen`]. Sound is the clock; the picture follows.
//!
//! * [`state`]: pure: what is playing, what a command changes.
//! * [`queue`]: pure: what comes next.
//! * [`history`]: how far everything was played.
//! * [`clock`]: pure: media time between two steps of the sound card; which
//!   frame to show, wait for or drop.
//! * [`sound`]: kira: the device, or a paced silence where there is none.
//! * [`process`]: an ffmpeg child that never outlives us.
//! * [`cover`]: the picture embedded in a song.
//! * [`audio`], [`video`]: the two halves of a pipeline, on threads of their own.
//! * [`planes`]: frames on their way from ffmpeg.
//! * [`pipeline`]: one run of both from one position, with its generation.
//! * [`spare`]: decoders that wait, for jumps to be quick.
//! * [`tracks`]: pure: which sound and subtitles are chosen.
//! * [`subtitles`]: cues of a track that is text.
//! * [`actor`] is the mailbox.
//!
//! A seek, another file or a lost device starts a new pipeline; what an older
//! one still says is ignored.

mod actor;
mod history_file;
pub mod pipeline;
pub mod sound;

use std::time::Duration;

use actix::prelude::*;
use engine::ids::FileId;
use engine::media::FileEntry;
use engine::player::{Control, Item, PassedOver, Phase, PlayProgress, Repeat};

pub use actor::Player;
pub use history_file::HistoryFile;

/// A command to the player.
#[derive(Debug, Clone, Copy, PartialEq, Message)]
#[rtype(result = "()")]
pub struct PlayerCommand(pub Control);

/// Plays a file, with the list it was chosen from for next and previous.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Play {
    /// The list, in the order shown.
    pub list: Vec<FileEntry>,
    /// Which of it.
    pub index: usize,
}

/// Adds files to the list that plays.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Enqueue {
    /// In this order.
    pub entries: Vec<FileEntry>,
    /// Behind the present file, else at the end.
    pub next: bool,
}

/// A person says that a file is done, or that it may be forgotten.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Mark {
    /// Which file.
    pub entry: FileEntry,
    /// Whether it is done.
    pub done: bool,
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
    /// What comes next has changed.
    fn queue_changed(&self, queue: QueueSnapshot);
    /// A song was passed over.
    fn passed_over(&self, song: PassedOver);
    /// How far files were played, the last played first.
    fn history_changed(&self, seen: Vec<(FileId, PlayProgress)>);
}

/// Memory of the screen that a picture is decoded into.
pub trait Frame: Send {
    /// Three bytes a pixel, row by row.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// For the screen to get its own type back.
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
    /// Number of the sound track.
    pub audio_track: usize,
    /// Number of the subtitle track, if one is shown.
    pub subtitle_track: Option<usize>,
    /// SubtitleSource on the picture.
    pub subtitle: String,
    /// How much later than they say subtitles are shown, in milliseconds.
    pub subtitles_late_ms: i32,
    /// How much later than it says sound is heard, in milliseconds.
    pub sound_late_ms: i32,
    /// Whether there is a next file in the list.
    pub has_next: bool,
    /// Whether the list plays in random order.
    pub shuffled: bool,
    /// What happens at an end.
    pub repeat: Repeat,
    /// Where the file went on, while that is news.
    pub resumed: Option<Duration>,
    /// Persistent condition to show as a banner.
    pub notice: Option<Notice>,
    /// Frames shown and dropped since the file began.
    pub frames_shown: u64,
    /// Frames that came too late to be shown.
    pub frames_dropped: u64,
}

/// Items of a [`QueueSnapshot`] at most.
pub const SHOWN_UPCOMING: usize = 200;

/// What comes after the present file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueueSnapshot {
    /// PeerPosition of the first of `upcoming` in the list.
    pub first: usize,
    /// The next [`SHOWN_UPCOMING`] of them.
    pub upcoming: Vec<Item>,
    /// How many there are.
    pub count: usize,
}

/// Asks for the state.
#[derive(Debug, Message)]
#[rtype(result = "PlayerSnapshot")]
pub struct PlayerState;
