//! The window's language: which one, and its texts.
//!
//! Texts of `ui/` go through Slint's `@tr`, those made here through [`tr::tr!`]; both
//! are looked up in the same catalogues, `ui/lang/<language>/LC_MESSAGES/swarmplay.po`.
//! Without one a text is English, as it stands in the source.
//!
//! Errors and reasons of other actors are translated in [`reasons`](super::reasons).

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use engine::scheduler::StallCause;
use engine::units::{Unit, UnitError};
use tr::{Translator, tr};

use crate::app::StartError;
use crate::config::{ConfigError, EditError, Language};
use crate::gui::text::reasons::{index_error, io_error};

/// The catalogues: language, and its messages.
const CATALOGUES: [(Language, &str, &str); 3] = [
    (
        Language::De,
        "de",
        include_str!("../../../ui/lang/de/LC_MESSAGES/swarmplay.po"),
    ),
    (
        Language::Pt,
        "pt",
        include_str!("../../../ui/lang/pt/LC_MESSAGES/swarmplay.po"),
    ),
    (
        Language::Es,
        "es",
        include_str!("../../../ui/lang/es/LC_MESSAGES/swarmplay.po"),
    ),
];

/// The language that the system speaks, if there is a catalogue for it.
fn of_system(locale: Option<String>) -> Language {
    let locale = locale.unwrap_or_default().to_lowercase();
    let name = locale.split(['-', '_', '.', '@']).next();
    let known = CATALOGUES.iter().find(|(_, code, _)| Some(*code) == name);
    known.map_or(Language::En, |(language, ..)| *language)
}

/// Everything that is said from now on is said in this language. A window must have
/// been made: its texts follow at once.
pub fn speak(language: Language) {
    let language = match language {
        Language::System => of_system(sys_locale::get_locale()),
        chosen => chosen,
    };
    let known = CATALOGUES.iter().find(|(of, ..)| *of == language);
    let code = known.map_or("en", |(_, code, _)| code);
    if let Err(error) = slint::select_bundled_translation(code) {
        tracing::warn!(%error, code, "the window stays English");
    }
    let Some((.., messages)) = known else {
        return tr::unset_translator!();
    };
    match rspolib::pofile(*messages) {
        Ok(file) => tr::set_translator!(Catalogue::of(file)),
        Err(error) => tracing::warn!(?error, code, "some texts stay English"),
    }
}

/// Texts, and how they are said; with a number in them, of one thing and of several.
struct Catalogue(HashMap<String, Vec<String>>);

impl Catalogue {
    fn of(file: rspolib::POFile) -> Self {
        let said = file
            .entries
            .into_iter()
            .map(|entry| match entry.msgid_plural {
                Some(_) => (entry.msgid, entry.msgstr_plural),
                None => (entry.msgid, entry.msgstr.into_iter().collect()),
            });
        Self(said.collect())
    }

    fn get(&self, text: &str, form: usize) -> Option<&str> {
        let said = self.0.get(text)?.get(form)?;
        (!said.is_empty()).then_some(said)
    }
}

impl Translator for Catalogue {
    fn translate<'a>(&'a self, text: &'a str, _: Option<&'a str>) -> Cow<'a, str> {
        self.get(text, 0).unwrap_or(text).into()
    }

    /// All languages here tell one thing from any other number.
    fn ntranslate<'a>(
        &'a self,
        number: u64,
        one: &'a str,
        several: &'a str,
        _: Option<&'a str>,
    ) -> Cow<'a, str> {
        let (form, text) = if number == 1 { (0, one) } else { (1, several) };
        self.get(one, form).unwrap_or(text).into()
    }
}

/// Text of the cause of a stall.
pub fn stall_text(cause: StallCause) -> String {
    match cause {
        StallCause::NoSource => tr!("no source has this part"),
        StallCause::SlowSource => tr!("sources are too slow"),
        StallCause::Choked => tr!("sources are not sending at the moment"),
        StallCause::Disk => tr!("the disk is full or failing"),
        StallCause::OwnLimit => tr!("download limit reached"),
        StallCause::Decoder => tr!("this device decodes too slowly"),
    }
}

/// Why the user's file was not changed.
pub fn edit_error(error: &EditError) -> String {
    match error {
        EditError::File { path, error } => {
            let why = io_error(error);
            format!("{}: {why}", path.display())
        }
        EditError::NotToml {
            path,
            line,
            problem,
        } => mistake(path, *line, problem),
    }
}

/// Why a configuration was refused. What is wrong with a value is told as the program
/// says it: it speaks of keys.
pub fn config_error(error: &ConfigError) -> String {
    match error {
        ConfigError::Unreadable { path, error } => {
            let why = io_error(error);
            tr!("{} cannot be read: {}", path.display(), why)
        }
        ConfigError::InFile {
            path,
            line,
            problem,
        } => mistake(path, *line, problem),
        ConfigError::Override { .. } | ConfigError::BadSet(_) => error.to_string(),
    }
}

fn mistake(file: &Path, line: usize, what: &str) -> String {
    let file = file.display();
    tr!("{}: error in line {}: {}", file, line, what)
}

/// Why the program cannot start.
pub fn start_error(error: &anyhow::Error) -> String {
    match error.downcast_ref::<StartError>() {
        Some(StartError::DataDir { path, error }) => {
            let why = io_error(error);
            tr!("cannot use data directory {}: {}", path.display(), why)
        }
        Some(StartError::Index(error)) => index_error(error),
        Some(StartError::Listen {
            key,
            address,
            error,
        }) => {
            let why = io_error(error);
            tr!("{}: cannot listen on {}: {}", key, address, why)
        }
        None => format!("{error:#}"),
    }
}

/// Why what was typed is no quantity.
pub fn unit_error(error: &UnitError) -> String {
    let text = &error.text;
    match error.unit {
        Unit::Size => tr!(
            "Invalid size “{}”: enter for example 20 GiB or 500 MB",
            text
        ),
        Unit::Amount => tr!(
            "Invalid amount “{}”: enter for example 10 GiB or unlimited",
            text
        ),
        Unit::Rate => tr!(
            "Invalid rate “{}”: enter for example 8 Mbit/s, 1 MiB/s or unlimited",
            text
        ),
        Unit::Duration => error.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests;
