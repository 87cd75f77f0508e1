//! The commented files in `config/` equal the built-in defaults and list every key.

use std::path::Path;

use swarmplay::config::Config;
use swarmplay::config::load;

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name)
}

/// All `section.key`s of a file, and those without a comment above them.
fn keys(name: &str) -> (Vec<String>, Vec<String>) {
    let text = std::fs::read_to_string(path(name)).expect("file");
    let (mut section, mut keys, mut bare) = (String::new(), Vec::new(), Vec::new());
    let mut commented = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let key = format!("{section}.{key}");
            if !commented {
                bare.push(key.clone());
            }
            keys.push(key);
        }
        commented = line.starts_with('#');
    }
    (keys, bare)
}

#[test]
fn default_files_equal_built_in_defaults() {
    for name in ["tracker.toml", "client.toml"] {
        let loaded = load(Some(&path(name)), &[]).expect("valid");
        assert_eq!(loaded, Config::default(), "{name}");
    }
}

#[test]
fn every_key_is_listed_with_a_comment() {
    let (tracker, bare_tracker) = keys("tracker.toml");
    let (client, bare_client) = keys("client.toml");
    assert!(
        bare_tracker.is_empty() && bare_client.is_empty(),
        "{bare_tracker:?} {bare_client:?}"
    );
    // The structs name their fields in their debug form: `section: Struct { key: …`.
    let text = format!("{:#?}", Config::default());
    let mut section = String::new();
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let Some((name, _)) = line.trim().split_once(": ") else {
            continue;
        };
        match depth {
            4 => section = name.to_owned(),
            8 => {
                let key = format!("{section}.{name}");
                assert!(
                    tracker.contains(&key) || client.contains(&key),
                    "{key} is missing"
                );
            }
            _ => {}
        }
    }
}

#[test]
fn modes_have_separate_default_data_directories() {
    let mut config = Config::default();
    let (films, music) = (config.data_dir("video"), config.data_dir("audio"));
    assert_eq!(films.parent(), music.parent());
    assert_ne!(films, music);
    config.store.data_dir = "/srv/swarmplay".into();
    assert_eq!(config.data_dir("video"), Path::new("/srv/swarmplay"));
}
