//! Where pictures and news arrive from other threads.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use engine::ids::FileId;
use engine::player::{PlayProgress, SkippedSong};
use slint::{ComponentHandle, Rgb8Pixel, SharedPixelBuffer, Weak};
use tokio::sync::watch;
use tr::tr;

use crate::gui::bridge::artwork;
use crate::gui::bridge::artwork::Art;
use crate::gui::bridge::observer::AppSnapshot;
use crate::gui::bridge::slot::Slot;
use crate::gui::models::playback as apply;
use crate::gui::text::reasons::playback_error;
use crate::gui::ui::{AppWindow, Page, ShellAdapter};
use crate::gui::views::desktop;
use crate::player::{Frame, PlayerSnapshot, QueueSnapshot, Screen};

/// Pictures whose memory is used again: so many that the one on the screen, the one on
/// its way there and the next are not among those that are written to.
const REUSED: usize = 4;

/// A picture in the memory that Slint draws from.
pub struct Pixels(SharedPixelBuffer<Rgb8Pixel>);

impl Frame for Pixels {
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.make_mut_bytes()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[derive(Default)]
struct Slots {
    frame: Slot<SharedPixelBuffer<Rgb8Pixel>>,
    cover: Slot<(FileId, Option<SharedPixelBuffer<Rgb8Pixel>>)>,
    player: Slot<PlayerSnapshot>,
    queue: Slot<QueueSnapshot>,
    history: Slot<Vec<(FileId, PlayProgress)>>,
    overview: Slot<AppSnapshot>,
    page: Slot<Page>,
    toast: Slot<String>,
    arts: Slot<Vec<Art>>,
    /// Pictures shown, the last one last; at most [`REUSED`], 11 MiB at 720p.
    used: Mutex<VecDeque<SharedPixelBuffer<Rgb8Pixel>>>,
    /// The player's state, for the desktop.
    states: watch::Sender<PlayerSnapshot>,
}

impl Slots {
    /// Memory for a picture. To make some anew costs as much as to draw it, so that of
    /// the oldest picture is taken, if it is as large. Should that one be on the screen
    /// still, what is written goes to a copy.
    fn picture(&self, width: u32, height: u32) -> SharedPixelBuffer<Rgb8Pixel> {
        let oldest = self.used.lock().ok().and_then(|mut used| {
            let full = used.len() >= REUSED;
            full.then(|| used.pop_front()).flatten()
        });
        let fits = |old: &SharedPixelBuffer<_>| (old.width(), old.height()) == (width, height);
        let oldest = oldest.filter(fits);
        oldest.unwrap_or_else(|| SharedPixelBuffer::new(width, height))
    }

    /// Keeps a picture that is shown, for its memory.
    fn keep(&self, picture: SharedPixelBuffer<Rgb8Pixel>) {
        if let Ok(mut used) = self.used.lock() {
            used.push_back(picture);
            let surplus = used.len().saturating_sub(REUSED);
            used.drain(..surplus);
        }
    }
}

/// The window as other threads see it.
#[derive(Clone)]
pub struct WindowScreen {
    app: Weak<AppWindow>,
    slots: Arc<Slots>,
}

impl WindowScreen {
    /// The screen of a window.
    pub fn new(app: &AppWindow) -> Self {
        Self {
            app: app.as_weak(),
            slots: Arc::default(),
        }
    }

    /// Puts a value into its slot and wakes the event loop if it was empty.
    fn post<T: 'static>(&self, slot: fn(&Slots) -> &Slot<T>, value: T, show: fn(&AppWindow, T)) {
        if slot(&self.slots).put(value) {
            self.wake(slot, show);
        }
    }

    /// Wakes the event loop to show what is in a slot.
    fn wake<T: 'static>(&self, slot: fn(&Slots) -> &Slot<T>, show: fn(&AppWindow, T)) {
        let slots = self.slots.clone();
        let woken = self.app.upgrade_in_event_loop(move |app| {
            if let Some(value) = slot(&slots).take() {
                show(&app, value);
            }
        });
        // The event loop has ended: nobody will look, so the next value must
        // find the slot empty again.
        if woken.is_err() {
            slot(&self.slots).take();
        }
    }

    /// The player's state as it changes, for who is not the window.
    pub fn states(&self) -> watch::Receiver<PlayerSnapshot> {
        self.slots.states.subscribe()
    }

    /// Turns to what plays.
    pub fn show_player(&self) {
        self.post(
            |slots| &slots.page,
            Page::Playing,
            |app, page| {
                app.global::<ShellAdapter>().set_page(page);
            },
        );
    }

    /// What brings the window to the front, for who is not the window. It does not keep
    /// the screen.
    pub fn raiser(&self) -> impl Fn() + 'static + use<> {
        let app = self.app.clone();
        move || {
            // Once the event loop has ended there is no window.
            let _ = app.upgrade_in_event_loop(|app| desktop::raise(&app));
        }
    }

    /// Says what happened, for a while.
    pub fn toast(&self, what: String) {
        self.post(
            |slots| &slots.toast,
            what,
            |app, what| {
                app.global::<ShellAdapter>().set_toast(what.into());
            },
        );
    }

    /// A picture that was asked for, or that it cannot be had.
    pub fn art(&self, art: Art) {
        if self.slots.arts.push(art) {
            self.wake(|slots| &slots.arts, artwork::arrived);
        }
    }

    /// News of everything but the player.
    pub fn overview(&self, overview: AppSnapshot) {
        self.post(|slots| &slots.overview, overview, apply::overview);
    }
}

fn pixels(frame: Box<dyn Frame>) -> Option<SharedPixelBuffer<Rgb8Pixel>> {
    let pixels = frame.into_any().downcast::<Pixels>();
    pixels.ok().map(|pixels| pixels.0)
}

impl Screen for WindowScreen {
    fn frame(&self, width: u32, height: u32) -> Box<dyn Frame> {
        Box::new(Pixels(self.slots.picture(width, height)))
    }

    fn show(&self, frame: Box<dyn Frame>) {
        if let Some(frame) = pixels(frame) {
            self.slots.keep(frame.clone());
            self.post(|slots| &slots.frame, frame, apply::picture);
        }
    }

    fn show_cover(&self, file: FileId, cover: Option<Box<dyn Frame>>) {
        let cover = (file, cover.and_then(pixels));
        self.post(|slots| &slots.cover, cover, apply::cover);
    }

    fn changed(&self, state: PlayerSnapshot) {
        self.slots.states.send_replace(state.clone());
        self.post(|slots| &slots.player, state, apply::player);
    }

    fn queue_changed(&self, queue: QueueSnapshot) {
        self.post(|slots| &slots.queue, queue, crate::gui::views::queue::show);
    }

    fn song_skipped(&self, song: SkippedSong) {
        let why = playback_error(&song.error);
        self.toast(tr!("Cannot play {}: {}", song.title, why));
    }

    fn history_changed(&self, seen: Vec<(FileId, PlayProgress)>) {
        self.post(|slots| &slots.history, seen, apply::history);
    }
}
