//! The window without a display: what it shows in each state, what its controls
//! do, and pictures of it.
//!
//! Pictures lie in `tests/snapshots/`; `BLESS_SNAPSHOTS=1` writes them anew, to be
//! looked at before they are committed.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use i_slint_backend_testing::{
    ElementHandle, TestingBackend, TestingBackendOptions, mock_elapsed_time,
};
use slint::platform::{Key, WindowEvent};
use slint::{ComponentHandle, PhysicalSize, SharedString};
use swarmplay::announcer::{CatalogueSnapshot, TrackerLink};
use swarmplay::config::{Config, Theme};
use swarmplay::gui::observer::Overview;
use swarmplay::gui::ui::{
    AppWindow, LibraryAdapter, Page, PlayerAdapter, SharingAdapter, ShellAdapter,
};
use swarmplay::gui::{apply, window};
use swarmplay::ids::{ChunkIndex, FileId, PeerId};
use swarmplay::library::{Hashing, LibrarySnapshot, SharedFile, Skipped};
use swarmplay::media::{
    AudioTrack, ChunkSize, FileEntry, Geometry, MediaFacts, MediaKind, VideoTrack,
};
use swarmplay::player::{Phase, PlayerSnapshot};
use swarmplay::scheduler::{StreamSnapshot, Supply};
use swarmplay::swarm::{PeerSnapshot, SwarmSnapshot};

/// Difference of a channel, of 255, from which on a pixel counts as another.
const OTHER: u8 = 40;

/// Share of pixels that may be others: the edges of some letters.
const TOLERANCE: f64 = 0.001;

/// A window of `width` × `height` logical pixels.
fn build(kind: MediaKind, theme: Theme, size: (u32, u32), scale: f32) -> AppWindow {
    let backend = TestingBackend::new(TestingBackendOptions {
        mock_time: true,
        threading: false,
        renderer_name: Some("software".into()),
    });
    slint::platform::set_platform(Box::new(backend)).expect("one window a test");
    let mut config = Config::default();
    config.window.theme = theme;
    config.client.name = "desk".into();
    let app = window::build(&config, kind).expect("builds");
    let event = WindowEvent::ScaleFactorChanged {
        scale_factor: scale,
    };
    app.window().dispatch_event(event);
    let physical = |length: u32| (length as f32 * scale) as u32;
    app.window()
        .set_size(PhysicalSize::new(physical(size.0), physical(size.1)));
    app.show().expect("shows");
    app.window()
        .dispatch_event(WindowEvent::WindowActiveChanged(true));
    settle();
    app
}

fn settle() {
    mock_elapsed_time(Duration::from_millis(500));
}

fn press(app: &AppWindow, text: impl Into<SharedString>) {
    let text = text.into();
    app.window()
        .dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
    app.window()
        .dispatch_event(WindowEvent::KeyReleased { text });
    settle();
}

fn entry(id: u8, kind: MediaKind, title: &str, artist: &str, album: &str) -> FileEntry {
    let video = (kind == MediaKind::Video).then(|| VideoTrack {
        codec: "h264".into(),
        width: 1920,
        height: 1080,
        millifps: 25_000,
    });
    FileEntry {
        id: FileId([id; 32]),
        name: format!("{title}.mp4"),
        size: u64::from(id) * 300_000_000,
        chunk_size: 64 << 10,
        facts: MediaFacts {
            kind,
            duration_ms: u64::from(id) * 1_700_000,
            video,
            audio: vec![AudioTrack {
                codec: "flac".into(),
                language: String::new(),
                channels: 2,
            }],
            subtitles: Vec::new(),
            title: title.into(),
            artist: artist.into(),
            album: album.into(),
            has_cover: false,
            timeline: Default::default(),
        },
        sources: u32::from(id) - 1,
    }
}

fn films() -> Vec<FileEntry> {
    let film = |id, title| entry(id, MediaKind::Video, title, "", "");
    vec![
        film(1, "Clay"),
        film(4, "The Long Ridge"),
        film(3, "Two Rivers"),
    ]
}

