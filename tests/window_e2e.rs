//! The real program in a real window, as a person would use it.

#[path = "common/saver.rs"]
mod saver;
#[path = "common/sound.rs"]
mod sound;
#[path = "common/stage.rs"]
mod stage;

use std::collections::BTreeSet;
use std::time::Instant;

use saver::Saver;
use sound::{place, source};
use stage::{Stage, wait_for};

#[test]
fn a_film_plays_seeks_and_sounds_and_the_window_closes() {
    let mut stage = Stage::set_up();
    let saver = Saver::on(&stage.bus);
    let client = stage.open_window("video");
    stage.key("Down");
    stage.key("Return");
    stage.key("f");
    stage.point(640, 200);
    let (first, first_seen) = stage.read_time();
    let (mut from, mut since) = (first, first_seen);
    wait_for("a second of film in a second", || {
        let (time, seen) = stage.read_time();
        let passed = seen.duration_since(since).as_secs_f64();
        let moved = time - from;
        if passed < 1.0 {
            return None;
        }
        // A machine that is busy elsewhere may hold a picture up: then again.
        (from, since) = (time, seen);
        ((moved - passed).abs() < 0.5).then_some(())
    });

    // The sound is that of the film, at this place.
    let before = stage.read_time();
    let heard = stage.record(3);
    let (at, likeness) = place(&heard, &source("Harbour at Dawn.mp4"));
    assert!(likeness > 0.8, "likeness {likeness} at {at}");
    assert!((at - before.0).abs() < 3.0, "heard {at}, seen {}", before.0);

    // The screen stays on while it plays, and only then.
    wait_for("a screen that stays on", || {
        (saver.told() == 1).then_some(())
    });
    stage.playerctl(&["pause"]);
    wait_for("a screen that may go dark", || {
        (saver.told() == 0).then_some(())
    });
    stage.playerctl(&["play"]);
    wait_for("it to stay on again", || (saver.told() == 1).then_some(()));

    // It came from both peers and the server.
    let everybody = ["attic", "living-room", "server"].map(String::from);
    assert_eq!(stage.suppliers(), BTreeSet::from(everybody));

    // A click near the beginning of the seek bar, where the film is no more.
    stage.point(640, 400);
    stage.point(20 + 1240 / 10, 646);
    stage.xdotool(&["click", "1"]).expect("a click");
    let clicked = Instant::now();
    stage.point(640, 200);
    // However long the jump took, the film is not further than it can have
    // played since, which is where it would be had it not jumped.
    let time = wait_for("the jump", || {
        let (time, seen) = stage.read_time();
        let latest = 3.5 + seen.duration_since(clicked).as_secs_f64();
        (time < latest).then_some(time)
    });
    assert!(time > 2.0, "at {time}");
    stage.close_window(client);
}

#[test]
fn a_song_sounds_and_seeks_and_the_window_closes() {
    let mut stage = Stage::set_up();
    let client = stage.open_window("audio");
    // Halflight is the first by title. Keys that come before the library do nothing.
    wait_for("the first song to be chosen", || {
        stage.key("Up");
        stage.key("Return");
        (stage.playerctl(&["metadata", "title"]) == "Halflight").then_some(())
    });
    let whole = source("Far Shore - 02 Halflight.m4a");
    let heard = |stage: &Stage| {
        wait_for("the song", || {
            let placed = place(&stage.record(2), &whole);
            (placed.1 > 0.8).then_some(placed.0)
        })
    };
    let first = heard(&stage);
    assert!(first < 12.0, "near the beginning: {first}");
    // The desktop's own controls know it, stop it and let it go on.
    assert_eq!(stage.playerctl(&["metadata", "title"]), "Halflight");
    stage.playerctl(&["pause"]);
    wait_for("the pause", || {
        (stage.playerctl(&["status"]) == "Paused").then_some(())
    });
    stage.playerctl(&["play"]);
    wait_for("the song to go on", || {
        (stage.playerctl(&["status"]) == "Playing").then_some(())
    });
    // The digit jumps to that tenth: 14.4 s of 24.
    stage.key("6");
    let jumped = Instant::now();
    let second = heard(&stage);
    let latest = 14.4 + jumped.elapsed().as_secs_f64();
    assert!((13.0..latest).contains(&second), "at {second}");
    // A click near the beginning of the seek bar jumps back. Full screen, so that
    // it is known where the bar lies: from 570 to 984.
    stage.key("f");
    stage.point(500, 300);
    stage.point(612, 682);
    stage.xdotool(&["click", "1"]).expect("a click");
    let clicked = Instant::now();
    let third = heard(&stage);
    assert!(
        third < second - 5.0 && third < 6.0 + clicked.elapsed().as_secs_f64(),
        "at {third}"
    );
    // The device goes, and comes back.
    stage.stop_sound();
    wait_for("it to be missed", || {
        stage.says("no sound device").then_some(())
    });
    stage.start_sound();
    heard(&stage);
    // The song's cover is on the screen.
    stage.point(500, 300);
    let pixels = stage.screenshot();
    let cover = pixels
        .chunks_exact(3)
        .filter(|rgb| rgb[2] > 150 && rgb[0] < 120)
        .count();
    assert!(cover > 200, "{cover} pixels of the cover's blue");
    stage.close_window(client);
}
