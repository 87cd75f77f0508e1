//! Work of the window on the main thread with a large library, where nothing may delay a
//! frame. Each figure is compared with a library of a hundred files.
//!
//!     cargo bench --features ui-test --bench window

#[path = "../tests/common/view.rs"]
mod view;

use std::hint::black_box;
use std::time::{Duration, Instant};

use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind};
use slint::platform::WindowEvent;
use slint::{ComponentHandle, LogicalPosition};
use swarmplay::config::Theme;
use swarmplay::gui::ui::LibraryAdapter;
use view::{TestWindow, build, entry, overview};

/// Files of the large library.
const MANY: u32 = 10_000;

/// Files of the small library.
const FEW: u32 = 100;

/// Rounds of each measurement.
const ROUNDS: u32 = 40;

fn files(count: u32) -> Vec<FileEntry> {
    let file = |number: u32| {
        let title = format!("Film {:05}", number * 7919 % count);
        let mut file = entry(1 + (number % 200) as u8, MediaKind::Video, &title, "", "");
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        file.id = FileId(id);
        file
    };
    (0..count).map(file).collect()
}

/// Median and longest time of a round.
fn measure(mut round: impl FnMut(u32)) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|number| {
            let begun = Instant::now();
            round(number);
            begun.elapsed()
        })
        .collect();
    times.sort();
    (times[times.len() / 2], times[times.len() - 1])
}

fn draw(app: &TestWindow) {
    black_box(app.window().take_snapshot().expect("renders"));
}

type Measured = (&'static str, (Duration, Duration));

/// Measures a library of `count` files.
fn library(app: &TestWindow, count: u32) -> Vec<Measured> {
    let entries = files(count);
    let news = |version: u64| {
        let mut news = overview(entries.clone());
        news.catalogue.version = u64::from(count) * 1000 + version;
        news
    };
    let mut prepared: Vec<_> = (0..=u64::from(ROUNDS)).map(news).collect();
    app.set_snapshot(prepared.remove(0));
    draw(app);
    let same = prepared[0].clone();
    let mut prepared = prepared.into_iter();
    let changed = measure(|_| {
        app.set_snapshot(prepared.next().expect("one a round"));
    });
    let mut unchanged = std::iter::repeat_n(same, ROUNDS as usize + 1);
    app.set_snapshot(unchanged.next().expect("one"));
    let looked = measure(|_| app.set_snapshot(unchanged.next().expect("one a round")));
    let adapter = app.global::<LibraryAdapter>();
    let typed = measure(|round| adapter.invoke_search(format!("film {}", round % 10).into()));
    adapter.invoke_search("".into());
    draw(app);
    let frame = measure(|_| draw(app));
    let scrolled = measure(|round| {
        let delta_y = if round < ROUNDS / 2 { -400.0 } else { 400.0 };
        app.window().dispatch_event(WindowEvent::PointerScrolled {
            position: LogicalPosition::new(600.0, 400.0),
            delta_x: 0.0,
            delta_y,
        });
        draw(app);
    });
    vec![
        ("catalogue change", changed),
        ("unchanged snapshot", looked),
        ("search by one letter", typed),
        ("full repaint", frame),
        ("scrolled frame", scrolled),
    ]
}

#[allow(clippy::print_stdout, reason = "prints the results")]
fn main() {
    let app = build(MediaKind::Video, Theme::Dark, (1280, 800), 1.0);
    let few = library(&app, FEW);
    let many = library(&app, MANY);
    println!("{MANY} files, 1280 × 800, software renderer; milliseconds\n");
    println!("| | median | longest | over {FEW} files |\n|---|--:|--:|--:|");
    for ((what, (median, longest)), (_, (before, _))) in many.into_iter().zip(few) {
        let ratio = median.as_secs_f64() / before.as_secs_f64().max(1e-9);
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "| {what} | {:.1} | {:.1} | {ratio:.1} |",
            millis(median),
            millis(longest)
        );
    }
}
