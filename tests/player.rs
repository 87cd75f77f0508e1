//! Player over a real node and real decoders, with a screen that records its calls.

mod common;

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex};

use actix::{Actor, Addr};
use common::{client, eventually, noise, open, run, slow, tracker};
use engine::ids::FileId;
use engine::media::FileEntry;
use engine::player::{Control, Phase, PlayProgress, PlaybackError, SkippedSong};
use swarmplay::app::Node;
use swarmplay::config::PlayerConfig;
use swarmplay::player::{
    Frame, Play, Player, PlayerCommand, PlayerSnapshot, PlayerState, QueueSnapshot, Screen,
};
use swarmplay::tracker_client::CatalogueState;

/// Frame in plain memory.
struct Pixels(Vec<u8>);

impl Frame for Pixels {
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Recorded phases, and the first pixel of each picture.
#[derive(Default)]
struct Recorder {
    phases: Mutex<Vec<Phase>>,
    pixels: Mutex<Vec<[u8; 3]>>,
}

impl Recorder {
    fn phases(&self) -> Vec<Phase> {
        self.phases.lock().expect("not poisoned").clone()
    }
}

impl Screen for Recorder {
    fn frame(&self, width: u32, height: u32) -> Box<dyn Frame> {
        Box::new(Pixels(vec![0; (width * height * 3) as usize]))
    }

    fn show(&self, frame: Box<dyn Frame>) {
        let pixels = frame.into_any().downcast::<Pixels>().expect("ours");
        let pixel = pixels.0.first_chunk().expect("a pixel");
        self.pixels.lock().expect("not poisoned").push(*pixel);
    }

    fn show_cover(&self, _: FileId, _: Option<Box<dyn Frame>>) {}

    fn changed(&self, state: PlayerSnapshot) {
        let mut phases = self.phases.lock().expect("not poisoned");
        if phases.last() != Some(&state.phase) {
            phases.push(state.phase);
        }
    }

    fn queue_changed(&self, _: QueueSnapshot) {}

    fn song_skipped(&self, _: SkippedSong) {}

    fn history_changed(&self, _: Vec<(FileId, PlayProgress)>) {}
}

fn player(node: &Node, change: impl FnOnce(&mut PlayerConfig)) -> (Addr<Player>, Arc<Recorder>) {
    let mut config = PlayerConfig::default();
    change(&mut config);
    let recorder = Arc::new(Recorder::default());
    let gateway = node.gateway.clone().expect("gateway");
    let streams = node.sources.streams.clone();
    let player = Player::new(config, gateway, recorder.clone(), streams, None);
    (player.start(), recorder)
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

/// Number of processes that read from a path of this node's gateway.
fn readers(node: &Node, path: &str) -> usize {
    let gateway = node.gateway.as_ref().expect("gateway").address;
    let gateway = format!("{gateway}/{path}");
    let reads = |process: &procfs::process::Process| {
        let arguments = process.cmdline().unwrap_or_default();
        arguments.iter().any(|argument| argument.contains(&gateway))
    };
    let processes = procfs::process::all_processes().expect("proc").flatten();
    processes.filter(reads).count()
}

/// Encodes a film of a generated picture and a tone.
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

/// Encodes a film of 30 s in ten steps of equally increasing brightness. Its container
/// starts to count at 20 s.
fn brightness_steps(path: &Path) {
    let picture = "color=black:s=64x48:r=10:d=30,geq=lum='16+20*floor(T/3)':cb=128:cr=128";
    film(path, picture, 30, &["-g", "20", "-output_ts_offset", "20"]);
}

#[test]
fn seek_position_is_the_same_with_and_without_standby() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    brightness_steps(&at("server/steps.mkv"));
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "steps.mkv", 1).await;
        let (player, recorder) = player(&viewer, |_| {});
        let list = entries(&viewer).await;
        player.do_send(Play { list, index: 0 });
        eventually("a standby pair", || async {
            (readers(&viewer, "deferred") == 2).then_some(())
        })
        .await;
        // While paused, the picture is that of the seek position. The second seek comes
        // before another standby pair is ready.
        player.do_send(PlayerCommand(Control::Toggle));
        for step in [7, 3] {
            eventually("a pause", || async {
                state(&player).await.paused.then_some(())
            })
            .await;
            recorder.pixels.lock().expect("not poisoned").clear();
            let to = std::time::Duration::from_millis(step * 3000 + 1500);
            player.do_send(PlayerCommand(Control::SeekTo(to)));
            let [shown, ..] = eventually("a picture", || async {
                recorder
                    .pixels
                    .lock()
                    .expect("not poisoned")
                    .last()
                    .copied()
            })
            .await;
            let bright = (step as f64 * 20.0 * 255.0 / 219.0).round() as u8;
            assert!(shown.abs_diff(bright) <= 6, "{shown} for {bright}");
        }
        swarmplay::runtime::close(&player, common::PATIENCE).await;
        eventually("the end of all decoders", || async {
            (readers(&viewer, "") == 0).then_some(())
        })
        .await;
        viewer.stop().await;
        server.stop().await;
    });
}

