//! Posters of the library; storyboard and waveform of the current item.

use std::rc::Rc;
use std::time::Duration;

use engine::ids::FileId;
use engine::media::SidecarRole;
use slint::{ComponentHandle, Image};

use crate::gui::context::{Change, UiContext};
use crate::gui::models::Models;
use crate::gui::ui::{AppWindow, LibraryAdapter, PlayerAdapter};

/// Buffer from which on the storyboard is loaded: the film comes first.
const ENOUGH_BUFFER: Duration = Duration::from_secs(8);

/// Lets the window look up pictures.
pub fn attach(app: &AppWindow, ui: &Rc<UiContext>) {
    let context = ui.clone();
    app.global::<LibraryAdapter>().on_poster(move |id, _| {
        let id: Option<FileId> = id.parse().ok();
        let poster = id.and_then(|id| context.picture(id, SidecarRole::Poster));
        poster.unwrap_or_default()
    });
    let context = ui.clone();
    let player = app.global::<PlayerAdapter>();
    player.on_request_storyboard(move || {
        context.update(Change::Artwork, |models| {
            models.playback.storyboard_wanted = true;
        });
    });
}

/// Makes the posters that are visible look up their pictures again.
pub fn render_posters(app: &AppWindow) {
    let adapter = app.global::<LibraryAdapter>();
    adapter.set_art_version(adapter.get_art_version().wrapping_add(1));
}

/// True if the storyboard of the current file should be loaded now.
pub fn is_storyboard_due(models: &Models) -> bool {
    if models.playback.storyboard_wanted {
        return false;
    }
    let current = models.playback.current();
    current.is_some_and(|file| match models.snapshot.stream_of(file) {
        Some(stream) => stream.buffer >= ENOUGH_BUFFER,
        None => models.snapshot.shares(file),
    })
}

/// Renders storyboard and waveform of the current file, once they are wanted.
pub fn render(app: &AppWindow, ui: &UiContext, models: &Models) {
    let adapter = app.global::<PlayerAdapter>();
    let playback = &models.playback;
    let sidecar = |role| {
        let entry = playback.entry().filter(|_| playback.storyboard_wanted)?;
        entry.info.sidecar(role)
    };
    let picture = |role| -> Option<Image> { ui.picture(sidecar(role)?.id, role) };
    let storyboard = sidecar(SidecarRole::Storyboard);
    let frames = storyboard.map_or(0, |sidecar| sidecar.pictures);
    adapter.set_storyboard_frames(i32::try_from(frames).unwrap_or(0));
    adapter.set_storyboard(picture(SidecarRole::Storyboard).unwrap_or_default());
    adapter.set_waveform(picture(SidecarRole::Waveform).unwrap_or_default());
}
