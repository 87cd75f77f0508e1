//! All that is known of one file.

use engine::media::FileEntry;
use slint::ComponentHandle;
use tr::tr;

use crate::gui::context::{UiContext, beside_the_window};
use crate::gui::models::playback::{View, update};
use crate::gui::models::stream_map as show;
use crate::gui::text::reasons::store_error;
use crate::gui::ui::{AppWindow, DetailsAdapter, InfoField, Page, ShellAdapter};
use crate::gui::views::tracks::{sound_name, subtitle_name};
use crate::gui::window::view;
use crate::player::{Enqueue, Mark, Play};
use crate::runtime::ask;
use crate::scheduler::{Download, StreamSnapshot};
use crate::store::{Pin, StoreState};
use crate::tracker_client::FindSeeds;

/// Names of sharers that are told; of more, only how many.
const NAMED: usize = 8;

/// `1280 × 720, H.264, 23.98 fps, HDR`
fn picture(entry: &FileEntry) -> Option<String> {
    let video = entry.info.video.as_ref()?;
    let mut parts = vec![
        format!("{} × {}", video.width, video.height),
        show::codec(&video.codec),
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

/// Name and value of all that is known, in the order shown.
fn info(entry: &FileEntry, sharers: &str) -> Vec<(String, String)> {
    let info = &entry.info;
    let seconds = info.duration().as_secs_f64();
    let rate = match seconds > 0.0 {
        true => show::pace((entry.size as f64 / seconds) as u64),
        false => String::new(),
    };
    let sound = info.audio.iter().enumerate();
    let sound = sound.map(|(number, track)| sound_name(number, track));
    let subtitles = info.all_subtitles().into_iter().enumerate();
    let subtitles = subtitles.map(|(number, track)| subtitle_name(number, &track));
    let number = match info.track_number {
        0 => String::new(),
        number => number.to_string(),
    };
    let chapters = match info.chapters.len() {
        0 => String::new(),
        count => count.to_string(),
    };
    let all = [
        (tr!("Artist"), info.artist.clone()),
        (tr!("Album"), info.album.clone()),
        (tr!("Track number"), number),
        (tr!("Duration"), show::timestamp(info.duration())),
        (tr!("Video"), picture(entry).unwrap_or_default()),
        (tr!("Audio"), sound.collect::<Vec<_>>().join("\n")),
        (tr!("Subtitles"), subtitles.collect::<Vec<_>>().join("\n")),
        (tr!("Chapters"), chapters),
        (tr!("Size"), show::size(entry.size)),
        (tr!("Bitrate"), rate),
        (tr!("File"), entry.name.clone()),
        (tr!("Shared by"), sharers.to_owned()),
    ];
    let told = all.into_iter().filter(|(_, value)| !value.is_empty());
    told.collect()
}

/// `anna, attic and 3 more`
fn names(mut names: Vec<String>, sources: u32) -> String {
    names.truncate(NAMED);
    let more = usize::try_from(sources)
        .unwrap_or(0)
        .saturating_sub(names.len());
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

/// The sheet about an entry; `sharers` as far as known.
fn show(app: &AppWindow, view: &mut View, entry: &FileEntry, sharers: &str) {
    let adapter = app.global::<DetailsAdapter>();
    adapter.set_title(entry.display_title().into());
    adapter.set_poster(crate::gui::views::library::poster(entry).into());
    let fact = |(name, value): (String, String)| InfoField {
        name: name.into(),
        value: value.into(),
    };
    let rows = info(entry, sharers).into_iter().map(fact).collect();
    if let Some(model) = update(adapter.get_info(), rows) {
        adapter.set_info(model);
    }
    view.detailed = Some(entry.clone());
    refresh(app, view);
    adapter.set_shown(true);
}

/// The same, for whoever does not hold the view.
pub fn tell(app: &AppWindow, entry: &FileEntry, sharers: &str) {
    show(app, &mut view().borrow_mut(), entry, sharers);
}

/// What may change while the sheet is open.
pub(crate) fn refresh(app: &AppWindow, view: &View) {
    let Some(entry) = &view.detailed else {
        return;
    };
    let adapter = app.global::<DetailsAdapter>();
    let cached = view.overview.cached.iter().find(|c| c.entry.id == entry.id);
    let own = shares(view, entry);
    adapter.set_playable(entry.sources > 0 || cached.is_some_and(|cached| cached.whole));
    let seen = view.seen.iter().find(|(file, _)| *file == entry.id);
    adapter.set_played(seen.is_some_and(|(_, seen)| seen.played));
    adapter.set_pinnable(cached.is_some() && !own);
    adapter.set_pinned(cached.is_some_and(|cached| cached.pinned));
    let whole = cached.is_some_and(|cached| cached.whole);
    adapter.set_downloadable(!own && !whole);
    let fetching = view.overview.downloads.contains(&entry.id);
    adapter.set_downloading(fetching);
    let stream = view.stream_of(entry.id).filter(|_| fetching);
    adapter.set_download_text(stream.map(fetch_text).unwrap_or_default().into());
}

/// How far a download is, or what it waits for.
fn fetch_text(stream: &StreamSnapshot) -> String {
    let share = format!("{:.0} %", show::held_share(Some(stream)) * 100.0);
    match &stream.problem {
        Some(problem) => tr!("Waiting at {}: {}", share, store_error(problem)),
        None => tr!("{} downloaded", share),
    }
}

/// Whether this machine shares it.
fn shares(view: &View, entry: &FileEntry) -> bool {
    let shared = &view.overview.library.shared;
    shared.iter().any(|shared| shared.entry.id == entry.id)
}

fn chosen(row: i32) -> Option<FileEntry> {
    let view = view();
    let view = view.borrow();
    let row = usize::try_from(row).ok()?;
    view.shown.get(row).cloned()
}

fn detailed() -> Option<FileEntry> {
    view().borrow().detailed.clone()
}

/// Connects the sheet.
pub(crate) fn connect(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<DetailsAdapter>();
    let (weak, announcer) = (app.as_weak(), core.sources.announcer.clone());
    let open = move |entry: Option<FileEntry>| {
        let (Some(app), Some(entry)) = (weak.upgrade(), entry) else {
            return;
        };
        let sources = show::sources(entry.sources);
        show(&app, &mut view().borrow_mut(), &entry, &sources);
        let (asked, weak) = (ask(&announcer, FindSeeds(entry.id)), app.as_weak());
        beside_the_window(async move {
            let sharers = asked.await.unwrap_or_default();
            let still = detailed().is_some_and(|shown| shown.id == entry.id);
            let (true, Some(app)) = (still, weak.upgrade()) else {
                return;
            };
            if app.global::<DetailsAdapter>().get_shown() {
                let own = shares(&view().borrow(), &entry);
                let sharers = match own {
                    true => [vec![tr!("this device")], sharers].concat(),
                    false => sharers,
                };
                let sharers = names(sharers, entry.sources);
                show(&app, &mut view().borrow_mut(), &entry, &sharers);
            }
        });
    };
    let show_row = open.clone();
    adapter.on_show(move |row| show_row(chosen(row)));
    adapter.on_show_playing(move || {
        let playing = view().borrow().player.entry.clone();
        open(playing);
    });
    let (weak, player) = (app.as_weak(), core.player.clone());
    adapter.on_play(move || {
        let (Some(app), Some(entry)) = (weak.upgrade(), detailed()) else {
            return;
        };
        let (list, index) = (vec![entry], 0);
        player.do_send(Play { list, index });
        let shell = app.global::<ShellAdapter>();
        if shell.get_video() {
            shell.set_page(Page::Playing);
        }
    });
    let player = core.player.clone();
    adapter.on_enqueue(move |next| {
        if let Some(entry) = detailed() {
            let entries = vec![entry];
            player.do_send(Enqueue { entries, next });
        }
    });
    let player = core.player.clone();
    adapter.on_mark(move |played| {
        if let Some(entry) = detailed() {
            player.do_send(Mark { entry, played });
        }
    });
    let (weak, sources) = (app.as_weak(), core.sources.clone());
    adapter.on_download(move |wanted| {
        let Some(entry) = detailed() else {
            return;
        };
        let (weak, streams) = (weak.clone(), sources.streams.clone());
        let room = ask(&sources.store, StoreState);
        beside_the_window(async move {
            let Some(app) = weak.upgrade() else {
                return;
            };
            let (file, title) = (entry.id, entry.display_title());
            let fits = room.await.is_ok_and(|store| entry.size <= store.quota);
            let said = match (wanted, fits) {
                (true, false) => {
                    tr!(
                        "{} exceeds the storage limit; raise it under Sharing",
                        title
                    )
                }
                (true, true) => tr!("Downloading {} in the background", title),
                (false, _) => tr!("Stopped downloading {}", title),
            };
            app.global::<ShellAdapter>().set_toast(said.into());
            if wanted && !fits {
                return;
            }
            streams.do_send(Download { file, wanted });
            app.global::<DetailsAdapter>().set_downloading(wanted);
        });
    });
    let (weak, store) = (app.as_weak(), core.sources.store.clone());
    adapter.on_pin(move |pinned| {
        let Some(entry) = detailed() else {
            return;
        };
        let file = entry.id;
        let (asked, weak) = (ask(&store, Pin { file, pinned }), weak.clone());
        beside_the_window(async move {
            let Some(app) = weak.upgrade() else {
                return;
            };
            match asked.await {
                Ok(Ok(())) => app.global::<DetailsAdapter>().set_pinned(pinned),
                Ok(Err(error)) => app
                    .global::<ShellAdapter>()
                    .set_toast(store_error(&error).into()),
                // The program ends.
                Err(_) => {}
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use engine::fixtures::film;
    use engine::ids::{ChunkIndex, FileId};
    use engine::media::{
        AudioTrack, ChunkSize, Geometry, Sidecar, SidecarRole, SubtitleTrack, VideoTrack,
    };
    use engine::store::StoreError;

    #[test]
    fn only_what_is_known_is_told() {
        let mut entry = film(1, "film.mkv");
        entry.size = 10_000_000;
        entry.info.duration_ms = 20_000;
        let told = |entry: &FileEntry| -> Vec<String> {
            let info = info(entry, "");
            info.into_iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect()
        };
        let least = [
            "Duration: 0:20",
            "Size: 9.5 MiB",
            "Bitrate: 4.0 Mbit/s",
            "File: film.mkv",
        ];
        assert_eq!(told(&entry), least);
        entry.info.video = Some(VideoTrack {
            codec: "h264".into(),
            width: 1280,
            height: 720,
            millifps: 23_976,
            hdr: true,
            ..VideoTrack::default()
        });
        let track = |language: &str| AudioTrack {
            codec: "aac".into(),
            language: language.into(),
            channels: 2,
            ..AudioTrack::default()
        };
        entry.info.audio = vec![track("eng"), track("deu")];
        entry.info.subtitles = vec![SubtitleTrack {
            codec: "ass".into(),
            language: "eng".into(),
            forced: true,
            ..SubtitleTrack::default()
        }];
        entry.info.sidecars = vec![Sidecar {
            role: SidecarRole::Subtitles,
            id: FileId([2; 32]),
            size: 1,
            pictures: 0,
            language: "de".into(),
        }];
        let all = told(&entry);
        assert_eq!(all[1], "Video: 1280 × 720, H.264, 23.98 fps, HDR");
        assert_eq!(
            all[2],
            "Audio: English · AAC · stereo\nGerman · AAC · stereo"
        );
        assert_eq!(all[3], "Subtitles: English · forced\nGerman");
    }

    #[test]
    fn sharers_are_named_and_the_rest_counted() {
        let named = |count: usize| (0..count).map(|i| format!("p{i}")).collect::<Vec<_>>();
        assert_eq!(names(named(2), 2), "p0, p1");
        assert_eq!(names(named(2), 5), "p0, p1 and 3 more");
        assert_eq!(names(Vec::new(), 3), "3 sources");
        assert_eq!(names(Vec::new(), 0), "no sources");
        assert!(names(named(12), 12).ends_with(" and 4 more"));
    }

    #[test]
    fn a_download_tells_how_far_it_is_and_what_it_waits_for() {
        let mut stream = StreamSnapshot {
            file: FileId([1; 32]),
            geometry: Geometry::new(100 * (16 << 10), ChunkSize::MIN),
            have: (0..25).collect(),
            in_flight: Default::default(),
            available: (0..100).collect(),
            read: false,
            position: ChunkIndex(0),
            buffer: Duration::ZERO,
            supplied: Vec::new(),
            duplicate_bytes: 0,
            problem: None,
            stalled: None,
            stalls: Default::default(),
        };
        assert_eq!(fetch_text(&stream), "25 % downloaded");
        stream.problem = Some(StoreError::QuotaFull);
        assert_eq!(
            fetch_text(&stream),
            "Waiting at 25 %: storage limit reached: all content is in use or kept"
        );
    }
}
