//! Other programs: opens the current item in another player, shares dropped files.

use std::rc::Rc;

use engine::player::Control;
use slint::ComponentHandle;
use slint::winit_030::winit::event::WindowEvent;
use slint::winit_030::{EventResult, WinitWindowAccessor};
use tr::tr;

use crate::gui::context::{Handles, UiContext};
use crate::gui::desktop::open_with;
use crate::gui::ui::{AppWindow, PlayerAdapter};
use crate::player::PlayerCommand;

/// Event of files that are dragged over the window.
pub enum DropEvent {
    /// Files are over the window.
    Entered,
    /// They have left it.
    Left,
    /// A file was dropped.
    Dropped(std::path::PathBuf),
}

/// Connects the buttons for other players.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<PlayerAdapter>();
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_open_externally(move || open_externally(&context, &to));
    let context = ui.clone();
    adapter.on_url_copied(move || {
        context.toast(tr!(
            "Stream URL copied. It works on this device while Swarmplay is open"
        ));
    });
}

/// Opens the current item in another player, and pauses this one.
fn open_externally(ui: &UiContext, handles: &Handles) {
    let models = ui.models();
    let url = ui.stream_url(&models);
    match open_with::open(&url, &models.playback.player) {
        Some(player) => {
            let playing = ui
                .app()
                .map(|app| app.global::<PlayerAdapter>().get_playing());
            if playing == Some(true) {
                handles.player.do_send(PlayerCommand(Control::Toggle));
            }
            ui.toast(tr!("Opened in {}", player));
        }
        None => ui.toast(tr!("Neither mpv nor VLC is installed")),
    }
}

/// Connects drag and drop, which winit supports on X11 but not on Wayland yet.
pub fn connect_drop(app: &AppWindow, handle: impl Fn(DropEvent) + 'static) {
    app.window().on_winit_window_event(move |_, event| {
        match event {
            WindowEvent::HoveredFile(_) => handle(DropEvent::Entered),
            WindowEvent::HoveredFileCancelled => handle(DropEvent::Left),
            WindowEvent::DroppedFile(path) => handle(DropEvent::Dropped(path.clone())),
            _ => {}
        }
        EventResult::Propagate
    });
}

/// Renders the target of a drag.
pub fn render_drop_target(app: &AppWindow, shown: bool) {
    app.set_drag_over(shown);
}

/// Brings the window to the front, as far as the window system permits.
pub fn raise(app: &AppWindow) {
    app.window().with_winit_window(|window| {
        if window.is_minimized() == Some(true) {
            window.set_minimized(false);
        }
        window.focus_window();
    });
}
