//! The window's language: which one, and its texts.
//!
//! Texts of `ui/` go through Slint's `@tr`, those made here through [`tr::tr!`]; both
//! are looked up in the same catalogues, `ui/lang/<language>/LC_MESSAGES/swarmplay.po`.
//! Without one a text is English, as it stands in the source.

use tr::{PoTranslator, tr};

use crate::config::Language;

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
    match PoTranslator::from_vec_u8(messages.as_bytes().to_vec()) {
        Ok(translator) => tr::set_translator!(translator),
        Err(error) => tracing::warn!(?error, code, "some texts stay English"),
    }
}

/// Sayings of other actors, several with commas between them, each one looked up by
/// itself.
pub fn of_actors(sayings: &str) -> String {
    let said = sayings
        .split(", ")
        .map(|saying| match saying.contains(['{', '}']) {
            // Not one of ours: it would be taken for a place to fill in.
            true => saying.to_owned(),
            false => tr!(saying),
        });
    said.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
