//! The player over a real node and real decoders, with a screen that only takes
//! notes.

mod common;

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex};

use actix::{Actor, Addr};
use common::{client, eventually, noise, open, run, slow, tracker};
use engine::ids::FileId;
use engine::media::FileEntry;
use engine::player::{Control, PassedOver, Phase, PlayProgress, PlaybackError};
use swarmplay::app::node::Node;
use swarmplay::config::PlayerConfig;
use swarmplay::player::{
    Frame, Play, Player, PlayerCommand, PlayerSnapshot, PlayerState, QueueSnapshot, Screen,
};
use swarmplay::tracker_client::CatalogueState;

/// A picture in plain memory.
struct Pixels(Vec<u8>);

impl Frame for Pixels {
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// What the player told, and the first pixel of each picture.
#[derive(Default)]
struct Notes(Mutex<Vec<Phase>>, Mutex<Vec<[u8; 3]>>);

impl Notes {
    fn phases(&self) -> Vec<Phase> {
        self.0.lock().expect("not poisoned").clone()
    }
}

impl Screen for Notes {
    fn frame(&self, width: u32, height: u32) -> Box<dyn Frame> {
        Box::new(Pixels(vec![0; (width * height * 3) as usize]))
    }

    fn show(&self, frame: Box<dyn Frame>) {
        let pixels = frame.into_any().downcast::<Pixels>().expect("ours");
        let pixel = pixels.0.first_chunk().expect("a pixel");
        self.1.lock().expect("not poisoned").push(*pixel);
    }

    fn show_cover(&self, _: FileId, _: Option<Box<dyn Frame>>) {}

    fn changed(&self, state: PlayerSnapshot) {
        let mut phases = self.0.lock().expect("not poisoned");
        if phases.last() != Some(&state.phase) {
            phases.push(state.phase);
        }
    }

    fn queue_changed(&self, _: QueueSnapshot) {}

    fn passed_over(&self, _: PassedOver) {}

    fn history_changed(&self, _: Vec<(FileId, PlayProgress)>) {}
}

fn player(node: &Node, change: impl FnOnce(&mut PlayerConfig)) -> (Addr<Player>, Arc<Notes>) {
    let mut config = PlayerConfig::default();
    change(&mut config);
    let notes = Arc::new(Notes::default());
    let gateway = node.gateway.clone().expect("gateway");
    let streams = node.sources.streams.clone();
    let player = Player::new(config, gateway, notes.clone(), streams, None);
    (player.start(), notes)
}

async fn state(player: &Addr<Player>) -> PlayerSnapshot {
    player.send(PlayerState).await.expect("player")
}

async fn entries(node: &Node) -> Vec<FileEntry> {
    let catalogue = node.sources.announcer.send(CatalogueState).await;
    catalogue.expect("announcer").entries
}

async fn end(player: Addr<Player>, nodes: Vec<Node>) {
    swarmplay::runtime::close(&player, common::PATIENCE).await;
    for node in nodes {
        node.stop().await;
    }
}

/// Processes that read from a place of this node.
fn readers(node: &Node, place: &str) -> usize {
    let gateway = node.gateway.as_ref().expect("gateway").address;
    let gateway = format!("{gateway}/{place}");
    let reads = |process: &procfs::process::Process| {
        let words = process.cmdline().unwrap_or_default();
        words.iter().any(|word| word.contains(&gateway))
    };
    let processes = procfs::process::all_processes().expect("proc").flatten();
    processes.filter(reads).count()
}

/// A film of a picture and a tone, both as ffmpeg makes them.
fn film(path: &Path, picture: &str, seconds: u32, more: &[&str]) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
    let tone = format!("sine=d={seconds}");
    let made = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", picture])
        .args(["-f", "lavfi", "-i", &tone, "-c:v", "libx264"])
        .args(["-pix_fmt", "yuv420p", "-preset", "ultrafast"])
        .args(more)
        .arg(path)
        .status();
    assert!(made.expect("ffmpeg runs").success());
}

