//! Foreign crates and side effects, each in one folder.

use super::expect_none;
use super::source::{Source, crates, named_paths};

/// A path's beginning, and the files or folders that may name it.
const BORDERS: [(&[&str], &[&str]); 10] = [
    (
        &["prost"],
        &["src/wire.rs", "src/wire/convert.rs", "src/wire/convert"],
    ),
    (&["tokio", "net"], &["src/net"]),
    (&["actix_web"], &["src/http.rs", "src/http"]),
    (&["slint"], &["src/gui.rs", "src/gui"]),
    (&["kira"], &["src/player/sound"]),
    (&["cpal"], &["src/player/sound"]),
    (
        &["rtrb"],
        &[
            "src/player/sound",
            "src/player/pipeline",
            "src/player/pipeline.rs",
        ],
    ),
    (
        &["redb"],
        &["src/library/index.rs", "src/player/history_file.rs"],
    ),
    (&["notify"], &["src/library"]),
    (
        &["std", "process"],
        &[
            "src/ffmpeg",
            // Exit codes, and the abort after a panic.
            "src/main.rs",
            "src/cli.rs",
            "src/runtime.rs",
            // The process id, part of a name on the session bus.
            "src/gui/desktop/media_keys.rs",
            // Other players, which outlive the window.
            "src/gui/desktop/open_with.rs",
        ],
    ),
];

fn crossings(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        let paths = named_paths(source);
        for (beginning, allowed) in BORDERS {
            let inside = allowed.iter().any(|place| source.path.starts_with(place));
            let named = paths.iter().any(|path| {
                path.len() >= beginning.len() && path.iter().zip(beginning).all(|(a, b)| a == b)
            });
            if named && !inside {
                let path = source.path.display();
                violations.push(format!("{path}: names `{}`", beginning.join("::")));
            }
        }
    }
    violations
}

#[test]
fn foreign_crates_stay_in_their_folders() {
    expect_none(&crossings(&crates()));
}

#[test]
fn crossing_is_found() {
    let sample = [Source::new(
        "src/swarm/actor.rs",
        "use tokio::{net::TcpStream, time};",
    )];
    assert_eq!(crossings(&sample).len(), 1);
    let inline = [Source::new("src/cli/get.rs", "fn f() { kira::start(); }")];
    assert_eq!(crossings(&inline).len(), 1);
}
