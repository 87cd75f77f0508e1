//! Preloading of the next item: its data is prefetched before the present file ends, and a
//! song's decoder is started, so that its first samples follow the last ones without a gap.

use std::time::Duration;

use actix::prelude::*;
use engine::ids::{FileId, Generation};
use engine::media::FileEntry;
use engine::scheduler::PrefetchRange;

use crate::player::pipeline::{Pipeline, Source};
use crate::scheduler::{FetchAhead, StreamManager};

/// Time before the end of a file from which the next one is prefetched.
pub const PREFETCH_BEFORE_END: Duration = Duration::from_secs(30);

/// Time before the end of a song from which the next one's decoder runs.
pub const PREPARE_BEFORE_END: Duration = Duration::from_secs(6);

/// Prefetched playing time of a film from its resume position, and its bytes at most.
const PREFETCH_TIME: Duration = Duration::from_secs(20);
const MAX_PREFETCH: u64 = 16 << 20;

/// Bytes at the start of a film that players read to find its tracks, wherever it resumes.
const HEADER: u64 = 1 << 20;

/// Largest distance to the key frame before a position in commonly encoded films.
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(10);

/// Prefetch and prepared pipeline of the next item.
pub struct Preloader {
    streams: Addr<StreamManager>,
    prefetched: Option<FileId>,
    prepared: Option<Prepared>,
}

/// Song to play next.
struct Prepared {
    source: Source,
    /// `None` if the output has no room for another successor.
    pipeline: Option<Pipeline>,
    /// Gain that normalises the song.
    track_gain: f32,
}

impl Preloader {
    /// A preloader that prefetches through the stream manager.
    pub fn new(streams: Addr<StreamManager>) -> Self {
        Self {
            streams,
            prefetched: None,
            prepared: None,
        }
    }

    /// Prefetches the next file from its resume position, or nothing.
    pub fn prefetch(&mut self, next: Option<(&FileEntry, Duration)>) {
        let file = next.map(|(entry, _)| entry.id);
        if std::mem::replace(&mut self.prefetched, file) != file {
            let wanted = next.map(|(entry, from)| (entry.id, range(entry, from)));
            self.streams.do_send(FetchAhead(wanted));
        }
    }

    /// Cancels the prefetch of any file but one, which now plays.
    pub fn keep_only(&mut self, file: FileId) {
        if self.prefetched.is_some_and(|prefetched| prefetched != file) {
            self.prefetch(None);
        }
    }

    /// Cancels prefetch and pipeline.
    pub fn clear(&mut self) {
        self.prefetch(None);
        self.prepared = None;
    }

    /// Drops the prepared pipeline.
    pub fn discard_pipeline(&mut self) {
        self.prepared = None;
    }

    /// True if a source is prepared already.
    pub fn has_prepared(&self, source: &Source) -> bool {
        let prepared = self.prepared.as_ref();
        prepared.is_some_and(|prepared| prepared.source == *source)
    }

    /// Sets the prepared pipeline of a source.
    pub fn set_prepared(&mut self, source: Source, pipeline: Option<Pipeline>, track_gain: f32) {
        self.prepared = Some(Prepared {
            source,
            pipeline,
            track_gain,
        });
    }

    /// Takes and activates the pipeline prepared for a source, if `previous` has ended and
    /// so continues with it. Drops any other prepared pipeline.
    pub fn take(
        &mut self,
        generation: Generation,
        source: &Source,
        previous: Option<Pipeline>,
    ) -> Option<Pipeline> {
        let prepared = self.prepared.take()?;
        let mut previous = previous.filter(Pipeline::has_ended)?;
        let pipeline = prepared.pipeline;
        let mut pipeline = pipeline.filter(|_| prepared.source == *source)?;
        pipeline.activate(generation, &mut previous);
        Some(pipeline)
    }

    /// Holds media time, or releases it.
    pub fn set_paused(&self, paused: bool) {
        if let Some(pipeline) = self.pipeline() {
            pipeline.set_paused(paused);
        }
    }

    /// Sets the gain of the volume.
    pub fn set_volume_gain(&self, gain: f32) {
        if let Some(prepared) = &self.prepared
            && let Some(pipeline) = &prepared.pipeline
        {
            pipeline.set_gain(gain * prepared.track_gain);
        }
    }

    fn pipeline(&self) -> Option<&Pipeline> {
        self.prepared.as_ref()?.pipeline.as_ref()
    }
}

/// Range of a file to hold before it plays from a position: all of a song; of a film its
/// header and the first seconds.
fn range(entry: &FileEntry, from: Duration) -> PrefetchRange {
    let beginning = |end| PrefetchRange {
        head: end,
        place: 0..0,
    };
    if entry.info.video.is_none() {
        return beginning(entry.size);
    }
    let timeline = entry.timeline();
    let start = match from.saturating_sub(KEY_FRAME_INTERVAL) {
        Duration::ZERO => 0,
        time => timeline.byte_at(time),
    };
    let most = timeline.byte_at(from) + MAX_PREFETCH;
    let end = timeline.byte_at(from + PREFETCH_TIME);
    let end = end.min(most).min(entry.size);
    match start <= HEADER {
        true => beginning(end),
        false => PrefetchRange {
            head: HEADER,
            place: start..end,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::fixtures::film;
    use engine::media::VideoTrack;

    #[test]
    fn film_is_prefetched_from_its_resume_position() {
        let mut entry = film(1, "film.mkv");
        entry.size = 600_000_000;
        entry.info.duration_ms = 600_000;
        entry.info.video = Some(VideoTrack::default());
        let at = |entry: &FileEntry, seconds| {
            let PrefetchRange { head, place } = range(entry, Duration::from_secs(seconds));
            (head, place.start, place.end)
        };
        // A megabyte a second: bounded.
        assert_eq!(at(&entry, 0), (MAX_PREFETCH, 0, 0));
        let most = 300_000_000 + MAX_PREFETCH;
        assert_eq!(at(&entry, 300), (HEADER, 290_000_000, most));
        entry.size = 60_000_000;
        assert_eq!(at(&entry, 0), (2_000_000, 0, 0));
        assert_eq!(at(&entry, 300), (HEADER, 29_000_000, 32_000_000));
        assert_eq!(at(&entry, 595), (HEADER, 58_500_000, 60_000_000));
        assert_eq!(at(&entry, 15), (3_500_000, 0, 0), "near the header");
        entry.info.video = None;
        assert_eq!(at(&entry, 300), (60_000_000, 0, 0), "all of a song");
    }
}
