//! The first run in the window, without a display.

#[path = "common/view.rs"]
mod view;

use std::cell::Cell;
use std::rc::Rc;

use slint::ComponentHandle;
use slint::platform::Key;
use swarmplay::config::Theme;
use swarmplay::gui::ui::{Page, SetupAdapter, ShellAdapter};
use swarmplay::media::MediaKind;
use view::{build, labelled, press, settle, snapshot};

#[test]
fn the_first_run_asks_and_says_what_is_wrong() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    let setup = app.global::<SetupAdapter>();
    setup.set_name("desk".into());
    setup.set_file("/home/you/.config/swarmplay/client.toml".into());
    app.global::<ShellAdapter>().set_page(Page::Setup);
    settle();
    snapshot(&app, "setup-dark");
    let submitted = Rc::new(Cell::new(0));
    let count = submitted.clone();
    setup.on_submit(move || count.set(count.get() + 1));
    // The first question has the keyboard.
    for letter in ["h", "o", "m", "e"] {
        press(&app, letter);
    }
    assert_eq!(setup.get_tracker(), "home");
    press(&app, Key::Return);
    assert_eq!(submitted.get(), 1);
    setup
        .set_error("No tracker runs at home:7700. Is it started, and is the address right?".into());
    labelled(&app, "Start").invoke_accessible_default_action();
    assert_eq!(submitted.get(), 2);
    snapshot(&app, "setup-problem-dark");
}
