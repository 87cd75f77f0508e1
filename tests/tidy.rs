//! The rules of the house that a machine can check. A rule that no test holds is
//! a wish.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Most lines of a file, tests included.
const MAX_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` with this ending, and their text.
fn files(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let walk = walkdir::WalkDir::new(root().join(folder));
    let files = walk.into_iter().map(|entry| entry.expect("readable"));
    files
        .filter(|entry| entry.path().extension().is_some_and(|e| e == ending))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            let path = entry.path().strip_prefix(root()).expect("below").to_owned();
            (path, text)
        })
        .collect()
}

/// Lines of code: no comments, and nothing from the first test module on.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    lines.filter(|line| !line.trim_start().starts_with("//"))
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs")
        || path
            .parent()
            .is_some_and(|folder| folder.ends_with("tests"))
}

#[test]
fn every_file_opens_with_what_it_is_about_and_is_no_longer_than_it_may_be() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in files(folder, "rs") {
            let head = text.lines().next().unwrap_or_default();
            assert!(head.starts_with("//!"), "{} has no head", path.display());
            let lines = text.lines().count();
            assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
        }
    }
    for (path, text) in files("ui", "slint") {
        assert!(text.starts_with("//"), "{} has no head", path.display());
    }
}

/// Who may name what: a word, and where it may stand.
const BORDERS: [(&str, &[&str]); 7] = [
    // One place sees the types that prost generates.
    (
        "prost::",
        &["src/wire.rs", "src/wire/convert.rs", "src/wire/convert"],
    ),
    // One door to the socket (and the socket that opens it).
    ("tokio::net", &["src/wire/link.rs", "src/app/listener.rs"]),
    // One place sees the window.
    ("slint::", &["src/gui.rs", "src/gui"]),
    // Sound, where it goes, and the device below.
    (
        "kira::",
        &[
            "src/player/sound.rs",
            "src/player/output.rs",
            "src/player/device.rs",
        ],
    ),
    ("cpal::", &["src/player/device.rs"]),
    // One place starts ffmpeg to play, one runs it and ffprobe to look at files.
    (
        "std::process::",
        &[
            "src/player/process.rs",
            "src/media/tool.rs",
            "src/cli.rs",
            "src/main.rs",
            // Its own number, for a name on the bus.
            "src/gui/media_keys.rs",
            // Other players, which outlive the window.
            "src/gui/desktop.rs",
        ],
    ),
    ("redb::", &["src/library/index.rs", "src/player/history.rs"]),
];

#[test]
fn borders_are_kept() {
    for (path, text) in files("src", "rs") {
        for (word, allowed) in BORDERS {
            let inside = allowed.iter().any(|place| path.starts_with(place));
            let crossed = code(&text).find(|line| line.contains(word));
            assert!(
                inside || crossed.is_none(),
                "{} names {word}: {crossed:?}",
                path.display()
            );
        }
    }
}

/// Files that decide and do nothing: no actor, no runtime, no clock, no chance.
const PURE: [&str; 31] = [
    "src/integrity/shape.rs",
    "src/integrity/tree.rs",
    "src/media/geometry.rs",
    "src/media/info.rs",
    "src/media/timeline.rs",
    "src/store/ledger.rs",
    "src/store/recent.rs",
    "src/swarm/session.rs",
    "src/swarm/rate.rs",
    "src/swarm/roster.rs",
    "src/swarm/slots.rs",
    "src/scheduler/core.rs",
    "src/scheduler/core/fill.rs",
    "src/scheduler/core/rescue.rs",
    "src/scheduler/core/dispersal.rs",
    "src/scheduler/core/report.rs",
    "src/scheduler/core/tuning.rs",
    "src/swarm/upload.rs",
    "src/scheduler/peer.rs",
    "src/scheduler/peers.rs",
    "src/scheduler/window.rs",
    "src/tracker/registry.rs",
    "src/tracker/planner.rs",
    "src/player/state.rs",
    "src/player/state/reports.rs",
    "src/player/queue.rs",
    "src/player/tracks.rs",
    "src/player/subtitles.rs",
    "src/player/clock.rs",
    "src/gui/view_model.rs",
    "src/gui/view_model/formats.rs",
];

#[test]
fn pure_files_have_no_clock_no_chance_and_no_runtime() {
    let forbidden = [
        "Instant::now",
        "SystemTime::now",
        "rand::rng()",
        "actix",
        "tokio",
        "from_os_rng",
    ];
    for name in PURE {
        let text = std::fs::read_to_string(root().join(name)).expect(name);
        for word in forbidden {
            let found = code(&text).find(|line| line.contains(word));
            assert!(found.is_none(), "{name} uses {word}: {found:?}");
        }
    }
}

#[test]
fn nothing_unfinished_lands_and_panics_say_why_they_cannot_happen() {
    for (path, text) in files("src", "rs") {
        if is_test(&path) {
            continue;
        }
        for line in code(&text) {
            let words = ["unwrap()", "todo!", "unimplemented!", "dbg!", "println!"];
            let found = words
                .iter()
                .find(|word| line.contains(**word) && !line.contains("eprintln!"));
            assert!(found.is_none(), "{}: {line}", path.display());
        }
        for word in ["TODO", "FIXME", "XXX"] {
            assert!(!text.contains(word), "{} has a {word}", path.display());
        }
    }
}

#[test]
fn the_architecture_names_every_module_and_every_message() {
    let document = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it exists");
    for (path, _) in files("src", "rs") {
        if is_test(&path) {
            continue;
        }
        let name = path
            .strip_prefix("src")
            .expect("below src")
            .display()
            .to_string();
        assert!(
            document.contains(&format!("`{name}`")),
            "{name} is not in ARCHITECTURE.md"
        );
    }
    let named = document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.ends_with(".rs"));
    for name in named {
        let exists = root().join("src").join(name).exists() || root().join(name).exists();
        assert!(exists, "ARCHITECTURE.md names {name}, which does not exist");
    }
    let messages: BTreeSet<String> = files("proto", "proto")
        .iter()
        .filter(|(path, _)| path.ends_with("wire.proto"))
        .flat_map(|(_, text)| {
            let fields = text.lines().filter(|line| line.starts_with("    "));
            let kinds = fields.filter_map(|line| line.split_whitespace().nth(1));
            kinds.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert!(messages.len() > 20, "{messages:?}");
    for message in messages {
        assert!(
            document.contains(&message),
            "{message} is not in ARCHITECTURE.md"
        );
    }
}

#[test]
fn the_readme_explains_every_section_of_the_configuration() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("it exists");
    for (_, text) in files("config", "toml") {
        for section in text.lines().filter(|line| line.starts_with('[')) {
            assert!(
                readme.contains(&format!("`{section}`")),
                "{section} is not in README.md"
            );
        }
    }
}

#[test]
fn every_picture_the_readme_shows_exists() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("it exists");
    let links = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(root().join(link).exists(), "README.md links to {link}");
    }
}

/// True if a line of Slint holds a colour such as `#fff` or `#1c2028f0`.
fn has_hex_color(line: &str) -> bool {
    let after_hash = line.split('#').skip(1);
    after_hash
        .map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).count())
        .any(|digits| matches!(digits, 3 | 4 | 6 | 8))
}

#[test]
fn theme_holds_every_color_literal() {
    for (path, text) in files("ui", "slint") {
        let literal = code(&text).find(|line| has_hex_color(line));
        assert!(
            literal.is_none() || path.ends_with("theme.slint"),
            "{}: {literal:?}",
            path.display()
        );
    }
    let constructors = ["Color::from_", "Rgb8Pixel::new(0x", "Rgb8Pixel { r: 0x"];
    for (path, text) in files("src/gui", "rs") {
        let literal = code(&text).find(|line| constructors.iter().any(|word| line.contains(word)));
        assert!(literal.is_none(), "{}: {literal:?}", path.display());
    }
}
