//! Details dialog of a file.

use std::rc::Rc;

use engine::media::FileEntry;
use slint::ComponentHandle;
use tr::tr;

use super::list_model::sync_rows;
use crate::gui::context::{Change, Handles, UiContext, spawn};
use crate::gui::models::Models;
use crate::gui::models::artwork_cache::poster_key;
use crate::gui::models::stream_map::local_share;
use crate::gui::text::codecs::codec_name;
use crate::gui::text::reasons::{mailbox_error, store_error};
use crate::gui::text::{format, tracks};
use crate::gui::ui::{AppWindow, DetailsAdapter, InfoField};
use crate::player::{Enqueue, Mark, Play};
use crate::runtime::ask;
use crate::scheduler::{Download, StreamSnapshot};
use crate::store::{Pin, StoreState};
use crate::tracker_client::FindSeeds;

/// Sources that are listed by name; of the others, only the number.
const NAMED_SOURCES: usize = 8;

/// `1280 × 720, H.264, 23.98 fps, HDR`
fn video_text(entry: &FileEntry) -> Option<String> {
    let video = entry.info.video.as_ref()?;
    let mut parts = vec![
        format!("{} × {}", video.width, video.height),
        codec_name(&video.codec),
    ];
    if video.millifps > 0 {
        let rate = (f64::from(video.millifps) / 10.0).round() / 100.0;
        parts.push(tr!("{} fps", rate));
    }
    if video.hdr {
        parts.push("HDR".into());
    }
    if video.interlaced {
        parts.push(tr!("interlaced"));
    }
    Some(parts.join(", "))
}

/// Names and values of all known properties, in the order shown.
fn info_fields(entry: &FileEntry, sources: &str) -> Vec<(String, String)> {
    let info = &entry.info;
    let seconds = info.duration().as_secs_f64();
    let bit_rate = match seconds > 0.0 {
        true => format::bit_rate((entry.size as f64 / seconds) as u64),
        false => String::new(),
    };
    let audio = info.audio.iter().enumerate();
    let audio = audio.map(|(number, track)| tracks::audio_track(number, track));
    let subtitles = info.all_subtitles().into_iter().enumerate();
    let subtitles = subtitles.map(|(number, track)| tracks::subtitle_track(number, &track));
    let number = |number: usize| match number {
        0 => String::new(),
        number => number.to_string(),
    };
    let fields = [
        (tr!("Artist"), info.artist.clone()),
        (tr!("Album"), info.album.clone()),
        (tr!("Track number"), number(info.track_number as usize)),
        (tr!("Duration"), format::timestamp(info.duration())),
        (tr!("Video"), video_text(entry).unwrap_or_default()),
        (tr!("Audio"), audio.collect::<Vec<_>>().join("\n")),
        (tr!("Subtitles"), subtitles.collect::<Vec<_>>().join("\n")),
        (tr!("Chapters"), number(info.chapters.len())),
        (tr!("Size"), format::size(entry.size)),
        (tr!("Bitrate"), bit_rate),
        (tr!("File"), entry.name.clone()),
        (tr!("Shared by"), sources.to_owned()),
    ];
    let known = fields.into_iter().filter(|(_, value)| !value.is_empty());
    known.collect()
}

/// `anna, attic and 3 more`
fn source_names(mut names: Vec<String>, sources: u32) -> String {
    names.truncate(NAMED_SOURCES);
    let sources = usize::try_from(sources).unwrap_or(0);
    let more = sources.saturating_sub(names.len());
    match (names.is_empty(), more) {
        (true, 0) => tr!("no sources"),
        (true, more) => tr!("1 source" | "{n} sources" % more),
        (false, 0) => names.join(", "),
        (false, more) => tr!(
            "{} and {n} more" | "{} and {n} more" % more,
            names.join(", ")
        ),
    }
}

/// Progress of a download, and the reason if it does not proceed.
fn download_text(stream: &StreamSnapshot) -> String {
    let share = format!("{:.0} %", local_share(Some(stream)) * 100.0);
    match &stream.problem {
        Some(problem) => tr!("Waiting at {}: {}", share, store_error(problem)),
        None => tr!("{} downloaded", share),
    }
}

/// Renders the properties of the file.
pub fn render(app: &AppWindow, models: &Models) {
    let Some(entry) = &models.details.entry else {
        return;
    };
    let adapter = app.global::<DetailsAdapter>();
    adapter.set_title(entry.display_title().into());
    adapter.set_poster(poster_key(entry).into());
    let fields = info_fields(entry, &models.details.sources);
    let rows = fields.into_iter().map(|(name, value)| InfoField {
        name: name.into(),
        value: value.into(),
    });
    sync_rows!(adapter, get_info, set_info, rows.collect());
    render_state(app, models);
}

