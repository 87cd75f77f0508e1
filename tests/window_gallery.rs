//! Pictures of every view and state, in the dark and in the light, at one and at twice
//! the scale. `scripts/snapshots` regenerates them and puts them on one contact sheet.

#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/view.rs"]
mod view;

use engine::media::{MediaFailure, MediaKind};
use engine::player::Phase;
use engine::scheduler::StallCause;
use engine::store::StoreError;
use scenes::{
    about, cached, films, library, listen, open_menu, queue_of_films, seen, setup, shared, songs,
    stall, watch,
};
use slint::platform::WindowEvent;
use slint::{ComponentHandle, LogicalPosition};
use swarmplay::config::{Language, Theme};
use swarmplay::gui::ui::{
    Grouping, LibraryAdapter, LibraryFilter, Page, SetupAdapter, SharingAdapter, ShellAdapter,
};
use swarmplay::player::{Notice, PlayerSnapshot};
use view::{
    TestWindow, build, build_in, labelled, no_tracker, overview, playing, point_at_the_seek_bar,
    press, settle, snapshot,
};

/// Two pictures in the dark, two in the light.
macro_rules! pictures {
    ($($name:ident: $kind:ident, $show:expr;)*) => {$(
        mod $name {
            use super::*;

            fn show(app: &TestWindow) {
                let show: fn(&TestWindow) = $show;
                show(app);
            }

            fn picture(theme: Theme, size: (u32, u32), scale: f32, how: &str) {
                let app = build(MediaKind::$kind, theme, size, scale);
                show(&app);
                let name = format!("gallery/{}-{how}", stringify!($name));
                snapshot(&app, &name);
            }

            #[test]
            fn in_the_dark() {
                picture(Theme::Dark, LARGE, 1.0, "dark");
            }

            #[test]
            fn in_the_light() {
                picture(Theme::Light, LARGE, 1.0, "light");
            }

            #[test]
            fn in_the_dark_at_twice_the_scale() {
                picture(Theme::Dark, SMALL, 2.0, "dark-2x");
            }

            #[test]
            fn in_the_light_at_twice_the_scale() {
                picture(Theme::Light, SMALL, 2.0, "light-2x");
            }
        }
    )*};
}

/// Sizes of the window, in logical pixels.
const LARGE: (u32, u32) = (1280, 800);
const SMALL: (u32, u32) = (900, 600);

/// One picture in German, which is longer than most, in a small window.
macro_rules! in_german {
    ($($name:ident: $kind:ident, $show:expr;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn in_german() {
                let app = build_in(Language::De, MediaKind::$kind, Theme::Dark, SMALL, 1.0);
                let show: fn(&TestWindow) = $show;
                show(&app);
                snapshot(&app, concat!("gallery/", stringify!($name), "-german"));
            }
        }
    )*};
}

in_german! {
    library_of_films: Video, |app| library(app, films());
    library_of_songs: Audio, |app| listen(app, Page::Library);
    nobody_shares: Video, |app| library(app, Vec::new());
    what_is_shared: Video, |app| {
        let mut news = overview(films());
        news.library = shared();
        app.set_snapshot(news);
        app.global::<ShellAdapter>().set_page(Page::Sharing);
    };
    film_that_waits: Video, |app| stall(app, StallCause::SlowSource);
    film_whose_sharers_give_nothing: Video, |app| stall(app, StallCause::Choked);
    sheet_about_a_film: Video, |app| {
        library(app, films());
        about(app, films().swap_remove(3));
    };
    all_keys: Video, |app| {
        library(app, films());
        press(app, "?");
    };
    all_settings: Video, |app| app.global::<ShellAdapter>().set_page(Page::Settings);
    first_questions: Video, |app| setup(app);
}

