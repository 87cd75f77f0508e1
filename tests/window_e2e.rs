//! The real program in a real window on a virtual display, with a recorded null
//! sink for ears: a tracker, two peers, a client in each mode.
//!
//! The sample films carry their time as a bar code in the picture (see
//! `media/make`), so a screenshot tells which moment is shown. Needs Xvfb,
//! openbox, xdotool, ImageMagick, wmctrl and PulseAudio, which `scripts/test`
//! installs.

#[path = "common/sound.rs"]
mod sound;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sound::{place, reduce, source};

/// Size of the display; twice that of the sample films.
const WIDTH: usize = 1280;
const HEIGHT: usize = 720;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Children, ended by pid when the test is over, however it ends.
#[derive(Default)]
struct Children(Vec<Child>);

impl Children {
    fn spawn(&mut self, command: &mut Command) -> &mut Child {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.0.push(child);
        self.0.last_mut().expect("just pushed")
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A display, a sound server and a swarm, private to one test.
struct Stage {
    children: Children,
    dir: tempfile::TempDir,
    display: String,
    tracker: String,
    gateway: String,
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An address nobody listens on at the moment.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("address").to_string()
}

fn media() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("media")
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Stage {
    fn set_up() -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let mut children = Children::default();
        let mut xvfb = quiet("Xvfb");
        xvfb.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1280x720x24",
            "-nolisten",
            "tcp",
        ]);
        let stdout = children.spawn(xvfb.stdout(Stdio::piped())).stdout.take();
        let mut number = String::new();
        let mut lines = BufReader::new(stdout.expect("piped"));
        lines.read_line(&mut number).expect("Xvfb says its number");
        let display = format!(":{}", number.trim());
        children.spawn(
            quiet("openbox")
                .env("DISPLAY", &display)
                .env("HOME", dir.path()),
        );
        let socket = dir.path().join("sound.socket");
        let native = format!(
            "--load=module-native-protocol-unix auth-anonymous=1 socket={}",
            socket.display()
        );
        let mut pulse = quiet("pulseaudio");
        pulse.args([
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--disallow-exit=yes",
        ]);
        pulse.args([
            &native,
            "--load=module-null-sink sink_name=nul rate=48000 channels=2",
        ]);
        pulse
            .env("HOME", dir.path())
            .env("XDG_RUNTIME_DIR", dir.path());
        children.spawn(&mut pulse);
        wait_for("the sound server", || socket.exists().then_some(()));
        std::fs::write(
            dir.path().join(".asoundrc"),
            "pcm.!default { type pulse }\n",
        )
        .expect("writes");
        let mut stage = Self {
            children,
            dir,
            display,
            tracker: String::new(),
            gateway: free_address(),
        };
        let folders = format!("library.folders={}", media().display());
        stage.tracker = stage.serve(
            "tracker",
            &["tracker.listen=127.0.0.1:0", "client.name=server", &folders],
        );
        for name in ["living-room", "attic"] {
            stage.serve("peer", &[&format!("client.name={name}"), &folders]);
        }
        stage
    }

    fn swarmplay(&self, command: &str, name: &str) -> Command {
        let mut program = quiet(env!("CARGO_BIN_EXE_swarmplay"));
        let data = self.dir.path().join(name);
        program
            .arg(command)
            .arg(format!("--set=store.data_dir={}", data.display()));
        if command != "tracker" {
            program.arg(format!("--set=client.tracker={}", self.tracker));
            program.arg("--set=client.listen=127.0.0.1:0");
        }
        program
    }

    /// Starts a server or peer; returns where it listens.
    fn serve(&mut self, command: &str, sets: &[&str]) -> String {
        let name = format!("{command}-{}", self.children.0.len());
        let mut program = self.swarmplay(command, &name);
        // Little uplink, so that one alone could not supply the film in time.
        program.arg("--set=limits.upload=1 Mbit/s");
        program.args(sets.iter().map(|set| format!("--set={set}")));
        let stdout = self
            .children
            .spawn(program.stdout(Stdio::piped()))
            .stdout
            .take();
        let mut line = String::new();
        BufReader::new(stdout.expect("piped"))
            .read_line(&mut line)
            .expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        ready["listen"].as_str().expect("an address").to_owned()
    }

    /// Starts the window; returns its place among the children.
    fn open_window(&mut self, mode: &str) -> usize {
        let log = std::fs::File::create(self.dir.path().join("client.log")).expect("log");
        let mut program = self.swarmplay("client", "client");
        program.args(["--mode", mode]).stderr(log);
        program.arg(format!("--set=gateway.listen={}", self.gateway));
        program
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY");
        program
            .env("HOME", self.dir.path())
            .env("PULSE_LATENCY_MSEC", "40");
        program.env(
            "PULSE_SERVER",
            format!("unix:{}", self.dir.path().join("sound.socket").display()),
        );
        self.children.spawn(&mut program);
        wait_for("the window", || {
            self.xdotool(&["search", "--onlyvisible", "--name", "Swarmplay"])
        });
        // All eight samples are hashed and listed before anything is chosen.
        let listed = |text: &str| text.lines().filter(|line| line.contains("  3  ")).count() == 8;
        wait_for("the library", || {
            let ls = self
                .swarmplay("ls", "ls")
                .stdout(Stdio::piped())
                .output()
                .expect("runs");
            listed(&String::from_utf8_lossy(&ls.stdout)).then_some(())
        });
        self.children.0.len() - 1
    }

    fn xdotool(&self, arguments: &[&str]) -> Option<()> {
        let status = quiet("xdotool")
            .env("DISPLAY", &self.display)
            .args(arguments)
            .status();
        status.expect("xdotool runs").success().then_some(())
    }

    fn key(&self, key: &str) {
        self.xdotool(&["key", key]).expect("a key");
    }

    fn point(&self, x: usize, y: usize) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string()])
            .expect("a mouse");
    }

    /// The display's pixels, RGB.
    fn screenshot(&self) -> Vec<u8> {
        let mut import = Command::new("import");
        import.env("DISPLAY", &self.display).stdin(Stdio::null());
        import.args(["-window", "root", "-depth", "8", "rgb:-"]);
        let pixels = import.output().expect("import runs").stdout;
        assert_eq!(pixels.len(), WIDTH * HEIGHT * 3);
        pixels
    }

    /// The film's time on the screen, in tenths of a second, if the bar code is
    /// to be seen.
    fn shown_tenths(&self) -> Option<u32> {
        let pixels = self.screenshot();
        let bright = |x: usize| pixels[(2 * 344 * WIDTH + 2 * x) * 3 + 1];
        // The mark is white; beside it, between the bits and behind them it is
        // black.
        let gaps = (0..9).map(|bit| 412 - bit * 36 - 18);
        let mut ground = [50, 450, 500, 560, 620].into_iter().chain(gaps);
        if bright(20) < 200 || ground.any(|x| bright(x) > 60) {
            return None;
        }
        let bits = (0..10).map(|bit| u32::from(bright(412 - bit * 36) > 128) << bit);
        Some(bits.sum())
    }

    /// Waits until the controls have gone and the bar code can be read. Returns
    /// the film's time and the moment it was seen.
    fn read_time(&self) -> (f64, Instant) {
        let look = || {
            let seen = Instant::now();
            let time = f64::from(self.shown_tenths()?) / 10.0;
            Some((time, seen))
        };
        wait_for("the bar code", || {
            // Twice, so that what is seen while the window changes does not count.
            let (first, second) = (look()?, look()?);
            let passed = second.1.duration_since(first.1).as_secs_f64();
            (second.0 >= first.0 && second.0 - first.0 < passed + 0.5).then_some(second)
        })
    }

    /// Names of the peers that supplied what is played.
    fn suppliers(&self) -> BTreeSet<String> {
        use std::io::Write;
        let mut socket = std::net::TcpStream::connect(&self.gateway).expect("the gateway");
        let request = "GET /status.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).expect("asks");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let status: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let streams = status["streams"].as_array().expect("streams");
        let supplied = streams
            .iter()
            .flat_map(|stream| stream["supplied"].as_array());
        let names = supplied
            .flatten()
            .filter_map(|supply| supply["name"].as_str());
        names.map(str::to_owned).collect()
    }

    /// Seconds of what is heard, mono, reduced.
    fn record(&self, seconds: usize) -> Vec<f32> {
        let mut parec = quiet("parec");
        parec.env("HOME", self.dir.path()).stderr(Stdio::inherit());
        parec.env(
            "PULSE_SERVER",
            format!("unix:{}", self.dir.path().join("sound.socket").display()),
        );
        parec.args([
            "--device=nul.monitor",
            "--format=s16le",
            "--rate=48000",
            "--channels=1",
        ]);
        parec.arg("--latency-msec=20").stdout(Stdio::piped());
        let mut child = parec.spawn().expect("parec runs");
        let mut bytes = vec![0; seconds * 48_000 * 2];
        let read = child.stdout.take().expect("piped").read_exact(&mut bytes);
        let _ = child.kill();
        let _ = child.wait();
        read.expect("sound");
        reduce(&bytes)
    }

    /// Closes the window as a person would; it must be gone soon, and its
    /// children with it.
    fn close_window(&mut self, client: usize) {
        let pid = self.children.0[client].id();
        let decoders = children_of(pid);
        assert!(!decoders.is_empty(), "something is being decoded");
        let started = Instant::now();
        let closed = quiet("wmctrl")
            .env("DISPLAY", &self.display)
            .args(["-c", "Swarmplay"])
            .status();
        assert!(closed.expect("wmctrl runs").success());
        wait_for("the end", || {
            self.children.0[client].try_wait().expect("waits")
        });
        // A second is promised; the looking takes a little, too.
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
        for decoder in decoders {
            assert!(!is_ffmpeg(decoder), "ffmpeg {decoder} was left behind");
        }
    }
}

