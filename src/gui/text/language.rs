//! Language of the window.
//!
//! Texts of `ui/` are marked with Slint's `@tr`, those of `src/` with [`tr::tr!`]. Both
//! use the same catalogues, `ui/lang/<language>/LC_MESSAGES/swarmplay.po`. A text without
//! a translation stays English, as in the source.
//!
//! Errors and reasons of other actors are translated in [`reasons`](super::reasons).

use std::borrow::Cow;
use std::collections::HashMap;

use tr::Translator;

use crate::config::Language;

/// Languages with their codes and catalogues.
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

/// Language of a system locale, if there is a catalogue for it; else English.
fn of_locale(locale: Option<String>) -> Language {
    let locale = locale.unwrap_or_default().to_lowercase();
    let name = locale.split(['-', '_', '.', '@']).next();
    let known = CATALOGUES.iter().find(|(_, code, _)| Some(*code) == name);
    known.map_or(Language::En, |(language, ..)| *language)
}

/// Selects the language of all texts. The window must have been created: its texts change
/// at once.
pub fn select(language: Language) {
    let language = match language {
        Language::System => of_locale(sys_locale::get_locale()),
        chosen => chosen,
    };
    let known = CATALOGUES.iter().find(|(of, ..)| *of == language);
    let code = known.map_or("en", |(_, code, _)| code);
    if let Err(error) = slint::select_bundled_translation(code) {
        tracing::warn!(%error, code, "failed to select the language of the window");
    }
    let Some((.., messages)) = known else {
        return tr::unset_translator!();
    };
    match rspolib::pofile(*messages) {
        Ok(file) => tr::set_translator!(Catalogue::of(file)),
        Err(error) => tracing::warn!(?error, code, "failed to parse a catalogue"),
    }
}

/// Translations by English text: singular, then plural.
struct Catalogue(HashMap<String, Vec<String>>);

impl Catalogue {
    fn of(file: rspolib::POFile) -> Self {
        let texts = file
            .entries
            .into_iter()
            .map(|entry| match entry.msgid_plural {
                Some(_) => (entry.msgid, entry.msgstr_plural),
                None => (entry.msgid, entry.msgstr.into_iter().collect()),
            });
        Self(texts.collect())
    }

    fn get(&self, text: &str, form: usize) -> Option<&str> {
        let translation = self.0.get(text)?.get(form)?;
        (!translation.is_empty()).then_some(translation)
    }
}

impl Translator for Catalogue {
    fn translate<'a>(&'a self, text: &'a str, _: Option<&'a str>) -> Cow<'a, str> {
        self.get(text, 0).unwrap_or(text).into()
    }

    /// All supported languages have one plural form.
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

#[cfg(test)]
pub(super) mod tests;
