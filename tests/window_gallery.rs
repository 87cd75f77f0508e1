//! States of the window. Some are compared with references in `tests/snapshots/`, others
//! are checked for their text. `scripts/snapshots` regenerates the references;
//! `scripts/snapshots --gallery` renders all states in all looks.

#[path = "common/scenes.rs"]
mod scenes;
#[path = "common/snapshot.rs"]
mod snapshot;
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
use snapshot::{add_to_gallery, check};
use swarmplay::config::{Language, Theme};
use swarmplay::gui::ui::{
    Grouping, LibraryAdapter, LibraryFilter, Page, SetupAdapter, SharingAdapter, ShellAdapter,
};
use swarmplay::player::{Notice, PlayerSnapshot};
use view::{
    TestWindow, build_in, labelled, no_tracker, overview, playing, point_at_the_seek_bar, press,
    settle,
};

/// Appearance of the window in a snapshot.
struct Look {
    name: &'static str,
    theme: Theme,
    language: Language,
    /// In logical pixels.
    size: (u32, u32),
    scale: f32,
}

impl Look {
    fn dark() -> Self {
        Self {
            name: "dark",
            theme: Theme::Dark,
            language: Language::En,
            size: (1280, 800),
            scale: 1.0,
        }
    }

    fn light() -> Self {
        Self {
            name: "light",
            theme: Theme::Light,
            ..Self::dark()
        }
    }

    fn dark_2x() -> Self {
        Self {
            name: "dark-2x",
            size: (900, 600),
            scale: 2.0,
            ..Self::dark()
        }
    }

    fn light_2x() -> Self {
        Self {
            name: "light-2x",
            theme: Theme::Light,
            ..Self::dark_2x()
        }
    }

    /// A small window in a language with long words.
    fn german() -> Self {
        Self {
            name: "german",
            language: Language::De,
            size: (900, 600),
            ..Self::dark()
        }
    }

    fn all() -> [Self; 5] {
        [
            Self::dark(),
            Self::light(),
            Self::dark_2x(),
            Self::light_2x(),
            Self::german(),
        ]
    }

    /// A window of this look in a state, and the name of its snapshot.
    fn open(&self, state: &State) -> (TestWindow, String) {
        let app = build_in(
            self.language,
            state.library,
            self.theme,
            self.size,
            self.scale,
        );
        (state.show)(&app);
        (app, format!("{}-{}", state.name, self.name))
    }
}

/// State of the window.
#[derive(Clone, Copy)]
struct State {
    name: &'static str,
    library: MediaKind,
    show: fn(&TestWindow),
}

impl State {
    fn matches_reference(&self, look: &Look) {
        let (app, name) = look.open(self);
        check(&app, &name);
    }

    fn shows(&self, text: &str) {
        let (app, _) = Look::dark().open(self);
        settle();
        labelled(&app, text);
    }

    fn render_all_looks(self) {
        for look in Look::all() {
            // One window a thread.
            let render = move || {
                let (app, name) = look.open(&self);
                add_to_gallery(&app, &name);
            };
            std::thread::spawn(render).join().expect("renders");
        }
    }
}

/// Tests of states: `name: library [looks with a reference] "text to find", show;`.
macro_rules! states {
    ($($name:ident: $library:ident [$($look:ident),*] $($text:literal)?, $show:expr;)*) => {$(
        mod $name {
            use super::*;

            const STATE: State = State {
                name: stringify!($name),
                library: MediaKind::$library,
                show: $show,
            };

            $(#[test]
            fn $look() {
                STATE.matches_reference(&Look::$look());
            })*

            $(#[test]
            fn text() {
                STATE.shows($text);
            })?

            #[test]
            #[ignore = "run by scripts/snapshots --gallery"]
            fn gallery() {
                STATE.render_all_looks();
            }
        }
    )*};
}

