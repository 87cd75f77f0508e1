//! Selection of the language, and completeness of the catalogues.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::io_failure::IoFailure;
use engine::media::MediaFailure;
use engine::protocol::{KickReason, PathReason};
use engine::store::StoreError;
use engine::units::UnitError;
use rspolib::POEntry;

use super::*;
use crate::app::StartError;
use crate::config::{ConfigError, EditError};
use crate::gui::text::reasons::{
    add_error, config_error, edit_error, link_state, path_reasons, skip_reason, start_error,
    store_error, unit_error,
};
use crate::library::{AddError, SkipReason};
use crate::tracker_client::{LinkFailure, LinkState};

#[test]
fn locale_selects_a_catalogue_or_english() {
    let of = |locale: &str| of_locale(Some(locale.into()));
    assert_eq!(of("de-DE"), Language::De);
    assert_eq!(of("pt_BR.UTF-8"), Language::Pt);
    assert_eq!(of("es"), Language::Es);
    assert_eq!(of("en-GB"), Language::En);
    assert_eq!(of("fr-FR"), Language::En);
    assert_eq!(of_locale(None), Language::En);
}

#[test]
fn plural_form_follows_the_number() {
    let (.., messages) = CATALOGUES[0];
    let german = Catalogue::of(rspolib::pofile(messages).expect("a catalogue"));
    let songs = |number| german.ntranslate(number, "1 song", "{n} songs", None);
    assert_eq!(songs(1), "1 Song");
    assert_eq!(songs(0), "{n} Songs");
    assert_eq!(songs(7), "{n} Songs");
    assert_eq!(german.translate("unheard of", None), "unheard of");
}

/// Error of a missing file.
fn gone() -> std::io::Error {
    std::io::Error::from_raw_os_error(libc::ENOENT)
}

#[test]
fn skip_reasons_are_translated() {
    let failure = IoFailure::from(&gone());
    let reasons = [
        (
            SkipReason::Unreadable(failure),
            "cannot be read: no such file or folder",
        ),
        (
            SkipReason::NoProbe {
                program: "ffprobe".into(),
                error: failure,
            },
            "cannot run ffprobe: no such file or folder; install ffmpeg (on Debian: apt \
             install ffmpeg)",
        ),
        (SkipReason::ProbeTimeout(30), "ffprobe timed out after 30 s"),
        (
            SkipReason::NotMedia(MediaFailure::InvalidData),
            "damaged file or unsupported format",
        ),
        (
            SkipReason::NotMedia(MediaFailure::MissingIndex),
            "not a media file, or damaged: incomplete file: the index is missing",
        ),
        (SkipReason::SymlinkLoop, "circular link"),
    ];
    for (reason, text) in reasons {
        assert_eq!(skip_reason(&reason), text);
    }
}

#[test]
fn store_errors_are_translated() {
    let disk = StoreError::Disk(IoFailure::from(&gone()));
    let text = "disk error: no such file or folder";
    assert_eq!(store_error(&disk), text);
    assert_eq!(store_error(&StoreError::DiskFull), "the disk is full");
}

