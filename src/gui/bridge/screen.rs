//! Values on their way to the window: each kind has a slot, and one notification wakes
//! the event loop for all of them.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use engine::ids::FileId;
use engine::player::{PlayProgress, SkippedSong};
use slint::{Rgb8Pixel, SharedPixelBuffer};
use tokio::sync::{Notify, watch};
use tr::tr;

use super::slot::Slot;
use crate::gui::models::artwork_cache::Art;
use crate::gui::models::snapshot::AppSnapshot;
use crate::gui::text::reasons::playback_error;
use crate::gui::ui::Page;
use crate::player::{Frame, PlayerSnapshot, QueueSnapshot, Screen};

/// Frames whose memory is reused. So many that the frame on the screen, the next one and
/// the one after are never written to.
const REUSED: usize = 4;

/// Pixels of a frame or cover.
pub type FramePixels = SharedPixelBuffer<Rgb8Pixel>;

/// A frame in the memory that Slint draws from.
struct Pixels(FramePixels);

impl Frame for Pixels {
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.make_mut_bytes()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// A value for the window.
#[derive(Debug, Clone)]
pub enum Update {
    /// State of all actors but the player.
    Snapshot(Box<AppSnapshot>),
    /// State of the player.
    Player(Box<PlayerSnapshot>),
    /// Entries after the current one.
    Queue(QueueSnapshot),
    /// Progress of all played files, most recent first.
    History(Vec<(FileId, PlayProgress)>),
    /// Frame of the current video.
    Frame(FramePixels),
    /// Cover of a song, if it has one.
    Cover(FileId, Option<FramePixels>),
    /// Requested pictures.
    Artwork(Vec<Art>),
    /// Page to turn to.
    Page(Page),
    /// Short-lived message.
    Toast(String),
}

#[derive(Default)]
struct Slots {
    snapshot: Slot<AppSnapshot>,
    player: Slot<PlayerSnapshot>,
    queue: Slot<QueueSnapshot>,
    history: Slot<Vec<(FileId, PlayProgress)>>,
    frame: Slot<FramePixels>,
    cover: Slot<(FileId, Option<FramePixels>)>,
    artwork: Slot<Vec<Art>>,
    page: Slot<Page>,
    toast: Slot<String>,
    filled: Notify,
    /// Shown frames, the latest last; at most [`REUSED`], 11 MiB at 720p.
    used: Mutex<VecDeque<FramePixels>>,
    /// State of the player for other threads.
    states: watch::Sender<PlayerSnapshot>,
}

impl Slots {
    /// Next value, if there is one. The player's state comes first: it decides which file
    /// frames and covers belong to.
    fn take(&self) -> Option<Update> {
        let player = self.player.take().map(Box::new).map(Update::Player);
        player
            .or_else(|| self.snapshot.take().map(Box::new).map(Update::Snapshot))
            .or_else(|| self.queue.take().map(Update::Queue))
            .or_else(|| self.history.take().map(Update::History))
            .or_else(|| self.frame.take().map(Update::Frame))
            .or_else(|| {
                self.cover
                    .take()
                    .map(|(file, cover)| Update::Cover(file, cover))
            })
            .or_else(|| self.artwork.take().map(Update::Artwork))
            .or_else(|| self.page.take().map(Update::Page))
            .or_else(|| self.toast.take().map(Update::Toast))
    }

    /// Memory for a frame: that of the oldest one if the size fits, since allocation costs
    /// as much as decoding. If that one is still on the screen, writing copies it.
    fn frame_buffer(&self, width: u32, height: u32) -> FramePixels {
        let oldest = self.used.lock().ok().and_then(|mut used| {
            let full = used.len() >= REUSED;
            full.then(|| used.pop_front()).flatten()
        });
        let fits = |old: &FramePixels| (old.width(), old.height()) == (width, height);
        let oldest = oldest.filter(fits);
        oldest.unwrap_or_else(|| SharedPixelBuffer::new(width, height))
    }

