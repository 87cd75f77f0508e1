//! Builds the window and connects its callbacks to the actors.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Context;
use engine::media::MediaKind;
use engine::player::Control;
use engine::units::timestamp;
use slint::ComponentHandle;

use crate::config::Config;
use crate::gui::UiContext;
use crate::gui::models::playback as apply;
use crate::gui::models::playback::View;
use crate::gui::models::stream_map::{Only, Sort};
use crate::gui::ui;
use crate::gui::ui::{
    AboutAdapter, AppWindow, LibraryAdapter, Page, PlayerAdapter, QueueAdapter, SettingsAdapter,
    ShellAdapter, SortColumn,
};
use crate::player::{Play, PlayerCommand};

thread_local! {
    /// What the window shows, for callbacks and news alike. Only the main
    /// thread has one.
    static VIEW: Rc<RefCell<View>> = Rc::default();
}

/// The view of the main thread.
pub(crate) fn view() -> Rc<RefCell<View>> {
    VIEW.with(Rc::clone)
}

/// Software rendering unless `SLINT_BACKEND` says otherwise: it shows video
/// without a GPU at a sixth of the cost of software OpenGL.
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
        .context("the window system cannot be used")
}

/// Builds the window; it is not shown yet.
///
/// # Errors
/// There is no display.
pub fn build(config: &Config, mode: MediaKind) -> anyhow::Result<AppWindow> {
    let app = AppWindow::new().context(
        "no window can be opened; is there a display? (`swarmplay peer` runs without one)",
    )?;
    let video = mode == MediaKind::Video;
    view().borrow_mut().kind = mode;
    let shell = app.global::<ShellAdapter>();
    shell.set_video(video);
    app.global::<LibraryAdapter>().set_video(video);
    // Beside music stands what comes next; a film has all the room.
    app.global::<QueueAdapter>().set_docked_open(!video);
    app.global::<AboutAdapter>()
        .set_version(env!("CARGO_PKG_VERSION").into());
    crate::gui::views::settings::introduce(&app, config);
    introduce(&app, config);
    crate::gui::bridge::artwork::attach(&app);
    attach(&app);
    crate::gui::views::keys::attach(&app);
    crate::gui::views::library::show(&app, &mut view().borrow_mut());
    apply::player(&app, crate::player::PlayerSnapshot::default());
    Ok(app)
}

/// Says who this client is and where its tracker is.
pub fn introduce(app: &AppWindow, config: &Config) {
    let tracker = config.client.tracker.clone();
    app.global::<ShellAdapter>()
        .set_tracker_text(tracker.into());
    app.global::<AboutAdapter>()
        .set_name(config.client_name().into());
    let settings = app.global::<SettingsAdapter>();
    settings.set_name(config.client_name().into());
    settings.set_tracker(config.client.tracker.clone().into());
    crate::gui::views::sharing::introduce(app, config);
}

/// Shows the window and runs until it is closed.
///
/// # Errors
/// There is no display.
pub fn run(app: &AppWindow) -> anyhow::Result<()> {
    // Names the window for desktops that group by it; X11 has other means.
    let _ = slint::set_xdg_app_id("swarmplay");
    app.run().context("the window system failed")
}

/// Connects callbacks to actors.
pub fn connect(app: &AppWindow, core: &UiContext) {
    let gateway = format!("http://{}", core.gateway.address);
    app.global::<AboutAdapter>().set_gateway(gateway.into());
    connect_library(app, core);
    connect_continue(app, core);
    connect_player(app, core);
    crate::gui::views::sharing::connect(app, core);
    crate::gui::views::downloads::connect(app, core);
    view().borrow_mut().gateway = Some(core.gateway.clone());
    crate::gui::views::desktop::connect(app, core);
    crate::gui::views::groups::connect(app, core);
    crate::gui::views::settings::connect(app, core);
    crate::gui::views::details::connect(app, core);
    crate::gui::bridge::artwork::connect(core.artwork.clone());
    crate::gui::views::queue::connect(app, core);
    crate::gui::views::tracks::connect(app, core);
    let weak = app.as_weak();
    app.global::<ShellAdapter>()
        .on_fullscreen_changed(move |on| {
            if let Some(app) = weak.upgrade() {
                app.window().set_fullscreen(on);
            }
        });
}

fn sort_of(column: SortColumn) -> Sort {
    match column {
        SortColumn::Title => Sort::Title,
        SortColumn::Artist => Sort::Artist,
        SortColumn::Album => Sort::Album,
        SortColumn::Size => Sort::Size,
        SortColumn::Duration => Sort::Duration,
        SortColumn::Sources => Sort::Sources,
    }
}

