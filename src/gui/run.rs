//! Threads of the window: the event loop on the main thread, the actors on another one.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use anyhow::Context as _;
use engine::media::MediaKind;
use slint::ComponentHandle as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc as channel;
use tr::tr;

use crate::app::{Node, Role};
use crate::config::Config;
use crate::gui::bridge::artwork::Artwork;
use crate::gui::bridge::observer::SnapshotPoller;
use crate::gui::bridge::screen::WindowScreen;
use crate::gui::context::{Handles, UiContext, spawn};
use crate::gui::desktop::keep_awake::keep_awake;
#[cfg(target_os = "linux")]
use crate::gui::desktop::{fonts, media_keys};
use crate::gui::settings_file::SettingsFile;
use crate::gui::ui::AppWindow;
use crate::gui::views::desktop::raise;
use crate::gui::views::setup;
use crate::gui::views::setup::FirstRun;
use crate::gui::window;
use crate::player::{HistoryFile, Play, Player, Screen};
use crate::runtime::{ask, close};
use crate::tracker_client::FindEntry;

/// Time for the player to end its child processes.
const PLAYER_END: Duration = Duration::from_millis(300);

/// Time for all actors to end; a blocking job that takes longer is cut off.
const ACTORS_END: Duration = Duration::from_millis(900);

/// Interval of checks whether the actors have ended.
const END_CHECK: Duration = Duration::from_millis(5);

/// Time for a file to appear in the catalogue.
const APPEAR_LIMIT: Duration = Duration::from_secs(20);

/// Interval of look-ups in the catalogue.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(100);

/// Origin of the configuration.
#[derive(Debug)]
pub enum ConfigSource {
    /// A file that stores changes, or none.
    File(Option<PathBuf>),
    /// The first run creates one.
    FirstRun(FirstRun),
}

/// Parameters of the actors that the window starts.
#[derive(Clone)]
struct Launch {
    mode: MediaKind,
    /// Name of a file to play.
    play: Option<String>,
    /// Configuration file that stores changes.
    file: Option<PathBuf>,
}

/// The actors and their thread.
struct Running {
    thread: std::thread::JoinHandle<()>,
    stop: channel::Sender<()>,
}

/// Runs the window until it is closed. Plays the file named `play`, if there is one. The
/// first run asks for the settings it needs.
///
/// # Errors
/// The node cannot start, or there is no display.
pub fn run(
    config: Config,
    mode: MediaKind,
    play: Option<String>,
    source: ConfigSource,
) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    fonts::provide(&config.data_dir(Role::Client(Some(mode)).name()));
    window::choose_renderer()?;
    let (app, ui) = window::build(&config, mode)?;
    let running = Rc::new(RefCell::new(None));
    let launch = |file| Launch { mode, play, file };
    match source {
        ConfigSource::File(file) => {
            *running.borrow_mut() = Some(start_actors(&app, &ui, &config, launch(file))?);
        }
        ConfigSource::FirstRun(first) => {
            let launch = launch(Some(first.path.clone()));
            let (ui, running) = (ui.clone(), running.clone());
            setup::show(&app, &config, first, move |config| {
                let app = ui.app().context("window closed")?;
                window::show_config(&app, &ui, &config);
                let started = start_actors(&app, &ui, &config, launch.clone())?;
                *running.borrow_mut() = Some(started);
                Ok(())
            });
        }
    }
    let result = window::run(&app);
    if let Some(running) = running.take() {
        running.stop();
    }
    result
}

impl Running {
    /// Ends the actors and waits for them.
    fn stop(self) {
        // A full or closed queue means that they are already ending.
        let _ = self.stop.try_send(());
        let deadline = Instant::now() + ACTORS_END;
        while !self.thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(END_CHECK);
        }
    }
}

/// Starts the actors on their thread and connects the window to them.
fn start_actors(
    app: &AppWindow,
    ui: &Rc<UiContext>,
    config: &Config,
    launch: Launch,
) -> anyhow::Result<Running> {
    let screen = WindowScreen::default();
    let (report, started) = mpsc::channel();
    let (stop, stopped) = channel::channel(1);
    let thread = {
        let weak = app.as_weak();
        let raise = move || {
            // Fails only if the event loop has ended: then there is no window.
            let _ = weak.upgrade_in_event_loop(|app| raise(&app));
        };
        let (config, screen, launch) = (config.clone(), screen.clone(), launch.clone());
        let actors = move || run_actors(&config, &launch, &screen, raise, &report, stopped);
        std::thread::Builder::new()
            .name("actors".into())
            .spawn(actors)?
    };
    let handles = started.recv().context("actor thread ended early")??;
    window::connect(app, ui, &handles);
    spawn(window::receive(ui.clone(), screen.updates()));
    if let Some(name) = launch.play {
        let thread = handles.actors.actors.clone();
        thread.spawn(async move { play_named(name, launch.mode, &handles, &screen).await });
    }
    Ok(Running { thread, stop })
}

