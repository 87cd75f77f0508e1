//! Scenes for snapshots of the window.

#![allow(dead_code, reason = "each test binary uses a part")]

use engine::fixtures;
use engine::ids::FileId;
use engine::media::{Chapter, FileEntry, MediaKind, Sidecar, SidecarRole};
use engine::player::Item;
use engine::player::Phase;
use engine::player::PlayProgress;
use engine::scheduler::StallCause;
use slint::{ComponentHandle, Rgb8Pixel, SharedPixelBuffer, SharedString};
use swarmplay::gui::bridge::artwork;
use swarmplay::gui::models::artwork_cache::{Art, ArtResult, Pixels};
use swarmplay::gui::ui::{Page, PlayerAdapter, SetupAdapter, ShellAdapter};
use swarmplay::library::{Hashing, LibrarySnapshot, SharedFile, SkipReason, Skipped};
use swarmplay::player::QueueSnapshot;
use swarmplay::store::CachedFile;

use super::view::{TestWindow, entry, labelled, overview, playing, settle};

/// A sidecar; its id differs from those of files.
pub fn sidecar(role: SidecarRole, file: u8, pictures: u32) -> Sidecar {
    let kind = match role {
        SidecarRole::Poster => 100,
        SidecarRole::Storyboard => 150,
        SidecarRole::Waveform | SidecarRole::Subtitles => 200,
    };
    Sidecar {
        size: 1000,
        pictures,
        ..fixtures::sidecar(role, kind + file)
    }
}

pub fn film(id: u8, title: &str, sources: u32) -> FileEntry {
    let mut film = entry(id, MediaKind::Video, title, "", "");
    film.sources = sources;
    film.info.duration_ms = 4_000_000 + u64::from(id) * 431_000;
    film.info.sidecars = vec![
        sidecar(SidecarRole::Poster, id, 0),
        sidecar(SidecarRole::Storyboard, id, 20),
    ];
    let chapter = |(start, title): (u64, &str)| Chapter {
        start_ms: start * 60_000,
        title: title.into(),
    };
    let chapters = [(0, "Harbour"), (21, "The storm"), (48, "Home")];
    film.info.chapters = chapters.into_iter().map(chapter).collect();
    film
}

pub fn films() -> Vec<FileEntry> {
    let mut films = vec![
        film(1, "Clay", 2),
        film(2, "The Long Ridge", 4),
        film(3, "Two Rivers", 3),
        film(4, "Night Ferry", 1),
        film(5, "A Map of the Marshes", 0),
        film(6, "Winter Light", 2),
        film(7, "Paper Kites", 5),
    ];
    // A film without sidecars yet.
    films[6].info.sidecars.clear();
    films
}

pub fn song(id: u8, title: &str, artist: &str, album: &str, number: u32) -> FileEntry {
    let mut song = entry(id, MediaKind::Audio, title, artist, album);
    song.sources = 3;
    song.size = 8_000_000 + u64::from(id) * 1_100_000;
    song.info.duration_ms = 170_000 + u64::from(id) * 17_000;
    song.info.track_number = number;
    song.info.sidecars = vec![
        sidecar(SidecarRole::Poster, id, 0),
        sidecar(SidecarRole::Waveform, id, 0),
    ];
    song
}

pub fn songs() -> Vec<FileEntry> {
    vec![
        song(1, "Tidal", "Harbour Quartet", "Estuary", 1),
        song(2, "Slow Orbit", "Harbour Quartet", "Estuary", 2),
        song(3, "Meridian", "The Low Tides", "Far Shore", 1),
        song(4, "Halflight", "The Low Tides", "Far Shore", 2),
        song(5, "Saltmarsh", "Harbour Quartet", "Estuary", 3),
        song(6, "Undertow", "Ines Vale", "Rooms", 1),
    ]
}

