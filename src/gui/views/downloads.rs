//! What was fetched: how much of it is here, to be kept for good or removed.

use std::path::{Path, PathBuf};

use engine::media::{FileEntry, MediaKind};
use slint::ComponentHandle;
use tr::tr;

use crate::gui::context::{UiContext, beside_the_window};
use crate::gui::models::playback::{View, update};
use crate::gui::models::stream_map as show;
use crate::gui::settings_file::SettingsFile;
use crate::gui::text::reasons::{add_error, mailbox_error, store_error};
use crate::gui::ui::{AppWindow, DownloadRow, SharingAdapter, ShellAdapter};
use crate::gui::views::sharing::keep_folders;
use crate::gui::window::view;
use crate::library::{AddError, AddFolder, Library};
use crate::runtime::{ask, ask_slow};
use crate::store::{CachedFile, Export, Forget, Pin};

/// Names that are tried for a file before it is given up.
const NAMES: usize = 100;

/// What was fetched, and how much that is.
pub(crate) fn show(app: &AppWindow, view: &mut View) {
    let adapter = app.global::<SharingAdapter>();
    let cached = &view.overview.cached;
    let row = |cached: &CachedFile| DownloadRow {
        name: cached.entry.display_title().into(),
        detail: match cached.whole {
            true => show::size(cached.bytes).into(),
            false => {
                let (part, all) = (show::size(cached.bytes), show::size(cached.entry.size));
                tr!("{} of {}", part, all).into()
            }
        },
        whole: cached.whole,
        pinned: cached.pinned,
    };
    let rows = cached.iter().map(row).collect();
    if let Some(model) = update(adapter.get_downloads(), rows) {
        adapter.set_downloads(model);
    }
    let bytes: u64 = cached.iter().map(|cached| cached.bytes).sum();
    adapter.set_downloads_size(show::size(bytes).into());
    view.cached.clone_from(cached);
}

/// Where films or music of this user lie.
fn folder(kind: MediaKind) -> Option<PathBuf> {
    let usual = match kind {
        MediaKind::Video => dirs::video_dir(),
        MediaKind::Audio | MediaKind::Sidecar => dirs::audio_dir(),
    };
    usual.or_else(dirs::download_dir).or_else(dirs::home_dir)
}

/// A name in a folder that nothing bears yet.
fn free_name(folder: &Path, entry: &FileEntry) -> Option<PathBuf> {
    let name = PathBuf::from(entry.local_name());
    let stem = name.file_stem()?.to_string_lossy().into_owned();
    let extension = name.extension().map(|e| e.to_string_lossy().into_owned());
    let numbered = |number: usize| {
        let number = if number > 1 {
            format!(" ({number})")
        } else {
            String::new()
        };
        let dot = extension
            .as_ref()
            .map(|e| format!(".{e}"))
            .unwrap_or_default();
        folder.join(format!("{stem}{number}{dot}"))
    };
    let mut names = (1..=NAMES).map(numbered);
    names.find(|path| !path.exists())
}

fn chosen(index: i32) -> Option<CachedFile> {
    let view = view();
    let view = view.borrow();
    let index = usize::try_from(index).ok()?;
    view.cached.get(index).cloned()
}

/// Connects what becomes of it.
pub fn connect(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<SharingAdapter>();
    let say = {
        let weak = app.as_weak();
        move |what: String| {
            if let Some(app) = weak.upgrade() {
                app.global::<ShellAdapter>().set_toast(what.into());
            }
        }
    };
    let (store, told) = (core.sources.store.clone(), say.clone());
    adapter.on_remove_download(move |index| {
        let Some(cached) = chosen(index) else {
            return;
        };
        let told = told.clone();
        if view().borrow().current == Some(cached.entry.id) {
            return told(tr!(
                "Cannot remove {}: it is playing",
                cached.entry.display_title()
            ));
        }
        let forgotten = ask(&store, Forget(cached.entry.id));
        beside_the_window(async move {
            let title = cached.entry.display_title();
            told(match forgotten.await {
                Ok(true) => tr!("Removed {} from this device", title),
                _ => tr!("Cannot remove {}: in use or already removed", title),
            });
        });
    });
    let (store, told) = (core.sources.store.clone(), say.clone());
    adapter.on_pin(move |index, pinned| {
        let Some(cached) = chosen(index) else {
            return;
        };
        let file = cached.entry.id;
        let (asked, told) = (ask(&store, Pin { file, pinned }), told.clone());
        beside_the_window(async move {
            let title = cached.entry.display_title();
            match asked.await {
                Ok(Ok(())) if pinned => told(tr!("{} is kept on this device", title)),
                Ok(Ok(())) => told(tr!("{} may be removed when space runs low", title)),
                Ok(Err(error)) => told(store_error(&error)),
                // The program ends.
                Err(_) => {}
            }
        });
    });
    let (store, library) = (core.sources.store.clone(), core.sources.library.clone());
    let keeper = core.keeper.clone();
    adapter.on_export_download(move |index| {
        let Some(cached) = chosen(index) else {
            return;
        };
        let entry = cached.entry;
        let path = folder(entry.info.kind).and_then(|folder| free_name(&folder, &entry));
        let Some(path) = path else {
            return say(tr!("No folder to save to"));
        };
        let file = entry.id;
        let saved = ask_slow(
            &store,
            Export {
                file,
                path: path.clone(),
            },
        );
        let (say, library, keeper) = (say.clone(), library.clone(), keeper.clone());
        beside_the_window(async move {
            say(match saved.await {
                Ok(Ok(())) => match share_from_now_on(path.clone(), library, keeper).await {
                    Ok(()) => tr!("Saved as {} and shared", path.display()),
                    Err(problem) => problem,
                },
                Ok(Err(error)) => {
                    let why = store_error(&error);
                    tr!("Cannot save to {}: {}", path.display(), why)
                }
                Err(error) => mailbox_error(error),
            });
        });
    });
}

/// What was fetched and is now a file of its own is here after the next start, too.
async fn share_from_now_on(
    path: PathBuf,
    library: actix::Addr<Library>,
    keeper: SettingsFile,
) -> Result<(), String> {
    match ask(&library, AddFolder(path.clone())).await {
        // In a folder that is shared already.
        Ok(Ok(()) | Err(AddError::Known(_))) => keep_folders(library, keeper).await,
        Ok(Err(error)) => Err(add_error(&error)),
        Err(error) => Err(mailbox_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::fixtures::film;

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let entry = film(1, "../Film.mkv");
        let mut names = Vec::new();
        for _ in 0..2 {
            let path = free_name(folder.path(), &entry).expect("a name");
            std::fs::write(&path, "x").expect("writable");
            names.push(
                path.file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
            );
        }
        assert_eq!(names, ["_Film.mkv", "_Film (2).mkv"]);
    }
}
