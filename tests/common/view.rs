//! A window without a display, and data to show in it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use engine::fixtures::{self, video_track};
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::io_failure::IoFailure;
use engine::media::{AudioTrack, ChunkSize, FileEntry, Geometry, MediaKind};
use engine::player::{Phase, PlayProgress};
use engine::protocol::PathReason;
use engine::scheduler::Supply;
use i_slint_backend_testing::{
    ElementHandle, TestingBackend, TestingBackendOptions, mock_elapsed_time,
};
use slint::platform::WindowEvent;
use slint::{ComponentHandle, LogicalPosition, PhysicalSize, SharedString};
use swarmplay::config::{Config, Language, Theme};
use swarmplay::gui::bridge::screen::{FramePixels, Update};
use swarmplay::gui::models::artwork_cache::Art;
use swarmplay::gui::models::snapshot::AppSnapshot;
use swarmplay::gui::ui::{AppWindow, Grouping, LibraryAdapter, PlayerAdapter};
use swarmplay::gui::views::details;
use swarmplay::gui::{UiContext, window};
use swarmplay::library::LibrarySnapshot;
use swarmplay::player::{PlayerSnapshot, QueueSnapshot};
use swarmplay::scheduler::StreamSnapshot;
use swarmplay::swarm::{PeerSnapshot, SwarmSnapshot};
use swarmplay::tracker_client::{CatalogueSnapshot, LinkFailure, LinkState, TrackerLink};

/// A window without actors.
pub struct TestWindow {
    app: AppWindow,
    ui: Rc<UiContext>,
}

impl Deref for TestWindow {
    type Target = AppWindow;

    fn deref(&self) -> &AppWindow {
        &self.app
    }
}

impl TestWindow {
    pub fn set_snapshot(&self, snapshot: AppSnapshot) {
        window::apply(&self.ui, Update::Snapshot(snapshot.into()));
    }

    pub fn set_player(&self, state: PlayerSnapshot) {
        window::apply(&self.ui, Update::Player(state.into()));
    }

    pub fn set_queue(&self, queue: QueueSnapshot) {
        window::apply(&self.ui, Update::Queue(queue));
    }

    pub fn set_history(&self, history: Vec<(FileId, PlayProgress)>) {
        window::apply(&self.ui, Update::History(history));
    }

    pub fn set_frame(&self, frame: FramePixels) {
        window::apply(&self.ui, Update::Frame(frame));
    }

    pub fn set_cover(&self, file: FileId, cover: Option<FramePixels>) {
        window::apply(&self.ui, Update::Cover(file, cover));
    }

    pub fn add_artwork(&self, pictures: Vec<Art>) {
        window::apply(&self.ui, Update::Artwork(pictures));
    }

    pub fn show_details(&self, entry: &FileEntry, sources: &str) {
        details::show(&self.ui, entry.clone(), sources.into());
    }

    pub fn group_by(&self, grouping: Grouping) {
        let library = self.global::<LibraryAdapter>();
        library.invoke_choose_grouping(grouping);
    }

    pub fn open_group(&self, index: i32) {
        self.global::<LibraryAdapter>().invoke_open_group(index);
    }
}

/// A window of `width` × `height` logical pixels.
pub fn build(kind: MediaKind, theme: Theme, size: (u32, u32), scale: f32) -> TestWindow {
    build_in(Language::En, kind, theme, size, scale)
}

/// The same, in another language.
pub fn build_in(
    language: Language,
    kind: MediaKind,
    theme: Theme,
    size: (u32, u32),
    scale: f32,
) -> TestWindow {
    let backend = TestingBackend::new(TestingBackendOptions {
        mock_time: true,
        threading: false,
        renderer_name: Some("software".into()),
    });
    slint::platform::set_platform(Box::new(backend)).expect("one window a test");
    let mut config = Config::default();
    config.window.theme = theme;
    // Not the language of the system.
    config.window.language = language;
    config.client.name = "desk".into();
    let (app, ui) = window::build(&config, kind).expect("builds");
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
    TestWindow { app, ui }
}

/// Advances animations and timers.
pub fn settle() {
    mock_elapsed_time(Duration::from_millis(500));
}

/// Presses and releases a key.
pub fn press(app: &AppWindow, text: impl Into<SharedString>) {
    let text = text.into();
    app.window()
        .dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
    app.window()
        .dispatch_event(WindowEvent::KeyReleased { text });
    settle();
}

