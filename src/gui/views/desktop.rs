//! The desktop around the window: a screen that stays on while a film plays, other
//! players, its dialogs for folders and files, files that are dropped, a window that is
//! called to the front.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::media::MediaKind;
use engine::player::{Control, Phase};
use slint::winit_030::winit::event::WindowEvent;
use slint::winit_030::{EventResult, WinitWindowAccessor};
use slint::{ComponentHandle, SharedString};
use tokio::sync::watch;
use tr::tr;

use crate::gui::UiContext;
use crate::gui::ui::{AppWindow, Page, PlayerAdapter, SharingAdapter, ShellAdapter};
use crate::gui::window::view;
use crate::player::{PlayerCommand, PlayerSnapshot};

/// Players that are tried in turn, and what they are told of the second they begin at.
const PLAYERS: [(&str, &str); 2] = [("mpv", "--start="), ("vlc", "--start-time=")];

/// What has played no longer than this is begun anew.
const HARDLY_BEGUN: Duration = Duration::from_secs(5);

/// How names of films usually end.
const FILMS: &[&str] = &[
    "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "ts", "vob", "webm",
    "wmv",
];

/// How names of songs usually end.
const SONGS: &[&str] = &[
    "aac", "aif", "aiff", "alac", "ape", "flac", "m4a", "mka", "mp3", "oga", "ogg", "opus", "wav",
    "wma",
];

/// Whether the screen must not go dark: a film that plays, or waits for data.
fn watched(state: &PlayerSnapshot) -> bool {
    let film = state
        .entry
        .as_ref()
        .is_some_and(|entry| entry.info.video.is_some());
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
        asking.reason(tr!("Playing a film")).app_name("Swarmplay");
        asking.app_reverse_domain("io.github.swarmplay").create()
    });
    let heard = asked.into_iter().filter_map(|asked| {
        asked
            .inspect_err(|error| tracing::debug!(%error, "the screen may go dark"))
            .ok()
    });
    heard.collect()
}

/// Brings the window to the front, as far as the window system lets a program do so.
pub(crate) fn raise(app: &AppWindow) {
    app.window().with_winit_window(|window| {
        if window.is_minimized() == Some(true) {
            window.set_minimized(false);
        }
        window.focus_window();
    });
}

/// The second at which another player begins; none if at the beginning, as of what has
/// hardly begun or is over.
fn begin_at(state: &PlayerSnapshot) -> Option<u64> {
    let over = matches!(state.phase, Phase::Stopped | Phase::Ended);
    let begun = !over && state.position >= HARDLY_BEGUN;
    begun.then_some(state.position.as_secs())
}

/// How another player is started; it goes on when this window is closed.
fn starting(player: &str, option: &str, address: &str, from: Option<u64>) -> Command {
    let mut command = open::with_command(address, player);
    command.args(from.map(|second| format!("{option}{second}")));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // What ends this program at a terminal is not meant for it.
    command.process_group(0);
    command
}

/// Starts a program that is left to itself.
fn start(mut command: Command) -> std::io::Result<()> {
    let mut child = command.spawn()?;
    // Somebody has to take note of its end, or its number stays taken.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Connects what leads out of the window.
pub fn connect(app: &AppWindow, core: &UiContext) {
    connect_drop(app, core);
    let adapter = app.global::<PlayerAdapter>();
    let (weak, player) = (app.as_weak(), core.player.clone());
    adapter.on_open_externally(move || {
        let Some(app) = weak.upgrade() else {
            return;
        };
        let address: String = app.global::<PlayerAdapter>().get_stream_url().into();
        let from = begin_at(&view().borrow().player);
        let opened = PLAYERS
            .iter()
            .find(|(name, option)| start(starting(name, option, &address, from)).is_ok());
        let said = match opened {
            Some((name, _)) => {
                // Two players at once would be two sounds.
                if app.global::<PlayerAdapter>().get_playing() {
                    player.do_send(PlayerCommand(Control::Toggle));
                }
                tr!("Opened in {}", name)
            }
            None => tr!("Neither mpv nor VLC is installed"),
        };
        app.global::<ShellAdapter>()
            .set_toast(SharedString::from(said));
    });
    let weak = app.as_weak();
    adapter.on_url_copied(move || {
        if let Some(app) = weak.upgrade() {
            let said = tr!("Stream URL copied. It works on this device while Swarmplay is open");
            app.global::<ShellAdapter>().set_toast(said.into());
        }
    });
}

/// What a dialog came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Picked {
    /// These.
    Paths(Vec<PathBuf>),
    /// Nothing: it was closed.
    Nothing,
    /// This desktop has no such dialog.
    NoDialog,
}

