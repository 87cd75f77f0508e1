//! Queue of the window, without a display.

#[path = "common/view.rs"]
mod view;

use std::cell::RefCell;
use std::rc::Rc;

use engine::media::MediaKind;
use engine::player::Item;
use engine::player::Repeat;
use i_slint_backend_testing::ElementHandle;
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, PhysicalSize};
use swarmplay::config::Theme;
use swarmplay::gui::ui::{LibraryAdapter, Page, PlayerAdapter, QueueAdapter, ShellAdapter};
use swarmplay::player::{PlayerSnapshot, QueueSnapshot};
use view::{TestWindow, build, films, labelled, overview, playing, press, settle, songs};

/// Two songs after the current one.
fn upcoming() -> QueueSnapshot {
    let items = songs().into_iter().zip(1..);
    let upcoming = items.map(|(entry, key)| Item { key, entry }).skip(1);
    QueueSnapshot {
        first: 1,
        upcoming: upcoming.collect(),
        count: 2,
    }
}

fn music() -> TestWindow {
    let app = build(MediaKind::Audio, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(songs()));
    let state = PlayerSnapshot {
        shuffled: true,
        repeat: Repeat::One,
        ..playing(songs().remove(0))
    };
    app.set_player(state);
    app.set_queue(upcoming());
    settle();
    app
}

/// Records the commands of the queue, in order.
fn record(app: &TestWindow) -> Rc<RefCell<Vec<String>>> {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let adapter = app.global::<QueueAdapter>();
    let kept = asked.clone();
    adapter.on_play_entry(move |row| kept.borrow_mut().push(format!("jump {row}")));
    let kept = asked.clone();
    adapter.on_remove(move |row| kept.borrow_mut().push(format!("remove {row}")));
    let kept = asked.clone();
    adapter.on_enqueue(move |row, next| kept.borrow_mut().push(format!("add {row} {next}")));
    let kept = asked.clone();
    adapter.on_toggle_shuffle(move || kept.borrow_mut().push("shuffle".into()));
    let kept = asked.clone();
    adapter.on_cycle_repeat(move || kept.borrow_mut().push("repeat".into()));
    asked
}

#[test]
fn queue_is_docked_beside_library() {
    let app = music();
    let named = || ElementHandle::find_by_accessible_label(&*app, "Meridian").count();
    let both = named();
    press(&app, "q");
    assert_eq!(named() * 2, both, "in the library only");
}

#[test]
fn empty_queue_explains_how_to_add() {
    let app = build(MediaKind::Audio, Theme::Light, (1280, 800), 1.0);
    app.set_snapshot(overview(songs()));
    settle();
    labelled(&app, "Queue is empty");
}

#[test]
fn keys_and_buttons_edit_queue() {
    let app = music();
    let asked = record(&app);
    app.global::<LibraryAdapter>().set_selected(2);
    settle();
    for key in ["n", "a", "s", "r"] {
        press(&app, key);
    }
    labelled(&app, "Add Tidal to queue").invoke_accessible_default_action();
    labelled(&app, "Turn off repeat").invoke_accessible_default_action();
    let expected = [
        "add 2 true",
        "add 2 false",
        "shuffle",
        "repeat",
        "add 2 false",
        "repeat",
    ];
    assert_eq!(*asked.borrow(), expected);
}

#[test]
fn question_mark_lists_shortcuts() {
    let app = music();
    let shortcuts = || ElementHandle::find_by_accessible_label(&*app, "Keyboard shortcuts").count();
    press(&app, "?");
    assert!(shortcuts() > 0);
    press(&app, Key::Escape);
    assert_eq!(shortcuts(), 0);
}

#[test]
fn keyboard_focus_survives_tab_cycle_and_row_removal() {
    let app = music();
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    let heard = Rc::new(RefCell::new(0));
    let count = heard.clone();
    app.global::<PlayerAdapter>()
        .on_toggle_mute(move || *count.borrow_mut() += 1);
    // More steps than there are focusable elements.
    for step in 1..=60 {
        press(&app, Key::Tab);
        press(&app, "m");
        assert_eq!(*heard.borrow(), step, "after {step} steps");
    }
    // Removal of the focused row must not lose the focus.
    let mut less = upcoming();
    less.upcoming.pop();
    less.count -= 1;
    app.set_queue(less);
    settle();
    press(&app, "m");
    assert_eq!(*heard.borrow(), 61);
}

#[test]
fn queue_overlays_film_in_full_screen() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    app.set_player(playing(films().remove(1)));
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    let open = || ElementHandle::find_by_accessible_label(&*app, "Repeat all").count() > 0;
    press(&app, "f");
    assert!(!open());
    press(&app, "q");
    assert!(open());
    // A click must not reach the video beneath.
    let toggled = Rc::new(RefCell::new(0));
    let count = toggled.clone();
    app.global::<PlayerAdapter>()
        .on_toggle(move || *count.borrow_mut() += 1);
    let position = LogicalPosition::new(1150.0, 400.0);
    let button = PointerEventButton::Left;
    app.window()
        .dispatch_event(WindowEvent::PointerPressed { position, button });
    app.window()
        .dispatch_event(WindowEvent::PointerReleased { position, button });
    settle();
    assert_eq!(*toggled.borrow(), 0);
    press(&app, Key::Escape);
    assert!(!open(), "Escape closes the queue first");
    assert!(app.get_fullscreen());
    press(&app, Key::Escape);
    assert!(!app.get_fullscreen());
}

#[test]
fn narrow_window_overlays_queue_on_request() {
    let app = build(MediaKind::Audio, Theme::Dark, (900, 600), 1.0);
    app.set_snapshot(overview(songs()));
    let open = || ElementHandle::find_by_accessible_label(&*app, "Queue").count() > 0;
    assert!(!open());
    labelled(&app, "Show queue").invoke_accessible_default_action();
    settle();
    assert!(open());
    app.window().set_size(PhysicalSize::new(1280, 800));
    settle();
    assert!(open(), "docked in the wide window");
    app.window().set_size(PhysicalSize::new(900, 600));
    settle();
    assert!(!open(), "closed in the narrow window");
}
