//! Snapshots for the screen, sent when they change.

use std::sync::Arc;

use engine::ids::FileId;
use engine::player::{PlayProgress, Queue, SkippedSong, State};

use crate::player::pipeline::shifted;
use crate::player::playback::Playback;
use crate::player::{Notice, PlayerSnapshot, QueueSnapshot, SHOWN_UPCOMING, Screen};

/// Sends snapshots to a screen.
pub struct Publisher {
    screen: Arc<dyn Screen>,
    /// Snapshot sent last.
    sent: PlayerSnapshot,
    /// Version of the queue sent last.
    sent_queue: u64,
}

impl Publisher {
    /// A publisher to a screen.
    pub fn new(screen: Arc<dyn Screen>) -> Self {
        Self {
            screen,
            sent: PlayerSnapshot::default(),
            sent_queue: 0,
        }
    }

    /// The screen, for pictures.
    pub fn screen(&self) -> Arc<dyn Screen> {
        self.screen.clone()
    }

    /// Sends a snapshot that differs from the last one.
    pub fn publish(&mut self, snapshot: PlayerSnapshot) {
        if snapshot != self.sent {
            self.sent = snapshot.clone();
            self.screen.changed(snapshot);
        }
    }

    /// Sends the queue if it has changed.
    pub fn publish_queue(&mut self, queue: &Queue) {
        if self.sent_queue == queue.version() {
            return;
        }
        self.sent_queue = queue.version();
        let first = (queue.index() + 1).min(queue.items().len());
        let upcoming = &queue.items()[first..];
        self.screen.queue_changed(QueueSnapshot {
            first,
            count: upcoming.len(),
            upcoming: upcoming.iter().take(SHOWN_UPCOMING).cloned().collect(),
        });
    }

    /// Reports a skipped song.
    pub fn publish_skipped(&self, song: SkippedSong) {
        self.screen.song_skipped(song);
    }

    /// Sends the progress of all files, most recently played first.
    pub fn publish_history(&self, progress: Vec<(FileId, PlayProgress)>) {
        self.screen.history_changed(progress);
    }
}

/// Snapshot of the player.
pub fn snapshot(state: &State, playback: &Playback, notice: Option<Notice>) -> PlayerSnapshot {
    let tracks = state.tracks();
    let subtitle_time = shifted(state.position(), -tracks.subtitle_delay_ms);
    let frames = playback.frames();
    PlayerSnapshot {
        phase: state.phase().clone(),
        entry: state.entry().cloned(),
        position: state.position(),
        duration: state.duration(),
        volume: state.volume().percent(),
        paused: state.paused(),
        muted: state.volume().muted(),
        speed: state.speed(),
        audio_track: tracks.audio,
        subtitle_track: tracks.subtitles,
        subtitle: playback.subtitle_at(subtitle_time),
        subtitle_delay_ms: tracks.subtitle_delay_ms,
        audio_delay_ms: tracks.audio_delay_ms,
        has_next: state.has_next(),
        shuffled: state.queue().shuffled(),
        repeat: state.queue().repeat(),
        resumed: state.resumed(),
        notice,
        frames_shown: frames.shown,
        frames_dropped: frames.dropped,
    }
}
