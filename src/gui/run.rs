//! Threads of the window: starts the actors beside the event loop and ends them.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use anyhow::Context as _;
use engine::media::MediaKind;
use slint::ComponentHandle as _;
use tokio::signal::unix::{SignalKind, signal};
use tr::tr;

use crate::app::{Node, Role};
use crate::config::Config;
use crate::gui::bridge::artwork::Artwork;
use crate::gui::bridge::observer::SnapshotPoller;
use crate::gui::bridge::screen::WindowScreen;
use crate::gui::desktop;
use crate::gui::settings_file::SettingsFile;
use crate::gui::ui::AppWindow;
use crate::gui::views::setup;
use crate::gui::views::setup::FirstRun;
use crate::gui::{UiContext, views, window};
use crate::player::HistoryFile;
use crate::player::{Play, Player};
use crate::runtime::{ask, close};
use crate::tracker_client::FindEntry;

/// Time for the player to end its children.
const PLAYER_END: Duration = Duration::from_millis(300);

/// Time for all actors to end; a blocking job that takes longer ends with the
/// program.
const ACTORS_END: Duration = Duration::from_millis(900);

/// How often it is looked at whether they have.
const LOOK: Duration = Duration::from_millis(5);

/// Where the configuration came from.
#[derive(Debug)]
pub enum ConfigSource {
    /// A file, which changes made in the window are written to; none if there is none.
    File(Option<PathBuf>),
    /// Nowhere yet.
    FirstRun(FirstRun),
}

/// What runs beside the window.
struct Running {
    core: UiContext,
    actors: std::thread::JoinHandle<()>,
}

/// Runs the window until it is closed. Plays the file of a name at once, if one is
/// given and there is such a file. On a first run it asks for what it must know.
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
    desktop::fonts::provide(&config.data_dir(Role::Client(Some(mode)).name()));
    window::choose_renderer()?;
    let app = window::build(&config, mode)?;
    let running = Rc::new(RefCell::new(None));
    match source {
        ConfigSource::File(file) => {
            *running.borrow_mut() = Some(begin(&app, &config, mode, play, file)?);
        }
        ConfigSource::FirstRun(first) => {
            let (weak, running) = (app.as_weak(), running.clone());
            let file = Some(first.path.clone());
            setup::show(&app, &config, first, move |config| {
                let app = weak.upgrade().context("the window is closed")?;
                window::introduce(&app, &config);
                let begun = begin(&app, &config, mode, play.clone(), file.clone())?;
                *running.borrow_mut() = Some(begun);
                Ok(())
            });
        }
    }
    let shown = window::run(&app);
    if let Some(Running { core, actors }) = running.take() {
        core.close();
        let deadline = Instant::now() + ACTORS_END;
        while !actors.is_finished() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
    }
    shown
}

/// Starts the actors on a thread of their own and connects the window to them.
fn begin(
    app: &AppWindow,
    config: &Config,
    mode: MediaKind,
    play: Option<String>,
    file: Option<PathBuf>,
) -> anyhow::Result<Running> {
    let screen = WindowScreen::new(app);
    let (report, started) = mpsc::channel();
    let actors = {
        let (screen, config) = (screen.clone(), config.clone());
        std::thread::Builder::new()
            .name("actors".into())
            .spawn(move || run_actors(&config, mode, &screen, file, &report))?
    };
    let core = started
        .recv()
        .context("the actors ended before they began")??;
    window::connect(app, &core);
    if let Some(name) = play {
        let core = core.clone();
        let thread = core.sources.actors.clone();
        thread.spawn(async move { play_named(name, mode, &core, &screen).await });
    }
    Ok(Running { core, actors })
}

/// How long a file may take to appear in the catalogue.
const APPEARS: Duration = Duration::from_secs(20);

/// How often it is looked for.
const LOOK_FOR: Duration = Duration::from_millis(100);