states! {
    films: Video [dark, light, light_2x], |app| library(app, films());
    films_list: Video [dark], |app| {
        library(app, films());
        app.global::<LibraryAdapter>().set_grid(false);
    };
    films_continue: Video [dark], |app| {
        library(app, films());
        app.set_history(seen());
        library(app, films());
    };
    films_on_device: Video [dark], |app| {
        let mut news = overview(films());
        news.cached = films().into_iter().skip(3).take(2).map(cached).collect();
        app.set_snapshot(news);
        app.global::<LibraryAdapter>().invoke_choose_filter(LibraryFilter::Local);
    };
    film_details: Video [dark, german], |app| {
        let mut news = overview(films());
        news.cached = films().into_iter().skip(3).take(2).map(cached).collect();
        app.set_snapshot(news);
        let film = films().swap_remove(3);
        about(app, film);
    };
    download_waiting: Video [] "Waiting at 47 %: storage limit reached: all content is in use or kept", |app| {
        let mut news = overview(films());
        news.downloads = vec![news.streams[0].file];
        news.streams[0].problem = Some(StoreError::QuotaFull);
        app.set_snapshot(news);
        about(app, films().swap_remove(1));
    };
    song_details: Audio [] "Mark as played", |app| {
        listen(app, Page::Library);
        about(app, songs().swap_remove(1));
    };
    tooltip: Video [dark], |app| {
        library(app, films());
        let icon = labelled(app, "Settings");
        let (at, size) = (icon.absolute_position(), icon.size());
        let position = LogicalPosition::new(at.x + size.width / 2.0, at.y + size.height / 2.0);
        app.window().dispatch_event(WindowEvent::PointerMoved { position });
        settle();
        settle();
    };
    drop_target: Video [dark], |app| {
        library(app, films());
        app.set_drag_over(true);
    };
    search_no_results: Video [] "No films match “ridges”", |app| {
        library(app, films());
        press(app, "/");
        "ridges".chars().for_each(|letter| press(app, letter.to_string()));
    };
    library_empty: Video [dark], |app| library(app, Vec::new());
    tracker_unreachable: Video [] "Cannot reach the tracker", |app| {
        let mut nothing = overview(films());
        nothing.catalogue.entries.clear();
        nothing.catalogue.tracker.state = no_tracker();
        nothing.catalogue.tracker.listed = false;
        app.set_snapshot(nothing);
    };
    library_loading: Video [] "Loading library", |app| {
        let mut nothing = overview(films());
        nothing.catalogue.entries.clear();
        nothing.catalogue.tracker.listed = false;
        app.set_snapshot(nothing);
    };
    films_offline: Video [dark], |app| {
        let mut alone = overview(films());
        alone.catalogue.tracker.state = no_tracker();
        app.set_snapshot(alone);
    };
    songs: Audio [dark, light], |app| listen(app, Page::Library);
    queue_empty: Audio [dark], |app| {
        library(app, songs());
        app.set_player(PlayerSnapshot::default());
    };
    albums: Audio [dark], |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Albums);
    };
    artists: Audio [] "1 album · 3 songs", |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Artists);
    };
    album: Audio [dark], |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Albums);
        app.open_group(0);
    };
    artist: Audio [] "1 album · 3 songs", |app| {
        listen(app, Page::Library);
        app.group_by(Grouping::Artists);
        app.open_group(0);
    };
    song: Audio [dark], |app| listen(app, Page::Playing);
    film: Video [dark, light], |app| watch(app, Phase::Playing);
    film_seek_preview: Video [dark], |app| {
        watch(app, Phase::Playing);
        point_at_the_seek_bar(app);
    };
    film_options_menu: Video [dark], |app| open_menu(app, "Playback options");
    film_tracks_menu: Video [dark], |app| open_menu(app, "Audio and subtitles");
    film_stalled: Video [dark], |app| stall(app, StallCause::SlowSource);
    film_choked: Video [] "Buffering: sources are not sending at the moment; resumes when their upload limits allow", |app| stall(app, StallCause::Choked);
    film_loading: Video [dark], |app| watch(app, Phase::Loading);
    film_loading_slowly: Video [] "Buffering: sources are too slow; requesting from all sources", |app| {
        watch(app, Phase::Loading);
        let mut news = overview(films());
        news.streams[0].stalled = Some(StallCause::SlowSource);
        app.set_snapshot(news);
    };
    songs_queue_hidden: Audio [] "Show queue", |app| {
        listen(app, Page::Library);
        press(app, "q");
    };
    film_at_risk: Video [dark], |app| {
        watch(app, Phase::Playing);
        let mut news = overview(films());
        news.streams[0].available = (0..400).collect();
        app.set_snapshot(news);
    };
    film_fullscreen: Video [] "Exit full screen", |app| {
        watch(app, Phase::Playing);
        press(app, "f");
    };
    film_controls_hidden: Video [dark], |app| {
        watch(app, Phase::Playing);
        press(app, "f");
        (0..8).for_each(|_| settle());
    };
    film_queue: Video [dark, dark_2x], |app| {
        watch(app, Phase::Playing);
        queue_of_films(app);
        press(app, "q");
    };
    film_failed: Video [dark], |app| {
        watch(app, Phase::Failed(MediaFailure::InvalidData.into()));
    };
    song_stalled: Audio [] "Buffering: download limit reached; change it under Sharing", |app| {
        listen(app, Page::Playing);
        let mut state = playing(songs().remove(1));
        state.phase = Phase::Buffering;
        let mut news = overview(songs());
        news.streams[0].stalled = Some(StallCause::OwnLimit);
        app.set_player(state);
        app.set_snapshot(news);
    };
    no_audio_device: Audio [] "No audio device", |app| {
        listen(app, Page::Playing);
        let mut state = playing(songs().remove(1));
        state.notice = Some(Notice::NoSoundDevice);
        app.set_player(state);
    };
    nothing_playing: Video [dark], |app| app.global::<ShellAdapter>().set_page(Page::Playing);
    sharing: Video [dark, light, german], |app| {
        let mut news = overview(films());
        news.library = shared();
        news.cached = films().into_iter().skip(3).take(2).map(cached).collect();
        app.set_snapshot(news);
        app.global::<ShellAdapter>().set_page(Page::Sharing);
    };
    sharing_idle: Video [dark], |app| {
        let mut news = overview(films());
        news.swarm.peers.clear();
        app.set_snapshot(news);
        app.global::<ShellAdapter>().set_page(Page::Sharing);
    };
    sharing_limited: Video [dark], |app| {
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
    settings: Video [dark, light], |app| app.global::<ShellAdapter>().set_page(Page::Settings);
    shortcuts: Video [dark], |app| {
        library(app, films());
        press(app, "?");
    };
    setup: Video [dark, german], |app| setup(app);
    setup_connecting: Video [] "Connecting…", |app| {
        setup(app);
        let setup = app.global::<SetupAdapter>();
        setup.set_error(Default::default());
        setup.set_busy(true);
    };
    toast: Video [dark], |app| {
        library(app, films());
        app.global::<ShellAdapter>().set_toast("Added to queue: Clay".into());
    };
}
