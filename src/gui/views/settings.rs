//! How the window looks and speaks: changed at once, and written to the user's file.

use slint::ComponentHandle;
use toml_edit::Value;
use tr::tr;

use crate::config::{Config, Language, Layout, Theme};
use crate::gui::context::{UiContext, beside_the_window};
use crate::gui::text::language;
use crate::gui::ui::{AppWindow, LibraryAdapter, SettingsAdapter, ShellAdapter, Theme as Colours};
use crate::gui::views::setup::Answers;
use crate::gui::window::view;

/// Colours, in the order offered.
const THEMES: [(Theme, &str); 3] = [
    (Theme::System, "system"),
    (Theme::Dark, "dark"),
    (Theme::Light, "light"),
];

/// Languages, in the order offered.
const LANGUAGES: [(Language, &str); 5] = [
    (Language::System, "system"),
    (Language::En, "en"),
    (Language::De, "de"),
    (Language::Pt, "pt"),
    (Language::Es, "es"),
];

fn place<T: PartialEq + Copy>(of: T, among: &[(T, &str)]) -> i32 {
    let place = among.iter().position(|(one, _)| *one == of);
    place
        .and_then(|place| i32::try_from(place).ok())
        .unwrap_or(0)
}

/// The window looks and speaks as the configuration says.
pub(crate) fn introduce(app: &AppWindow, config: &Config) {
    let window = &config.window;
    app.global::<ShellAdapter>()
        .set_theme(place(window.theme, &THEMES));
    app.global::<Colours>().set_motion(window.motion);
    app.global::<LibraryAdapter>()
        .set_grid(window.films == Layout::Pictures);
    app.global::<SettingsAdapter>()
        .set_language(place(window.language, &LANGUAGES));
    language::speak(window.language);
}

/// Everything that is said is said anew.
fn say_again(app: &AppWindow) {
    let player = {
        let view = view();
        let mut view = view.borrow_mut();
        (view.rows_of, view.shown_at, view.files_of) = (None, None, None);
        crate::gui::views::library::show(app, &mut view);
        view.player.clone()
    };
    crate::gui::models::playback::player(app, player);
}

/// Connects what is chosen there.
pub(crate) fn connect(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<SettingsAdapter>();
    adapter.set_kept(core.keeper.keeps());
    let keep = {
        let (weak, keeper) = (app.as_weak(), core.keeper.clone());
        move |key: &'static str, value: Value| {
            let kept = keeper.keep(vec![("window", key, value)]);
            let weak = weak.clone();
            beside_the_window(async move {
                if let (Err(error), Some(app)) = (kept.await, weak.upgrade()) {
                    let why = language::edit_error(&error);
                    let told = tr!("Applied but not saved: {}", why);
                    app.global::<ShellAdapter>().set_toast(told.into());
                }
            });
        }
    };
    let (weak, kept) = (app.as_weak(), keep.clone());
    adapter.on_choose_theme(move |index| {
        let chosen = usize::try_from(index).ok().and_then(|i| THEMES.get(i));
        if let (Some(app), Some((_, name))) = (weak.upgrade(), chosen) {
            app.global::<ShellAdapter>().set_theme(index);
            // Charts have colours of their own.
            view().borrow_mut().shown_at = None;
            kept("theme", (*name).into());
        }
    });
    let (weak, kept) = (app.as_weak(), keep.clone());
    adapter.on_choose_language(move |index| {
        let chosen = usize::try_from(index).ok().and_then(|i| LANGUAGES.get(i));
        if let (Some(app), Some((language, name))) = (weak.upgrade(), chosen) {
            app.global::<SettingsAdapter>().set_language(index);
            language::speak(*language);
            say_again(&app);
            kept("language", (*name).into());
        }
    });
    let (weak, kept) = (app.as_weak(), keep.clone());
    adapter.on_choose_motion(move |motion| {
        if let Some(app) = weak.upgrade() {
            app.global::<Colours>().set_motion(motion);
            kept("motion", motion.into());
        }
    });
    let (weak, keeper) = (app.as_weak(), core.keeper.clone());
    adapter.on_keep_identity(move |name, tracker| {
        let Some(app) = weak.upgrade() else {
            return;
        };
        let answers = match Answers::checked(&name, &tracker, "") {
            Ok(answers) => answers,
            Err(problem) => return app.global::<ShellAdapter>().set_toast(problem.into()),
        };
        let kept = keeper.keep(vec![
            ("client", "name", (&answers.name).into()),
            ("client", "tracker", (&answers.tracker).into()),
        ]);
        beside_the_window(async move {
            let told = match kept.await {
                Ok(()) => {
                    let adapter = app.global::<SettingsAdapter>();
                    adapter.set_name(answers.name.into());
                    adapter.set_tracker(answers.tracker.into());
                    tr!("Restart Swarmplay to apply the change")
                }
                Err(error) => tr!("Cannot save settings: {}", language::edit_error(&error)),
            };
            app.global::<ShellAdapter>().set_toast(told.into());
        });
    });
    let weak = app.as_weak();
    app.global::<LibraryAdapter>().on_lay_out(move |pictures| {
        if let Some(app) = weak.upgrade() {
            app.global::<LibraryAdapter>().set_grid(pictures);
            let name = if pictures { "pictures" } else { "list" };
            keep("films", name.into());
        }
    });
}