fn songs() -> Vec<FileEntry> {
    let song = |id, title, artist, album| entry(id, MediaKind::Audio, title, artist, album);
    vec![
        song(2, "Tidal", "Harbour Quartet", "Estuary"),
        song(3, "Slow Orbit", "Harbour Quartet", "Estuary"),
        song(4, "Meridian", "The Low Tides", "Far Shore"),
    ]
}

/// A swarm in the middle of `entries[1]`.
fn overview(entries: Vec<FileEntry>) -> Overview {
    let peer = |id: u8, name: &str, origin, reason: &str| PeerSnapshot {
        peer: PeerId([id; 16]),
        name: name.into(),
        address: ([192, 168, 1, id], 7701).into(),
        origin,
        rtt_us: Some(u64::from(id) * 2600),
        download_rate: u64::from(id) * 120_000,
        upload_rate: 30_000,
        downloaded: 0,
        uploaded: 0,
        reason: reason.into(),
    };
    let supply = |id: u8, origin, bytes| Supply {
        peer: PeerId([id; 16]),
        name: String::new(),
        origin,
        bytes,
    };
    let geometry = Geometry::new(
        600 * (64 << 10),
        ChunkSize::checked(64 << 10).expect("allowed"),
    );
    let stream = StreamSnapshot {
        file: entries[1].id,
        geometry,
        have: (0..260).chain(580..600).collect(),
        in_flight: (260..300).collect(),
        available: (0..470).chain(500..600).collect(),
        position: ChunkIndex(180),
        buffer: Duration::from_secs(19),
        supplied: vec![
            supply(1, false, 700),
            supply(2, false, 250),
            supply(9, true, 50),
        ],
        duplicate_bytes: 0,
        problem: None,
        stalled: None,
        stalls: Default::default(),
    };
    Overview {
        catalogue: CatalogueSnapshot {
            version: 1,
            entries,
            tracker: TrackerLink {
                address: "home.example:7700".into(),
                online: true,
                clients: 14,
                problem: String::new(),
            },
        },
        swarm: SwarmSnapshot {
            download_rate: 650_000,
            upload_rate: 490_000,
            downloaded: 0,
            uploaded: 0,
            peers: vec![
                peer(1, "living-room", false, "has all, near, same network"),
                peer(2, "attic", false, "has what plays next"),
                peer(9, "server", true, "has all"),
            ],
        },
        streams: vec![stream],
        library: LibrarySnapshot::default(),
    }
}

fn playing(entry: FileEntry) -> PlayerSnapshot {
    PlayerSnapshot {
        phase: Phase::Playing,
        duration: entry.facts.duration(),
        position: entry.facts.duration().mul_f64(0.3),
        entry: Some(entry),
        volume: 70,
        speed: 100,
        has_next: true,
        ..PlayerSnapshot::default()
    }
}

/// Compares the window with its picture, or writes the picture.
fn snapshot(app: &AppWindow, name: &str) {
    settle();
    let pixels = app.window().take_snapshot().expect("renders");
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.png"));
    if std::env::var_os("BLESS_SNAPSHOTS").is_some() {
        let file = std::fs::File::create(&path).expect("writes");
        let mut encoder = png::Encoder::new(file, pixels.width(), pixels.height());
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().expect("writes");
        writer.write_image_data(pixels.as_bytes()).expect("writes");
        return;
    }
    let file =
        std::fs::File::open(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    let mut reader = png::Decoder::new(std::io::BufReader::new(file))
        .read_info()
        .expect("PNG");
    let mut expected = vec![0; reader.output_buffer_size().expect("fits")];
    reader.next_frame(&mut expected).expect("PNG");
    assert_eq!(
        expected.len(),
        pixels.as_bytes().len(),
        "{name}: another size"
    );
    let pairs = pixels
        .as_bytes()
        .chunks_exact(4)
        .zip(expected.chunks_exact(4));
    let other = |(a, b): &(&[u8], &[u8])| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > OTHER);
    let share = pairs.filter(other).count() as f64 / (expected.len() / 4) as f64;
    assert!(
        share <= TOLERANCE,
        "{name}: {:.2} % of the pixels differ",
        share * 100.0
    );
}