/// All reasons of the tracker and the swarm.
fn typed_reasons() -> Vec<String> {
    use KickReason::{Full, Other, Protocol, Replaced, Shutdown, Version};
    use PathReason::{
        Ahead, FreeUplink, HasAll, HasPart, HasRange, Near, Origin, Reserve, SameNetwork, Together,
    };
    let kicks = [Full, Replaced, Version, Protocol, Shutdown, Other].map(LinkState::Refused);
    let failures = [
        LinkFailure::UnknownHost,
        LinkFailure::NotATracker,
        LinkFailure::TimedOut,
        LinkFailure::Closed,
        LinkFailure::Protocol,
        LinkFailure::BrokenOff,
        LinkFailure::Io((&gone()).into()),
    ];
    let paths = [
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
    let mut states = vec![LinkState::Connecting];
    states.extend(kicks);
    states.extend(failures.map(LinkState::Unreachable));
    let states = states.into_iter().map(link_state);
    states
        .chain(paths.map(|reason| path_reasons(&[reason])))
        .collect()
}

#[test]
fn every_typed_reason_is_in_every_catalogue() {
    for (_, code, messages) in CATALOGUES {
        let catalogue = Catalogue::of(rspolib::pofile(messages).expect("a catalogue"));
        for reason in typed_reasons() {
            assert!(!reason.is_empty());
            assert!(catalogue.get(&reason, 0).is_some(), "{code}: {reason}");
        }
    }
}

/// Asserts that every catalogue has the English text, or a template that it fills.
#[track_caller]
pub(in crate::gui::text) fn assert_translated(text: &str) {
    for (_, code, messages) in CATALOGUES {
        let catalogue = Catalogue::of(rspolib::pofile(messages).expect("a catalogue"));
        let mut known = catalogue.0.iter().filter(|(id, _)| fills(text, id));
        let translated = known.any(|(_, forms)| forms.iter().all(|form| !form.is_empty()));
        assert!(translated, "{code}: no translation of {text:?}");
    }
}

/// True if a text is a template, or a template around one value. Templates of little
/// but their value would fit any text.
fn fills(text: &str, template: &str) -> bool {
    let around = |(before, after): (&str, &str)| {
        before.len() + after.len() >= 8 && text.starts_with(before) && text.ends_with(after)
    };
    template == text || template.split_once("{}").is_some_and(around)
}

#[test]
fn configuration_errors_name_file_and_cause() {
    let path = std::path::PathBuf::from("/c.toml");
    let told = edit_error(&EditError::NotToml {
        path: path.clone(),
        line: 1,
        problem: "unclosed table".into(),
    });
    let expected = "/c.toml: error in line 1: unclosed table";
    assert_eq!(told, expected);
    let missing = "no such file or folder";
    let told = edit_error(&EditError::File {
        path: path.clone(),
        error: gone(),
    });
    assert_eq!(told, format!("/c.toml: {missing}"));
    let told = config_error(&ConfigError::Unreadable {
        path: path.clone(),
        error: gone(),
    });
    assert_eq!(told, format!("/c.toml cannot be read: {missing}"));
    let told = add_error(&AddError::Unreadable {
        path: path.clone(),
        error: IoFailure::from(&gone()),
    });
    assert_eq!(told, format!("/c.toml cannot be read: {missing}"));
    let told = start_error(
        &StartError::DataDir {
            path,
            error: gone(),
        }
        .into(),
    );
    let expected = format!("cannot use data directory /c.toml: {missing}");
    assert_eq!(told, expected);
}

/// Collects texts below a folder: string literals after `call`, with their plural.
fn texts(folder: &Path, extension: &str, call: &str, into: &mut BTreeSet<String>) {
    for entry in walkdir::WalkDir::new(folder) {
        let path = entry.expect("a folder").into_path();
        let own = path.ends_with("language/tests.rs");
        if own || path.extension().is_none_or(|e| e != extension) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        for (at, _) in text.match_indices(call) {
            // `call` may be the end of a longer name.
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

/// Placeholders of a text, in any order.
fn placeholders(text: &str) -> BTreeMap<&str, usize> {
    let mut placeholders = BTreeMap::new();
    for part in text.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or(part);
        *placeholders.entry(name).or_default() += 1;
    }
    placeholders
}

#[test]
fn catalogues_translate_every_text_with_its_placeholders() {
    let texts = all_texts();
    assert!(texts.len() > 200, "only {} found", texts.len());
    for (_, code, messages) in CATALOGUES {
        let catalogue = rspolib::pofile(messages).expect("a catalogue");
        let entries: Vec<&POEntry> = catalogue.entries.iter().filter(|e| !e.obsolete).collect();
        let mut known = BTreeSet::new();
        for entry in &entries {
            assert!(!entry.fuzzy(), "{code}: {} is fuzzy", entry.msgid);
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
                assert_eq!(placeholders(source), placeholders(said), "{code}: {said}");
            }
        }
        let missing: Vec<_> = texts.difference(&known).collect();
        assert!(missing.is_empty(), "{code}: missing: {missing:#?}");
        let left: Vec<_> = known.difference(&texts).collect();
        assert!(left.is_empty(), "{code}: unused: {left:#?}");
    }
}

#[test]
fn unit_errors_give_an_example() {
    use engine::units::{ByteRate, ByteSize, TransferCap};
    let told = |error: UnitError| unit_error(&error);
    let size = "much".parse::<ByteSize>().map_err(told);
    assert_eq!(
        size,
        Err("Invalid size “much”: enter for example 20 GiB or 500 MB".into())
    );
    let amount = "much".parse::<TransferCap>().map_err(told);
    let expected = "Invalid amount “much”: enter for example 10 GiB or unlimited";
    assert_eq!(amount, Err(expected.into()));
    let rate = "much".parse::<ByteRate>().map_err(told);
    let expected = "Invalid rate “much”: enter for example 8 Mbit/s, 1 MiB/s or unlimited";
    assert_eq!(rate, Err(expected.into()));
}