pub fn seen() -> Vec<(FileId, PlayProgress)> {
    let seen = |(id, share, done): (u8, u64, bool)| {
        let duration_ms = 4_000_000;
        let seen = PlayProgress {
            position_ms: duration_ms * share / 100,
            duration_ms,
            played: done,
            started: true,
            order: u64::from(id),
        };
        (FileId([id; 32]), seen)
    };
    [(3, 41, false), (6, 12, false), (1, 0, true)]
        .map(seen)
        .to_vec()
}

/// Picture of a landscape; it varies with the number.
pub fn landscape(number: u8, width: u32, height: u32) -> SharedPixelBuffer<Rgb8Pixel> {
    let turn = f32::from(number) * 0.9;
    let mut pixels = SharedPixelBuffer::new(width, height);
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let x = (index as u32 % width) as f32 / width as f32;
        let y = (index as u32 / width) as f32 / height as f32;
        let hill = |base: f32, size: f32, wave: f32| {
            y > base + size * (x * wave + turn).sin() + size * 0.5 * (x * wave * 2.3 + turn).cos()
        };
        let sun = ((x - 0.3 - 0.05 * turn).powi(2) * (width as f32 / height as f32).powi(2)
            + (y - 0.3).powi(2))
        .sqrt()
            < 0.13;
        let depth = match (hill(0.78, 0.06, 5.0), hill(0.62, 0.09, 3.0), sun) {
            (true, ..) => 0.16,
            (_, true, _) => 0.36,
            (_, _, true) => 1.0,
            _ => 0.55 + 0.3 * y,
        };
        let channel = |phase: f32| (depth * (150.0 + 90.0 * (turn + phase).sin())).min(250.0) as u8;
        *pixel = Rgb8Pixel::new(channel(0.0), channel(1.9), channel(3.7));
    }
    pixels
}

/// Loads the artwork of files.
pub fn load_artwork(app: &TestWindow, entries: &[FileEntry]) {
    let mut arts = Vec::new();
    for entry in entries {
        let number = entry.id.0[0];
        for sidecar in &entry.info.sidecars {
            let pixels = match sidecar.role {
                SidecarRole::Poster => landscape(number, 400, 225),
                SidecarRole::Storyboard => landscape(number, 1600, 180),
                SidecarRole::Waveform | SidecarRole::Subtitles => continue,
            };
            let (id, result) = (sidecar.id, ArtResult::Loaded(Pixels::Opaque(pixels)));
            arts.push(Art { id, result });
        }
        if let Some(waveform) = entry.info.sidecar(SidecarRole::Waveform) {
            let peak =
                |x: u32| (60.0 + 90.0 * (x as f32 * 0.021).sin().abs()) as u8 + (x * 37 % 89) as u8;
            let peaks: Vec<u8> = (0..600).map(peak).collect();
            let pixels = Pixels::Shape(artwork::waveform(&peaks));
            let (id, result) = (waveform.id, ArtResult::Loaded(pixels));
            arts.push(Art { id, result });
        }
    }
    app.add_artwork(arts);
}

pub fn library(app: &TestWindow, entries: Vec<FileEntry>) {
    if entries.len() < 2 {
        let mut nothing = overview(films());
        nothing.catalogue.entries = entries;
        return app.set_snapshot(nothing);
    }
    load_artwork(app, &entries);
    app.set_snapshot(overview(entries));
}

/// Fills the queue with films.
pub fn queue_of_films(app: &TestWindow) {
    let items = films().into_iter().zip(1..).skip(2);
    let upcoming: Vec<Item> = items.map(|(entry, key)| Item { key, entry }).collect();
    let (first, count) = (2, upcoming.len());
    app.set_queue(QueueSnapshot {
        first,
        count,
        upcoming,
    });
}

/// Plays a song and opens a page.
pub fn listen(app: &TestWindow, page: Page) {
    load_artwork(app, &songs());
    app.set_snapshot(overview(songs()));
    app.set_player(playing(songs().remove(1)));
    let items = songs().into_iter().zip(1..).skip(2);
    let upcoming: Vec<Item> = items.map(|(entry, key)| Item { key, entry }).collect();
    app.set_queue(QueueSnapshot {
        first: 2,
        count: upcoming.len(),
        upcoming,
    });
    app.set_snapshot(overview(songs()));
    app.set_cover(songs()[1].id, Some(landscape(2, 500, 500)));
    app.global::<ShellAdapter>().set_page(page);
    app.global::<PlayerAdapter>().invoke_request_storyboard();
}

