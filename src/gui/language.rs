//! The window's language: which one, and its texts.
//!
//! Texts of `ui/` go through Slint's `@tr`, those made here through [`tr::tr!`]; both
//! are looked up in the same catalogues, `ui/lang/<language>/LC_MESSAGES/swarmplay.po`.
//! Without one a text is English, as it stands in the source.

use std::borrow::Cow;
use std::collections::HashMap;

use tr::{Translator, tr};

use crate::config::Language;
use crate::config::units::UnitError;
use crate::library::AddError;

/// The catalogues: language, and its messages.
const CATALOGUES: [(Language, &str, &str); 3] = [
    (
        Language::De,
        "de",
        include_str!("../../ui/lang/de/LC_MESSAGES/swarmplay.po"),
    ),
    (
        Language::Pt,
        "pt",
        include_str!("../../ui/lang/pt/LC_MESSAGES/swarmplay.po"),
    ),
    (
        Language::Es,
        "es",
        include_str!("../../ui/lang/es/LC_MESSAGES/swarmplay.po"),
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

/// Sayings of other actors, several with commas between them, each one in the
/// window's language if it is known here.
pub fn of_actors(sayings: &str) -> String {
    let said = sayings
        .split(", ")
        .map(|saying| known(saying).unwrap_or(saying.to_owned()));
    said.collect::<Vec<_>>().join(", ")
}

/// A saying of another actor in the window's language; `None` for one that is made of
/// what happened.
fn known(saying: &str) -> Option<String> {
    Some(match saying {
        // Why the tracker chose a peer.
        "has all" => tr!("has all"),
        "has what plays next" => tr!("has what plays next"),
        "has a part" => tr!("has a part"),
        "same network" => tr!("same network"),
        "near" => tr!("near"),
        "free uplink" => tr!("free uplink"),
        "server" => tr!("server"),
        "watches the same part" => tr!("watches the same part"),
        "ahead of you" => tr!("ahead of you"),
        "kept in reserve" => tr!("kept in reserve"),
        // Why a player waits.
        "nobody online has this part" => tr!("nobody online has this part"),
        "who has this part gives nothing at present" => {
            tr!("who has this part gives nothing at present")
        }
        "the sources are too slow" => tr!("the sources are too slow"),
        "the disk is full or fails" => tr!("the disk is full or fails"),
        "your download limit" => tr!("your download limit"),
        "this machine decodes too slowly" => tr!("this machine decodes too slowly"),
        // Why something cannot be stored, or not now.
        "store.quota is used up by what plays and what is pinned; raise it" => {
            tr!("the space for downloads is used up by what plays and what is kept")
        }
        "the disk of the data directory is full; free space or lower store.quota" => {
            tr!("the disk is full")
        }
        "it is being kept for good already" => tr!("it is being kept for good already"),
        // Why there is no tracker.
        "connecting" => tr!("connecting"),
        _ => return None,
    })
}

/// Why a path cannot be shared.
pub fn add_error(error: &AddError) -> String {
    match error {
        AddError::Unreadable { path, reason } => {
            tr!("{} cannot be read: {}", path.display(), reason)
        }
        AddError::Known(path) => tr!("{} is shared already", path.display()),
    }
}

/// Why what was typed is no quantity.
pub fn unit_error(error: &UnitError) -> String {
    let text = &error.text;
    match error.what {
        "a size" => tr!("“{}” is no size: write 20 GiB or 500 MB", text),
        "an amount" => tr!("“{}” is no amount: write 10 GiB or unlimited", text),
        "a rate" => tr!(
            "“{}” is no rate: write 8 Mbit/s, 1 MiB/s or unlimited",
            text
        ),
        _ => error.to_string(),
    }
}

/// `German` for `deu` or `de`; of languages that are rare here the English name, of
/// what is no language the code.
pub fn name_of(code: &str) -> String {
    let known = isolang::Language::from_639_3(code);
    let Some(known) = known.or_else(|| isolang::Language::from_639_1(code)) else {
        return code.to_uppercase();
    };
    match known.to_name() {
        "Arabic" => tr!("Arabic"),
        "Bulgarian" => tr!("Bulgarian"),
        "Chinese" => tr!("Chinese"),
        "Croatian" => tr!("Croatian"),
        "Czech" => tr!("Czech"),
        "Danish" => tr!("Danish"),
        "Dutch" => tr!("Dutch"),
        "English" => tr!("English"),
        "Finnish" => tr!("Finnish"),
        "French" => tr!("French"),
        "German" => tr!("German"),
        "Hebrew" => tr!("Hebrew"),
        "Hindi" => tr!("Hindi"),
        "Hungarian" => tr!("Hungarian"),
        "Italian" => tr!("Italian"),
        "Japanese" => tr!("Japanese"),
        "Korean" => tr!("Korean"),
        "Norwegian" => tr!("Norwegian"),
        "Polish" => tr!("Polish"),
        "Portuguese" => tr!("Portuguese"),
        "Romanian" => tr!("Romanian"),
        "Russian" => tr!("Russian"),
        "Spanish" => tr!("Spanish"),
        "Swedish" => tr!("Swedish"),
        "Turkish" => tr!("Turkish"),
        "Ukrainian" => tr!("Ukrainian"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests;
