//! Changes to the user's TOML file: what is not changed stays as it is, comments too.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Value};

use crate::config::CLIENT_FILE;

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is not TOML.
    #[error("{}: {error}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with its line.
        error: Box<toml_edit::TomlError>,
    },
}

/// Sets keys of the file at `path`, each given as section, key and value. A file that
/// does not exist begins as the default one of a client, with its folder. It changes
/// at once or not at all.
///
/// # Errors
/// [`EditError`]; the file is then as it was.
pub fn set(path: &Path, changes: Vec<(&str, &str, Value)>) -> Result<(), EditError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| EditError::File { path, error }
    };
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => CLIENT_FILE.to_owned(),
        text => text.map_err(failed(path))?,
    };
    let parsed = text.parse::<DocumentMut>();
    let mut document = parsed.map_err(|error| EditError::NotToml {
        path: path.to_owned(),
        error: Box::new(error),
    })?;
    for (section, key, value) in changes {
        if !document.contains_key(section) {
            document[section] = toml_edit::table();
        }
        document[section][key] = toml_edit::value(value);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    let new = path.with_extension("toml.new");
    std::fs::write(&new, document.to_string()).map_err(failed(&new))?;
    std::fs::rename(&new, path).map_err(failed(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::load;

    #[test]
    fn a_new_file_is_the_default_one_with_its_comments_and_the_change() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("deep/client.toml");
        let folders = Value::from_iter(["/films \"new\""]);
        let changes = vec![
            ("client", "name", "desk".into()),
            ("library", "folders", folders),
        ];
        set(&path, changes).expect("writes");
        let text = std::fs::read_to_string(&path).expect("is there");
        let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(comments(&text), comments(CLIENT_FILE));
        let config = load(Some(&path), &[]).expect("is right");
        assert_eq!(config.client.name, "desk");
        assert_eq!(config.library.folders, [PathBuf::from("/films \"new\"")]);
    }

    #[test]
    fn what_a_person_wrote_stays() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("mine.toml");
        std::fs::write(&path, "# mine\n[client]\ntracker = \"a:1\" # home\n").expect("writes");
        set(&path, vec![("limits", "upload", "8 Mbit/s".into())]).expect("changes");
        let text = std::fs::read_to_string(&path).expect("is there");
        assert!(
            text.starts_with("# mine\n[client]\ntracker = \"a:1\" # home\n"),
            "{text}"
        );
        let config = load(Some(&path), &[]).expect("is right");
        assert_eq!(config.limits.upload.0, Some(1_000_000));
    }

    #[test]
    fn a_broken_file_is_not_touched() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("broken.toml");
        std::fs::write(&path, "[client\n").expect("writes");
        let error = set(&path, vec![("client", "name", "x".into())]).expect_err("broken");
        assert!(error.to_string().contains("line 1"), "{error}");
        assert_eq!(
            std::fs::read_to_string(&path).expect("is there"),
            "[client\n"
        );
    }
}