fn labelled(app: &AppWindow, label: &str) -> ElementHandle {
    let found = ElementHandle::find_by_accessible_label(app, label).next();
    found.unwrap_or_else(|| panic!("nothing is labelled {label}"))
}

#[test]
fn the_library_of_films() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    app.global::<LibraryAdapter>().set_selected(1);
    snapshot(&app, "library-video-dark");
    let row = labelled(&app, "The Long Ridge");
    let description = row.accessible_description().expect("described");
    assert!(description.contains("1080p · H.264"), "{description}");
}

#[test]
fn the_library_in_the_light_at_twice_the_scale() {
    let app = build(MediaKind::Video, Theme::Light, (800, 500), 2.0);
    apply::overview(&app, overview(films()));
    snapshot(&app, "library-video-light-2x");
}

#[test]
fn music_with_its_transport() {
    let app = build(MediaKind::Audio, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(songs()));
    apply::player(&app, playing(songs().remove(1)));
    apply::overview(&app, overview(songs()));
    snapshot(&app, "library-audio-dark");
}

#[test]
fn a_film_with_its_swarm() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Playing);
    apply::player(&app, playing(films().remove(1)));
    apply::overview(&app, overview(films()));
    snapshot(&app, "playing-video-dark");
    let bar = labelled(&app, "Seek");
    assert_eq!(bar.accessible_value().as_deref(), Some("34:00"));
}

#[test]
fn a_song_in_the_light() {
    let app = build(MediaKind::Audio, Theme::Light, (1280, 800), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Playing);
    apply::player(&app, playing(songs().remove(1)));
    apply::overview(&app, overview(songs()));
    snapshot(&app, "playing-audio-light");
}

#[test]
fn a_film_that_cannot_be_played_says_why() {
    let app = build(MediaKind::Video, Theme::Dark, (800, 500), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Playing);
    let mut state = playing(films().remove(1));
    state.phase = Phase::Failed("Invalid data found when processing input".into());
    apply::player(&app, state);
    snapshot(&app, "failed-video-dark");
    assert!(
        ElementHandle::find_by_accessible_label(&app, "This cannot be played")
            .next()
            .is_some()
    );
}

#[test]
fn a_small_window_still_holds_everything() {
    let app = build(MediaKind::Audio, Theme::Dark, (800, 500), 2.0);
    app.global::<ShellAdapter>().set_page(Page::Playing);
    apply::player(&app, playing(songs().remove(1)));
    apply::overview(&app, overview(songs()));
    snapshot(&app, "playing-audio-small-2x");
}

#[test]
fn the_about_page_carries_the_attribution() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.global::<ShellAdapter>().set_page(Page::About);
    snapshot(&app, "about-dark");
    let slint = ElementHandle::find_by_element_type_name(&app, "AboutSlint");
    assert_eq!(slint.count(), 1);
}

#[test]
fn an_empty_library_says_what_to_do() {
    let app = build(MediaKind::Video, Theme::Dark, (800, 500), 1.0);
    let mut nothing = overview(films());
    nothing.catalogue.entries.clear();
    nothing.catalogue.tracker.online = false;
    nothing.catalogue.tracker.problem = "connection refused".into();
    apply::overview(&app, nothing);
    snapshot(&app, "empty-video-dark");
    let title = app.global::<LibraryAdapter>().get_empty_title();
    assert_eq!(title, "The tracker cannot be reached");
}

