//! The catalogues are whole, and spoken where they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rspolib::POEntry;

use super::*;
use crate::scheduler::StallCause;
use crate::store::StoreError;
use crate::wire::PathReason;

#[test]
fn the_language_of_the_system_is_spoken_if_there_is_a_catalogue() {
    let of = |locale: &str| of_system(Some(locale.into()));
    assert_eq!(of("de-DE"), Language::De);
    assert_eq!(of("pt_BR.UTF-8"), Language::Pt);
    assert_eq!(of("es"), Language::Es);
    assert_eq!(of("en-GB"), Language::En);
    assert_eq!(of("fr-FR"), Language::En);
    assert_eq!(of_system(None), Language::En);
}

#[test]
fn numbers_are_told_in_the_right_form() {
    let (.., messages) = CATALOGUES[0];
    let german = Catalogue::of(rspolib::pofile(messages).expect("a catalogue"));
    let songs = |number| german.ntranslate(number, "1 song", "{n} songs", None);
    assert_eq!(songs(1), "1 Song");
    assert_eq!(songs(0), "{n} Songs");
    assert_eq!(songs(7), "{n} Songs");
    assert_eq!(german.translate("unheard of", None), "unheard of");
}

#[test]
fn all_that_actors_say_by_heart_is_known() {
    use PathReason::{
        Ahead, FreeUplink, HasAll, HasPart, HasRange, Near, Origin, Reserve, SameNetwork, Together,
    };
    use StallCause::{Choked, Decoder, Disk, NoSource, OwnLimit, SlowSource};
    let reasons = [
        HasAll,
        HasRange,
        HasPart,
        SameNetwork,
        Near,
        FreeUplink,
        Origin,
        Together,
        Ahead,
        Reserve,
    ];
    let causes = [NoSource, SlowSource, Choked, Disk, OwnLimit, Decoder];
    let said = reasons.map(PathReason::text).into_iter();
    for saying in said.chain(causes.map(StallCause::text)) {
        assert_eq!(known(saying).as_deref(), Some(saying));
    }
    use StoreError::{Busy, DiskFull, QuotaFull};
    for error in [QuotaFull, DiskFull, Busy] {
        assert!(known(&error.to_string()).is_some(), "{error}");
    }
    assert_eq!(of_actors("near, 12 {odd} things"), "near, 12 {odd} things");
}

/// The texts below a folder: what stands between quotes after `call`, with its plural.
fn texts(folder: &Path, extension: &str, call: &str, into: &mut BTreeSet<String>) {
    for entry in walkdir::WalkDir::new(folder) {
        let path = entry.expect("a folder").into_path();
        let own = path.ends_with("language/tests.rs");
        if own || path.extension().is_none_or(|e| e != extension) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        for (at, _) in text.match_indices(call) {
            // Not the end of another name.
            if text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
                continue;
            }
            let mut rest = text[at + call.len()..].trim_start();
            // A text, and its plural.
            for _ in 0..2 {
                let Some(quoted) = rest.strip_prefix('"') else {
                    break;
                };
                let end = quoted.find('"').expect("it ends");
                into.insert(quoted[..end].to_owned());
                rest = quoted[end + 1..].trim_start();
                let Some(plural) = rest.strip_prefix('|') else {
                    break;
                };
                rest = plural.trim_start();
            }
        }
    }
}

/// All texts of the window.
fn all_texts() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = BTreeSet::new();
    texts(&root.join("ui"), "slint", "@tr(", &mut all);
    for folder in ["src/gui", "src/gui.rs", "src/player"] {
        texts(&root.join(folder), "rs", "tr!(", &mut all);
    }
    all
}

/// The places to be filled in, in any order.
fn places(text: &str) -> BTreeMap<&str, usize> {
    let mut places = BTreeMap::new();
    for part in text.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or(part);
        *places.entry(name).or_default() += 1;
    }
    places
}

#[test]
fn every_text_is_in_every_catalogue_with_the_same_places_to_fill_in() {
    let texts = all_texts();
    assert!(texts.len() > 200, "only {} found", texts.len());
    for (_, code, messages) in CATALOGUES {
        let catalogue = rspolib::pofile(messages).expect("a catalogue");
        let entries: Vec<&POEntry> = catalogue.entries.iter().filter(|e| !e.obsolete).collect();
        let mut known = BTreeSet::new();
        for entry in &entries {
            assert!(!entry.fuzzy(), "{code}: {} is a guess", entry.msgid);
            known.insert(entry.msgid.clone());
            let sources = [Some(&entry.msgid), entry.msgid_plural.as_ref()];
            let sources: Vec<&String> = sources.into_iter().flatten().collect();
            known.extend(entry.msgid_plural.clone());
            let said = match entry.msgid_plural {
                Some(_) => entry.msgstr_plural.clone(),
                None => vec![entry.msgstr.clone().unwrap_or_default()],
            };
            assert_eq!(said.len(), sources.len(), "{code}: {}", entry.msgid);
            for (source, said) in sources.into_iter().zip(&said) {
                assert!(!said.is_empty(), "{code}: {source} is not translated");
                assert_eq!(places(source), places(said), "{code}: {said}");
            }
        }
        let missing: Vec<_> = texts.difference(&known).collect();
        assert!(missing.is_empty(), "{code}: not there: {missing:#?}");
        let left: Vec<_> = known.difference(&texts).collect();
        assert!(left.is_empty(), "{code}: no longer said: {left:#?}");
    }
}

#[test]
fn what_was_typed_wrong_is_told_with_what_would_be_right() {
    use crate::config::{Rate, Size, Volume};
    let told = |error: UnitError| unit_error(&error);
    let size = "much".parse::<Size>().map_err(told);
    assert_eq!(
        size,
        Err("“much” is no size: write 20 GiB or 500 MB".into())
    );
    let amount = "much".parse::<Volume>().map_err(told);
    let expected = "“much” is no amount: write 10 GiB or unlimited";
    assert_eq!(amount, Err(expected.into()));
    let rate = "much".parse::<Rate>().map_err(told);
    let expected = "“much” is no rate: write 8 Mbit/s, 1 MiB/s or unlimited";
    assert_eq!(rate, Err(expected.into()));
}
