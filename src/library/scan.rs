//! Walks folders. Blocking.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::library::Skipped;

/// Why a folder is left out that a link in it leads back to.
pub const LOOP: &str = "a loop of links";

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Identity on its file system.
    pub inode: u64,
}

impl Stamp {
    /// The stamp of a file now.
    ///
    /// # Errors
    /// As the system says.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self::from(&std::fs::metadata(path)?))
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(meta: &std::fs::Metadata) -> Self {
        Self {
            size: meta.len(),
            modified_ns: meta.mtime().saturating_mul(1_000_000_000) + meta.mtime_nsec(),
            inode: meta.ino(),
        }
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files, by path.
    pub files: BTreeMap<PathBuf, Stamp>,
    /// Subtitle files, by path: they go with the film beside them.
    pub subtitles: BTreeMap<PathBuf, Stamp>,
    /// What could not be looked at.
    pub unreadable: Vec<Skipped>,
}

/// Walks `folders`, subfolders and links included. Hidden files are left out:
/// they are not meant to be seen.
pub fn walk(folders: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for folder in folders {
        let shown = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.path());
        let walk = WalkDir::new(folder).follow_links(true);
        for entry in walk.into_iter().filter_entry(shown) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => note(&mut found, &entry),
                Ok(_) => {}
                Err(error) => found.unreadable.push(Skipped {
                    path: error.path().unwrap_or(folder).to_owned(),
                    reason: reason(&error),
                }),
            }
        }
    }
    found
}

/// What the system says; only of loops it does not.
fn reason(error: &walkdir::Error) -> String {
    let told = error.io_error().map(ToString::to_string);
    told.unwrap_or_else(|| LOOP.into())
}

fn note(found: &mut Found, entry: &walkdir::DirEntry) {
    let path = entry.path().to_owned();
    match entry.metadata() {
        Ok(meta) => {
            let files = match is_subtitles(&path) {
                true => &mut found.subtitles,
                false => &mut found.files,
            };
            files.insert(path, Stamp::from(&meta));
        }
        Err(error) => found.unreadable.push(Skipped {
            path,
            reason: reason(&error),
        }),
    }
}

fn is_subtitles(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["srt", "vtt"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with('.')
}

/// `~/Films` as a shell would take it.
pub fn expand_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), dirs::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subfolders_are_walked_and_hidden_files_left_out() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).expect("folders");
        std::fs::write(deep.join("film.mp4"), "x").expect("file");
        std::fs::write(deep.join(".part"), "x").expect("file");
        std::os::unix::fs::symlink(folder.path(), deep.join("loop")).expect("link");
        let missing = folder.path().join("missing");
        let found = walk(&[folder.path().to_owned(), missing.clone()]);
        let files: Vec<_> = found.files.keys().collect();
        assert_eq!(files, [&deep.join("film.mp4")]);
        let reasons: Vec<_> = found.unreadable.iter().map(|s| &s.path).collect();
        assert!(reasons.contains(&&missing), "{reasons:?}");
    }

    #[test]
    fn a_changed_file_has_another_stamp() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let before = Stamp::of(file.path()).expect("stamp");
        std::fs::write(file.path(), "longer").expect("write");
        assert_ne!(Stamp::of(file.path()).expect("stamp"), before);
    }
}
