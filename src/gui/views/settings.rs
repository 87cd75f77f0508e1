//! How the window looks and speaks: changed at once, and written to the user's file.

use slint::ComponentHandle;
use toml_edit::Value;
use tr::tr;

use crate::config::{Config, Language, Layout, Theme};
use crate::gui::context::{UiContext, beside_the_window};
use crate::gui::text::language;
use crate::gui::ui::{
    AppWindow, LanguageChoice, LibraryAdapter, SettingsAdapter, ShellAdapter, Theme as Colours,
    ThemeChoice,
};
use crate::gui::views::setup::Answers;
use crate::gui::window::view;

/// The theme of the configuration, as the window offers it.
fn theme_choice(theme: Theme) -> ThemeChoice {
    match theme {
        Theme::System => ThemeChoice::System,
        Theme::Dark => ThemeChoice::Dark,
        Theme::Light => ThemeChoice::Light,
    }
}

/// The name of a theme in the user's file.
fn theme_name(choice: ThemeChoice) -> &'static str {
    match choice {
        ThemeChoice::System => "system",
        ThemeChoice::Dark => "dark",
        ThemeChoice::Light => "light",
    }
}

/// The language of the configuration, as the window offers it.
fn language_choice(language: Language) -> LanguageChoice {
    match language {
        Language::System => LanguageChoice::System,
        Language::En => LanguageChoice::English,
        Language::De => LanguageChoice::German,
        Language::Pt => LanguageChoice::Portuguese,
        Language::Es => LanguageChoice::Spanish,
    }
}

/// The language of the configuration that was chosen, and its name in the user's file.
fn language_of(choice: LanguageChoice) -> (Language, &'static str) {
    match choice {
        LanguageChoice::System => (Language::System, "system"),
        LanguageChoice::English => (Language::En, "en"),
        LanguageChoice::German => (Language::De, "de"),
        LanguageChoice::Portuguese => (Language::Pt, "pt"),
        LanguageChoice::Spanish => (Language::Es, "es"),
    }
}

/// The window looks and speaks as the configuration says.
pub(crate) fn introduce(app: &AppWindow, config: &Config) {
    let window = &config.window;
    app.global::<ShellAdapter>()
        .set_theme(theme_choice(window.theme));
    app.global::<Colours>().set_motion(window.motion);
    app.global::<LibraryAdapter>()
        .set_grid(window.library_layout == Layout::Grid);
    app.global::<SettingsAdapter>()
        .set_language(language_choice(window.language));
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
    adapter.set_persistent(core.keeper.keeps());
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
    adapter.on_choose_theme(move |choice| {
        if let Some(app) = weak.upgrade() {
            app.global::<ShellAdapter>().set_theme(choice);
            // The charts are drawn again, in other colours.
            view().borrow_mut().shown_at = None;
            kept("theme", theme_name(choice).into());
        }
    });
    let (weak, kept) = (app.as_weak(), keep.clone());
    adapter.on_choose_language(move |choice| {
        if let Some(app) = weak.upgrade() {
            let (language, name) = language_of(choice);
            app.global::<SettingsAdapter>().set_language(choice);
            language::speak(language);
            say_again(&app);
            kept("language", name.into());
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
    adapter.on_save_identity(move |name, tracker| {
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
    app.global::<LibraryAdapter>()
        .on_choose_layout(move |grid| {
            if let Some(app) = weak.upgrade() {
                app.global::<LibraryAdapter>().set_grid(grid);
                let name = if grid { "grid" } else { "list" };
                keep("library_layout", name.into());
            }
        });
}
