//! What a person sees who got a configuration wrong.

use std::io::Write;

use engine::units::{ByteRate, ByteSize};

use super::*;

/// Loads `text` as a file and returns the error's text.
fn refused(text: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(text.as_bytes()).expect("write");
    let error = load(Some(file.path()), &[]).expect_err("must be refused");
    let path = file.path().display().to_string();
    error.to_string().replace(&path, "FILE")
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let error = refused("[client]\n# who\nnmae = \"x\"\n");
    assert_eq!(error, "FILE:3: unknown key `nmae`; did you mean `name`?");
}

#[test]
fn an_unknown_section_is_refused() {
    let error = refused("[clinet]\nname = \"x\"\n");
    assert!(error.starts_with("FILE:1: unknown key `clinet`"), "{error}");
    assert!(error.contains("`client`"), "{error}");
}

#[test]
fn a_wrong_type_names_line_key_and_what_was_expected() {
    let error = refused("[limits]\nmax_peers = \"many\"\n");
    assert!(error.starts_with("FILE:2: max_peers:"), "{error}");
    let error = refused("[store]\n\nquota = \"lots\"\n");
    assert!(error.starts_with("FILE:3: quota:"), "{error}");
    assert!(error.contains("20 GiB"), "{error}");
}

#[test]
fn an_impossible_value_names_line_and_key() {
    let error = refused("[tracker]\nheartbeat = \"10 s\"\ntimeout = \"5 s\"\n");
    assert_eq!(
        error,
        "FILE:3: tracker.timeout: must be at least twice tracker.heartbeat"
    );
}

#[test]
fn a_syntax_error_names_its_line() {
    let error = refused("[client]\nname = \n");
    assert!(error.starts_with("FILE:2:"), "{error}");
}

#[test]
fn set_wins_over_the_file() {
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
fn a_bad_set_is_blamed_by_name() {
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
fn a_missing_file_is_an_error() {
    let error = load(Some(Path::new("/nonexistent/x.toml")), &[]).expect_err("refused");
    assert!(error.to_string().contains("/nonexistent/x.toml"));
}