    /// Keeps the memory of a shown frame.
    fn keep(&self, frame: FramePixels) {
        if let Ok(mut used) = self.used.lock() {
            used.push_back(frame);
            let surplus = used.len().saturating_sub(REUSED);
            used.drain(..surplus);
        }
    }
}

/// Sending end: the window as other threads see it.
#[derive(Clone, Default)]
pub struct WindowScreen(Arc<Slots>);

/// Receiving end, for the event loop.
pub struct Updates(Arc<Slots>);

impl Updates {
    /// Next value.
    pub async fn next(&mut self) -> Update {
        loop {
            // A value put after this check leaves a permit, and the wait ends at once.
            if let Some(update) = self.0.take() {
                return update;
            }
            self.0.filled.notified().await;
        }
    }
}

impl WindowScreen {
    /// Receiving end. Values go to one receiver only.
    pub fn updates(&self) -> Updates {
        Updates(self.0.clone())
    }

    fn put<T>(&self, slot: impl FnOnce(&Slots) -> &Slot<T>, value: T) {
        slot(&self.0).put(value);
        self.0.filled.notify_one();
    }

    /// State of the player as it changes, for other threads.
    pub fn states(&self) -> watch::Receiver<PlayerSnapshot> {
        self.0.states.subscribe()
    }

    /// Turns to the current item.
    pub fn show_player(&self) {
        self.put(|slots| &slots.page, Page::Playing);
    }

    /// Shows a short-lived message.
    pub fn toast(&self, text: String) {
        self.put(|slots| &slots.toast, text);
    }

    /// Answers a request for a picture.
    pub fn art(&self, art: Art) {
        self.0.artwork.push(art);
        self.0.filled.notify_one();
    }

    /// Shows the state of all actors but the player.
    pub fn snapshot(&self, snapshot: AppSnapshot) {
        self.put(|slots| &slots.snapshot, snapshot);
    }
}

fn pixels(frame: Box<dyn Frame>) -> Option<FramePixels> {
    let pixels = frame.into_any().downcast::<Pixels>();
    pixels.ok().map(|pixels| pixels.0)
}

impl Screen for WindowScreen {
    fn frame(&self, width: u32, height: u32) -> Box<dyn Frame> {
        Box::new(Pixels(self.0.frame_buffer(width, height)))
    }

    fn show(&self, frame: Box<dyn Frame>) {
        if let Some(frame) = pixels(frame) {
            self.0.keep(frame.clone());
            self.put(|slots| &slots.frame, frame);
        }
    }

    fn show_cover(&self, file: FileId, cover: Option<Box<dyn Frame>>) {
        let cover = (file, cover.and_then(pixels));
        self.put(|slots| &slots.cover, cover);
    }

    fn changed(&self, state: PlayerSnapshot) {
        self.0.states.send_replace(state.clone());
        self.put(|slots| &slots.player, state);
    }

    fn queue_changed(&self, queue: QueueSnapshot) {
        self.put(|slots| &slots.queue, queue);
    }

    fn song_skipped(&self, song: SkippedSong) {
        let why = playback_error(&song.error);
        self.toast(tr!("Cannot play {}: {}", song.title, why));
    }

    fn history_changed(&self, history: Vec<(FileId, PlayProgress)>) {
        self.put(|slots| &slots.history, history);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn updates_return_the_latest_value_of_each_kind() {
        let screen = WindowScreen::default();
        let mut updates = screen.updates();
        screen.toast("first".into());
        screen.toast("second".into());
        screen.show_player();
        assert!(matches!(updates.next().await, Update::Page(Page::Playing)));
        assert!(matches!(updates.next().await, Update::Toast(text) if text == "second"));
        let later = screen.clone();
        tokio::join!(
            async {
                assert!(matches!(updates.next().await, Update::Toast(text) if text == "third"));
            },
            async { later.toast("third".into()) },
        );
    }

    #[test]
    fn frame_memory_is_reused_once_enough_frames_are_kept() {
        let slots = Slots::default();
        let mut first = slots.frame_buffer(2, 2);
        first.make_mut_bytes()[0] = 7;
        slots.keep(first);
        (1..REUSED).for_each(|_| slots.keep(SharedPixelBuffer::new(2, 2)));
        assert_eq!(slots.frame_buffer(2, 2).as_bytes()[0], 7);
        let other = slots.frame_buffer(4, 4);
        assert_eq!((other.width(), other.height()), (4, 4));
    }
}