/// Lets a person pick a folder, or several, in the desktop's own dialog.
pub(crate) async fn pick_folders(title: String, several: bool) -> Picked {
    if !has_dialogs().await {
        return Picked::NoDialog;
    }
    let dialog = rfd::AsyncFileDialog::new().set_title(title);
    let picked = match several {
        true => dialog.pick_folders().await,
        false => dialog.pick_folder().await.map(|folder| vec![folder]),
    };
    paths(picked.unwrap_or_default())
}

/// Lets a person pick files in the desktop's own dialog, which shows those of a kind
/// first.
pub(crate) async fn pick_files(title: String, kind: MediaKind) -> Picked {
    if !has_dialogs().await {
        return Picked::NoDialog;
    }
    let name = match kind {
        MediaKind::Audio => tr!("Songs"),
        MediaKind::Video | MediaKind::Sidecar => tr!("Films"),
    };
    let dialog = rfd::AsyncFileDialog::new()
        .set_title(title)
        .add_filter(name, &endings(kind))
        .add_filter(tr!("All files"), &["*"]);
    paths(dialog.pick_files().await.unwrap_or_default())
}

/// How names of files of a kind end. Dialogs tell capitals from small letters.
fn endings(kind: MediaKind) -> Vec<String> {
    let usual = match kind {
        MediaKind::Audio => SONGS,
        MediaKind::Video | MediaKind::Sidecar => FILMS,
    };
    let large = usual.iter().map(|ending| ending.to_uppercase());
    let small = usual.iter().map(|ending| (*ending).to_owned());
    small.chain(large).collect()
}

/// What was picked; some dialogs that are closed answer with an empty list.
fn paths(picked: Vec<rfd::FileHandle>) -> Picked {
    match picked.is_empty() {
        true => Picked::Nothing,
        false => Picked::Paths(picked.iter().map(|one| one.path().to_owned()).collect()),
    }
}

/// What is said where there is no dialog.
pub(crate) fn no_dialog() -> String {
    tr!("No file dialog available. Enter the path instead")
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
fn connect_drop(app: &AppWindow, core: &UiContext) {
    let (weak, core) = (app.as_weak(), core.clone());
    app.window().on_winit_window_event(move |_, event| {
        let Some(app) = weak.upgrade() else {
            return EventResult::Propagate;
        };
        match event {
            WindowEvent::HoveredFile(_) => {
                app.set_drag_over(true);
                app.global::<SharingAdapter>().set_error(Default::default());
            }
            WindowEvent::HoveredFileCancelled => app.set_drag_over(false),
            WindowEvent::DroppedFile(path) => {
                app.set_drag_over(false);
                crate::gui::views::sharing::add(&app, &core, vec![path.clone()]);
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
    use engine::fixtures::film;
    use engine::media::{FileEntry, VideoTrack};

    #[test]
    fn only_a_film_that_plays_keeps_the_screen_on() {
        let mut entry = film(1, "film.mkv");
        let state = |phase, entry: &FileEntry| PlayerSnapshot {
            phase,
            entry: Some(entry.clone()),
            ..PlayerSnapshot::default()
        };
        assert!(!watched(&state(Phase::Playing, &entry)), "a song");
        entry.info.video = Some(VideoTrack::default());
        assert!(watched(&state(Phase::Playing, &entry)));
        assert!(watched(&state(Phase::Buffering, &entry)));
        assert!(!watched(&state(Phase::Paused, &entry)));
        assert!(!watched(&PlayerSnapshot::default()));
    }

    #[test]
    fn another_player_goes_on_where_this_one_is() {
        let state = |phase, seconds| PlayerSnapshot {
            phase,
            position: Duration::from_secs_f64(seconds),
            ..PlayerSnapshot::default()
        };
        assert_eq!(begin_at(&state(Phase::Paused, 754.8)), Some(754));
        assert_eq!(begin_at(&state(Phase::Playing, 4.9)), None, "hardly begun");
        assert_eq!(begin_at(&state(Phase::Ended, 754.8)), None, "seen");
        let arguments = |from| {
            let told = PLAYERS.map(|(name, option)| {
                let command = starting(name, option, "http://here/film.mkv", from);
                let told = command.get_args().map(|told| told.to_string_lossy());
                told.collect::<Vec<_>>().join(" ")
            });
            told.map(|told| told.replace("http://here/film.mkv", "FILM"))
        };
        let expected = ["FILM --start=754", "FILM --start-time=754"];
        assert_eq!(arguments(Some(754)), expected);
        assert_eq!(arguments(None), ["FILM", "FILM"]);
    }

    #[test]
    fn files_of_the_windows_kind_are_offered_however_their_names_are_written() {
        let (films, songs) = (endings(MediaKind::Video), endings(MediaKind::Audio));
        assert!(films.contains(&"mkv".into()) && films.contains(&"MKV".into()));
        assert!(songs.contains(&"flac".into()) && !songs.contains(&"mkv".into()));
    }
}