/// Plays a film and opens a menu.
pub fn open_menu(app: &TestWindow, menu: &str) {
    watch(app, Phase::Playing);
    let player = app.global::<PlayerAdapter>();
    let sound = ["English · AAC · stereo", "German · AC-3 · 5.1"];
    player.set_audio_tracks(sound.map(SharedString::from).into());
    player.set_subtitle_tracks(["English", "German"].map(SharedString::from).into());
    player.set_subtitle_track(0);
    player.set_audio_delay("+0.05 s".into());
    labelled(app, menu).invoke_accessible_default_action();
    settle();
}

/// Shows a film in a phase, with snapshots over some time.
pub fn watch(app: &TestWindow, phase: Phase) {
    app.global::<ShellAdapter>().set_page(Page::Playing);
    load_artwork(app, &films());
    let mut state = playing(films().remove(1));
    let shown = !matches!(phase, Phase::Failed(_));
    state.phase = phase;
    app.set_player(state);
    if shown {
        app.set_frame(landscape(2, 1280, 720));
    }
    for buffer in [4, 9, 15, 21, 24, 19] {
        let mut news = overview(films());
        let ahead = 180 + buffer * 4;
        news.streams[0].have = (0..ahead).chain(580..600).collect();
        news.streams[0].in_flight = (ahead..ahead + 30).collect();
        (0..8).for_each(|_| app.set_snapshot(news.clone()));
    }
}

/// Shows the form of the first run with an error.
pub fn setup(app: &TestWindow) {
    let setup = app.global::<SetupAdapter>();
    setup.set_name("desk".into());
    setup.set_tracker("home".into());
    setup.set_file("/home/you/.config/swarmplay/client.toml".into());
    setup.set_error(
        "No tracker at home:7700. Check that it is running and that the address is correct.".into(),
    );
    app.global::<ShellAdapter>().set_page(Page::Setup);
}

/// Opens the details dialog.
pub fn about(app: &TestWindow, mut entry: FileEntry) {
    if let Some(video) = &mut entry.info.video {
        (video.millifps, video.hdr) = (23_976, true);
    }
    app.show_details(&entry, "attic, living-room, server and 2 more");
}

/// A download: complete for the first film, half of others.
pub fn cached(entry: FileEntry) -> CachedFile {
    let whole = entry.id.0[0] == 4;
    CachedFile {
        bytes: if whole { entry.size } else { entry.size / 2 },
        whole,
        pinned: whole,
        entry,
    }
}

pub fn shared() -> LibrarySnapshot {
    let file = |entry: FileEntry| SharedFile {
        path: format!("/home/you/Films/{}", entry.name).into(),
        entry,
    };
    LibrarySnapshot {
        folders: vec!["/home/you/Films".into(), "/mnt/archive/Lectures".into()],
        shared: films().into_iter().take(3).map(file).collect(),
        skipped: vec![Skipped {
            path: "/home/you/Films/notes.txt".into(),
            reason: SkipReason::NothingToPlay,
        }],
        hashing: Some(Hashing {
            path: "/home/you/Films/Winter Light.mkv".into(),
            done: 400 << 20,
            total: 1 << 30,
            rate: 180 << 20,
        }),
        waiting: 12,
        waiting_bytes: 9 << 30,
        making: Some("/home/you/Films/Clay.mp4".into()),
        to_make: 2,
        ..LibrarySnapshot::default()
    }
}

/// Shows a film that stalls for a cause.
pub fn stall(app: &TestWindow, cause: StallCause) {
    watch(app, Phase::Buffering);
    let mut news = overview(films());
    news.streams[0].stalled = Some(cause);
    app.set_snapshot(news);
}
