//! Tests of precedence and of error messages.

use std::io::Write;

use engine::units::{ByteRate, ByteSize, HumanDuration};

use super::*;
use crate::config::Layout;

/// Error message for a file with this content.
fn refused(text: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(text.as_bytes()).expect("write");
    let error = load(Some(file.path()), &[]).expect_err("must be refused");
    let path = file.path().display().to_string();
    error.to_string().replace(&path, "FILE")
}

#[test]
fn unknown_key_error_names_line_and_nearest_key() {
    let error = refused("[client]\n# who\nnmae = \"x\"\n");
    assert_eq!(error, "FILE:3: unknown key `nmae`; did you mean `name`?");
}

#[test]
fn unknown_section_is_rejected() {
    let error = refused("[clinet]\nname = \"x\"\n");
    assert!(error.starts_with("FILE:1: unknown key `clinet`"), "{error}");
    assert!(error.contains("`client`"), "{error}");
}

#[test]
fn type_error_names_line_key_and_expected_type() {
    let error = refused("[limits]\nmax_peers = \"many\"\n");
    assert!(error.starts_with("FILE:2: max_peers:"), "{error}");
    let error = refused("[store]\n\nquota = \"lots\"\n");
    assert!(error.starts_with("FILE:3: quota:"), "{error}");
    assert!(error.contains("20 GiB"), "{error}");
}

#[test]
fn validation_error_names_line_and_key() {
    let error = refused("[tracker]\nheartbeat = \"10 s\"\ntimeout = \"5 s\"\n");
    assert_eq!(
        error,
        "FILE:3: tracker.timeout: must be at least twice tracker.heartbeat"
    );
}

#[test]
fn syntax_error_names_its_line() {
    let error = refused("[client]\nname = \n");
    assert!(error.starts_with("FILE:2:"), "{error}");
}

#[test]
fn set_overrides_the_file() {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    writeln!(file, "[limits]\nupload = \"1 Mbit/s\"\n").expect("write");
    let sets = [
        "limits.upload=8 Mbit/s".to_owned(),
        "library.folders=/a:/b".to_owned(),
        "limits.max_peers=5".to_owned(),
    ];
    let config = load(Some(file.path()), &sets).expect("valid");
    assert_eq!(config.limits.upload, ByteRate(Some(1_000_000)));
    assert_eq!(config.limits.max_peers, 5);
    assert_eq!(config.library.folders.len(), 2);
    assert_eq!(config.store.quota, ByteSize::gib(20));
}

#[test]
fn invalid_set_is_named_as_origin() {
    let error = load(None, &["limits.max_peers=0".into()]).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "--set limits.max_peers=0: limits.max_peers: must be at least 1"
    );
    let error = load(None, &["limits.uplaod=1 Mbit/s".into()]).expect_err("refused");
    assert!(error.to_string().contains("`upload`"), "{error}");
    assert!(load(None, &["nonsense".into()]).is_err());
}

#[test]
fn missing_file_is_an_error() {
    let error = load(Some(Path::new("/nonexistent/x.toml")), &[]).expect_err("refused");
    assert!(error.to_string().contains("/nonexistent/x.toml"));
}

#[test]
fn old_keys_load_with_warnings_that_name_the_new_ones() {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    writeln!(file, "[stream]\nurgent = \"3 s\"\n").expect("write");
    let sets = ["window.films=list".to_owned()];
    let (config, warnings) = load_with_warnings(Some(file.path()), &sets).expect("valid");
    assert_eq!(config.stream.critical_window, HumanDuration::secs(3));
    assert_eq!(config.window.library_layout, Layout::List);
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let path = file.path().display();
    let expected = [
        format!("{path}:2: key `stream.urgent` was renamed to `stream.critical_window`"),
        "--set window.films=list: key `window.films` was renamed to `window.library_layout`"
            .to_owned(),
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn new_key_of_set_overrides_old_key_of_the_file() {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    writeln!(file, "[library]\npreviews = false\n").expect("write");
    let sets = ["library.sidecars=true".to_owned()];
    let config = load(Some(file.path()), &sets).expect("valid");
    assert!(config.library.sidecars);
}
