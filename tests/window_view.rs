//! States and controls of the window, without a display.

#[path = "common/view.rs"]
mod view;

use std::cell::RefCell;
use std::rc::Rc;

use engine::media::{FileEntry, MediaFailure, MediaKind};
use engine::player::{Phase, PlayProgress};
use i_slint_backend_testing::ElementHandle;
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, Model, SharedString};
use swarmplay::config::Theme;
use swarmplay::gui::ui::{
    DetailsAdapter, Grouping, LibraryAdapter, LibraryFilter, Page, PlayerAdapter, SharingAdapter,
    ShellAdapter, SortColumn,
};
use swarmplay::library::{Hashing, LibrarySnapshot, SharedFile, SkipReason, Skipped};
use swarmplay::player::Notice;
use swarmplay::tracker_client::LinkState;
use view::{
    TestWindow, build, entry, films, labelled, no_tracker, overview, playing, press, record,
    settle, songs,
};

#[test]
fn library_lists_films() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    app.global::<LibraryAdapter>().set_selected(1);
    settle();
    let row = labelled(&app, "The Long Ridge");
    let description = row.accessible_description().expect("described");
    assert!(description.contains("1080p · H.264"), "{description}");
}

#[test]
fn music_library_shows_player_bar() {
    let app = build(MediaKind::Audio, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(songs()));
    app.set_player(playing(songs().remove(1)));
    app.set_snapshot(overview(songs()));
    settle();
    let bar = labelled(&app, "Seek");
    assert_eq!(bar.accessible_value().as_deref(), Some("25:30"));
}

#[test]
fn playing_film_shows_swarm_panel() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Playing);
    app.set_player(playing(films().remove(1)));
    app.set_snapshot(overview(films()));
    settle();
    labelled(&app, "living-room");
    let bar = labelled(&app, "Seek");
    assert_eq!(bar.accessible_value().as_deref(), Some("34:00"));
}

#[test]
fn failed_film_shows_cause() {
    let app = build(MediaKind::Video, Theme::Dark, (800, 500), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Playing);
    let mut state = playing(films().remove(1));
    state.phase = Phase::Failed(MediaFailure::InvalidData.into());
    app.set_player(state);
    settle();
    assert!(
        ElementHandle::find_by_accessible_label(&*app, "Cannot play this file")
            .next()
            .is_some()
    );
}

#[test]
fn small_window_fits_player() {
    let app = build(MediaKind::Audio, Theme::Dark, (800, 500), 2.0);
    app.global::<ShellAdapter>().set_page(Page::Playing);
    app.set_player(playing(songs().remove(1)));
    app.set_snapshot(overview(songs()));
    settle();
    for label in ["Seek", "Pause", "Mute", "Show queue"] {
        let control = labelled(&app, label);
        let (at, size) = (control.absolute_position(), control.size());
        let (right, bottom) = (at.x + size.width, at.y + size.height);
        assert!(at.x >= 0.0 && right <= 800.0, "{label} ends at {right}");
        assert!(at.y >= 0.0 && bottom <= 500.0, "{label} ends at {bottom}");
    }
}

#[test]
fn settings_show_slint_attribution() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Settings);
    let slint = ElementHandle::find_by_element_type_name(&*app, "AboutSlint");
    assert_eq!(slint.count(), 1);
}

#[test]
fn empty_library_explains_tracker_failure() {
    let app = build(MediaKind::Video, Theme::Dark, (800, 500), 1.0);
    let mut nothing = overview(films());
    nothing.catalogue.entries.clear();
    nothing.catalogue.tracker.state = no_tracker();
    app.set_snapshot(nothing);
    settle();
    let title = app.global::<LibraryAdapter>().get_empty_title();
    assert_eq!(title, "Cannot reach the tracker");
}

#[test]
fn sharing_shows_scan_and_skipped_files() {
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
            reason: SkipReason::NothingToPlay,
        }],
        hashing: Some(Hashing {
            path: "/home/you/Films/Two Rivers.mkv".into(),
            done: 40,
            total: 100,
            rate: 10,
        }),
        waiting_bytes: 900,
        paused: false,
        making: Some("/home/you/Films/Clay.mp4".into()),
        to_make: 0,
        waiting: 3,
        settled: false,
    };
    app.set_snapshot(state);
    settle();
    let added = Rc::new(RefCell::new(Vec::new()));
    let kept = added.clone();
    let adapter = app.global::<SharingAdapter>();
    adapter.on_add(move |path| kept.borrow_mut().push(path.to_string()));
    adapter.set_path("/music".into());
    settle();
    labelled(&app, "Share").invoke_accessible_default_action();
    assert_eq!(*added.borrow(), ["/music"]);
    let kept = added.clone();
    adapter.on_pick_files(move || kept.borrow_mut().push("files".into()));
    labelled(&app, "Choose files").invoke_accessible_default_action();
    assert_eq!(*added.borrow(), ["/music", "files"]);
    let taker = adapter.get_uploads().row_data(0).expect("somebody");
    assert_eq!(taker.detail, "The Long Ridge · 0.2 Mbit/s");
}

