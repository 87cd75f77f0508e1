//! Scan of the shared folders. Blocking.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use engine::io_failure::IoFailure;
use engine::library::{SkipReason, Skipped, Stamp};
use walkdir::WalkDir;

/// Reads the current stamp of a file.
///
/// # Errors
/// The system refuses to read the metadata.
pub(super) fn stamp(path: &Path) -> std::io::Result<Stamp> {
    Ok(stamp_of(&std::fs::metadata(path)?))
}

fn stamp_of(meta: &std::fs::Metadata) -> Stamp {
    Stamp {
        size: meta.len(),
        modified_ns: meta.mtime().saturating_mul(1_000_000_000) + meta.mtime_nsec(),
        inode: meta.ino(),
    }
}

/// Result of a scan.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files, by path.
    pub files: BTreeMap<PathBuf, Stamp>,
    /// Subtitle files, by path; they become sidecars of the films beside them.
    pub subtitles: BTreeMap<PathBuf, Stamp>,
    /// Paths that cannot be read.
    pub unreadable: Vec<Skipped>,
}

/// Walks `folders` with subfolders and symbolic links, but without hidden files.
pub(super) fn walk(folders: &[PathBuf]) -> Found {
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

/// Every error except a loop comes from the system.
fn reason(error: &walkdir::Error) -> SkipReason {
    let error = error.io_error().map(IoFailure::from);
    error.map_or(SkipReason::SymlinkLoop, SkipReason::Unreadable)
}

fn note(found: &mut Found, entry: &walkdir::DirEntry) {
    let path = entry.path().to_owned();
    match entry.metadata() {
        Ok(meta) => {
            let files = match is_subtitles(&path) {
                true => &mut found.subtitles,
                false => &mut found.files,
            };
            files.insert(path, stamp_of(&meta));
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

/// Replaces a leading `~` by the home directory.
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
    fn walk_descends_and_omits_hidden_files() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).expect("folders");
        std::fs::write(deep.join("film.mp4"), "x").expect("file");
        std::fs::write(deep.join(".part"), "x").expect("file");
        let link = deep.join("loop");
        std::os::unix::fs::symlink(folder.path(), &link).expect("link");
        let missing = folder.path().join("missing");
        let found = walk(&[folder.path().to_owned(), missing.clone()]);
        let files: Vec<_> = found.files.keys().collect();
        assert_eq!(files, [&deep.join("film.mp4")]);
        let unreadable = found.unreadable.into_iter();
        let reasons: BTreeMap<_, _> = unreadable.map(|s| (s.path, s.reason)).collect();
        assert_eq!(reasons.get(&link), Some(&SkipReason::SymlinkLoop));
        let gone = SkipReason::Unreadable(IoFailure {
            code: Some(libc::ENOENT),
        });
        assert_eq!(reasons.get(&missing), Some(&gone));
    }

    #[test]
    fn stamp_differs_after_a_change() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let before = stamp(file.path()).expect("stamp");
        std::fs::write(file.path(), "longer").expect("write");
        assert_ne!(stamp(file.path()).expect("stamp"), before);
    }
}
