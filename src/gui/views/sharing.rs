//! What this machine shares: news of it, and what is changed.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use actix::Addr;
use engine::ids::FileId;
use engine::units::{ByteRate, ByteSize};
use slint::{ComponentHandle, SharedString, Weak};
use tr::tr;

use crate::config::Config;
use crate::gui::bridge::observer::AppSnapshot;
use crate::gui::context::{UiContext, beside_the_window};
use crate::gui::models::playback::{View, update};
use crate::gui::models::stream_map as show;
use crate::gui::settings_file::SettingsFile;
use crate::gui::text::language::{edit_error, unit_error};
use crate::gui::text::reasons::{add_error, mailbox_error, skip_reason};
use crate::gui::ui::{AppWindow, SharedRow, SharingAdapter, ShellAdapter};
use crate::gui::views::desktop::{Picked, no_dialog, pick_files, pick_folders};
use crate::gui::window::view;
use crate::library::{
    AddFolder, Hashing, Library, LibrarySnapshot, LibraryState, Pause, RemoveFolder,
};
use crate::runtime::ask;
use crate::scheduler::SetDownloadLimit;
use crate::store::SetQuota;
use crate::swarm::{PeerSnapshot, SetLimits};

/// Space for fetched chunks below which nothing works, as in the configuration.
const LEAST_QUOTA: ByteSize = ByteSize::mib(16);

/// Shows the limits that the configuration says.
pub(crate) fn introduce(app: &AppWindow, config: &Config) {
    let adapter = app.global::<SharingAdapter>();
    adapter.set_upload_limit(show::rate(config.limits.upload).into());
    adapter.set_download_limit(show::rate(config.limits.download).into());
    adapter.set_quota(show::size(config.store.quota.0).into());
    adapter.set_upload_per_day(config.limits.upload_per_day.to_string().into());
}

/// The limits as typed, or what is wrong with them.
fn limits(
    upload: &str,
    download: &str,
    per_day: &str,
    quota: &str,
) -> Result<(SetLimits, ByteSize), String> {
    let rate = |text: &str| text.parse::<ByteRate>().map_err(|error| unit_error(&error));
    let limits = SetLimits {
        upload: rate(upload)?,
        download: rate(download)?,
        upload_per_day: Some(per_day.parse().map_err(|error| unit_error(&error))?),
    };
    let quota: ByteSize = quota.parse().map_err(|error| unit_error(&error))?;
    match quota < LEAST_QUOTA {
        true => Err(tr!("The storage limit must be at least {}", LEAST_QUOTA)),
        false => Ok((limits, quota)),
    }
}

/// Applies limits at once, and writes them to the user's file.
fn connect_limits(app: &AppWindow, core: &UiContext) {
    let (weak, sources, keeper) = (app.as_weak(), core.sources.clone(), core.keeper.clone());
    let adapter = app.global::<SharingAdapter>();
    // What is shown is rounded: only what was typed counts.
    let shown = RefCell::new(adapter.get_quota());
    let shown_daily = RefCell::new(adapter.get_upload_per_day());
    adapter.on_set_limits(move |upload, download, per_day, text| {
        let Some(app) = weak.upgrade() else {
            return;
        };
        let (mut set, quota) = match limits(&upload, &download, &per_day, &text) {
            Ok(limits) => limits,
            Err(error) => {
                let adapter = app.global::<SharingAdapter>();
                return adapter.set_limits_error(error.into());
            }
        };
        let typed_daily = shown_daily.replace(per_day.clone()) != per_day;
        set.upload_per_day = set.upload_per_day.filter(|_| typed_daily);
        sources.swarm.do_send(set);
        let limit = set.download.0;
        sources.streams.do_send(SetDownloadLimit(limit));
        let typed = shown.replace(text.clone()) != text;
        if typed {
            sources.store.do_send(SetQuota(quota.0));
        }
        let mut changes = vec![
            ("limits", "upload", show::rate(set.upload).into()),
            ("limits", "download", show::rate(set.download).into()),
        ];
        if typed_daily {
            changes.push(("limits", "upload_per_day", per_day.trim().into()));
        }
        if typed {
            changes.push(("store", "quota", text.as_str().into()));
        }
        let kept = keeper.keep(changes);
        beside_the_window(async move {
            let error = kept.await.err();
            let error = error.map(|error| edit_error(&error));
            let error = error.map(|error| tr!("Applied but not saved: {}", error));
            if error.is_none() {
                let toast = tr!("Limits applied");
                app.global::<ShellAdapter>().set_toast(toast.into());
            }
            let adapter = app.global::<SharingAdapter>();
            adapter.set_limits_error(error.unwrap_or_default().into());
        });
    });
}

