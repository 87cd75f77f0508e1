//! Where pictures and news arrive from other threads.

use std::any::Any;
use std::sync::Arc;

use slint::{ComponentHandle, Image, Rgb8Pixel, SharedPixelBuffer, Weak};

use super::apply;
use super::observer::Overview;
use super::slot::Slot;
use super::ui::{AppWindow, PlayerAdapter};
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
    cover: Slot<Option<SharedPixelBuffer<Rgb8Pixel>>>,
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

    /// Runs on the event loop. If that has ended there is nothing to show.
    fn wake(&self, show: impl FnOnce(&AppWindow, &Slots) + Send + 'static) {
        let slots = self.slots.clone();
        let _ = self
            .app
            .upgrade_in_event_loop(move |app| show(&app, &slots));
    }

    /// News of everything but the player.
    pub fn overview(&self, overview: Overview) {
        if self.slots.overview.put(overview) {
            self.wake(|app, slots| {
                if let Some(overview) = slots.overview.take() {
                    apply::overview(app, overview);
                }
            });
        }
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
        let Some(frame) = pixels(frame) else {
            return;
        };
        if self.slots.frame.put(frame) {
            self.wake(|app, slots| {
                if let Some(frame) = slots.frame.take() {
                    let player = app.global::<PlayerAdapter>();
                    player.set_picture(Image::from_rgb8(frame));
                    player.set_has_picture(true);
                }
            });
        }
    }

    fn show_cover(&self, _: FileId, cover: Option<Box<dyn Frame>>) {
        if self.slots.cover.put(cover.and_then(pixels)) {
            self.wake(|app, slots| {
                let player = app.global::<PlayerAdapter>();
                let cover = slots.cover.take().flatten();
                player.set_has_cover(cover.is_some());
                if let Some(cover) = cover {
                    player.set_cover(Image::from_rgb8(cover));
                }
            });
        }
    }

    fn changed(&self, state: PlayerSnapshot) {
        if self.slots.player.put(state) {
            self.wake(|app, slots| {
                if let Some(state) = slots.player.take() {
                    apply::player(app, state);
                }
            });
        }
    }
}
