//! Downloads on the sharing page: removed when space runs low, unless pinned or exported.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use engine::media::{FileEntry, MediaKind};
use slint::ComponentHandle;
use tr::tr;

use super::list_model::sync_rows;
use crate::gui::context::{Handles, UiContext, spawn};
use crate::gui::text::format;
use crate::gui::text::reasons::{mailbox_error, store_error};
use crate::gui::ui::{AppWindow, DownloadRow, SharingAdapter};
use crate::runtime::{ask, ask_slow};
use crate::store::{CachedFile, Export, Forget, Pin};

/// Names that are tried for an exported file.
const MAX_NAMES: usize = 100;

/// Renders the downloads and their size.
pub fn render(app: &AppWindow, cached: &[CachedFile]) {
    let adapter = app.global::<SharingAdapter>();
    let rows = cached.iter().map(row).collect();
    sync_rows!(adapter, get_downloads, set_downloads, rows);
    let bytes: u64 = cached.iter().map(|cached| cached.bytes).sum();
    adapter.set_downloads_size(format::size(bytes).into());
}

fn row(cached: &CachedFile) -> DownloadRow {
    let size = format::size(cached.bytes);
    DownloadRow {
        name: cached.entry.display_title().into(),
        detail: match cached.whole {
            true => size.into(),
            false => tr!("{} of {}", size, format::size(cached.entry.size)).into(),
        },
        whole: cached.whole,
        pinned: cached.pinned,
    }
}

/// The user's folder for films or music.
fn media_folder(kind: MediaKind) -> Option<PathBuf> {
    let folder = match kind {
        MediaKind::Video => dirs::video_dir(),
        MediaKind::Audio | MediaKind::Sidecar => dirs::audio_dir(),
    };
    folder.or_else(dirs::download_dir).or_else(dirs::home_dir)
}

/// Path of a new file in a folder: `Film.mkv`, else `Film (2).mkv` and so on.
fn free_path(folder: &Path, entry: &FileEntry) -> Option<PathBuf> {
    let name = PathBuf::from(entry.local_name());
    let stem = name.file_stem()?.to_string_lossy().into_owned();
    let extension = name.extension().map(|e| e.to_string_lossy().into_owned());
    let numbered = |number: usize| {
        let number = match number {
            1 => String::new(),
            number => format!(" ({number})"),
        };
        let dot = extension.as_ref().map(|extension| format!(".{extension}"));
        folder.join(format!("{stem}{number}{}", dot.unwrap_or_default()))
    };
    let mut paths = (1..=MAX_NAMES).map(numbered);
    paths.find(|path| !path.exists())
}

fn download_in_row(ui: &UiContext, row: i32) -> Option<CachedFile> {
    let row = usize::try_from(row).ok()?;
    ui.models().sharing.cached.get(row).cloned()
}

/// Connects remove, pin and export.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<SharingAdapter>();
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_remove_download(move |row| {
        if let Some(cached) = download_in_row(&context, row) {
            remove(&context, &to, cached.entry);
        }
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_pin(move |row, pinned| {
        if let Some(cached) = download_in_row(&context, row) {
            pin(&context, &to, cached.entry, pinned);
        }
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_export_download(move |row| {
        if let Some(cached) = download_in_row(&context, row) {
            let (ui, handles) = (context.clone(), to.clone());
            spawn(async move { ui.toast(export(&handles, cached.entry).await) });
        }
    });
}

fn remove(ui: &Rc<UiContext>, handles: &Handles, entry: FileEntry) {
    if ui.models().playback.current() == Some(entry.id) {
        let title = entry.display_title();
        return ui.toast(tr!("Cannot remove {}: it is playing", title));
    }
    let (answer, ui) = (ask(&handles.actors.store, Forget(entry.id)), ui.clone());
    spawn(async move {
        let title = entry.display_title();
        ui.toast(match answer.await {
            Ok(true) => tr!("Removed {} from this device", title),
            _ => tr!("Cannot remove {}: in use or already removed", title),
        });
    });
}

fn pin(ui: &Rc<UiContext>, handles: &Handles, entry: FileEntry, pinned: bool) {
    let file = entry.id;
    let (answer, ui) = (ask(&handles.actors.store, Pin { file, pinned }), ui.clone());
    spawn(async move {
        let title = entry.display_title();
        ui.toast(match answer.await {
            Ok(Ok(())) if pinned => tr!("{} is kept on this device", title),
            Ok(Ok(())) => tr!("{} may be removed when space runs low", title),
            Ok(Err(error)) => store_error(&error),
            Err(error) => mailbox_error(error),
        });
    });
}

/// Exports a download to the user's folder and shares it from there, also after a
/// restart. Returns the message for the user.
async fn export(handles: &Handles, entry: FileEntry) -> String {
    let path = media_folder(entry.info.kind);
    let path = path.and_then(|folder| free_path(&folder, &entry));
    let Some(path) = path else {
        return tr!("No folder to save to");
    };
    let export = Export {
        file: entry.id,
        path: path.clone(),
    };
    match ask_slow(&handles.actors.store, export).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let why = store_error(&error);
            return tr!("Cannot save to {}: {}", path.display(), why);
        }
        Err(error) => return mailbox_error(error),
    }
    let shared = handles.share_again(path.clone()).await;
    let saved = match shared {
        Ok(()) => handles.save_folders().await,
        failed => failed,
    };
    match saved {
        Ok(()) => tr!("Saved as {} and shared", path.display()),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::ids::FileId;
    use engine::media::MediaInfo;

    #[test]
    fn free_path_never_overwrites_a_file() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let entry = FileEntry {
            id: FileId([1; 32]),
            name: "../Film.mkv".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Video, 1),
            sources: 1,
        };
        for name in ["_Film.mkv", "_Film (2).mkv"] {
            let path = free_path(folder.path(), &entry).expect("a name");
            assert_eq!(path, folder.path().join(name));
            std::fs::write(&path, "x").expect("writable");
        }
    }
}