#[test]
fn keys_follow_mpv() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    app.set_player(playing(films().remove(1)));
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
fn arrow_keys_select_and_enter_plays() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    let asked = record(&app);
    press(&app, Key::DownArrow);
    press(&app, Key::RightArrow);
    press(&app, Key::Return);
    app.global::<LibraryAdapter>().set_grid(false);
    settle();
    press(&app, Key::DownArrow);
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["play 1", "play 2"]);
}

#[test]
fn search_field_keeps_typed_keys() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
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
    assert_eq!(*asked.borrow(), ["mute"], "the player receives keys again");
}

#[test]
fn seek_bar_sets_position_and_selection_follows_file() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    app.set_player(playing(films().remove(1)));
    let asked = record(&app);
    labelled(&app, "Seek").set_accessible_value("25");
    assert_eq!(*asked.borrow(), ["seek 0.25"]);
    let library = app.global::<LibraryAdapter>();
    library.set_selected(1);
    let mut more = films();
    more.push(entry(2, MediaKind::Video, "A first one", "", ""));
    app.set_snapshot(overview(more));
    assert_eq!(library.get_selected(), 2);
}

#[test]
fn seek_bar_drag_may_end_outside() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    app.set_player(playing(films().remove(1)));
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    let asked = record(&app);
    let bar = labelled(&app, "Seek");
    let (from, size) = (bar.absolute_position(), bar.size());
    let half = from.x + size.width / 2.0;
    let middle = from.y + size.height / 2.0;
    for (to, down) in [(half, 60.0), (from.x - 40.0, 0.0)] {
        let window = app.window();
        let at = |x: f32, y: f32| LogicalPosition::new(x, y);
        let button = PointerEventButton::Left;
        for event in [
            WindowEvent::PointerMoved {
                position: at(half - 100.0, middle),
            },
            WindowEvent::PointerPressed {
                position: at(half - 100.0, middle),
                button,
            },
            WindowEvent::PointerMoved {
                position: at(to, middle - down),
            },
            WindowEvent::PointerReleased {
                position: at(to, middle - down),
                button,
            },
        ] {
            window.dispatch_event(event);
            settle();
        }
    }
    assert_eq!(*asked.borrow(), ["seek 0.50", "seek 0.00"]);
}

#[test]
fn recent_filter_lists_latest_first() {
    let app = build(MediaKind::Audio, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(songs()));
    let seen = |entry: &FileEntry, done| {
        let seen = PlayProgress {
            position_ms: 1000,
            duration_ms: entry.info.duration_ms,
            played: done,
            started: true,
            order: 1,
        };
        (entry.id, seen)
    };
    let (first, last) = (songs().remove(0), songs().remove(2));
    app.set_history(vec![seen(&last, true), seen(&first, false)]);
    let library = app.global::<LibraryAdapter>();
    library.invoke_choose_filter(LibraryFilter::Recent);
    settle();
    let titles: Vec<String> = library
        .get_items()
        .iter()
        .map(|item| item.title.into())
        .collect();
    assert_eq!(titles, [last.display_title(), first.display_title()]);
    app.set_history(Vec::new());
    labelled(&app, "Nothing played yet");
}

#[test]
fn complete_film_needs_no_peers() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    let mut all = overview(films());
    all.swarm.peers.clear();
    all.streams[0].have = (0..600).collect();
    app.set_snapshot(all);
    app.set_player(playing(films().remove(1)));
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    labelled(&app, "Complete on this device");
}

/// A film that plays, and a record of commands to the player.
fn film() -> (TestWindow, Rc<RefCell<Vec<String>>>) {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    app.set_player(playing(films().remove(1)));
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    let asked = record(&app);
    (app, asked)
}

fn choose(app: &TestWindow, label: &str) {
    labelled(app, label).invoke_accessible_default_action();
    settle();
}

#[test]
fn menu_sets_speed_and_fill() {
    let (app, asked) = film();
    choose(&app, "Playback options");
    choose(&app, "1.5×");
    assert_eq!(*asked.borrow(), ["speed 0.5"]);
    choose(&app, "Playback options");
    choose(&app, "Fill window");
    assert!(app.global::<PlayerAdapter>().get_fill());
}

