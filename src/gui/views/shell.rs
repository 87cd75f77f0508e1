//! Status bar and banner.

use std::rc::Rc;

use slint::ComponentHandle;
use tr::tr;

use crate::gui::context::UiContext;
use crate::gui::models::playback::PlaybackModel;
use crate::gui::models::snapshot::AppSnapshot;
use crate::gui::text::format;
use crate::gui::text::reasons::{link_state, player_notice};
use crate::gui::ui::{AppWindow, ShellAdapter};
use crate::scheduler::StreamSnapshot;
use crate::tracker_client::{LinkState, TrackerLink};

/// Connects the full-screen switch.
pub fn attach(app: &AppWindow, ui: &Rc<UiContext>) {
    let ui = ui.clone();
    let shell = app.global::<ShellAdapter>();
    shell.on_fullscreen_changed(move |on| {
        if let Some(app) = ui.app() {
            app.window().set_fullscreen(on);
        }
    });
}

/// Renders the status bar.
pub fn render_status(app: &AppWindow, snapshot: &AppSnapshot) {
    let shell = app.global::<ShellAdapter>();
    let tracker = &snapshot.catalogue.tracker;
    shell.set_online(tracker.state.is_online());
    shell.set_tracker_text(tracker.address.clone().into());
    let clients = match (tracker.state.is_online(), tracker.clients) {
        (false, _) => String::new(),
        (true, clients) => tr!("1 client online" | "{n} clients online" % clients),
    };
    shell.set_clients_text(clients.into());
    let swarm = &snapshot.swarm;
    shell.set_download_rate(format::bit_rate(swarm.download_rate).into());
    shell.set_upload_rate(format::bit_rate(swarm.upload_rate).into());
    let shared = match snapshot.library.shared.len() {
        0 => tr!("Not sharing"),
        shared => tr!("Sharing 1 file" | "Sharing {n} files" % shared),
    };
    shell.set_sharing_text(shared.into());
}

/// Renders the buffer in the status bar.
pub fn render_buffer(app: &AppWindow, stream: Option<&StreamSnapshot>) {
    let text = stream.map(|stream| format::buffer(stream.buffer));
    let shell = app.global::<ShellAdapter>();
    shell.set_buffer_text(text.unwrap_or_default().into());
}

/// Renders the banner: a persistent warning of the player, or of the tracker link.
pub fn render_banner(app: &AppWindow, playback: &PlaybackModel, snapshot: &AppSnapshot) {
    let text = match playback.player.notice {
        Some(notice) => player_notice(notice),
        None => tracker_warning(&snapshot.catalogue.tracker),
    };
    app.global::<ShellAdapter>().set_banner(text.into());
}

/// Warning about the tracker link; empty while it connects, which takes only a moment.
fn tracker_warning(tracker: &TrackerLink) -> String {
    match tracker.state {
        LinkState::Connecting | LinkState::Online => String::new(),
        state @ (LinkState::Refused(_) | LinkState::Unreachable(_)) => tr!(
            "No connection to tracker {}: {}. Retrying; the library may be out of date.",
            tracker.address,
            link_state(state)
        ),
    }
}