/// Says by which column the library is sorted.
pub(crate) fn show_order(app: &AppWindow, view: &apply::View) {
    let column = match view.sort {
        Sort::Title => SortColumn::Title,
        Sort::Artist => SortColumn::Artist,
        Sort::Album => SortColumn::Album,
        Sort::Size => SortColumn::Size,
        Sort::Duration => SortColumn::Duration,
        Sort::Sources => SortColumn::Sources,
    };
    let adapter = app.global::<LibraryAdapter>();
    adapter.set_sorted_by(column);
    adapter.set_descending(view.descending);
}

fn only_of(chosen: ui::LibraryFilter) -> Only {
    match chosen {
        ui::LibraryFilter::All => Only::All,
        ui::LibraryFilter::Unplayed => Only::Unseen,
        ui::LibraryFilter::Local => Only::Here,
        ui::LibraryFilter::Recent => Only::Lately,
    }
}

/// What needs no actor.
fn attach(app: &AppWindow) {
    let player = app.global::<PlayerAdapter>();
    player.on_time_at(|share| time_at(share).into());
    let adapter = app.global::<LibraryAdapter>();
    let weak = app.as_weak();
    adapter.on_search(move |text| {
        if let Some(app) = weak.upgrade() {
            let view = view();
            view.borrow_mut().search = text.into();
            app.global::<LibraryAdapter>().set_selected(-1);
            crate::gui::views::library::show(&app, &mut view.borrow_mut());
        }
    });
    let weak = app.as_weak();
    adapter.on_choose_filter(move |only| {
        if let Some(app) = weak.upgrade() {
            let view = view();
            view.borrow_mut().only = only_of(only);
            let adapter = app.global::<LibraryAdapter>();
            adapter.set_filter(only);
            adapter.set_selected(-1);
            crate::gui::views::library::show(&app, &mut view.borrow_mut());
        }
    });
    let weak = app.as_weak();
    adapter.on_sort(move |column| {
        if let Some(app) = weak.upgrade() {
            let view = view();
            let mut view = view.borrow_mut();
            view.sort_by(sort_of(column));
            show_order(&app, &view);
            crate::gui::views::library::show(&app, &mut view);
        }
    });
}

fn connect_library(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<LibraryAdapter>();
    let (weak, player) = (app.as_weak(), core.player.clone());
    adapter.on_play(move |index| {
        let list = view().borrow().shown.to_vec();
        let Some(index) = usize::try_from(index).ok().filter(|i| *i < list.len()) else {
            return;
        };
        player.do_send(Play { list, index });
        if let Some(app) = weak.upgrade() {
            let shell = app.global::<ShellAdapter>();
            if shell.get_video() {
                shell.set_page(Page::Playing);
            }
        }
    });
}

fn connect_continue(app: &AppWindow, core: &UiContext) {
    let (weak, player) = (app.as_weak(), core.player.clone());
    app.global::<LibraryAdapter>().on_resume(move |index| {
        let list = view().borrow().to_continue.clone();
        let Some(index) = usize::try_from(index).ok().filter(|i| *i < list.len()) else {
            return;
        };
        player.do_send(Play {
            list: vec![list[index].clone()],
            index: 0,
        });
        if let Some(app) = weak.upgrade() {
            app.global::<ShellAdapter>().set_page(Page::Playing);
        }
    });
}

fn connect_player(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<PlayerAdapter>();
    let send = |control: Control| {
        let player = core.player.clone();
        move || player.do_send(PlayerCommand(control))
    };
    adapter.on_toggle(send(Control::Toggle));
    adapter.on_next(send(Control::Next));
    adapter.on_previous(send(Control::Previous));
    adapter.on_toggle_mute(send(Control::ToggleMute));
    let player = core.player.clone();
    adapter.on_seek(move |share| player.do_send(PlayerCommand(Control::SeekShare(share.into()))));
    let player = core.player.clone();
    adapter
        .on_seek_by(move |seconds| player.do_send(PlayerCommand(Control::SeekBy(seconds.into()))));
    let player = core.player.clone();
    adapter.on_set_volume(move |volume| {
        player.do_send(PlayerCommand(Control::SetVolume(
            (volume * 100.0).round().max(0.0) as u32,
        )));
    });
    let player = core.player.clone();
    adapter.on_volume_by(move |step| player.do_send(PlayerCommand(Control::VolumeBy(step))));
    let player = core.player.clone();
    adapter.on_speed_by(move |step| player.do_send(PlayerCommand(Control::SpeedBy(step.into()))));
}

/// A place on the seek bar in words: its time, and its chapter.
fn time_at(share: f32) -> String {
    let view = view();
    let view = view.borrow();
    let at = view.duration.mul_f32(share.clamp(0.0, 1.0));
    let chapter = crate::gui::views::tracks::chapter_at(&view, at).map(|chapter| &chapter.title);
    match chapter.filter(|title| !title.is_empty()) {
        Some(title) => format!("{} · {title}", timestamp(at)),
        None => timestamp(at),
    }
}