/// Encodes a second of red with a colour matrix and the options that tag it.
fn red(path: &Path, size: &str, matrix: &str, tags: &[&str]) {
    let picture = format!(
        "color=red:s={size}:r=10:d=1,format=rgb24,scale=out_color_matrix={matrix},format=yuv420p"
    );
    film(path, &picture, 1, tags);
}

#[test]
fn colours_are_right_for_every_matrix_and_tag() {
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
    for (name, size, matrix, tags) in films {
        red(&at("server").join(name), size, matrix, tags);
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
            let (player, recorder) = player(&viewer, |_| {});
            let name = entry.name.clone();
            player.do_send(Play {
                list: vec![entry],
                index: 0,
            });
            let shown = eventually("a picture", || async {
                recorder
                    .pixels
                    .lock()
                    .expect("not poisoned")
                    .first()
                    .copied()
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
fn queue_plays_in_order_and_ends() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "a.wav", 1, 41);
    noise(&at("server"), "b.wav", 1, 42);
    run(async {
        let server = tracker(&at("dt"), &[&at("server")]).await;
        let viewer = client(&at("dv"), &server, "viewer", &[], |_| {}).await;
        open(&viewer, "b.wav", 1).await;
        let (player, recorder) = player(&viewer, |_| {});
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
        // A busy machine may buffer in between, but each file is loaded once and plays.
        let phases = recorder.phases();
        let files = phases.split(|phase| *phase == Phase::Loading).skip(1);
        let played: Vec<bool> = files.map(|of| of.contains(&Phase::Playing)).collect();
        assert_eq!(played, [true, true], "{phases:?}");
        end(player, vec![viewer, server]).await;
    });
}

#[test]
fn film_ends_with_any_audio_delay() {
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
        player.do_send(PlayerCommand(Control::DelayAudio(-200)));
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
fn playback_buffers_on_late_data_and_resumes() {
    let dir = tempfile::tempdir().expect("folder");
    let at = |name: &str| dir.path().join(name);
    noise(&at("server"), "a.wav", 8, 43);
    run(async {
        let server = tracker(&at("dt"), &[]).await;
        // Two thirds of the bitrate of the sound.
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
        let (player, recorder) = player(&viewer, |_| {});
        let list = entries(&viewer).await;
        player.do_send(Play { list, index: 0 });
        eventually("buffering and its end", || async {
            let phases = recorder.phases();
            let waited = phases.iter().position(|phase| *phase == Phase::Buffering)?;
            phases[waited..].contains(&Phase::Playing).then_some(())
        })
        .await;
        end(player, vec![viewer, source, server]).await;
    });
}

/// Overwrites the second half of a film; the index stays intact.
fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).expect("film");
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn unplayable_file_fails_with_a_reason() {
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
        eventually("a failure or the end of the file", || async {
            let phase = state(&damaged).await.phase;
            matches!(phase, Phase::Failed(_) | Phase::Ended).then_some(())
        })
        .await;

        let (without, _) = player(&viewer, |config| {
            config.ffmpeg = "/nonexistent/ffmpeg".into()
        });
        without.do_send(Play { list, index: 0 });
        let error = eventually("the error", || async {
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
