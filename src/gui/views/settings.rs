//! Settings page: choices apply at once and are saved.

use std::rc::Rc;

use slint::ComponentHandle;
use toml_edit::Value;
use tr::tr;

use crate::config::{Language, Layout, Theme};
use crate::gui::context::{Change, Handles, UiContext, spawn};
use crate::gui::models::settings::{Identity, SettingsModel};
use crate::gui::text::reasons::edit_error;
use crate::gui::ui;
use crate::gui::ui::{
    AboutAdapter, AppWindow, LanguageChoice, LibraryAdapter, SettingsAdapter, ShellAdapter,
    ThemeChoice,
};

fn theme_choice(theme: Theme) -> ThemeChoice {
    match theme {
        Theme::System => ThemeChoice::System,
        Theme::Dark => ThemeChoice::Dark,
        Theme::Light => ThemeChoice::Light,
    }
}

/// Theme of a choice, and its name in the configuration file.
fn theme_of(choice: ThemeChoice) -> (Theme, &'static str) {
    match choice {
        ThemeChoice::System => (Theme::System, "system"),
        ThemeChoice::Dark => (Theme::Dark, "dark"),
        ThemeChoice::Light => (Theme::Light, "light"),
    }
}

fn language_choice(language: Language) -> LanguageChoice {
    match language {
        Language::System => LanguageChoice::System,
        Language::En => LanguageChoice::English,
        Language::De => LanguageChoice::German,
        Language::Pt => LanguageChoice::Portuguese,
        Language::Es => LanguageChoice::Spanish,
    }
}

/// Language of a choice, and its name in the configuration file.
fn language_of(choice: LanguageChoice) -> (Language, &'static str) {
    match choice {
        LanguageChoice::System => (Language::System, "system"),
        LanguageChoice::English => (Language::En, "en"),
        LanguageChoice::German => (Language::De, "de"),
        LanguageChoice::Portuguese => (Language::Pt, "pt"),
        LanguageChoice::Spanish => (Language::Es, "es"),
    }
}

/// Renders the settings, here and where they apply.
pub fn render(app: &AppWindow, settings: &SettingsModel) {
    let shell = app.global::<ShellAdapter>();
    shell.set_theme(theme_choice(settings.theme));
    app.global::<ui::Theme>().set_motion(settings.motion);
    let library = app.global::<LibraryAdapter>();
    library.set_grid(settings.layout == Layout::Grid);
    let adapter = app.global::<SettingsAdapter>();
    adapter.set_language(language_choice(settings.language));
    adapter.set_name(settings.name.as_str().into());
    adapter.set_tracker(settings.tracker.as_str().into());
    adapter.set_persistent(settings.persistent);
}

/// Renders the about section.
pub fn render_about(app: &AppWindow, name: &str) {
    let about = app.global::<AboutAdapter>();
    about.set_version(env!("CARGO_PKG_VERSION").into());
    about.set_name(name.into());
}

/// Saves a setting of the window.
fn save(ui: &Rc<UiContext>, handles: &Handles, key: &'static str, value: Value) {
    let saved = handles.settings_file.save(vec![("window", key, value)]);
    let ui = ui.clone();
    spawn(async move {
        if let Err(error) = saved.await {
            ui.toast(tr!("Applied but not saved: {}", edit_error(&error)));
        }
    });
}

/// Connects the page.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let gateway = format!("http://{}", handles.gateway.address);
    app.global::<AboutAdapter>().set_gateway(gateway.into());
    let persistent = handles.settings_file.is_persistent();
    ui.update(Change::Settings, |models| {
        models.settings.persistent = persistent
    });
    let adapter = app.global::<SettingsAdapter>();
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_choose_theme(move |choice| {
        let (theme, name) = theme_of(choice);
        context.update(Change::Settings, |models| {
            models.settings.theme = theme;
            // The charts need new colours.
            models.playback.shown_at = None;
        });
        save(&context, &to, "theme", name.into());
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_choose_language(move |choice| {
        let (language, name) = language_of(choice);
        context.update(Change::Language, |models| {
            models.settings.language = language
        });
        save(&context, &to, "language", name.into());
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_choose_motion(move |motion| {
        context.update(Change::Settings, |models| models.settings.motion = motion);
        save(&context, &to, "motion", motion.into());
    });
    let (context, to) = (ui.clone(), handles.clone());
    let library = app.global::<LibraryAdapter>();
    library.on_choose_layout(move |grid| {
        let (layout, name) = match grid {
            true => (Layout::Grid, "grid"),
            false => (Layout::List, "list"),
        };
        context.update(Change::Settings, |models| models.settings.layout = layout);
        save(&context, &to, "library_layout", name.into());
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_save_identity(
        move |name, tracker| match Identity::checked(&name, &tracker) {
            Ok(identity) => save_identity(&context, &to, identity),
            Err(error) => context.toast(error),
        },
    );
}

/// Saves name and tracker address; they apply at the next start.
fn save_identity(ui: &Rc<UiContext>, handles: &Handles, identity: Identity) {
    let saved = handles.settings_file.save(vec![
        ("client", "name", (&identity.name).into()),
        ("client", "tracker", (&identity.tracker).into()),
    ]);
    let ui = ui.clone();
    spawn(async move {
        match saved.await {
            Ok(()) => {
                ui.update(Change::Settings, |models| {
                    models.settings.name = identity.name;
                    models.settings.tracker = identity.tracker;
                });
                ui.toast(tr!("Restart Swarmplay to apply the change"));
            }
            Err(error) => ui.toast(tr!("Cannot save settings: {}", edit_error(&error))),
        }
    });
}
