//! The window without a display: what it shows in each state and what its controls
//! do.

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
use swarmplay::gui::models::playback as apply;
use swarmplay::gui::ui::{
    AppWindow, DetailsAdapter, Grouping, LibraryAdapter, LibraryFilter, Page, PlayerAdapter,
    SharingAdapter, ShellAdapter, SortColumn,
};
use swarmplay::gui::views::groups;
use swarmplay::library::{Hashing, LibrarySnapshot, SharedFile, SkipReason, Skipped};
use swarmplay::player::Notice;
use swarmplay::tracker_client::LinkState;
use view::{
    build, entry, films, labelled, no_tracker, overview, playing, press, record, settle, snapshot,
    songs,
};

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
    state.phase = Phase::Failed(MediaFailure::InvalidData.into());
    apply::player(&app, state);
    snapshot(&app, "failed-video-dark");
    assert!(
        ElementHandle::find_by_accessible_label(&app, "Cannot play this file")
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
fn the_settings_carry_the_attribution() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    app.global::<ShellAdapter>().set_page(Page::Settings);
    let slint = ElementHandle::find_by_element_type_name(&app, "AboutSlint");
    assert_eq!(slint.count(), 1);
}

#[test]
fn an_empty_library_says_what_to_do() {
    let app = build(MediaKind::Video, Theme::Dark, (800, 500), 1.0);
    let mut nothing = overview(films());
    nothing.catalogue.entries.clear();
    nothing.catalogue.tracker.state = no_tracker();
    apply::overview(&app, nothing);
    snapshot(&app, "empty-video-dark");
    let title = app.global::<LibraryAdapter>().get_empty_title();
    assert_eq!(title, "Cannot reach the tracker");
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
    let kept = added.clone();
    adapter.on_pick_files(move || kept.borrow_mut().push("files".into()));
    labelled(&app, "Choose files").invoke_accessible_default_action();
    assert_eq!(*added.borrow(), ["/music", "files"]);
    let taker = adapter.get_uploads().row_data(0).expect("somebody");
    assert_eq!(taker.detail, "The Long Ridge · 0.2 Mbit/s");
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
    press(&app, Key::RightArrow);
    press(&app, Key::Return);
    app.global::<LibraryAdapter>().set_grid(false);
    settle();
    press(&app, Key::DownArrow);
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["play 1", "play 2"]);
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

#[test]
fn the_seek_bar_takes_a_drag_wherever_it_ends() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    apply::player(&app, playing(films().remove(1)));
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
fn what_was_played_is_listed_the_latest_first() {
    let app = build(MediaKind::Audio, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(songs()));
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
    apply::history(&app, vec![seen(&last, true), seen(&first, false)]);
    let library = app.global::<LibraryAdapter>();
    library.invoke_choose_filter(LibraryFilter::Recent);
    settle();
    let titles: Vec<String> = library
        .get_items()
        .iter()
        .map(|item| item.title.into())
        .collect();
    assert_eq!(titles, [last.display_title(), first.display_title()]);
    apply::history(&app, Vec::new());
    labelled(&app, "Nothing played yet");
}

#[test]
fn a_film_that_is_all_here_needs_nobody() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    let mut all = overview(films());
    all.swarm.peers.clear();
    all.streams[0].have = (0..600).collect();
    apply::overview(&app, all);
    apply::player(&app, playing(films().remove(1)));
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    labelled(&app, "Complete on this device");
}

/// A film that plays, and what is asked of the player.
fn film() -> (AppWindow, Rc<RefCell<Vec<String>>>) {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    apply::player(&app, playing(films().remove(1)));
    app.global::<ShellAdapter>().set_page(Page::Playing);
    settle();
    let asked = record(&app);
    (app, asked)
}

fn choose(app: &AppWindow, label: &str) {
    labelled(app, label).invoke_accessible_default_action();
    settle();
}

#[test]
fn speed_and_picture_are_chosen_in_a_menu() {
    let (app, asked) = film();
    choose(&app, "Playback options");
    choose(&app, "1.5×");
    assert_eq!(*asked.borrow(), ["speed 0.5"]);
    choose(&app, "Playback options");
    choose(&app, "Fill window");
    assert!(app.global::<PlayerAdapter>().get_fill());
}