pictures! {
    films: Video, |app| library(app, films());
    films_as_a_list: Video, |app| {
        library(app, films());
        app.global::<LibraryAdapter>().set_grid(false);
    };
    films_to_go_on_with: Video, |app| {
        library(app, films());
        app.set_history(seen());
        library(app, films());
    };
    films_on_this_machine: Video, |app| {
        let mut news = overview(films());
        news.cached = films().into_iter().skip(3).take(2).map(cached).collect();
        app.set_snapshot(news);
        app.global::<LibraryAdapter>().invoke_choose_filter(LibraryFilter::Local);
    };
    about_a_film: Video, |app| {
        let mut news = overview(films());
        news.cached = films().into_iter().skip(3).take(2).map(cached).collect();
        app.set_snapshot(news);
        let film = films().swap_remove(3);
        about(app, film);
    };
    a_download_that_waits: Video, |app| {
        let mut news = overview(films());
        news.downloads = vec![news.streams[0].file];
        news.streams[0].problem = Some(StoreError::QuotaFull);
        app.set_snapshot(news);
        about(app, films().swap_remove(1));
    };
    about_a_song: Audio, |app| {
        listen(app, Page::Library);
        about(app, songs().swap_remove(1));
    };
    an_icon_pointed_at: Video, |app| {
        library(app, films());
        let icon = labelled(app, "Settings");
        let (at, size) = (icon.absolute_position(), icon.size());
        let position = LogicalPosition::new(at.x + size.width / 2.0, at.y + size.height / 2.0);
        app.window().dispatch_event(WindowEvent::PointerMoved { position });
        settle();
        settle();
    };
    files_held_over_it: Video, |app| {
        library(app, films());
        app.set_drag_over(true);
    };
    nothing_found: Video, |app| {
        library(app, films());
        press(app, "/");
        "ridges".chars().for_each(|letter| press(app, letter.to_string()));
    };
    no_films: Video, |app| library(app, Vec::new());
    no_tracker: Video, |app| {
        let mut nothing = overview(films());
        nothing.catalogue.entries.clear();
        nothing.catalogue.tracker.state = no_tracker();
        nothing.catalogue.tracker.listed = false;
        app.set_snapshot(nothing);
    };
    one_moment: Video, |app| {
        let mut nothing = overview(films());
        nothing.catalogue.entries.clear();
        nothing.catalogue.tracker.listed = false;
        app.set_snapshot(nothing);
    };
    films_without_a_tracker: Video, |app| {
        let mut alone = overview(films());
        alone.catalogue.tracker.state = no_tracker();
        app.set_snapshot(alone);
    };
    songs: Audio, |app| listen(app, Page::Library);
    nothing_comes_next: Audio, |app| {
        library(app, songs());
        app.set_player(PlayerSnapshot::default());
    };
    albums: Audio, |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Albums);
    };
    artists: Audio, |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Artists);
    };
    an_album: Audio, |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Albums);
        app.open_group(0);
    };
    an_artist: Audio, |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Artists);
        app.open_group(0);
    };
    a_song: Audio, |app| listen(app, Page::Playing);
    a_film: Video, |app| watch(app, Phase::Playing);
    a_film_pointed_at: Video, |app| {
        watch(app, Phase::Playing);
        point_at_the_seek_bar(app);
    };
    a_film_and_its_speed: Video, |app| open_menu(app, "Playback options");
    a_film_and_its_tracks: Video, |app| open_menu(app, "Audio and subtitles");
    a_film_that_waits: Video, |app| stall(app, StallCause::SlowSource);
    a_film_whose_sharers_give_nothing: Video, |app| stall(app, StallCause::Choked);
    a_film_that_loads: Video, |app| watch(app, Phase::Loading);
    a_film_that_loads_slowly: Video, |app| {
        watch(app, Phase::Loading);
        let mut news = overview(films());
        news.streams[0].stalled = Some(StallCause::SlowSource);
        app.set_snapshot(news);
    };
    what_comes_next_over_the_songs: Audio, |app| {
        listen(app, Page::Library);
        press(app, "q");
    };
    a_film_at_risk: Video, |app| {
        watch(app, Phase::Playing);
        let mut news = overview(films());
        news.streams[0].available = (0..400).collect();
        app.set_snapshot(news);
    };
    a_film_in_full_screen: Video, |app| {
        watch(app, Phase::Playing);
        press(app, "f");
    };
    a_film_alone: Video, |app| {
        watch(app, Phase::Playing);
        press(app, "f");
        (0..8).for_each(|_| settle());
    };
    a_film_and_what_comes_next: Video, |app| {
        watch(app, Phase::Playing);
        queue_of_films(app);
        press(app, "q");
    };
    a_film_that_fails: Video, |app| {
        watch(app, Phase::Failed(MediaFailure::InvalidData.into()));
    };
    a_song_that_waits: Audio, |app| {
        listen(app, Page::Playing);
        let mut state = playing(songs().remove(1));
        state.phase = Phase::Buffering;
        let mut news = overview(songs());
        news.streams[0].stalled = Some(StallCause::OwnLimit);
        app.set_player(state);
        app.set_snapshot(news);
    };
    no_sound: Audio, |app| {
        listen(app, Page::Playing);
        let mut state = playing(songs().remove(1));
        state.notice = Some(Notice::NoSoundDevice);
        app.set_player(state);
    };
    nothing_plays: Video, |app| app.global::<ShellAdapter>().set_page(Page::Playing);
    sharing: Video, |app| {
        let mut news = overview(films());
        news.library = shared();
        news.cached = films().into_iter().skip(3).take(2).map(cached).collect();
        app.set_snapshot(news);
        app.global::<ShellAdapter>().set_page(Page::Sharing);
    };
    sharing_nothing: Video, |app| {
        let mut news = overview(films());
        news.swarm.peers.clear();
        app.set_snapshot(news);
        app.global::<ShellAdapter>().set_page(Page::Sharing);
    };
    sharing_paused_and_used_up: Video, |app| {
        let mut news = overview(films());
        news.library = shared();
        news.library.paused = true;
        news.swarm.used_up = true;
        news.swarm.uploaded_today = 10 << 30;
        app.set_snapshot(news);
        let sharing = app.global::<SharingAdapter>();
        sharing.set_error("/home/me/Films cannot be read: Permission denied".into());
        app.global::<ShellAdapter>().set_page(Page::Sharing);
    };
    settings: Video, |app| app.global::<ShellAdapter>().set_page(Page::Settings);
    keys: Video, |app| {
        library(app, films());
        press(app, "?");
    };
    first_run: Video, |app| setup(app);
    first_run_that_tries: Video, |app| {
        setup(app);
        let setup = app.global::<SetupAdapter>();
        setup.set_error(Default::default());
        setup.set_busy(true);
    };
    a_toast: Video, |app| {
        library(app, films());
        app.global::<ShellAdapter>().set_toast("Added to queue: Clay".into());
    };
}