/// Plays a file once it appears in the catalogue.
async fn play_named(name: String, mode: MediaKind, handles: &Handles, screen: &WindowScreen) {
    let deadline = Instant::now() + APPEAR_LIMIT;
    while Instant::now() < deadline {
        match ask(&handles.actors.announcer, FindEntry(name.clone())).await {
            Ok(Some(entry)) if entry.info.kind == mode => {
                let (list, index) = (vec![entry], 0);
                handles.player.do_send(Play { list, index });
                return screen.show_player();
            }
            Ok(Some(_)) => {
                return screen.toast(tr!(
                    "{} does not match the mode of this window; see --mode",
                    name
                ));
            }
            Ok(None) | Err(MailboxError::Timeout) => tokio::time::sleep(LOOKUP_INTERVAL).await,
            // The program ends.
            Err(MailboxError::Closed) => return,
        }
    }
    screen.toast(tr!("{} is not available", name));
}

/// Ends the event loop when it is dropped.
struct EndOfLoop;

impl Drop for EndOfLoop {
    fn drop(&mut self) {
        // Fails only if the event loop has already ended.
        let _ = slint::invoke_from_event_loop(|| {
            let _ = slint::quit_event_loop();
        });
    }
}

/// Runs the actors until they are told to stop.
fn run_actors(
    config: &Config,
    launch: &Launch,
    screen: &WindowScreen,
    raise: impl Fn() + 'static,
    report: &mpsc::Sender<anyhow::Result<Handles>>,
    stopped: channel::Receiver<()>,
) {
    let runner = System::new();
    runner.block_on(async {
        match start(config, launch, screen, raise).await {
            Ok((handles, node)) => {
                // The window must not outlive this thread, however it ends.
                let _end = EndOfLoop;
                // Fails only if the main thread has ended.
                if report.send(Ok(handles.clone())).is_ok() {
                    wait_for_end(stopped).await;
                }
                handles.settings_file.finish().await;
                close(&handles.player, PLAYER_END).await;
                node.stop().await;
                System::current().stop();
            }
            Err(error) => {
                // Fails only if the main thread has ended.
                let _ = report.send(Err(error));
            }
        }
    });
}

/// Starts node, player and the actors of the window.
async fn start(
    config: &Config,
    launch: &Launch,
    screen: &WindowScreen,
    raise: impl Fn() + 'static,
) -> anyhow::Result<(Handles, Node)> {
    let role = Role::Client(Some(launch.mode));
    let node = Node::start(config, role).await?;
    let gateway = node.gateway.clone().context("client without gateway")?;
    let actors = node.sources.clone();
    // A separate thread: opening an audio device can take a second.
    let arbiter = Arbiter::new();
    let player = {
        let data_dir = config.data_dir(role.name());
        let (config, gateway) = (config.player.clone(), gateway.clone());
        let shown: Arc<dyn Screen> = Arc::new(screen.clone());
        let streams = actors.streams.clone();
        let history = HistoryFile::open(&data_dir)
            .inspect_err(|error| tracing::warn!(%error, "playback history unavailable"))
            .ok();
        Player::start_in_arbiter(&arbiter.handle(), move |_| {
            Player::new(config, gateway, shown, streams, history)
        })
    };
    SnapshotPoller::new(actors.clone(), screen.clone(), launch.mode).start();
    actix_rt::spawn(keep_awake(screen.states()));
    #[cfg(target_os = "linux")]
    actix_rt::spawn(media_keys::run(
        player.clone(),
        screen.states(),
        gateway.clone(),
        raise,
    ));
    let artwork = Artwork::new(actors.clone(), screen.clone()).start();
    let handles = Handles {
        player,
        actors,
        artwork,
        gateway,
        settings_file: SettingsFile::new(launch.file.clone()),
    };
    Ok((handles, node))
}

/// Waits until the window closes or a signal arrives.
async fn wait_for_end(mut stopped: channel::Receiver<()>) {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = stopped.recv() => return,
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
    // Fails only if the event loop has already ended.
    let _ = slint::quit_event_loop();
}
