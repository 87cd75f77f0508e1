//! Sharing page: folders, files, scan and uploads. [`limits`]: its form for limits.

mod limits;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use slint::{ComponentHandle, SharedString};
use tr::tr;

use super::list_model::sync_rows;
use crate::config::Config;
use crate::gui::context::{Change, Handles, UiContext, spawn};
use crate::gui::desktop::dialogs;
use crate::gui::desktop::dialogs::Picked;
use crate::gui::models::sharing::{SharingModel, uploads};
use crate::gui::models::snapshot::AppSnapshot;
use crate::gui::text::format;
use crate::gui::text::reasons::skip_reason;
use crate::gui::ui::{AppWindow, SharedRow, SharingAdapter};
use crate::library::{Hashing, LibrarySnapshot, Pause, RemoveFolder};

/// Renders the limits of the configuration.
pub fn render_config(app: &AppWindow, config: &Config) {
    limits::render_config(app, config);
}

/// Renders the page.
pub fn render(app: &AppWindow, model: &mut SharingModel, snapshot: &AppSnapshot) {
    let adapter = app.global::<SharingAdapter>();
    if model.update(snapshot) {
        sync_rows!(adapter, get_files, set_files, file_rows(&snapshot.library));
    }
    let folders = model.folders.iter();
    let folders = folders.map(|folder| folder.display().to_string().into());
    sync_rows!(adapter, get_folders, set_folders, folders.collect());
    sync_rows!(adapter, get_uploads, set_uploads, upload_rows(snapshot));
    render_scan(app, &snapshot.library);
    render_totals(app, snapshot);
}

/// Renders the errors of the forms.
pub fn render_errors(app: &AppWindow, model: &SharingModel) {
    let adapter = app.global::<SharingAdapter>();
    adapter.set_error(model.error.as_str().into());
    adapter.set_limits_error(model.limits_error.as_str().into());
}

/// Rows of the files that were skipped, then of those that are shared.
fn file_rows(library: &LibrarySnapshot) -> Vec<SharedRow> {
    let skipped = library.skipped.iter().map(|skipped| SharedRow {
        name: format::file_name(&skipped.path).into(),
        detail: skip_reason(&skipped.reason).into(),
        problem: true,
    });
    let shared = library.shared.iter().map(|shared| SharedRow {
        name: format::file_name(&shared.path).into(),
        detail: format::size(shared.entry.size).into(),
        problem: false,
    });
    skipped.chain(shared).collect()
}

/// Rows of the active uploads: `The Long Ridge · 3.2 Mbit/s`.
fn upload_rows(snapshot: &AppSnapshot) -> Vec<SharedRow> {
    let uploads = uploads(snapshot).into_iter().map(|(peer, title)| {
        let rate = format::bit_rate(peer.upload_rate);
        SharedRow {
            name: peer.name.clone().into(),
            detail: match title {
                Some(title) => format!("{title} · {rate}").into(),
                None => rate.into(),
            },
            problem: false,
        }
    });
    uploads.collect()
}

/// Renders what is scanned, and whose previews are generated.
fn render_scan(app: &AppWindow, library: &LibrarySnapshot) {
    let adapter = app.global::<SharingAdapter>();
    adapter.set_scanning(library.hashing.is_some());
    adapter.set_paused(library.paused);
    adapter.set_scan_pending(library.waiting > 0 || library.hashing.is_some());
    let previews = library.making.as_ref().map(|path| {
        let name = format::file_name(path);
        match library.to_make {
            0 => tr!("Generating previews for {}", name),
            more => tr!("Generating previews for {}, {} remaining", name, more),
        }
    });
    adapter.set_preview_text(previews.unwrap_or_default().into());
    if let Some(hashing) = &library.hashing {
        let name = format::file_name(&hashing.path);
        let text = match library.paused {
            true => tr!("Paused: {}", name),
            false => tr!("Scanning {}", name),
        };
        adapter.set_scan_text((text + &remaining(library)).into());
        adapter.set_scan_rate(scan_rate(library, hashing).into());
        adapter.set_progress(hashing.done as f32 / hashing.total.max(1) as f32);
    }
}

/// `, 3 remaining`
fn remaining(library: &LibrarySnapshot) -> String {
    match library.waiting {
        0 => String::new(),
        waiting => tr!(", {n} remaining" | ", {n} remaining" % waiting),
    }
}

/// `212 MiB/s, 0:14 left`, of all files
fn scan_rate(library: &LibrarySnapshot, hashing: &Hashing) -> String {
    if hashing.rate == 0 {
        return String::new();
    }
    let left = hashing.total.saturating_sub(hashing.done) + library.waiting_bytes;
    let left = Duration::from_secs(left / hashing.rate);
    let rate = format::size(hashing.rate);
    tr!("{}/s, {} left", rate, format::timestamp(left))
}