/// A file of the library.
pub fn entry(id: u8, kind: MediaKind, title: &str, artist: &str, album: &str) -> FileEntry {
    let mut entry = fixtures::entry(id, kind, &format!("{title}.mp4"));
    entry.size = u64::from(id) * 300_000_000;
    entry.chunk_size = 64 << 10;
    entry.sources = u32::from(id) - 1;
    let info = &mut entry.info;
    info.duration_ms = u64::from(id) * 1_700_000;
    info.video = (kind == MediaKind::Video).then(|| video_track(1920, 1080));
    info.audio = vec![AudioTrack {
        codec: "flac".into(),
        channels: 2,
        ..AudioTrack::default()
    }];
    info.title = title.into();
    info.artist = artist.into();
    info.album = album.into();
    entry
}

/// Three films.
pub fn films() -> Vec<FileEntry> {
    let film = |id, title| entry(id, MediaKind::Video, title, "", "");
    vec![
        film(1, "Clay"),
        film(4, "The Long Ridge"),
        film(3, "Two Rivers"),
    ]
}

/// Three songs of two albums.
pub fn songs() -> Vec<FileEntry> {
    let song = |id, title, artist, album| entry(id, MediaKind::Audio, title, artist, album);
    vec![
        song(2, "Tidal", "Harbour Quartet", "Estuary"),
        song(3, "Slow Orbit", "Harbour Quartet", "Estuary"),
        song(4, "Meridian", "The Low Tides", "Far Shore"),
    ]
}

/// Link to a tracker that does not run.
pub fn no_tracker() -> LinkState {
    let code = Some(libc::ECONNREFUSED);
    LinkState::Unreachable(LinkFailure::Io(IoFailure { code }))
}

/// A swarm in the middle of `entries[1]`.
pub fn overview(entries: Vec<FileEntry>) -> AppSnapshot {
    use PathReason::{HasAll, HasRange, Near, SameNetwork};
    let film = entries[1].id;
    let peer = |id: u8, name: &str, origin: bool, reasons: &[PathReason]| PeerSnapshot {
        peer: PeerId([id; 16]),
        name: name.into(),
        address: ([192, 168, 1, id], 7701).into(),
        origin,
        rtt_us: Some(u64::from(id) * 2600),
        download_rate: u64::from(id) * 120_000,
        upload_rate: 30_000,
        downloaded: 0,
        uploaded: 0,
        taking: (!origin).then_some(film),
        reasons: [(film, reasons.to_vec())].into(),
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
        available: (0..600).collect(),
        read: true,
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
    AppSnapshot {
        downloads: Vec::new(),
        catalogue: CatalogueSnapshot {
            version: 1,
            entries,
            tracker: TrackerLink {
                address: "home.example:7700".into(),
                state: LinkState::Online,
                clients: 14,
                listed: true,
            },
        },
        swarm: SwarmSnapshot {
            download_rate: 650_000,
            upload_rate: 490_000,
            downloaded: 0,
            uploaded: 0,
            uploaded_today: 3 << 30,
            used_up: false,
            peers: vec![
                peer(1, "living-room", false, &[HasAll, Near, SameNetwork]),
                peer(2, "attic", false, &[HasRange]),
                peer(9, "server", true, &[HasAll]),
            ],
        },
        streams: vec![stream],
        library: LibrarySnapshot::default(),
        cached: Vec::new(),
    }
}

/// A player in the middle of a file.
pub fn playing(entry: FileEntry) -> PlayerSnapshot {
    PlayerSnapshot {
        phase: Phase::Playing,
        duration: entry.info.duration(),
        position: entry.info.duration().mul_f64(0.3),
        entry: Some(entry),
        volume: 70,
        speed: 100,
        has_next: true,
        ..PlayerSnapshot::default()
    }
}

/// The control with this label.
pub fn labelled(app: &AppWindow, label: &str) -> ElementHandle {
    let found = ElementHandle::find_by_accessible_label(app, label).next();
    found.unwrap_or_else(|| panic!("nothing is labelled {label}"))
}

/// Moves the pointer over the seek bar.
pub fn point_at_the_seek_bar(app: &AppWindow) {
    settle();
    let bar = labelled(app, "Seek");
    let (at, size) = (bar.absolute_position(), bar.size());
    let position = LogicalPosition::new(at.x + size.width * 0.62, at.y + size.height / 2.0);
    // The first event enters the bar, the second moves on it.
    for x in [position.x - 2.0, position.x] {
        let position = LogicalPosition::new(x, position.y);
        app.window()
            .dispatch_event(WindowEvent::PointerMoved { position });
        settle();
    }
}

/// Records the commands of keys and controls, in order.
pub fn record(app: &AppWindow) -> Rc<RefCell<Vec<String>>> {
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
    player.on_adjust_audio_delay(move |step| kept.borrow_mut().push(format!("sound {step}")));
    let kept = asked.clone();
    player.on_choose_subtitles(move |track| kept.borrow_mut().push(format!("subtitles {track}")));
    let kept = asked.clone();
    let library = app.global::<LibraryAdapter>();
    library.on_play(move |index| kept.borrow_mut().push(format!("play {index}")));
    asked
}
