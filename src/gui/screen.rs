//! Where pictures and news arrive from other threads.

use std::any::Any;
use std::sync::Arc;

use slint::{ComponentHandle, Rgb8Pixel, SharedPixelBuffer, Weak};

use super::apply;
use super::observer::Overview;
use super::slot::Slot;
use super::ui::AppWindow;
use crate::ids::FileId;
use crate::player::{Frame, PlayerSnapshot, Screen};

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
    overview: Slot<Overview>,
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
        if !slot(&self.slots).put(value) {
            return;
        }
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

    /// News of everything but the player.
    pub fn overview(&self, overview: Overview) {
        self.post(|slots| &slots.overview, overview, apply::overview);
    }
}

fn pixels(frame: Box<dyn Frame>) -> Option<SharedPixelBuffer<Rgb8Pixel>> {
    let pixels = frame.into_any().downcast::<Pixels>();
    pixels.ok().map(|pixels| pixels.0)
}

impl Screen for WindowScreen {
    fn frame(&self, width: u32, height: u32) -> Box<dyn Frame> {
        Box::new(Pixels(SharedPixelBuffer::new(width, height)))
    }

    fn show(&self, frame: Box<dyn Frame>) {
        if let Some(frame) = pixels(frame) {
            self.post(|slots| &slots.frame, frame, apply::picture);
        }
    }

    fn show_cover(&self, file: FileId, cover: Option<Box<dyn Frame>>) {
        let cover = (file, cover.and_then(pixels));
        self.post(|slots| &slots.cover, cover, apply::cover);
    }

    fn changed(&self, state: PlayerSnapshot) {
        self.post(|slots| &slots.player, state, apply::player);
    }
}
