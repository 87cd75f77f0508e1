//! Builds the window, connects its views, and renders them when models change.

use std::rc::Rc;

use anyhow::Context;
use engine::ids::FileId;
use engine::media::MediaKind;
use slint::ComponentHandle;

use crate::config::Config;
use crate::gui::bridge::screen::{Update, Updates};
use crate::gui::context::{Change, Handles, UiContext};
use crate::gui::models::Models;
use crate::gui::models::library::LibraryQuery;
use crate::gui::models::settings::SettingsModel;
use crate::gui::text::language;
use crate::gui::ui::{AppWindow, LibraryAdapter, Page, QueueAdapter, ShellAdapter};
use crate::gui::views::desktop::DropEvent;
use crate::gui::views::{
    artwork, desktop, details, downloads, groups, keys, library, player, queue, settings, sharing,
    shell, swarm, tracks,
};

/// Selects software rendering unless `SLINT_BACKEND` says otherwise: without a GPU it
/// shows video at a sixth of the cost of software OpenGL.
///
/// # Errors
/// There is no display.
pub fn choose_renderer() -> anyhow::Result<()> {
    if std::env::var_os("SLINT_BACKEND").is_some() {
        return Ok(());
    }
    slint::BackendSelector::new()
        .backend_name("winit".into())
        .renderer_name("software".into())
        .select()
        .context("window system unavailable")
}

/// Builds the window and connects what needs no actor. It is not shown yet.
///
/// # Errors
/// There is no display.
pub fn build(config: &Config, mode: MediaKind) -> anyhow::Result<(AppWindow, Rc<UiContext>)> {
    let app = AppWindow::new()
        .context("cannot open a window: no display (`swarmplay peer` runs without one)")?;
    let models = Models {
        query: LibraryQuery::of(mode),
        settings: SettingsModel::of(config),
        ..Models::default()
    };
    let ui = UiContext::new(&app, models, render);
    let video = mode == MediaKind::Video;
    app.global::<ShellAdapter>().set_video(video);
    app.global::<LibraryAdapter>().set_video(video);
    // A film needs the room that the queue takes beside music.
    app.global::<QueueAdapter>().set_docked_open(!video);
    shell::attach(&app, &ui);
    keys::attach(&app);
    artwork::attach(&app, &ui);
    player::attach(&app, &ui);
    library::attach(&app, &ui);
    groups::attach(&app, &ui);
    language::select(config.window.language);
    show_config(&app, &ui, config);
    ui.update(Change::Query, |_| {});
    ui.update(Change::Player, |_| {});
    Ok((app, ui))
}

/// Shows identity and limits of a configuration.
pub fn show_config(app: &AppWindow, ui: &UiContext, config: &Config) {
    let tracker = config.client.tracker.as_str();
    app.global::<ShellAdapter>()
        .set_tracker_text(tracker.into());
    settings::render_about(app, &config.client_name());
    sharing::render_config(app, config);
    ui.update(Change::Settings, |models| {
        models.settings = SettingsModel::of(config);
    });
}

/// Shows the window and runs until it is closed.
///
/// # Errors
/// There is no display.
pub fn run(app: &AppWindow) -> anyhow::Result<()> {
    // Wayland groups windows by this id; X11 ignores it.
    let _ = slint::set_xdg_app_id("swarmplay");
    app.run().context("window system failed")
}

/// Connects the views to the actors.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    ui.set_handles(handles.clone());
    library::connect(app, ui, handles);
    groups::connect(app, ui, handles);
    details::connect(app, ui, handles);
    player::connect(app, handles);
    tracks::connect(app, ui, handles);
    queue::connect(app, ui, handles);
    sharing::connect(app, ui, handles);
    downloads::connect(app, ui, handles);
    settings::connect(app, ui, handles);
    desktop::connect(app, ui, handles);
    let (context, to) = (ui.clone(), handles.clone());
    desktop::connect_drop(app, move |event| {
        let over = matches!(event, DropEvent::Entered);
        if let Some(app) = context.app() {
            desktop::render_drop_target(&app, over);
        }
        if let DropEvent::Dropped(path) = event {
            sharing::share(&context, &to, vec![path]);
            context.show_page(Page::Sharing);
        }
    });
}

/// Applies values from other threads as they arrive.
pub async fn receive(ui: Rc<UiContext>, mut updates: Updates) {
    loop {
        let update = updates.next().await;
        apply(&ui, update);
    }
}