#[test]
fn menu_sets_subtitles_and_audio_delay() {
    let (app, asked) = film();
    let tracks = ["English", "German"].map(SharedString::from);
    let player = app.global::<PlayerAdapter>();
    player.set_subtitle_tracks(tracks.into());
    choose(&app, "Audio and subtitles");
    choose(&app, "Increase audio delay");
    choose(&app, "Decrease audio delay");
    choose(&app, "German");
    assert_eq!(*asked.borrow(), ["sound 50", "sound -50", "subtitles 1"]);
}

#[test]
fn open_menu_has_keyboard_focus() {
    let (app, asked) = film();
    choose(&app, "Playback options");
    press(&app, Key::Tab);
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["speed -0.5"], "the first option");
    choose(&app, "Playback options");
    press(&app, Key::Escape);
    press(&app, "m");
    assert_eq!(asked.borrow().last().map(String::as_str), Some("mute"));
}

#[test]
fn open_menu_stays_while_film_plays() {
    let (app, asked) = film();
    choose(&app, "Playback options");
    // Longer than the controls stay visible.
    (0..8).for_each(|_| settle());
    press(&app, Key::Tab);
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["speed -0.5"]);
    assert_eq!(app.global::<ShellAdapter>().get_page(), Page::Playing);
}

#[test]
fn shortcuts_dialog_stays_while_film_plays() {
    let (app, _) = film();
    press(&app, "?");
    (0..8).for_each(|_| settle());
    let keys = || ElementHandle::find_by_accessible_label(&*app, "Keyboard shortcuts").count();
    assert!(keys() > 0);
    press(&app, Key::Escape);
    assert_eq!(keys(), 0);
    assert_eq!(app.global::<ShellAdapter>().get_page(), Page::Playing);
}

#[test]
fn album_keeps_track_order_under_library_sort() {
    let app = build(MediaKind::Audio, Theme::Dark, (1280, 800), 1.0);
    let mut entries = songs();
    entries.truncate(2);
    // Reverse of the order by duration.
    (entries[0].info.track_number, entries[1].info.track_number) = (2, 1);
    app.set_snapshot(overview(entries));
    let library = app.global::<LibraryAdapter>();
    let titles = || -> Vec<String> {
        let items = library.get_items();
        items.iter().map(|item| item.title.into()).collect()
    };
    library.invoke_sort(SortColumn::Duration);
    assert_eq!(titles(), ["Tidal", "Slow Orbit"]);
    app.group_by(Grouping::Albums);
    app.open_group(0);
    assert_eq!(titles(), ["Slow Orbit", "Tidal"]);
    library.invoke_sort(SortColumn::Title);
    app.group_by(Grouping::Files);
    assert_eq!(
        titles(),
        ["Tidal", "Slow Orbit"],
        "the order before is restored"
    );
    assert_eq!(library.get_sorted_by(), SortColumn::Duration);
}

#[test]
fn banner_shows_warning_until_resolved() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    let banner = || app.global::<ShellAdapter>().get_banner();
    let mut news = overview(films());
    app.set_snapshot(news.clone());
    assert_eq!(banner(), "");
    news.catalogue.tracker.state = LinkState::Connecting;
    app.set_snapshot(news.clone());
    assert_eq!(banner(), "", "connecting takes a moment");
    news.catalogue.tracker.state = no_tracker();
    app.set_snapshot(news);
    assert!(banner().contains("connection refused"), "{}", banner());
    app.set_snapshot(overview(films()));
    assert_eq!(banner(), "");
    let mut state = playing(films().remove(1));
    state.notice = Some(Notice::NoSoundDevice);
    app.set_player(state);
    assert_eq!(banner(), "No audio device");
}

#[test]
fn open_dialog_has_keyboard_focus() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.set_snapshot(overview(films()));
    let asked = record(&app);
    let details = app.global::<DetailsAdapter>();
    let played = asked.clone();
    details.on_play(move || played.borrow_mut().push("play".into()));
    let open = || {
        app.show_details(&films()[1], "anna");
        settle();
    };
    open();
    for _ in 0..20 {
        press(&app, Key::Tab);
        press(&app, "m");
        press(&app, Key::LeftArrow);
    }
    press(&app, Key::Escape);
    assert!(!details.get_shown());
    assert_eq!(*asked.borrow(), [""; 0]);
    press(&app, "m");
    assert_eq!(*asked.borrow(), ["mute"], "focus returns to the window");
    open();
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["mute", "play"]);
    assert!(!details.get_shown());
    press(&app, "?");
    press(&app, Key::Tab);
    press(&app, "m");
    press(&app, "?");
    press(&app, "m");
    assert_eq!(*asked.borrow(), ["mute", "play", "mute"]);
}
