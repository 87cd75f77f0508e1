//! Playback decisions: queue, recovery, tracks, clock, subtitles, progress.
//!
//! * [`State`] takes commands ([`Control`]) and reports of the pipeline ([`Report`]) and
//!   returns what to do with the pipeline ([`Effect`]).
//! * `Recovery` decides after a failure: retry, skip or stop.
//! * [`Queue`] orders the files; [`Tracks`] selects their audio and subtitles.
//! * [`History`] keeps how far every file was played.
//! * [`Clock`] turns the count of played samples into media time; [`judge`] decides
//!   whether a frame is shown, waits or is dropped.
//! * [`Cues`] holds text subtitles.
//!
//! Each start of a pipeline has a new [`Generation`]; reports of older ones are ignored.

mod clock;
mod cues;
mod error;
mod history;
mod queue;
mod recovery;
mod state;
mod tracks;
mod volume;

use std::time::Duration;

use crate::ids::Generation;
use crate::media::{FileEntry, MediaFailure};

pub use self::clock::{Clock, SAMPLE_RATE, Verdict, judge};
pub use self::cues::{Cue, Cues, is_text, read as read_cues};
pub use self::error::{PlaybackError, SoundError};
pub use self::history::{History, PlayProgress};
pub use self::queue::{Item, Queue, Repeat};
pub use self::recovery::SkippedSong;
pub use self::state::State;
pub use self::tracks::Tracks;
pub use self::volume::Volume;

/// Command of the user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Control {
    /// Pauses or resumes.
    Toggle,
    /// Stops and returns to the start of the file; the queue stays.
    Stop,
    /// Seeks to a media time.
    SeekTo(Duration),
    /// Seeks by seconds, backwards if negative.
    SeekBy(f64),
    /// Seeks to a share of the duration, 0 to 1.
    SeekShare(f64),
    /// Plays the next item of the queue.
    Next,
    /// Restarts the file, or plays the previous item if the file has just begun.
    Previous,
    /// Plays an item of the queue.
    PlayItem(usize),
    /// Changes the speed by a share of normal, within 0.5 and 2.
    SpeedBy(f64),
    /// Sets the volume, 0 to 100.
    SetVolume(u32),
    /// Changes the volume by percentage points.
    VolumeBy(i32),
    /// Mutes or unmutes.
    ToggleMute,
    /// Selects an audio track by number.
    ChooseAudio(usize),
    /// Selects a subtitle track by number, or none.
    ChooseSubtitles(Option<usize>),
    /// Delays the subtitles by milliseconds, advances them if negative.
    DelaySubtitles(i32),
    /// Delays the sound by milliseconds, advances it if negative.
    DelayAudio(i32),
    /// Removes an item of the queue.
    Remove(usize),
    /// Moves an item of the queue from the first index to the second.
    Move(usize, usize),
    /// Removes all items behind the present one.
    ClearUpcoming,
    /// Turns shuffle on or off.
    ToggleShuffle,
    /// Sets shuffle.
    SetShuffled(bool),
    /// Selects the next repeat mode.
    CycleRepeat,
    /// Sets the repeat mode.
    SetRepeat(Repeat),
}

/// Phase of playback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing plays.
    #[default]
    Stopped,
    /// A file or a position was selected and nothing is decoded yet. `Playing`, `Paused`
    /// or `Failed` follows.
    Loading,
    /// Media time advances.
    Playing,
    /// Paused by the user.
    Paused,
    /// Data is late. `Playing` follows without a command.
    Buffering,
    /// The last item of the queue is over.
    Ended,
    /// The file cannot be played.
    Failed(PlaybackError),
}

/// Instruction for the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Replace the pipeline.
    Start(Box<Start>),
    /// End the pipeline.
    Stop,
    /// Hold media time, or release it.
    Pause(bool),
    /// Set the linear gain, 0 to 1.
    Gain(f32),
    /// Delay the sound against the picture by milliseconds.
    AudioDelay(i32),
}

/// Parameters of a new pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Generation of the pipeline.
    pub generation: Generation,
    /// File to play.
    pub entry: FileEntry,
    /// Media time to start at.
    pub from: Duration,
    /// True if media time is held at first.
    pub paused: bool,
    /// Speed in percent of normal.
    pub speed: u32,
    /// Number of the audio track.
    pub audio: usize,
    /// Number of the subtitle track, if one is shown.
    pub subtitles: Option<usize>,
    /// True if the file is a different one than before.
    pub fresh: bool,
}

/// Report of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The first picture or sound is ready.
    Started,
    /// The sound lacks data, or has data again.
    AudioStarving(bool),
    /// The picture lacks data, or has data again.
    VideoStarving(bool),
    /// The stream ended, with the last failure that a decoder reported.
    Ended(Option<MediaFailure>),
    /// The pipeline cannot continue.
    Failed(PlaybackError),
}
