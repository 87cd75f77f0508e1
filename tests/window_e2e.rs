//! The program in a window on a virtual display, operated like by a user.

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
fn film_plays_seeks_and_window_closes() {
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
        // A busy machine may delay a frame: measure again.
        (from, since) = (time, seen);
        ((moved - passed).abs() < 0.5).then_some(())
    });

    // The audio is that of the film at this position.
    let before = stage.read_time();
    let heard = stage.record(3);
    let (at, likeness) = place(&heard, &source("Harbour at Dawn.mp4"));
    assert!(likeness > 0.8, "likeness {likeness} at {at}");
    assert!((at - before.0).abs() < 3.0, "heard {at}, seen {}", before.0);

    // The screen stays on only during playback.
    wait_for("a screen that stays on", || {
        (saver.inhibitors() == 1).then_some(())
    });
    stage.playerctl(&["pause"]);
    wait_for("a screen that may go dark", || {
        (saver.inhibitors() == 0).then_some(())
    });
    stage.playerctl(&["play"]);
    wait_for("it to stay on again", || {
        (saver.inhibitors() == 1).then_some(())
    });

    // Both peers and the server supplied chunks.
    let everybody = ["attic", "living-room", "server"].map(String::from);
    assert_eq!(stage.suppliers(), BTreeSet::from(everybody));

    // A click near the start of the seek bar, before the current position.
    stage.point(640, 400);
    stage.point(20 + 1240 / 10, 646);
    stage.xdotool(&["click", "1"]).expect("a click");
    let clicked = Instant::now();
    stage.point(640, 200);
    // However long the seek took, the position cannot be later than the target plus the
    // time since the click.
    let time = wait_for("the jump", || {
        let (time, seen) = stage.read_time();
        let latest = 3.5 + seen.duration_since(clicked).as_secs_f64();
        (time < latest).then_some(time)
    });
    assert!(time > 2.0, "at {time}");
    stage.close_window(client);
}

#[test]
fn song_plays_seeks_and_survives_device_loss() {
    let mut stage = Stage::set_up();
    let client = stage.open_window("audio");
    // Halflight is the first by title. Keys have no effect before the library is loaded.
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
    // The desktop's player controls show, pause and resume it.
    assert_eq!(stage.playerctl(&["metadata", "title"]), "Halflight");
    stage.playerctl(&["pause"]);
    wait_for("the pause", || {
        (stage.playerctl(&["status"]) == "Paused").then_some(())
    });
    stage.playerctl(&["play"]);
    wait_for("the song to go on", || {
        (stage.playerctl(&["status"]) == "Playing").then_some(())
    });
    // The digit seeks to that tenth: 14.4 s of 24.
    stage.key("6");
    let jumped = Instant::now();
    let second = heard(&stage);
    let latest = 14.4 + jumped.elapsed().as_secs_f64();
    assert!((13.0..latest).contains(&second), "at {second}");
    // A click near the start of the seek bar seeks back. In full screen the bar reaches
    // from 570 to 984.
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
    // The audio device disappears and returns.
    stage.stop_sound();
    wait_for("it to be missed", || {
        stage.logs("sound device unavailable").then_some(())
    });
    stage.start_sound();
    heard(&stage);
    // The cover is visible.
    stage.point(500, 300);
    let pixels = stage.screenshot();
    let cover = pixels
        .chunks_exact(3)
        .filter(|rgb| rgb[2] > 150 && rgb[0] < 120)
        .count();
    assert!(cover > 200, "{cover} pixels of the cover's blue");
    stage.close_window(client);
}
