//! Edits of the user's TOML file that keep everything else, including comments.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Key, Value};

use crate::config::CLIENT_FILE;
use crate::config::load::line_of;
use crate::config::renamed::{RENAMED, Renamed};

/// Failure to edit a file; the file is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// File or folder.
        path: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: {problem}", path.display())]
    NotToml {
        /// File.
        path: PathBuf,
        /// Line of the syntax error, from 1.
        line: usize,
        /// Message of the TOML parser.
        problem: String,
    },
}

/// Sets keys of the file at `path`, each given as section, key and value. A missing file is
/// created with its folder from the default file of a client. The file is replaced
/// atomically.
///
/// # Errors
/// The file is not TOML, or cannot be read or written.
pub fn edit_file(path: &Path, changes: Vec<(&str, &str, Value)>) -> Result<(), EditError> {
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
        line: line_of(&text, error.span().map_or(0, |span| span.start)),
        problem: error.message().to_owned(),
    })?;
    for (section, key, value) in changes {
        if !document.contains_key(section) {
            document[section] = toml_edit::table();
        }
        rename_old(&mut document[section], section, key);
        document[section][key] = toml_edit::value(value);
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    let new = path.with_extension("toml.new");
    std::fs::write(&new, document.to_string()).map_err(failed(&new))?;
    std::fs::rename(&new, path).map_err(failed(path))
}

/// Replaces the old name of `key` in a section, and keeps its comment.
fn rename_old(section: &mut Item, name: &str, key: &str) {
    let is_key = |renamed: &&Renamed| (renamed.section, renamed.new) == (name, key);
    let Some(renamed) = RENAMED.iter().find(is_key) else {
        return;
    };
    let Some(table) = section.as_table_mut() else {
        // An inline table has no comments.
        if let Some(table) = section.as_inline_table_mut() {
            table.remove(renamed.old);
        }
        return;
    };
    let Some((old, item)) = table.remove_entry(renamed.old) else {
        return;
    };
    if !table.contains_key(key) {
        let new = Key::new(key).with_leaf_decor(old.leaf_decor().clone());
        table.insert_formatted(&new, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::load;

    #[test]
    fn missing_file_is_created_from_the_default() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("deep/client.toml");
        let folders = Value::from_iter(["/films \"new\""]);
        let changes = vec![
            ("client", "name", "desk".into()),
            ("library", "folders", folders),
        ];
        edit_file(&path, changes).expect("writes");
        let text = std::fs::read_to_string(&path).expect("is there");
        let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(comments(&text), comments(CLIENT_FILE));
        let config = load(Some(&path), &[]).expect("is right");
        assert_eq!(config.client.name, "desk");
        assert_eq!(config.library.folders, [PathBuf::from("/films \"new\"")]);
    }

    #[test]
    fn other_lines_and_comments_are_kept() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("mine.toml");
        std::fs::write(&path, "# mine\n[client]\ntracker = \"a:1\" # home\n").expect("writes");
        edit_file(&path, vec![("limits", "upload", "8 Mbit/s".into())]).expect("changes");
        let text = std::fs::read_to_string(&path).expect("is there");
        assert!(
            text.starts_with("# mine\n[client]\ntracker = \"a:1\" # home\n"),
            "{text}"
        );
        let config = load(Some(&path), &[]).expect("is right");
        assert_eq!(config.limits.upload.0, Some(1_000_000));
    }

    #[test]
    fn changed_setting_gets_its_new_name() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("old.toml");
        let old = "[window]\nmotion = false\n# mine\nfilms = \"pictures\"\n";
        std::fs::write(&path, old).expect("writes");
        edit_file(&path, vec![("window", "library_layout", "list".into())]).expect("changes");
        let text = std::fs::read_to_string(&path).expect("is there");
        let new = "[window]\nmotion = false\n# mine\nlibrary_layout = \"list\"\n";
        assert_eq!(text, new);
        edit_file(&path, vec![("window", "motion", true.into())]).expect("changes");
        let config = load(Some(&path), &[]).expect("is right");
        assert!(config.window.motion);
    }

    #[test]
    fn file_with_syntax_error_is_not_changed() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("broken.toml");
        std::fs::write(&path, "# mine\n[client\n").expect("writes");
        let error = edit_file(&path, vec![("client", "name", "x".into())]).expect_err("broken");
        assert!(error.to_string().contains("broken.toml:2: "), "{error}");
        assert_eq!(
            std::fs::read_to_string(&path).expect("is there"),
            "# mine\n[client\n"
        );
    }
}
