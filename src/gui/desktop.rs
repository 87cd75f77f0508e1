//! The desktop around the window: a screen that stays on while a film plays, other
//! players, its dialogs for folders, files that are dropped.

use std::path::PathBuf;

use slint::winit_030::winit::event::WindowEvent;
use slint::winit_030::{EventResult, WinitWindowAccessor};
use slint::{ComponentHandle, SharedString};
use tokio::sync::watch;
use tr::tr;

use super::Core;
use super::ui::{AppWindow, Page, PlayerAdapter, SharingAdapter, ShellAdapter};
use crate::player::{Control, Phase, PlayerSnapshot};

/// Players that are tried in turn.
const PLAYERS: [&str; 2] = ["mpv", "vlc"];

/// Whether the screen must not go dark: a film that plays, or waits for data.
fn watched(state: &PlayerSnapshot) -> bool {
    let film = state
        .entry
        .as_ref()
        .is_some_and(|entry| entry.facts.video.is_some());
    film && matches!(state.phase, Phase::Playing | Phase::Buffering)
}

/// Keeps the screen on while a film plays, until the player ends. Where the desktop
/// has no means for that, it does as it likes.
pub async fn keep_awake(mut states: watch::Receiver<PlayerSnapshot>) {
    let mut awake = None;
    loop {
        let wanted = watched(&states.borrow_and_update());
        if wanted == awake.is_none() {
            // The desktop takes its time, and may be gone when it is let go. While a film
            // goes on it is not asked again, whatever the answer.
            let before = awake.take();
            let turned = actix_rt::task::spawn_blocking(move || {
                drop(before);
                wanted.then(ask_to_stay_awake)
            });
            // Letting go came to nothing: there was nothing to let go of.
            awake = turned.await.unwrap_or_default();
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// Asks for the screen and for the machine one by one: each may be had without the other.
fn ask_to_stay_awake() -> Vec<keepawake::KeepAwake> {
    let asked = [(true, false), (false, true)].map(|(display, idle)| {
        let mut asking = keepawake::Builder::default();
        asking.display(display).idle(idle).sleep(false);
        asking.reason(tr!("A film plays")).app_name("Swarmplay");
        asking.app_reverse_domain("io.github.swarmplay").create()
    });
    let heard = asked.into_iter().filter_map(|asked| {
        asked
            .inspect_err(|error| tracing::debug!(%error, "the screen may go dark"))
            .ok()
    });
    heard.collect()
}

/// Connects what leads out of the window.
pub fn connect(app: &AppWindow, core: &Core) {
    connect_drop(app, core);
    let adapter = app.global::<PlayerAdapter>();
    let (weak, player) = (app.as_weak(), core.player.clone());
    adapter.on_open_elsewhere(move || {
        let Some(app) = weak.upgrade() else {
            return;
        };
        let address: String = app.global::<PlayerAdapter>().get_address().into();
        let opened = PLAYERS
            .iter()
            .find(|name| open::with_detached(&address, **name).is_ok());
        let said = match opened {
            Some(name) => {
                // Two players at once would be two sounds.
                if app.global::<PlayerAdapter>().get_playing() {
                    player.do_send(Control::Toggle);
                }
                tr!("Opened in {}", name)
            }
            None => tr!("Neither mpv nor VLC is installed"),
        };
        app.global::<ShellAdapter>()
            .set_toast(SharedString::from(said));
    });
    let weak = app.as_weak();
    adapter.on_copied(move || {
        if let Some(app) = weak.upgrade() {
            let said =
                tr!("The address is copied: it works on this machine while this window is open");
            app.global::<ShellAdapter>().set_toast(said.into());
        }
    });
}

/// What a folder dialog came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Picked {
    /// These.
    Folders(Vec<PathBuf>),
    /// Nothing: it was closed.
    Nothing,
    /// This desktop has no such dialog.
    NoDialog,
}

/// Lets a person pick a folder, or several, in the desktop's own dialog.
pub(super) async fn pick_folders(title: String, several: bool) -> Picked {
    if !has_dialogs().await {
        return Picked::NoDialog;
    }
    let dialog = rfd::AsyncFileDialog::new().set_title(title);
    let picked = match several {
        true => dialog.pick_folders().await,
        false => dialog.pick_folder().await.map(|folder| vec![folder]),
    };
    match picked {
        Some(folders) => Picked::Folders(folders.iter().map(|f| f.path().to_owned()).collect()),
        None => Picked::Nothing,
    }
}

/// What is said where there is no dialog.
pub(super) fn no_dialog() -> String {
    tr!("This desktop has no folder dialog: type the path instead")
}

/// Whether the desktop offers dialogs, over its portal or by a program.
#[cfg(target_os = "linux")]
async fn has_dialogs() -> bool {
    let programs = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&programs);
    programs.any(|folder| folder.join("zenity").is_file()) || portal().await.unwrap_or(false)
}

/// Other systems have dialogs of their own.
#[cfg(not(target_os = "linux"))]
async fn has_dialogs() -> bool {
    true
}

/// Whether a portal answers that has dialogs for files; it is started if need be.
#[cfg(target_os = "linux")]
async fn portal() -> mpris_server::zbus::Result<bool> {
    use mpris_server::zbus::{Connection, Proxy};
    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    const PATH: &str = "/org/freedesktop/portal/desktop";
    const DIALOGS: &str = "org.freedesktop.portal.FileChooser";
    let bus = Connection::session().await?;
    let dialogs = Proxy::new(&bus, PORTAL, PATH, DIALOGS).await?;
    let version: u32 = dialogs.get_property("version").await?;
    Ok(version > 0)
}

/// Files of the file manager that are dropped on the window are shared. (Where the
/// window system tells of them: X11 does, Wayland does not yet.)
fn connect_drop(app: &AppWindow, core: &Core) {
    let (weak, core) = (app.as_weak(), core.clone());
    app.window().on_winit_window_event(move |_, event| {
        let Some(app) = weak.upgrade() else {
            return EventResult::Propagate;
        };
        match event {
            WindowEvent::HoveredFile(_) => {
                app.set_dropping(true);
                app.global::<SharingAdapter>().set_error(Default::default());
            }
            WindowEvent::HoveredFileCancelled => app.set_dropping(false),
            WindowEvent::DroppedFile(path) => {
                app.set_dropping(false);
                super::sharing::add(&app, &core, vec![path.clone()]);
                app.global::<ShellAdapter>().set_page(Page::Sharing);
            }
            _ => {}
        }
        EventResult::Propagate
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FileId;
    use crate::media::{FileEntry, MediaFacts, MediaKind, VideoTrack};

    #[test]
    fn only_a_film_that_plays_keeps_the_screen_on() {
        let mut entry = FileEntry {
            id: FileId([1; 32]),
            name: "film.mkv".into(),
            size: 1,
            chunk_size: 16 << 10,
            facts: MediaFacts::new(MediaKind::Video, 1000),
            sources: 1,
        };
        let state = |phase, entry: &FileEntry| PlayerSnapshot {
            phase,
            entry: Some(entry.clone()),
            ..PlayerSnapshot::default()
        };
        assert!(!watched(&state(Phase::Playing, &entry)), "a song");
        entry.facts.video = Some(VideoTrack::default());
        assert!(watched(&state(Phase::Playing, &entry)));
        assert!(watched(&state(Phase::Buffering, &entry)));
        assert!(!watched(&state(Phase::Paused, &entry)));
        assert!(!watched(&PlayerSnapshot::default()));
    }
}