/// Renders the size of what is shared and uploaded.
fn render_totals(app: &AppWindow, snapshot: &AppSnapshot) {
    let adapter = app.global::<SharingAdapter>();
    let shared = &snapshot.library.shared;
    let bytes: u64 = shared.iter().map(|shared| shared.entry.size).sum();
    let summary = match shared.len() {
        0 => tr!("Not sharing"),
        count => {
            let size = format::size(bytes);
            tr!("1 file, {}" | "{n} files, {}" % count, size)
        }
    };
    adapter.set_summary(summary.into());
    let swarm = &snapshot.swarm;
    let uploaded = format::size(swarm.uploaded_today);
    let uploaded = match swarm.used_up {
        true => tr!(
            "Uploaded in the last 24 hours: {} (limit reached)",
            uploaded
        ),
        false => tr!("Uploaded in the last 24 hours: {}", uploaded),
    };
    adapter.set_uploaded_text(uploaded.into());
    adapter.set_upload_limit_reached(swarm.used_up);
}

/// Shares files and folders and saves the list of folders. An error about one path does
/// not keep the others from being shared.
pub fn share(ui: &Rc<UiContext>, handles: &Handles, paths: Vec<PathBuf>) {
    ui.update(Change::Sharing, |models| models.sharing.error.clear());
    let (ui, handles) = (ui.clone(), handles.clone());
    spawn(async move {
        let mut failure = None;
        for path in paths {
            if let Err(error) = handles.share(path).await {
                failure = Some(error);
            }
        }
        let saved = handles.save_folders().await;
        match failure.or(saved.err()) {
            Some(error) => ui.update(Change::Sharing, |models| models.sharing.error = error),
            None => clear_path(&ui),
        }
    });
}

/// Clears the path that was typed, now that it is shared.
fn clear_path(ui: &UiContext) {
    if let Some(app) = ui.app() {
        let adapter = app.global::<SharingAdapter>();
        adapter.set_path(SharedString::default());
    }
}

/// Shares what the user chooses in a dialog.
fn share_picked(
    ui: &Rc<UiContext>,
    handles: &Handles,
    dialog: impl Future<Output = Picked> + 'static,
) {
    let (ui, handles) = (ui.clone(), handles.clone());
    spawn(async move {
        match dialog.await {
            Picked::Paths(paths) => share(&ui, &handles, paths),
            Picked::Cancelled => {}
            Picked::Unavailable => ui.toast(dialogs::unavailable()),
        }
    });
}

/// Connects the page.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    limits::connect(app, ui, handles);
    let adapter = app.global::<SharingAdapter>();
    adapter.set_persistent(handles.settings_file.is_persistent());
    let library = handles.actors.library.clone();
    adapter.on_pause(move |paused| library.do_send(Pause(paused)));
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_add(move |path| share(&context, &to, vec![path.trim().into()]));
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_pick_folders(move || {
        let dialog = dialogs::pick_folders(tr!("Share folders"), true);
        share_picked(&context, &to, dialog);
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_pick_files(move || {
        let kind = context.models().query.kind;
        let dialog = dialogs::pick_files(tr!("Share files"), kind);
        share_picked(&context, &to, dialog);
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_remove(move |index| {
        let index = usize::try_from(index).ok();
        let folder = index.and_then(|i| context.models().sharing.folders.get(i).cloned());
        if let Some(folder) = folder {
            unshare(&context, &to, folder);
        }
    });
}

/// Stops sharing a folder and saves the list of folders.
fn unshare(ui: &Rc<UiContext>, handles: &Handles, folder: PathBuf) {
    handles.actors.library.do_send(RemoveFolder(folder));
    let (ui, handles) = (ui.clone(), handles.clone());
    spawn(async move {
        let saved = handles.save_folders().await;
        let error = saved.err().unwrap_or_default();
        ui.update(Change::Sharing, |models| models.sharing.error = error);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scan_rate_shows_time_left_of_all_files() {
        let hashing = Hashing {
            path: "/films/a.mkv".into(),
            done: 50 << 20,
            total: 150 << 20,
            rate: 10 << 20,
        };
        let mut library = LibrarySnapshot::default();
        assert_eq!(scan_rate(&library, &hashing), "10.0 MiB/s, 0:10 left");
        library.waiting_bytes = 500 << 20;
        assert_eq!(scan_rate(&library, &hashing), "10.0 MiB/s, 1:00 left");
        let unknown = Hashing { rate: 0, ..hashing };
        assert_eq!(scan_rate(&library, &unknown), "");
    }
}