/// A film of half a minute in ten steps, each brighter than the one before by as much;
/// its container begins to count at 20 s.
fn steps(path: &Path) {
    let picture = "color=black:s=64x48:r=10:d=30,geq=lum='16+20*floor(T/3)':cb=128:cr=128";
    film(path, picture, 30, &["-g", "20", "-output_ts_offset", "20"]);
}

#[test]
fn a_jump_leads_to_the_same_place_whether_decoders_wait_for_it_or_not() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    steps(&at("server/steps.mkv"));
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "steps.mkv", 1).await;
        let (player, notes) = player(&viewer, |_| {});
        let list = entries(&viewer).await;
        player.do_send(Play { list, index: 0 });
        eventually("a pair that waits", || async {
            (readers(&viewer, "door") == 2).then_some(())
        })
        .await;
        // Paused, what is shown is what was jumped to. The second jump comes before
        // another pair waits.
        player.do_send(PlayerCommand(Control::Toggle));
        for step in [7, 3] {
            eventually("a pause", || async {
                state(&player).await.paused.then_some(())
            })
            .await;
            notes.1.lock().expect("not poisoned").clear();
            let to = std::time::Duration::from_millis(step * 3000 + 1500);
            player.do_send(PlayerCommand(Control::SeekTo(to)));
            let [shown, ..] = eventually("a picture", || async {
                notes.1.lock().expect("not poisoned").last().copied()
            })
            .await;
            let bright = (step as f64 * 20.0 * 255.0 / 219.0).round() as u8;
            assert!(shown.abs_diff(bright) <= 6, "{shown} for {bright}");
        }
        swarmplay::runtime::close(&player, common::PATIENCE).await;
        eventually("an end of all decoders", || async {
            (readers(&viewer, "") == 0).then_some(())
        })
        .await;
        viewer.stop().await;
        server.stop().await;
    });
}

/// A second of red; how its colours are coded, and what it says of that.
fn red(path: &Path, size: &str, matrix: &str, says: &[&str]) {
    let picture = format!(
        "color=red:s={size}:r=10:d=1,format=rgb24,scale=out_color_matrix={matrix},format=yuv420p"
    );
    film(path, &picture, 1, says);
}

#[test]
fn red_is_red_however_a_film_codes_it() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    let films = [
        ("hd.mkv", "1280x720", "bt709", &[][..]),
        ("sd.mkv", "64x48", "bt601", &[]),
        (
            "small but as hd.mkv",
            "64x48",
            "bt709",
            &["-colorspace", "bt709"],
        ),
        (
            "large but as sd.mkv",
            "1280x720",
            "bt601",
            &["-colorspace", "smpte170m"],
        ),
    ];
    for (name, size, matrix, says) in films {
        red(&at("server").join(name), size, matrix, says);
    }
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        let count = films.len();
        eventually("all films", || async {
            (entries(&viewer).await.len() == count).then_some(())
        })
        .await;
        for entry in entries(&viewer).await {
            let (player, notes) = player(&viewer, |_| {});
            let name = entry.name.clone();
            player.do_send(Play {
                list: vec![entry],
                index: 0,
            });
            let shown = eventually("a picture", || async {
                notes.1.lock().expect("not poisoned").first().copied()
            })
            .await;
            let off = shown.into_iter().zip([255, 0, 0_u8]);
            let off = off.map(|(is, should)| is.abs_diff(should)).max();
            assert!(off <= Some(6), "{name}: {shown:?}");
            swarmplay::runtime::close(&player, common::PATIENCE).await;
        }
        viewer.stop().await;
        server.stop().await;
    });
}