/// Plays a file of the catalogue as soon as it is there.
async fn play_named(name: String, mode: MediaKind, core: &UiContext, screen: &WindowScreen) {
    let deadline = Instant::now() + APPEARS;
    while Instant::now() < deadline {
        let find = ask(&core.sources.announcer, FindEntry(name.clone()));
        match find.await {
            Ok(Some(entry)) if entry.info.kind == mode => {
                let (list, index) = (vec![entry], 0);
                core.player.do_send(Play { list, index });
                return screen.show_player();
            }
            Ok(Some(_)) => {
                return screen.toast(tr!(
                    "{} does not match the mode of this window; see --mode",
                    name
                ));
            }
            Ok(None) => tokio::time::sleep(LOOK_FOR).await,
            // The program ends.
            Err(_) => return,
        }
    }
    screen.toast(tr!("{} is not available", name));
}

/// Ends the event loop when it is dropped.
struct EndOfLoop;

impl Drop for EndOfLoop {
    fn drop(&mut self) {
        // An event loop that has ended already needs no more.
        let _ = slint::invoke_from_event_loop(|| {
            let _ = slint::quit_event_loop();
        });
    }
}

/// The actix system: runs until told to stop.
fn run_actors(
    config: &Config,
    mode: MediaKind,
    screen: &WindowScreen,
    file: Option<PathBuf>,
    report: &mpsc::Sender<anyhow::Result<UiContext>>,
) {
    let runner = System::new();
    runner.block_on(async {
        match start(config, mode, screen, file).await {
            Ok((core, node, stopped)) => {
                // However this thread ends, the window must not outlive it.
                let _end = EndOfLoop;
                // The window waits for this; if it is gone, so are we.
                if report.send(Ok(core.clone())).is_ok() {
                    wait_for_end(stopped).await;
                }
                core.keeper.finish().await;
                close(&core.player, PLAYER_END).await;
                node.stop().await;
                core.system.stop();
            }
            Err(error) => {
                // Nobody left to tell.
                let _ = report.send(Err(error));
            }
        }
    });
}

type Started = (UiContext, Node, tokio::sync::mpsc::Receiver<()>);

async fn start(
    config: &Config,
    mode: MediaKind,
    screen: &WindowScreen,
    file: Option<PathBuf>,
) -> anyhow::Result<Started> {
    let node = Node::start(config, Role::Client(Some(mode))).await?;
    let gateway = node.gateway.clone().context("a client has a gateway")?;
    let shown: std::sync::Arc<dyn crate::player::Screen> = std::sync::Arc::new(screen.clone());
    // On a thread of its own: to open a sound device can take a second.
    let arbiter = Arbiter::new();
    let player = {
        let data_dir = config.data_dir(Role::Client(Some(mode)).name());
        let (config, gateway) = (config.player.clone(), gateway.clone());
        let streams = node.sources.streams.clone();
        let history = HistoryFile::open(&data_dir)
            .inspect_err(|error| tracing::warn!(%error, "nothing played will be remembered"))
            .ok();
        Player::start_in_arbiter(&arbiter.handle(), move |_| {
            Player::new(config, gateway, shown, streams, history)
        })
    };
    SnapshotPoller::new(node.sources.clone(), screen.clone(), mode).start();
    actix_rt::spawn(views::desktop::keep_awake(screen.states()));
    #[cfg(target_os = "linux")]
    actix_rt::spawn(desktop::media_keys::run(
        player.clone(),
        screen.states(),
        gateway.clone(),
        screen.raiser(),
    ));
    let artwork = Artwork::new(node.sources.clone(), screen.clone()).start();
    let (stop, stopped) = tokio::sync::mpsc::channel(1);
    let core = UiContext {
        player,
        sources: node.sources.clone(),
        artwork,
        gateway,
        keeper: SettingsFile::new(file),
        system: System::current(),
        stop,
    };
    Ok((core, node, stopped))
}

/// The window closed, or a signal came.
async fn wait_for_end(mut stopped: tokio::sync::mpsc::Receiver<()>) {
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
    // The event loop may have ended by itself meanwhile.
    let _ = slint::quit_event_loop();
}