/// Renders the state of the file: download, pin and history.
pub fn render_state(app: &AppWindow, models: &Models) {
    let Some(entry) = &models.details.entry else {
        return;
    };
    let adapter = app.global::<DetailsAdapter>();
    let snapshot = &models.snapshot;
    let cached = snapshot.cached(entry.id);
    let shared = snapshot.shares(entry.id);
    let complete = cached.is_some_and(|cached| cached.whole);
    adapter.set_playable(entry.sources > 0 || complete);
    let progress = models.library.progress(entry.id);
    adapter.set_played(progress.is_some_and(|progress| progress.played));
    adapter.set_pinnable(cached.is_some() && !shared);
    adapter.set_pinned(cached.is_some_and(|cached| cached.pinned));
    adapter.set_downloadable(!shared && !complete);
    let downloading = snapshot.downloads.contains(&entry.id);
    adapter.set_downloading(downloading);
    let stream = snapshot.stream_of(entry.id).filter(|_| downloading);
    let text = stream.map(download_text);
    adapter.set_download_text(text.unwrap_or_default().into());
}

/// Opens the dialog for a file.
pub fn show(ui: &UiContext, entry: FileEntry, sources: String) {
    ui.update(Change::Details, |models| {
        models.details.entry = Some(entry);
        models.details.sources = sources;
    });
    if let Some(app) = ui.app() {
        app.global::<DetailsAdapter>().set_shown(true);
    }
}

/// Opens the dialog, and adds the names of the sources once the tracker answers.
fn show_with_sources(ui: &Rc<UiContext>, handles: &Handles, entry: FileEntry) {
    let (file, sources) = (entry.id, entry.sources);
    show(ui, entry, format::sources(sources));
    let answer = ask(&handles.actors.announcer, FindSeeds(file));
    let ui = ui.clone();
    spawn(async move {
        let names = answer.await.unwrap_or_default();
        let current = detailed(&ui).map(|entry| entry.id);
        if current != Some(file) {
            return;
        }
        let names = match ui.models().snapshot.shares(file) {
            true => [vec![tr!("this device")], names].concat(),
            false => names,
        };
        ui.update(Change::Details, |models| {
            models.details.sources = source_names(names, sources);
        });
    });
}

fn detailed(ui: &UiContext) -> Option<FileEntry> {
    ui.models().details.entry.clone()
}

/// Connects the dialog.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    connect_show(app, ui, handles);
    connect_player(app, ui, handles);
    connect_store(app, ui, handles);
}

fn connect_show(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<DetailsAdapter>();
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_show(move |row| {
        let entry = context.models().entry_in_row(row);
        if let Some(entry) = entry {
            show_with_sources(&context, &to, entry);
        }
    });
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_show_playing(move || {
        let entry = context.models().playback.entry().cloned();
        if let Some(entry) = entry {
            show_with_sources(&context, &to, entry);
        }
    });
}

fn connect_player(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<DetailsAdapter>();
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_play(move || {
        if let Some(entry) = detailed(&context) {
            let (list, index) = (vec![entry], 0);
            player.do_send(Play { list, index });
            context.show_video();
        }
    });
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_enqueue(move |next| {
        if let Some(entry) = detailed(&context) {
            let entries = vec![entry];
            player.do_send(Enqueue { entries, next });
        }
    });
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_mark(move |played| {
        if let Some(entry) = detailed(&context) {
            player.do_send(Mark { entry, played });
        }
    });
}

fn connect_store(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<DetailsAdapter>();
    let (context, to) = (ui.clone(), handles.clone());
    adapter.on_download(move |wanted| {
        if let Some(entry) = detailed(&context) {
            let (ui, handles) = (context.clone(), to.clone());
            spawn(async move { download(&ui, &handles, &entry, wanted).await });
        }
    });
    let (context, store) = (ui.clone(), handles.actors.store.clone());
    adapter.on_pin(move |pinned| {
        let Some(file) = detailed(&context).map(|entry| entry.id) else {
            return;
        };
        let (answer, ui) = (ask(&store, Pin { file, pinned }), context.clone());
        spawn(async move {
            match answer.await {
                Ok(Ok(())) => ui.update(Change::Details, |models| {
                    models.snapshot.set_pinned(file, pinned);
                }),
                Ok(Err(error)) => ui.toast(store_error(&error)),
                Err(error) => ui.toast(mailbox_error(error)),
            }
        });
    });
}

/// Starts or stops the download of a whole file. It does not start if the file exceeds
/// the storage limit.
async fn download(ui: &UiContext, handles: &Handles, entry: &FileEntry, wanted: bool) {
    let (file, title) = (entry.id, entry.display_title());
    let store = ask(&handles.actors.store, StoreState).await;
    let fits = store.is_ok_and(|store| entry.size <= store.quota);
    ui.toast(match (wanted, fits) {
        (true, false) => tr!(
            "{} exceeds the storage limit; raise it under Sharing",
            title
        ),
        (true, true) => tr!("Downloading {} in the background", title),
        (false, _) => tr!("Stopped downloading {}", title),
    });
    if wanted && !fits {
        return;
    }
    handles.actors.streams.do_send(Download { file, wanted });
    ui.update(Change::Details, |models| {
        models.snapshot.set_downloading(file, wanted);
    });
}

#[cfg(test)]
mod tests;