#[test]
fn one_file_follows_another_and_the_last_one_ends() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "a.wav", 1, 41);
    noise(&at("server"), "b.wav", 1, 42);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "b.wav", 1).await;
        let (player, notes) = player(&viewer, |_| {});
        let list = entries(&viewer).await;
        let last = list[1].id;
        player.do_send(Play { list, index: 0 });
        let state = eventually("the end", || async {
            let state = state(&player).await;
            (state.phase == Phase::Ended).then_some(state)
        })
        .await;
        assert_eq!(state.entry.map(|entry| entry.id), Some(last));
        assert_eq!(state.position, state.duration);
        // A busy machine may make it wait in between, but each is loaded once and plays.
        let phases = notes.phases();
        let files = phases.split(|phase| *phase == Phase::Loading).skip(1);
        let played: Vec<bool> = files.map(|of| of.contains(&Phase::Playing)).collect();
        assert_eq!(played, [true, true], "{phases:?}");
        end(player, vec![viewer, server]).await;
    });
}

#[test]
fn a_film_ends_however_late_its_sound_is_heard() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    red(&at("server/sound.mkv"), "64x48", "bt601", &[]);
    red(&at("server/silent.mkv"), "64x48", "bt601", &["-an"]);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        eventually("both films", || async {
            (entries(&viewer).await.len() == 2).then_some(())
        })
        .await;
        let (player, _) = player(&viewer, |config| {
            config.audio_delay.0 = std::time::Duration::from_millis(300);
        });
        let list = entries(&viewer).await;
        let last = list[1].id;
        player.do_send(Play { list, index: 0 });
        player.do_send(PlayerCommand(Control::SoundBy(-200)));
        let state = eventually("the end", || async {
            let state = state(&player).await;
            (state.phase == Phase::Ended).then_some(state)
        })
        .await;
        assert_eq!(state.entry.map(|entry| entry.id), Some(last));
        end(player, vec![viewer, server]).await;
    });
}

#[test]
fn late_bytes_make_it_wait_and_go_on_by_itself() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "a.wav", 8, 43);
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        // Two thirds of what the sound needs.
        let source = client(
            &at("ds"),
            &server,
            "source",
            &[&at("server")],
            slow(128_000),
        )
        .await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "a.wav", 1).await;
        let (player, notes) = player(&viewer, |_| {});
        let list = entries(&viewer).await;
        player.do_send(Play { list, index: 0 });
        eventually("a wait and its end", || async {
            let phases = notes.phases();
            let waited = phases.iter().position(|phase| *phase == Phase::Buffering)?;
            phases[waited..].contains(&Phase::Playing).then_some(())
        })
        .await;
        end(player, vec![viewer, source, server]).await;
    });
}

/// A film whose second half is overwritten, with the index intact.
fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).expect("film");
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn what_cannot_be_played_is_explained_and_nothing_crashes() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("server")).expect("folder");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("media/Harbour at Dawn.mp4");
    let film = at("server").join("damaged.mp4");
    std::fs::copy(sample, &film).expect("copied");
    damage(&film);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "damaged.mp4", 1).await;
        let list = entries(&viewer).await;

        let (damaged, _) = player(&viewer, |_| {});
        damaged.do_send(Play {
            list: list.clone(),
            index: 0,
        });
        damaged.do_send(PlayerCommand(Control::SeekShare(0.9)));
        eventually("a word about the damage, or the end of it", || async {
            let phase = state(&damaged).await.phase;
            matches!(phase, Phase::Failed(_) | Phase::Ended).then_some(())
        })
        .await;

        let (without, _) = player(&viewer, |config| {
            config.ffmpeg = "/nonexistent/ffmpeg".into()
        });
        without.do_send(Play { list, index: 0 });
        let error = eventually("the reason", || async {
            match state(&without).await.phase {
                Phase::Failed(error) => Some(error),
                _ => None,
            }
        })
        .await;
        assert_eq!(
            error,
            PlaybackError::FfmpegMissing("/nonexistent/ffmpeg".into())
        );
        swarmplay::runtime::close(&without, common::PATIENCE).await;
        end(damaged, vec![viewer, server]).await;
    });
}
