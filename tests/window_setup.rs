//! First run of the window, and partial repaint, without a display.

#[path = "common/view.rs"]
mod view;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use engine::media::MediaKind;
use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};
use slint::platform::{Key, Platform, PlatformError, WindowAdapter};
use slint::{ComponentHandle, PhysicalSize, Rgb8Pixel};
use swarmplay::config::{Config, Theme};
use swarmplay::gui::ui::{Page, SetupAdapter, SharingAdapter, ShellAdapter};
use swarmplay::gui::window;
use view::{build, labelled, press, settle};

#[test]
fn first_run_form_submits_and_shows_error() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    let setup = app.global::<SetupAdapter>();
    setup.set_name("desk".into());
    setup.set_file("/home/you/.config/swarmplay/client.toml".into());
    app.global::<ShellAdapter>().set_page(Page::Setup);
    settle();
    let submitted = Rc::new(Cell::new(0));
    let count = submitted.clone();
    setup.on_submit(move || count.set(count.get() + 1));
    // The first empty field has the focus.
    for letter in ["h", "o", "m", "e"] {
        press(&app, letter);
    }
    assert_eq!(setup.get_tracker(), "home");
    press(&app, Key::Return);
    assert_eq!(submitted.get(), 1);
    let error =
        "No tracker at home:7700. Check that it is running and that the address is correct.";
    setup.set_error(error.into());
    labelled(&app, "Start").invoke_accessible_default_action();
    assert_eq!(submitted.get(), 2);
    settle();
    labelled(&app, error);
}

/// Platform with a constant time, so that animations do not advance.
struct Screen(Rc<MinimalSoftwareWindow>);

impl Platform for Screen {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(self.0.clone())
    }

    fn duration_since_start(&self) -> Duration {
        Duration::from_secs(1)
    }
}

#[test]
fn replaced_message_is_repainted() {
    const SIZE: (u32, u32) = (1000, 700);
    let pixels = || vec![Rgb8Pixel::default(); (SIZE.0 * SIZE.1) as usize];
    let screen = MinimalSoftwareWindow::new(RepaintBufferType::ReusedBuffer);
    slint::platform::set_platform(Box::new(Screen(screen.clone()))).expect("one window a test");
    let (app, _ui) = window::build(&Config::default(), MediaKind::Video).expect("builds");
    screen.set_size(PhysicalSize::new(SIZE.0, SIZE.1));
    app.show().expect("shows");
    let mut drawn = pixels();
    let draw = |drawn: &mut [Rgb8Pixel]| {
        slint::platform::update_timers_and_animations();
        screen.draw_if_needed(|renderer| {
            renderer.render(drawn, SIZE.0 as usize);
        });
    };
    let shell = app.global::<ShellAdapter>();
    let sharing = app.global::<SharingAdapter>();
    let setup = app.global::<SetupAdapter>();
    for page in [Page::Library, Page::Sharing, Page::Setup] {
        shell.set_page(page);
        for text in ["one", "another that is longer", "a third", "two"] {
            shell.set_banner(text.into());
            sharing.set_limits_error(text.into());
            sharing.set_error(text.into());
            setup.set_error(text.into());
            draw(&mut drawn);
            // Another change lays out the window again.
            shell.set_clients_text(format!("{text} clients online").into());
            draw(&mut drawn);
        }
        let whole = app.window().take_snapshot().expect("full repaint");
        let whole = whole.as_slice().iter();
        let others = drawn
            .iter()
            .zip(whole)
            .filter(|(piece, whole)| (piece.r, piece.g, piece.b) != (whole.r, whole.g, whole.b));
        assert_eq!(others.count(), 0, "on {page:?}");
    }
}
