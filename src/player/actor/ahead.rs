//! What comes next: its bytes are fetched before the present file ends, and a song's
//! decoder waits with its first samples, which are heard right behind the last ones.

use std::time::Duration;

use actix::prelude::*;
use engine::ids::{FileId, Generation};
use engine::media::FileEntry;
use engine::player::Phase;
use engine::scheduler::PrefetchRange;

use crate::player::actor::Player;
use crate::player::pipeline::{Pipeline, Source};
use crate::scheduler::FetchAhead;

/// Before the end of a file the next one is fetched from then on.
const FETCH: Duration = Duration::from_secs(30);

/// Before the end of a song the next one's decoder is started from then on.
const PREPARE: Duration = Duration::from_secs(6);

/// How much of a film is fetched from where it will play: time, and bytes at most.
const BEGINNING: Duration = Duration::from_secs(20);
const MAX_BEGINNING: u64 = 16 << 20;

/// What players read of a film to know what is in it, wherever it goes on, in bytes.
const HEAD: u64 = 1 << 20;

/// The key frame before a place lies no farther back, as films are usually encoded.
const KEY_FRAME: Duration = Duration::from_secs(10);

/// What is done already for what comes next.
#[derive(Default)]
pub(super) struct Preloader {
    fetched: Option<FileId>,
    /// The song that is to follow; its pipeline, if there was a place for it.
    next: Option<(Source, Option<Pipeline>)>,
    /// What makes it as loud as others.
    level: f32,
}

impl Preloader {
    /// The pipeline that waits for its turn.
    pub fn pipeline(&self) -> Option<&Pipeline> {
        self.next.as_ref()?.1.as_ref()
    }

    /// What makes its song as loud as others.
    pub fn level(&self) -> f32 {
        self.level
    }

    /// The pipeline that is ready for a source, if the one before it came to its end
    /// and so goes over into it. Anything else that is ready is dropped.
    pub fn take(
        &mut self,
        generation: Generation,
        source: &Source,
        before: Option<Pipeline>,
    ) -> Option<Pipeline> {
        let (ready, pipeline) = self.next.take()?;
        let mut before = before.filter(Pipeline::is_over)?;
        let mut pipeline = pipeline.filter(|_| ready == *source)?;
        pipeline.turn(generation, &mut before);
        Some(pipeline)
    }
}

impl Player {
    /// Gets what comes next ready, when it is time to.
    pub(super) fn look_ahead(&mut self, ctx: &mut Context<Self>) {
        if *self.state.phase() != Phase::Playing {
            return;
        }
        let left = self.state.duration().saturating_sub(self.state.position());
        let queue = self.state.queue();
        let next = queue.next(false).filter(|_| left < FETCH);
        let next = next.and_then(|next| queue.items().get(next));
        let next = next.map(|item| item.entry.clone());
        self.fetch_ahead(next.as_ref());
        match next {
            Some(next) if left < PREPARE => self.prepare(ctx, &next),
            _ => self.ahead.next = None,
        }
    }

    /// A file begins: only that is fetched any more.
    pub(super) fn keep_ahead(&mut self, file: FileId) {
        if self.ahead.fetched.is_some_and(|fetched| fetched != file) {
            self.fetch_ahead(None);
        }
    }

    /// Nothing comes next any more.
    pub(super) fn give_up_ahead(&mut self) {
        self.fetch_ahead(None);
        self.ahead = Preloader::default();
    }

    fn fetch_ahead(&mut self, next: Option<&FileEntry>) {
        let file = next.map(|entry| entry.id);
        if std::mem::replace(&mut self.ahead.fetched, file) == file {
            return;
        }
        let history = self.state.history();
        let wanted = next.map(|entry| (entry.id, part(entry, history.resume(entry))));
        self.streams.do_send(FetchAhead(wanted));
    }

    /// Starts a song's decoder behind the present song.
    fn prepare(&mut self, ctx: &mut Context<Self>, next: &FileEntry) {
        let songs = |entry: &FileEntry| entry.info.video.is_none();
        if !songs(next) || !self.state.entry().is_some_and(songs) {
            return;
        }
        let from = self.state.history().resume(next);
        let source = self.source(next, from, self.state.speed());
        if self
            .ahead
            .next
            .as_ref()
            .is_some_and(|(ready, _)| *ready == source)
        {
            return;
        }
        // What was to follow instead gives its place up first.
        self.ahead.next = None;
        let mut start = self.start_of(Generation::default(), source.clone(), false);
        self.ahead.level = self.level_of(next);
        start.gain = self.gain * self.ahead.level;
        let (screen, reports) = (self.screen.clone(), ctx.address().recipient());
        let pipeline = self.pipeline.as_mut();
        let pipeline = pipeline.and_then(|now| now.follow_with(start, screen, reports));
        self.ahead.next = Some((source, pipeline));
    }
}

/// What of a file to have before it plays from there: all of a song; of a film what is
/// played first, and its head.
fn part(entry: &FileEntry, from: Duration) -> PrefetchRange {
    let beginning = |end| PrefetchRange {
        head: end,
        place: 0..0,
    };
    if entry.info.video.is_none() {
        return beginning(entry.size);
    }
    let timeline = entry.timeline();
    let start = match from.saturating_sub(KEY_FRAME) {
        Duration::ZERO => 0,
        time => timeline.byte_at(time),
    };
    let most = timeline.byte_at(from) + MAX_BEGINNING;
    let end = timeline.byte_at(from + BEGINNING).min(most).min(entry.size);
    match start <= HEAD {
        true => beginning(end),
        false => PrefetchRange {
            head: HEAD,
            place: start..end,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::media::{MediaInfo, MediaKind, VideoTrack};

    #[test]
    fn a_film_is_fetched_from_where_it_goes_on() {
        let mut entry = FileEntry {
            id: FileId([1; 32]),
            name: "film.mkv".into(),
            size: 600_000_000,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Video, 600_000),
            sources: 1,
        };
        entry.info.video = Some(VideoTrack::default());
        let at = |entry: &FileEntry, seconds| {
            let PrefetchRange { head, place } = part(entry, Duration::from_secs(seconds));
            (head, place.start, place.end)
        };
        // A megabyte a second: bounded.
        assert_eq!(at(&entry, 0), (MAX_BEGINNING, 0, 0));
        let most = 300_000_000 + MAX_BEGINNING;
        assert_eq!(at(&entry, 300), (HEAD, 290_000_000, most));
        entry.size = 60_000_000;
        assert_eq!(at(&entry, 0), (2_000_000, 0, 0));
        assert_eq!(at(&entry, 300), (HEAD, 29_000_000, 32_000_000));
        assert_eq!(at(&entry, 595), (HEAD, 58_500_000, 60_000_000));
        assert_eq!(at(&entry, 15), (3_500_000, 0, 0), "near the head");
        entry.info.video = None;
        assert_eq!(at(&entry, 300), (60_000_000, 0, 0), "all of a song");
    }
}