/// Processes whose parent is `pid`.
fn children_of(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("proc").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(pid.to_string().as_str())
    };
    ids.filter(parent).collect()
}

fn is_ffmpeg(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    name.trim() == "ffmpeg" && !state.contains(") Z ")
}

#[test]
fn a_film_plays_seeks_and_sounds_and_the_window_closes() {
    let mut stage = Stage::set_up();
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
    // Halflight is the first by title.
    stage.key("Down");
    stage.key("Return");
    let whole = source("Far Shore - 02 Halflight.m4a");
    let heard = |stage: &Stage| {
        wait_for("the song", || {
            let placed = place(&stage.record(2), &whole);
            (placed.1 > 0.8).then_some(placed.0)
        })
    };
    let first = heard(&stage);
    assert!(first < 12.0, "near the beginning: {first}");
    // The digit jumps to that tenth: 14.4 s of 24.
    stage.key("6");
    let jumped = Instant::now();
    let second = heard(&stage);
    let latest = 14.4 + jumped.elapsed().as_secs_f64();
    assert!((13.0..latest).contains(&second), "at {second}");
    // A click near the beginning of the seek bar jumps back. Full screen, so that
    // it is known where the bar lies: from 484 to 1032.
    stage.key("f");
    stage.point(500, 300);
    stage.point(540, 682);
    stage.xdotool(&["click", "1"]).expect("a click");
    let clicked = Instant::now();
    let third = heard(&stage);
    assert!(
        third < second - 5.0 && third < 6.0 + clicked.elapsed().as_secs_f64(),
        "at {third}"
    );
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
