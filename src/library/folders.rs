//! Shared folders: which they are, change notification, and the list of skipped files.

use std::path::{Path, PathBuf};

use engine::library::Skipped;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecursiveMode, Watcher};

use crate::library::SKIPPED_FILE;

/// Shared folders and the watch on them.
pub(super) struct FolderWatcher {
    folders: Vec<PathBuf>,
    data_dir: PathBuf,
    /// Dropping it ends the watch.
    watcher: Option<notify::RecommendedWatcher>,
    scanning: bool,
    scanned: bool,
}

impl FolderWatcher {
    pub fn new(folders: Vec<PathBuf>, data_dir: &Path) -> Self {
        let real = std::fs::canonicalize(data_dir);
        Self {
            folders,
            data_dir: real.unwrap_or_else(|_| data_dir.to_owned()),
            watcher: None,
            scanning: false,
            scanned: false,
        }
    }

    /// Shared folders and files.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// True if a path lies in a shared folder.
    pub fn covers(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| path.starts_with(folder))
    }

    pub fn add(&mut self, folder: PathBuf) {
        self.folders.push(folder);
    }

    pub fn remove(&mut self, folder: &Path) {
        self.folders.retain(|known| known != folder);
    }

    /// Watches all folders and calls `changed` after a change. Where watching fails, the
    /// regular scan finds changes.
    pub fn watch(&mut self, changed: impl Fn() + Send + 'static) {
        let data_dir = self.data_dir.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let relevant = |event: &notify::Event| is_relevant(event, &data_dir);
            if event.as_ref().map_or(true, relevant) {
                changed();
            }
        });
        match watcher {
            Ok(mut watcher) => {
                for folder in &self.folders {
                    if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
                        tracing::warn!(folder = %folder.display(), %error, "watching folder failed");
                    }
                }
                self.watcher = Some(watcher);
            }
            Err(error) => tracing::warn!(%error, "watching folders failed"),
        }
    }

    /// Starts a scan. False if one is running.
    pub fn start_scan(&mut self) -> bool {
        !std::mem::replace(&mut self.scanning, true)
    }

    pub fn finish_scan(&mut self, succeeded: bool) {
        self.scanning = false;
        self.scanned |= succeeded;
    }

    /// True if all folders were scanned at least once.
    pub fn scanned(&self) -> bool {
        self.scanned
    }
}

/// False for reads, and for changes in our own data directory, which may lie in a shared
/// folder.
fn is_relevant(event: &notify::Event, data_dir: &Path) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let read = matches!(event.kind, EventKind::Access(_)) && event.kind != written;
    let own = !event.paths.is_empty() && event.paths.iter().all(|p| p.starts_with(data_dir));
    !read && !own
}

/// The list of skipped files on disk. Losing it loses nothing else.
#[derive(Debug)]
pub(super) struct SkippedFile {
    path: PathBuf,
    written: Option<Vec<Skipped>>,
}

impl SkippedFile {
    pub fn new(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join(SKIPPED_FILE),
            written: None,
        }
    }

    /// Writes the list on the blocking pool, if it changed.
    pub fn write(&mut self, list: Vec<Skipped>) {
        if self.written.as_ref() == Some(&list) {
            return;
        }
        self.written = Some(list.clone());
        let path = self.path.clone();
        actix_rt::task::spawn_blocking(move || {
            let written = serde_json::to_vec(&list)
                .map_err(std::io::Error::other)
                .and_then(|text| std::fs::write(path, text));
            if let Err(error) = written {
                tracing::warn!(%error, "writing the list of skipped files failed");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Event};

    use super::*;

    #[test]
    fn reads_and_own_writes_are_not_relevant() {
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let relevant = |event: Event| is_relevant(&event, Path::new("/films/data"));
        let created = EventKind::Create(CreateKind::File);
        assert!(relevant(event(created, "/films/a.mkv")));
        assert!(!relevant(event(created, "/films/data/library.redb")));
        let access = |kind| EventKind::Access(kind);
        let read = access(AccessKind::Close(AccessMode::Read));
        assert!(!relevant(event(read, "/films/a.mkv")));
        let written = access(AccessKind::Close(AccessMode::Write));
        assert!(relevant(event(written, "/films/a.mkv")));
    }
}
