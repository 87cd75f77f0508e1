//! The program with tracker, peers and window on a virtual display, with an audio sink
//! that can be recorded and a private session bus.
//!
//! The sample films show their time as a bar code (see `media/make`), so that a screenshot
//! tells the position. Needs Xvfb, openbox, xdotool, ImageMagick, wmctrl, PulseAudio,
//! D-Bus and playerctl, which `scripts/test` installs.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::sound::reduce;

/// Width of the display: twice that of the sample films.
pub const WIDTH: usize = 1280;
/// Height of the display.
pub const HEIGHT: usize = 720;

/// Time limit of each wait.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Child processes, killed when the test ends.
#[derive(Default)]
pub struct Children(pub Vec<Child>);

impl Children {
    pub fn spawn(&mut self, command: &mut Command) -> &mut Child {
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

/// Display, audio server and swarm of one test.
pub struct Stage {
    pub children: Children,
    pub dir: tempfile::TempDir,
    display: String,
    tracker: String,
    gateway: String,
    /// Index of the audio server among the children.
    sound: usize,
    /// Address of the private session bus.
    pub bus: String,
}

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An address without a listener.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    listener.local_addr().expect("address").to_string()
}

pub fn media() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("media")
}

pub fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

impl Stage {
    pub fn set_up() -> Self {
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
            sound: 0,
            bus: String::new(),
        };
        stage.start_sound();
        stage.start_bus();
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

    /// Starts an audio server with a null sink.
    pub fn start_sound(&mut self) {
        let dir = self.dir.path();
        let socket = dir.join("sound.socket");
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
        pulse.env("HOME", dir).env("XDG_RUNTIME_DIR", dir);
        self.children.spawn(&mut pulse);
        self.sound = self.children.0.len() - 1;
        wait_for("the sound server", || socket.exists().then_some(()));
    }

    /// True if the log of the window's program contains a text.
    pub fn logs(&self, words: &str) -> bool {
        let log = std::fs::read_to_string(self.dir.path().join("client.log"));
        log.is_ok_and(|log| log.contains(words))
    }

    /// Stops the audio server, like an unplugged device.
    pub fn stop_sound(&mut self) {
        let server = &mut self.children.0[self.sound];
        server.kill().expect("it runs");
        server.wait().expect("it ends");
        // A stale socket would be taken for that of the next server.
        let _ = std::fs::remove_file(self.dir.path().join("sound.socket"));
    }

    /// Starts a session bus.
    fn start_bus(&mut self) {
        let address = format!("unix:path={}", self.dir.path().join("bus.socket").display());
        let mut daemon = quiet("dbus-daemon");
        daemon.args(["--session", "--nofork", "--nopidfile", "--print-address"]);
        daemon.arg(format!("--address={address}"));
        let stdout = self
            .children
            .spawn(daemon.stdout(Stdio::piped()))
            .stdout
            .take();
        let mut line = String::new();
        let mut lines = BufReader::new(stdout.expect("piped"));
        lines.read_line(&mut line).expect("the bus is up");
        self.bus = address;
    }

