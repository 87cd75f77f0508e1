//! The window: Slint on the main thread, the actors beside it on a thread of
//! their own.
//!
//! Commands go down as messages to actors. News comes up through one-slot cells
//! ([`slot`]): the latest value wins, and the event loop is woken only when the
//! cell was empty. Properties change only from news, never in a callback.
//!
//! * [`view_model`]: pure: entries, states and snapshots → what is shown.
//! * [`screen`]: the player's [`Screen`](crate::player::Screen).
//! * [`charts`]: small pictures drawn of figures.
//! * [`observer`]: actor: asks the others how they do, twice a second.
//! * [`artwork`]: actor: posters and the like, fetched and decoded.
//! * [`desktop`]: a screen that stays on, other players, file dialogs, files that are dropped.
//! * `media_keys`: the desktop's player controls.
//! * [`language`]: which language, and texts of other actors in it.
//! * [`setup`]: the first run. [`settings`]: what is chosen later. [`keeper`]: writes it down.
//! * [`window`]: builds the window, connects its callbacks.
//! * [`apply`], [`library`] (`rows`), [`groups`], [`queue`], [`sharing`], [`downloads`], [`tracks`], [`details`] (`waiting`): news → properties.

pub mod apply;
pub mod artwork;
pub mod charts;
pub mod desktop;
pub mod details;
pub mod downloads;
#[cfg(target_os = "linux")]
pub mod fonts;
pub mod groups;
pub mod keeper;
pub mod language;
pub mod library;
#[cfg(target_os = "linux")]
pub mod media_keys;
pub mod observer;
pub mod queue;
mod rows;
pub mod screen;
pub mod settings;
pub mod setup;
pub mod sharing;
pub mod slot;
pub mod tracks;
pub mod view_model;
mod waiting;
pub mod window;

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

use crate::app::node::{Node, Role};
use crate::config::Config;
use crate::gui::artwork::Artwork;
use crate::gui::keeper::SettingsFile;
use crate::gui::observer::SnapshotPoller;
use crate::gui::screen::WindowScreen;
use crate::gui::setup::FirstRun;
use crate::gui::ui::AppWindow;
use crate::handles::ActorHandles;
use crate::http::Gateway;
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

/// What Slint generates from `ui/`.
pub mod ui {
    #![allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        clippy::unwrap_used,
        clippy::todo
    )]
    slint::include_modules!();
}

/// The actors that the window speaks to.
#[derive(Clone)]
pub struct UiContext {
    /// Plays.
    pub player: Addr<Player>,
    /// Everything else.
    pub sources: ActorHandles,
    /// Fetches pictures.
    pub artwork: Addr<Artwork>,
    /// Address for players.
    pub gateway: Gateway,
    /// Writes down what is changed in the window.
    pub keeper: SettingsFile,
    system: System,
    stop: tokio::sync::mpsc::Sender<()>,
}

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
    fonts::provide(&config.data_dir(Role::Client(Some(mode)).name()));
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

/// Waits for an answer on the window's own thread, without holding it up.
fn beside_the_window(waiting: impl Future<Output = ()> + 'static) {
    if let Err(error) = slint::spawn_local(waiting) {
        tracing::error!(%error, "the window cannot wait for an answer");
    }
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
                return screen.toast(tr!("{} is not for this window: see --mode", name));
            }
            Ok(None) => tokio::time::sleep(LOOK_FOR).await,
            // The program ends.
            Err(_) => return,
        }
    }
    screen.toast(tr!("Nobody shares {}", name));
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

impl UiContext {
    /// Ends the actors.
    fn close(&self) {
        // A full or closed queue means that the end is under way.
        let _ = self.stop.try_send(());
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
    actix_rt::spawn(desktop::keep_awake(screen.states()));
    #[cfg(target_os = "linux")]
    actix_rt::spawn(media_keys::run(
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
