//! Latest state of the player.

use std::sync::Arc;
use std::time::Duration;

use engine::ids::FileId;
use engine::media::{Chapter, FileEntry, Timeline};
use engine::player::is_text;

use super::snapshot::AppSnapshot;
use super::stream_map::from_playhead;
use crate::gui::charts::BufferHistory;
use crate::player::{PlayerSnapshot, QueueSnapshot};
use crate::scheduler::StreamSnapshot;

/// Time after the start of a chapter within which "previous" goes to the chapter before.
const CHAPTER_START: Duration = Duration::from_secs(3);

/// State of the player, and what depends on it.
#[derive(Debug, Default)]
pub struct PlaybackModel {
    /// Latest state.
    pub player: PlayerSnapshot,
    /// Position that the swarm panel shows; `None` forces a redraw.
    pub shown_at: Option<Duration>,
    /// Buffer over the last minutes.
    pub buffers: BufferHistory,
    /// The storyboard may be loaded.
    pub storyboard_wanted: bool,
    /// Subtitle tracks that the menu lists, by number.
    pub subtitle_tracks: Vec<usize>,
    /// Entries after the current one.
    pub queue: QueueSnapshot,
}

impl PlaybackModel {
    /// Takes in a new state.
    pub fn set_player(&mut self, player: PlayerSnapshot) {
        let before = self.current();
        self.player = player;
        let subtitles = self.entry().map(|entry| entry.info.all_subtitles());
        let numbered = subtitles.unwrap_or_default().into_iter().enumerate();
        let text = numbered.filter(|(_, track)| is_text(track));
        self.subtitle_tracks = text.map(|(number, _)| number).collect();
        if self.current() != before {
            self.buffers = BufferHistory::default();
            self.storyboard_wanted = false;
        }
    }

    /// Current file.
    pub fn entry(&self) -> Option<&FileEntry> {
        self.player.entry.as_ref()
    }

    /// Id of the current file.
    pub fn current(&self) -> Option<FileId> {
        self.entry().map(|entry| entry.id)
    }

    /// Stream of the current file.
    pub fn stream<'a>(&self, snapshot: &'a AppSnapshot) -> Option<&'a StreamSnapshot> {
        snapshot.stream_of(self.current()?)
    }

    /// Timeline of a stream; a constant bitrate where none is known.
    pub fn timeline(&self, stream: &StreamSnapshot) -> Arc<Timeline> {
        let (size, duration) = (stream.geometry.size(), self.player.duration);
        let entry = self.entry().filter(|entry| entry.id == stream.file);
        let known = entry.map(FileEntry::timeline);
        let known = known.filter(|timeline| timeline.fits(size, duration));
        known.unwrap_or_else(|| Timeline::constant(size, duration).into())
    }

    /// Stream of the current file as seen from the playhead.
    pub fn stream_at_playhead(&self, snapshot: &AppSnapshot) -> Option<StreamSnapshot> {
        let stream = self.stream(snapshot)?;
        let timeline = self.timeline(stream);
        Some(from_playhead(stream, &timeline, self.player.position))
    }

    /// Adds the current buffer to its history.
    pub fn record_buffer(&mut self, snapshot: &AppSnapshot) {
        if let Some(stream) = self.stream_at_playhead(snapshot) {
            self.buffers.push(stream.buffer);
        }
    }

    /// Chapter at a time.
    pub fn chapter_at(&self, time: Duration) -> Option<&Chapter> {
        let chapters = &self.entry()?.info.chapters;
        let started = chapters.partition_point(|chapter| start_of(chapter) <= time);
        chapters.get(started.checked_sub(1)?)
    }

    /// Start of the next chapter, or of the previous one. The first seconds of a chapter
    /// excepted, "previous" goes to its own start.
    pub fn chapter_by(&self, step: i32) -> Option<Duration> {
        let chapters = &self.entry()?.info.chapters;
        let position = self.player.position;
        if step > 0 {
            let mut starts = chapters.iter().map(start_of);
            return starts.find(|start| *start > position);
        }
        let limit = position.saturating_sub(CHAPTER_START);
        let mut earlier = chapters.iter().map(start_of).rev();
        let earlier = earlier.find(|start| *start <= limit);
        Some(earlier.unwrap_or_default()).filter(|_| !chapters.is_empty())
    }
}

fn start_of(chapter: &Chapter) -> Duration {
    Duration::from_millis(chapter.start_ms)
}