#[test]
fn sharing_shows_progress_and_what_was_skipped() {
    let app = build(MediaKind::Video, Theme::Light, (1280, 800), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Sharing);
    let mut state = overview(films());
    state.library = LibrarySnapshot {
        folders: vec!["/home/you/Films".into()],
        shared: vec![SharedFile {
            path: "/home/you/Films/Clay.mp4".into(),
            entry: films().remove(0),
        }],
        skipped: vec![Skipped {
            path: "/home/you/Films/notes.txt".into(),
            reason: "neither video nor audio".into(),
        }],
        hashing: Some(Hashing {
            path: "/home/you/Films/Two Rivers.mkv".into(),
            done: 40,
            total: 100,
        }),
        waiting: 3,
        settled: false,
    };
    apply::overview(&app, state);
    snapshot(&app, "sharing-light");
    let added = Rc::new(RefCell::new(Vec::new()));
    let kept = added.clone();
    let adapter = app.global::<SharingAdapter>();
    adapter.on_add(move |path| kept.borrow_mut().push(path.to_string()));
    adapter.set_path("/music".into());
    settle();
    labelled(&app, "Share").invoke_accessible_default_action();
    assert_eq!(*added.borrow(), ["/music"]);
}

/// What the keys and controls asked for, in order.
fn record(app: &AppWindow) -> Rc<RefCell<Vec<String>>> {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let note = |what: &'static str| {
        let asked = asked.clone();
        move || asked.borrow_mut().push(what.to_owned())
    };
    let player = app.global::<PlayerAdapter>();
    player.on_toggle(note("toggle"));
    player.on_toggle_mute(note("mute"));
    player.on_next(note("next"));
    let kept = asked.clone();
    player.on_seek(move |share| kept.borrow_mut().push(format!("seek {share:.2}")));
    let kept = asked.clone();
    player.on_seek_by(move |seconds| kept.borrow_mut().push(format!("by {seconds}")));
    let kept = asked.clone();
    player.on_speed_by(move |step| kept.borrow_mut().push(format!("speed {step:.1}")));
    let kept = asked.clone();
    let library = app.global::<LibraryAdapter>();
    library.on_play(move |index| kept.borrow_mut().push(format!("play {index}")));
    asked
}

#[test]
fn keys_do_what_they_do_in_mpv() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    apply::player(&app, playing(films().remove(1)));
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    let asked = record(&app);
    for key in [" ", "m", "[", "]", "5"] {
        press(&app, key);
    }
    press(&app, Key::LeftArrow);
    press(&app, Key::UpArrow);
    let expected = [
        "toggle",
        "mute",
        "speed -0.1",
        "speed 0.1",
        "seek 0.50",
        "by -5",
        "by 60",
    ];
    assert_eq!(*asked.borrow(), expected);
    press(&app, "f");
    assert!(app.get_fullscreen());
    press(&app, Key::Escape);
    assert!(!app.get_fullscreen());
    press(&app, Key::Escape);
    assert_eq!(app.global::<ShellAdapter>().get_page(), Page::Library);
}

#[test]
fn arrows_choose_in_the_library_and_enter_plays() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    let asked = record(&app);
    press(&app, Key::DownArrow);
    press(&app, Key::DownArrow);
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["play 1"]);
}

#[test]
fn what_is_typed_into_the_search_field_is_no_command() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    let asked = record(&app);
    let searched = Rc::new(RefCell::new(String::new()));
    let kept = searched.clone();
    app.global::<LibraryAdapter>()
        .on_search(move |text| *kept.borrow_mut() = text.to_string());
    press(&app, "/");
    for key in ["f", "m", " ", "5"] {
        press(&app, key);
    }
    assert_eq!(*searched.borrow(), "fm 5");
    assert!(asked.borrow().is_empty() && !app.get_fullscreen());
    press(&app, Key::Escape);
    assert_eq!(*searched.borrow(), "");
    press(&app, "m");
    assert_eq!(*asked.borrow(), ["mute"], "the keys are the player's again");
}

#[test]
fn the_seek_bar_can_be_set_and_the_selection_stays_with_its_file() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    apply::player(&app, playing(films().remove(1)));
    let asked = record(&app);
    labelled(&app, "Seek").set_accessible_value("25");
    assert_eq!(*asked.borrow(), ["seek 0.25"]);
    let library = app.global::<LibraryAdapter>();
    library.set_selected(1);
    let mut more = films();
    more.push(entry(2, MediaKind::Video, "A first one", "", ""));
    apply::overview(&app, overview(more));
    assert_eq!(library.get_selected(), 2);
}