    /// Output of `playerctl`.
    pub fn playerctl(&self, arguments: &[&str]) -> String {
        let mut playerctl = quiet("playerctl");
        playerctl.env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        playerctl.args(["--player=swarmplay"]).args(arguments);
        let output = playerctl.stdout(Stdio::piped()).output();
        let bytes = output.expect("playerctl runs").stdout;
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    pub fn swarmplay(&self, command: &str, name: &str) -> Command {
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

    /// Starts a tracker or peer; returns its address.
    pub fn serve(&mut self, command: &str, sets: &[&str]) -> String {
        let name = format!("{command}-{}", self.children.0.len());
        let mut program = self.swarmplay(command, &name);
        // One peer alone is too slow to supply the film.
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

    /// Starts the window; returns its index among the children.
    pub fn open_window(&mut self, mode: &str) -> usize {
        let log = std::fs::File::create(self.dir.path().join("client.log")).expect("log");
        let mut program = self.swarmplay("client", "client");
        program.args(["--mode", mode]).stderr(log);
        if mode == "audio" {
            // A system without fonts.
            let fonts = self.dir.path().join("fonts.conf");
            let none = "<?xml version=\"1.0\"?><fontconfig></fontconfig>";
            std::fs::write(&fonts, none).expect("writes");
            program.env("FONTCONFIG_FILE", fonts);
        }
        program.arg(format!("--set=gateway.listen={}", self.gateway));
        program
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
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
        // All eight samples must be listed before one is selected.
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

    pub fn xdotool(&self, arguments: &[&str]) -> Option<()> {
        let status = quiet("xdotool")
            .env("DISPLAY", &self.display)
            .args(arguments)
            .status();
        status.expect("xdotool runs").success().then_some(())
    }

    pub fn key(&self, key: &str) {
        self.xdotool(&["key", key]).expect("a key");
    }

    pub fn point(&self, x: usize, y: usize) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string()])
            .expect("a mouse");
    }

    /// Pixels of the display, RGB.
    pub fn screenshot(&self) -> Vec<u8> {
        let mut import = Command::new("import");
        import.env("DISPLAY", &self.display).stdin(Stdio::null());
        import.args(["-window", "root", "-depth", "8", "rgb:-"]);
        let pixels = import.output().expect("import runs").stdout;
        assert_eq!(pixels.len(), WIDTH * HEIGHT * 3);
        pixels
    }

    /// Time that the bar code shows, in tenths of a second, if it is visible.
    pub fn shown_tenths(&self) -> Option<u32> {
        let pixels = self.screenshot();
        let bright = |x: usize| pixels[(2 * 344 * WIDTH + 2 * x) * 3 + 1];
        // The mark is white; the area around it and between the bits is black.
        let gaps = (0..9).map(|bit| 412 - bit * 36 - 18);
        let mut ground = [50, 450, 500, 560, 620].into_iter().chain(gaps);
        if bright(20) < 200 || ground.any(|x| bright(x) > 60) {
            return None;
        }
        let bits = (0..10).map(|bit| u32::from(bright(412 - bit * 36) > 128) << bit);
        Some(bits.sum())
    }

    /// Waits until the controls are hidden and the bar code is readable. Returns its time
    /// and the moment of the screenshot.
    pub fn read_time(&self) -> (f64, Instant) {
        let look = || {
            let seen = Instant::now();
            let time = f64::from(self.shown_tenths()?) / 10.0;
            Some((time, seen))
        };
        wait_for("the bar code", || {
            // Two readings: a single one may show a window that is being redrawn.
            let (first, second) = (look()?, look()?);
            let passed = second.1.duration_since(first.1).as_secs_f64();
            (second.0 >= first.0 && second.0 - first.0 < passed + 0.5).then_some(second)
        })
    }

    /// Names of the peers that supplied the current stream.
    pub fn suppliers(&self) -> BTreeSet<String> {
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

    /// Records some seconds of audio, mono, reduced.
    pub fn record(&self, seconds: usize) -> Vec<f32> {
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

    /// Closes the window like a user. It must end soon, and its child processes with it.
    pub fn close_window(&mut self, client: usize) {
        let pid = self.children.0[client].id();
        let decoders = children_of(pid);
        assert!(!decoders.is_empty(), "a decoder runs");
        let started = Instant::now();
        let closed = quiet("wmctrl")
            .env("DISPLAY", &self.display)
            .args(["-c", "Swarmplay"])
            .status();
        assert!(closed.expect("wmctrl runs").success());
        wait_for("the end", || {
            self.children.0[client].try_wait().expect("waits")
        });
        // The limit is one second, plus time for the checks.
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
        for decoder in decoders {
            assert!(!is_ffmpeg(decoder), "ffmpeg {decoder} was left behind");
        }
    }
}

/// Child processes of `pid`.
pub fn children_of(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("proc").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(pid.to_string().as_str())
    };
    ids.filter(parent).collect()
}

pub fn is_ffmpeg(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    name.trim() == "ffmpeg" && !state.contains(") Z ")
}