#[test]
fn sound_and_subtitles_are_chosen_and_moved_in_a_menu() {
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
fn a_menu_has_the_keyboard_while_it_is_open() {
    let (app, asked) = film();
    choose(&app, "Playback options");
    press(&app, Key::Tab);
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["speed -0.5"], "the first of the list");
    choose(&app, "Playback options");
    press(&app, Key::Escape);
    press(&app, "m");
    assert_eq!(asked.borrow().last().map(String::as_str), Some("mute"));
}

#[test]
fn a_menu_stays_open_while_a_film_plays() {
    let (app, asked) = film();
    choose(&app, "Playback options");
    // Longer than the controls stay by themselves.
    (0..8).for_each(|_| settle());
    press(&app, Key::Tab);
    press(&app, Key::Return);
    assert_eq!(*asked.borrow(), ["speed -0.5"]);
    assert_eq!(app.global::<ShellAdapter>().get_page(), Page::Playing);
}

#[test]
fn the_keys_stay_on_the_screen_while_a_film_plays() {
    let (app, _) = film();
    press(&app, "?");
    (0..8).for_each(|_| settle());
    let keys = || ElementHandle::find_by_accessible_label(&app, "Keyboard shortcuts").count();
    assert!(keys() > 0);
    press(&app, Key::Escape);
    assert_eq!(keys(), 0);
    assert_eq!(app.global::<ShellAdapter>().get_page(), Page::Playing);
}

#[test]
fn an_album_has_its_own_order_whatever_songs_are_sorted_by() {
    let app = build(MediaKind::Audio, Theme::Dark, (1280, 800), 1.0);
    let mut entries = songs();
    entries.truncate(2);
    // By length the other way round.
    (entries[0].info.track_number, entries[1].info.track_number) = (2, 1);
    apply::overview(&app, overview(entries));
    let library = app.global::<LibraryAdapter>();
    let titles = || -> Vec<String> {
        let items = library.get_items();
        items.iter().map(|item| item.title.into()).collect()
    };
    library.invoke_sort(SortColumn::Duration);
    assert_eq!(titles(), ["Tidal", "Slow Orbit"]);
    groups::turn(&app, Grouping::Albums);
    groups::open(&app, 0);
    assert_eq!(titles(), ["Slow Orbit", "Tidal"]);
    library.invoke_sort(SortColumn::Title);
    groups::turn(&app, Grouping::Files);
    assert_eq!(titles(), ["Tidal", "Slow Orbit"], "as it was sorted before");
    assert_eq!(library.get_sorted_by(), SortColumn::Duration);
}

#[test]
fn what_lasts_is_told_until_it_is_over() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    let banner = || app.global::<ShellAdapter>().get_banner();
    let mut news = overview(films());
    apply::overview(&app, news.clone());
    assert_eq!(banner(), "");
    news.catalogue.tracker.state = LinkState::Connecting;
    apply::overview(&app, news.clone());
    assert_eq!(banner(), "", "a moment is usual");
    news.catalogue.tracker.state = no_tracker();
    apply::overview(&app, news);
    assert!(banner().contains("connection refused"), "{}", banner());
    apply::overview(&app, overview(films()));
    assert_eq!(banner(), "");
    let mut state = playing(films().remove(1));
    state.notice = Some(Notice::NoSoundDevice);
    apply::player(&app, state);
    assert_eq!(banner(), "No audio device");
}

#[test]
fn a_sheet_has_the_keyboard_while_it_is_open() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    apply::overview(&app, overview(films()));
    let asked = record(&app);
    let details = app.global::<DetailsAdapter>();
    let played = asked.clone();
    details.on_play(move || played.borrow_mut().push("play".into()));
    let open = || {
        swarmplay::gui::views::details::tell(&app, &films()[1], "anna");
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
    assert_eq!(*asked.borrow(), ["mute"], "the window has it again");
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