/// `, 3 more to come`
fn to_come(library: &LibrarySnapshot) -> String {
    match library.waiting {
        0 => String::new(),
        waiting => tr!(", {n} remaining" | ", {n} remaining" % waiting),
    }
}

/// `212 MiB/s, 0:14 left`
fn pace(library: &LibrarySnapshot, hashing: &Hashing) -> String {
    if hashing.rate == 0 {
        return String::new();
    }
    let left = hashing.total.saturating_sub(hashing.done) + library.waiting_bytes;
    let left = Duration::from_secs(left / hashing.rate);
    let rate = show::size(hashing.rate);
    tr!("{}/s, {} left", rate, show::timestamp(left))
}

/// The titles of files that are listed or here; of a picture or the like, that of the
/// film or song it belongs to.
fn titles(overview: &AppSnapshot, mut wanted: HashSet<FileId>) -> HashMap<FileId, &str> {
    let shared = overview.library.shared.iter().map(|shared| &shared.entry);
    let listed = overview.catalogue.entries.iter();
    let mut titles = HashMap::new();
    for entry in shared.chain(listed) {
        if wanted.is_empty() {
            break;
        }
        let beside = entry.info.sidecars.iter().map(|sidecar| sidecar.id);
        for file in beside.chain([entry.id]) {
            if wanted.remove(&file) {
                titles.insert(file, entry.display_title());
            }
        }
    }
    titles
}

/// Who takes something: `The Long Ridge · 3.2 Mbit/s`, as far as that is known.
fn takers(overview: &AppSnapshot) -> Vec<SharedRow> {
    let peers = overview.swarm.peers.iter();
    let takers = peers.filter(|peer| peer.upload_rate > 0);
    let titles = titles(overview, takers.clone().filter_map(|p| p.taking).collect());
    let row = |peer: &PeerSnapshot| {
        let pace = show::pace(peer.upload_rate);
        let title = peer.taking.and_then(|file| titles.get(&file));
        SharedRow {
            name: peer.name.clone().into(),
            detail: match title {
                Some(title) => format!("{title} · {pace}").into(),
                None => pace.into(),
            },
            problem: false,
        }
    };
    takers.map(row).collect()
}

/// What is shared, what could not be, what is being looked at, and who takes it.
pub(crate) fn show(app: &AppWindow, view: &mut View) {
    let adapter = app.global::<SharingAdapter>();
    let library: &LibrarySnapshot = &view.overview.library;
    let folders = library
        .folders
        .iter()
        .map(|folder| folder.display().to_string().into());
    if let Some(model) = update(adapter.get_folders(), folders.collect()) {
        adapter.set_folders(model);
    }
    let bytes: u64 = library.shared.iter().map(|shared| shared.entry.size).sum();
    let mut hasher = DefaultHasher::new();
    let skipped = library.skipped.iter();
    skipped.for_each(|skipped| (&skipped.path, &skipped.reason).hash(&mut hasher));
    let shared = library.shared.iter();
    shared.for_each(|shared| (&shared.path, shared.entry.size).hash(&mut hasher));
    let key = Some(hasher.finish());
    let skipped = library.skipped.iter().map(|skipped| SharedRow {
        name: name_of(&skipped.path).into(),
        detail: skip_reason(&skipped.reason).into(),
        problem: true,
    });
    let shared = library.shared.iter().map(|shared| SharedRow {
        name: name_of(&shared.path).into(),
        detail: show::size(shared.entry.size).into(),
        problem: false,
    });
    if view.files_of != key {
        if let Some(model) = update(adapter.get_files(), skipped.chain(shared).collect()) {
            adapter.set_files(model);
        }
        view.files_of = key;
    }
    let summary = match library.shared.len() {
        0 => tr!("Not sharing"),
        count => tr!("1 file, {}" | "{n} files, {}" % count, show::size(bytes)),
    };
    adapter.set_summary(summary.into());
    adapter.set_scanning(library.hashing.is_some());
    adapter.set_paused(library.paused);
    adapter.set_scan_pending(library.waiting > 0 || library.hashing.is_some());
    let making = library.making.as_ref();
    let making = making.map(|path| match library.to_make {
        0 => tr!("Generating previews for {}", name_of(path)),
        more => tr!(
            "Generating previews for {}, {} remaining",
            name_of(path),
            more
        ),
    });
    adapter.set_preview_text(making.unwrap_or_default().into());
    let swarm = &view.overview.swarm;
    let uploaded = show::size(swarm.uploaded_today);
    let uploaded = match swarm.used_up {
        true => tr!(
            "Uploaded in the last 24 hours: {} (limit reached)",
            uploaded
        ),
        false => tr!("Uploaded in the last 24 hours: {}", uploaded),
    };
    adapter.set_uploaded_text(uploaded.into());
    adapter.set_upload_limit_reached(swarm.used_up);
    if let Some(model) = update(adapter.get_uploads(), takers(&view.overview)) {
        adapter.set_uploads(model);
    }
    if let Some(hashing) = &library.hashing {
        let name = name_of(&hashing.path);
        let text = match library.paused {
            true => tr!("Paused: {}", name),
            false => tr!("Scanning {}", name),
        } + &to_come(library);
        adapter.set_scan_text(text.into());
        adapter.set_scan_rate(pace(library, hashing).into());
        adapter.set_progress(hashing.done as f32 / hashing.total.max(1) as f32);
    }
    view.folders = library.folders.clone();
}