/// Applies a value from another thread.
pub fn apply(ui: &UiContext, update: Update) {
    match update {
        Update::Snapshot(snapshot) => {
            // Most of the time nothing plays and nothing changes.
            if ui.edit(|models| models.set_snapshot(*snapshot)) {
                ui.update(Change::Snapshot, |_| {});
            }
        }
        Update::Player(state) => {
            let file = state.entry.as_ref().map(|entry| entry.id);
            let change = match file == ui.models().playback.current() {
                true => Change::Player,
                false => Change::CurrentFile,
            };
            ui.update(change, |models| models.playback.set_player(*state));
        }
        Update::History(history) => {
            ui.update(Change::History, |models| {
                models.library.set_history(history)
            });
        }
        Update::Artwork(pictures) => {
            ui.add_pictures(pictures);
            ui.update(Change::Artwork, |_| {});
        }
        Update::Page(page) => ui.show_page(page),
        Update::Toast(text) => ui.toast(text),
        Update::Queue(queue) => {
            ui.update(Change::Queue, |models| models.playback.queue = queue);
        }
        Update::Frame(frame) => {
            if let Some(app) = ui.app() {
                player::render_frame(&app, frame);
            }
        }
        Update::Cover(file, cover) => {
            if let Some(app) = ui.app() {
                player::render_cover(&app, &ui.models().playback, file, cover);
            }
        }
    }
}

/// Renders what depends on a change.
fn render(app: &AppWindow, ui: &UiContext, models: &mut Models, change: Change) {
    match change {
        Change::Query => update_library(app, models, None),
        Change::Order => update_rows(app, models),
        Change::Snapshot => render_snapshot(app, ui, models),
        Change::Player => render_player(app, models),
        Change::CurrentFile => {
            player::render_file_change(app);
            update_rows(app, models);
            render_swarm(app, models);
            tracks::render_file(app, &models.playback, ui.stream_url(models));
            artwork::render(app, ui, models);
            render_player(app, models);
        }
        Change::Queue => queue::render(app, &models.playback.queue),
        Change::History => {
            update_rows(app, models);
            details::render_state(app, models);
        }
        Change::Artwork => {
            artwork::render_posters(app);
            artwork::render(app, ui, models);
        }
        Change::Details => details::render(app, models),
        Change::Sharing => sharing::render_errors(app, &models.sharing),
        Change::Settings => settings::render(app, &models.settings),
        Change::Language => {
            language::select(models.settings.language);
            models.library.invalidate();
            models.sharing.invalidate();
            settings::render(app, &models.settings);
            details::render(app, models);
            render_snapshot(app, ui, models);
            render_player(app, models);
        }
    }
}

fn render_snapshot(app: &AppWindow, ui: &UiContext, models: &mut Models) {
    update_rows(app, models);
    let Models {
        playback,
        sharing: sharing_model,
        snapshot,
        ..
    } = models;
    shell::render_status(app, snapshot);
    shell::render_banner(app, playback, snapshot);
    player::render_waiting(app, playback, snapshot);
    sharing::render(app, sharing_model, snapshot);
    downloads::render(app, &snapshot.cached);
    details::render_state(app, models);
    render_swarm(app, models);
    if artwork::is_storyboard_due(models) {
        models.playback.storyboard_wanted = true;
        artwork::render(app, ui, models);
    }
}

fn render_player(app: &AppWindow, models: &Models) {
    let playback = &models.playback;
    player::render(app, &playback.player);
    queue::render_modes(app, &playback.player);
    tracks::render(app, playback);
    player::render_waiting(app, playback, &models.snapshot);
    shell::render_banner(app, playback, &models.snapshot);
}

fn render_swarm(app: &AppWindow, models: &Models) {
    let stream = models.playback.stream_at_playhead(&models.snapshot);
    let stream = stream.as_ref();
    swarm::render(app, &models.playback, &models.snapshot, stream);
    shell::render_buffer(app, stream);
    if let Some(stream) = stream {
        player::render_stream(app, &models.playback, stream);
    }
}

/// Updates the library; the selection stays with its file.
fn update_rows(app: &AppWindow, models: &mut Models) {
    let selected = library::selected_file(app, &models.library);
    update_library(app, models, selected);
}

fn update_library(app: &AppWindow, models: &mut Models, selected: Option<FileId>) {
    let rebuilt = models.update_library();
    library::render(app, models, selected);
    if rebuilt {
        groups::render(app, &models.query, &models.library);
    }
}