fn name_of(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Writes the shared folders to the user's file, as they are now.
pub(crate) async fn keep_folders(
    library: Addr<Library>,
    keeper: SettingsFile,
) -> Result<(), String> {
    let state = ask(&library, LibraryState).await.map_err(mailbox_error)?;
    let folders = state
        .folders
        .iter()
        .map(|folder| folder.display().to_string());
    let changes = vec![("library", "folders", folders.collect())];
    let kept = keeper.keep(changes).await;
    let kept = kept.map_err(|error| edit_error(&error));
    kept.map_err(|error| tr!("Applied but not saved: {}", error))
}

/// Shares files and folders, and writes that to the user's file. What cannot be
/// shared is said; the others are.
pub(crate) fn add(app: &AppWindow, core: &UiContext, paths: Vec<PathBuf>) {
    let (library, keeper) = (core.sources.library.clone(), core.keeper.clone());
    let weak = app.as_weak();
    beside_the_window(async move {
        let mut problem = None;
        for path in paths {
            match ask(&library, AddFolder(path)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => problem = Some(add_error(&error)),
                Err(error) => problem = Some(mailbox_error(error)),
            }
        }
        let kept = keep_folders(library, keeper).await;
        if let Some(app) = weak.upgrade() {
            let adapter = app.global::<SharingAdapter>();
            // What went wrong with others that were added just now stays to be read.
            match problem.or(kept.err()) {
                Some(problem) => adapter.set_error(problem.into()),
                None => adapter.set_path(SharedString::default()),
            }
        }
    });
}

/// Shares what is picked in a dialog.
fn add_picked(
    weak: Weak<AppWindow>,
    core: UiContext,
    picking: impl Future<Output = Picked> + 'static,
) {
    beside_the_window(async move {
        let picked = picking.await;
        let Some(app) = weak.upgrade() else {
            return;
        };
        match picked {
            Picked::Paths(paths) => {
                app.global::<SharingAdapter>().set_error(Default::default());
                add(&app, &core, paths);
            }
            Picked::Nothing => {}
            Picked::NoDialog => {
                app.global::<ShellAdapter>().set_toast(no_dialog().into());
            }
        }
    });
}

/// Connects what is changed there.
pub fn connect(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<SharingAdapter>();
    connect_limits(app, core);
    let library = core.sources.library.clone();
    adapter.on_pause(move |paused| library.do_send(Pause(paused)));
    adapter.set_persistent(core.keeper.keeps());
    let (weak, to) = (app.as_weak(), core.clone());
    adapter.on_add(move |path| {
        if let Some(app) = weak.upgrade() {
            app.global::<SharingAdapter>().set_error(Default::default());
            add(&app, &to, vec![path.trim().into()]);
        }
    });
    let (weak, to) = (app.as_weak(), core.clone());
    adapter.on_pick_folders(move || {
        let picking = pick_folders(tr!("Share folders"), true);
        add_picked(weak.clone(), to.clone(), picking);
    });
    let (weak, to) = (app.as_weak(), core.clone());
    adapter.on_pick_files(move || {
        let kind = view().borrow().kind;
        let picking = pick_files(tr!("Share files"), kind);
        add_picked(weak.clone(), to.clone(), picking);
    });
    let (weak, library, keeper) = (
        app.as_weak(),
        core.sources.library.clone(),
        core.keeper.clone(),
    );
    adapter.on_remove(move |index| {
        let folders = view().borrow().folders.clone();
        let folder = usize::try_from(index)
            .ok()
            .and_then(|i| folders.get(i).cloned());
        let Some(folder) = folder else {
            return;
        };
        library.do_send(RemoveFolder(folder));
        let (weak, library, keeper) = (weak.clone(), library.clone(), keeper.clone());
        beside_the_window(async move {
            let kept = keep_folders(library, keeper).await;
            if let Some(app) = weak.upgrade() {
                let error = kept.err().unwrap_or_default();
                app.global::<SharingAdapter>().set_error(error.into());
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::SharedFile;
    use engine::fixtures::{film, sidecar};
    use engine::ids::PeerId;
    use engine::media::SidecarRole;
    use engine::units::TransferCap;

    #[test]
    fn it_is_said_what_somebody_takes_if_that_is_known() {
        let mut entry = film(1, "The Long Ridge.mkv");
        entry.info.sidecars = vec![sidecar(SidecarRole::Poster, 2)];
        let mut overview = AppSnapshot::default();
        overview.library.shared = vec![SharedFile {
            path: "/films/ridge.mkv".into(),
            entry,
        }];
        let mut taken = |taking| {
            let peer = PeerSnapshot {
                peer: PeerId([1; 16]),
                name: "living-room".into(),
                address: ([127, 0, 0, 1], 1).into(),
                origin: false,
                rtt_us: None,
                download_rate: 0,
                upload_rate: 400_000,
                downloaded: 0,
                uploaded: 0,
                taking,
                reasons: Default::default(),
            };
            overview.swarm.peers = vec![peer];
            takers(&overview).remove(0).detail
        };
        let named = "The Long Ridge · 3.2 Mbit/s";
        assert_eq!(taken(Some(FileId([1; 32]))), named);
        assert_eq!(taken(Some(FileId([2; 32]))), named, "its poster");
        assert_eq!(taken(Some(FileId([3; 32]))), "3.2 Mbit/s", "unheard of");
        assert_eq!(taken(None), "3.2 Mbit/s");
    }

    #[test]
    fn the_pace_tells_what_is_left_of_all_files() {
        let hashing = Hashing {
            path: "/films/a.mkv".into(),
            done: 50 << 20,
            total: 150 << 20,
            rate: 10 << 20,
        };
        let mut library = LibrarySnapshot::default();
        assert_eq!(pace(&library, &hashing), "10.0 MiB/s, 0:10 left");
        library.waiting_bytes = 500 << 20;
        assert_eq!(pace(&library, &hashing), "10.0 MiB/s, 1:00 left");
        let first = Hashing { rate: 0, ..hashing };
        assert_eq!(pace(&library, &first), "");
    }

    #[test]
    fn limits_are_read_as_they_are_shown_and_mistakes_explained() {
        let (set, quota) = limits("4 Mbit/s", "unlimited", "10 GiB", "20 GiB").expect("fine");
        assert_eq!((set.upload.0, set.download.0), (Some(500_000), None));
        assert_eq!(quota, ByteSize::gib(20));
        assert_eq!(set.upload_per_day, Some(TransferCap(Some(10 << 30))));
        assert_eq!(show::rate(set.upload), "4 Mbit/s");
        let error = limits("much", "unlimited", "unlimited", "20 GiB").expect_err("no rate");
        assert!(error.contains("Mbit/s"), "{error}");
        let error = limits("unlimited", "unlimited", "unlimited", "3 MB").expect_err("too little");
        assert!(error.contains("16"), "{error}");
    }
}
