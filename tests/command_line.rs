//! The command line: exit codes, output, and survival of `kill -9`.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A running program; killed at the end of the test, also when it fails.
struct Program {
    child: Child,
    ready: serde_json::Value,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("reads");
        let ready = serde_json::from_str(&line).expect("a line of JSON when it serves");
        Self { child, ready }
    }

    fn listen(&self) -> &str {
        self.ready["listen"].as_str().expect("an address")
    }

    fn kill(&mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("waits");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmplay"));
    command.args(arguments).env_remove("RUST_LOG");
    // The user's own configuration would change the test.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    command(arguments)
        .stderr(Stdio::piped())
        .output()
        .expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn set(key: &str, value: impl std::fmt::Display) -> String {
    format!("--set={key}={value}")
}

fn start_tracker(dir: &Path, folder: &Path) -> Program {
    Program::start(&[
        "tracker",
        &set("tracker.listen", "127.0.0.1:0"),
        &set("store.data_dir", dir.join("tracker").display()),
        &set("library.folders", folder.display()),
    ])
}

#[test]
fn id_prints_what_b3sum_prints() {
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), "swarm").expect("write");
    let printed = output(&["id", &file.path().display().to_string()]);
    let expected = blake3::hash(b"swarm").to_hex().to_string();
    assert_eq!(text(&printed.stdout).trim(), expected);
    assert_eq!(output(&["id", "/nonexistent"]).status.code(), Some(1));
}

#[test]
fn bad_configuration_exits_2_with_file_line_and_key() {
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), "[client]\ntrakcer = \"a:1\"\n").expect("write");
    let path = file.path().display().to_string();
    for arguments in [
        &["config", "check", &path][..],
        &["peer", "--config", &path],
        &["client", "--config", &path],
    ] {
        let refused = output(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let said = text(&refused.stderr);
        assert!(said.contains(&format!("{path}:2")), "{said}");
        assert!(said.contains("did you mean `tracker`"), "{said}");
    }
    assert_eq!(output(&["peer", "--no-such-flag"]).status.code(), Some(2));
}

#[test]
fn bad_environment_variable_is_named() {
    let mut peer = command(&["peer"]);
    peer.env("SWARMPLAY_LIMITS__MAX_PEERS", "0")
        .stderr(Stdio::piped());
    let refused = peer.output().expect("runs");
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("SWARMPLAY_LIMITS__MAX_PEERS"), "{said}");
}

#[test]
fn default_files_pass_config_check() {
    for program in ["tracker", "client"] {
        let printed = output(&["config", "default", program]);
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), printed.stdout).expect("write");
        let checked = output(&["config", "check", &file.path().display().to_string()]);
        assert!(checked.status.success(), "{}", text(&checked.stderr));
    }
}

#[test]
fn get_fetches_what_ls_lists() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = dir.path().join("media");
    let path = common::noise(&folder, "noise.wav", 5, 31);
    std::fs::write(folder.join("notes.txt"), "not media").expect("write");
    let tracker = start_tracker(dir.path(), &folder);
    let at = set("client.tracker", tracker.listen());
    let data = set("store.data_dir", dir.path().join("tracker").display());
    let mut listed = output(&["ls", &at, &data]);
    wait_for(|| {
        listed = output(&["ls", &at, &data]);
        assert!(listed.status.success(), "{}", text(&listed.stderr));
        text(&listed.stdout).contains("noise.wav") && text(&listed.stderr).contains("notes")
    });
    assert!(
        text(&listed.stderr).contains("notes.txt"),
        "skipped files are named"
    );
    assert!(text(&output(&["ls", &at, "--kind", "video"]).stdout).contains("nothing found"));
    let json = output(&["ls", &at, "--json", "--search", "noise"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let id = json[0]["id"].as_str().expect("an id");

    let target = dir.path().join("copy.wav");
    let data = set("store.data_dir", dir.path().join("get").display());
    let target_text = target.display().to_string();
    let got = output(&["get", &at, &data, id, "-o", &target_text]);
    assert!(got.status.success(), "{}", text(&got.stderr));
    let same = std::fs::read(target).expect("copy") == std::fs::read(path).expect("original");
    assert!(same, "byte for byte");
}

#[test]
fn ls_reports_a_missing_tracker() {
    let refused = output(&["ls", &set("client.tracker", "127.0.0.1:1")]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("127.0.0.1:1") && said.contains("does not answer"),
        "{said}"
    );
}

#[test]
fn finished_chunks_survive_kill_9_and_damaged_ones_do_not() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = dir.path().join("media");
    let path = common::noise(&folder, "noise.wav", 60, 32);
    let bytes = std::fs::read(path).expect("file");
    let tracker = start_tracker(dir.path(), &folder);
    let arguments = |limit: &str| {
        vec![
            "peer".to_owned(),
            set("client.tracker", tracker.listen()),
            set("client.listen", "127.0.0.1:0"),
            set("store.data_dir", dir.path().join("viewer").display()),
            set("limits.download", limit),
        ]
    };
    let start = |limit: &str| {
        let arguments = arguments(limit);
        Program::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let status = |program: &Program| -> serde_json::Value {
        let url = program.ready["http"].as_str().expect("a gateway");
        serde_json::from_slice(&http(url, "/status.json").1).expect("JSON")
    };

    let mut viewer = start("4 MiB/s");
    let id = blake3::hash(&bytes).to_hex().to_string();
    let url = viewer.ready["http"].as_str().expect("a gateway").to_owned();
    wait_for(|| {
        let library = text(&http(&url, "/library.json").1);
        library.contains(&id)
    });
    let reading = {
        let (url, path) = (url.clone(), format!("/stream/{id}"));
        std::thread::spawn(move || http_until_closed(&url, &path))
    };
    wait_for(|| status(&viewer)["store"]["used"].as_u64() > Some(2 << 20));
    viewer.kill();
    let _ = reading.join();

    let viewer = start("unlimited");
    let kept = status(&viewer)["store"]["used"].as_u64().expect("a number");
    assert!(kept >= 2 << 20, "what was finished is still here: {kept}");
    let url = viewer.ready["http"].as_str().expect("a gateway").to_owned();
    wait_for(|| text(&http(&url, "/library.json").1).contains(&id));
    let (_, body) = http(&url, &format!("/stream/{id}"));
    assert!(body == bytes, "every byte, verified");
    let downloaded = status(&viewer)["swarm"]["downloaded"]
        .as_u64()
        .expect("a number");
    let most = bytes.len() as u64 - kept + (256 << 10);
    assert!(downloaded <= most, "{downloaded} fetched, {kept} were here");
}

/// Polls until `look` returns true.
fn wait_for(mut look: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + common::PATIENCE;
    while !look() {
        assert!(std::time::Instant::now() < deadline, "never came");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Sends an HTTP GET and returns head and body.
fn http(url: &str, path: &str) -> (String, Vec<u8>) {
    let mut answer = http_until_closed(url, path);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a head");
    let body = answer.split_off(end + 4);
    (text(&answer), body)
}

fn http_until_closed(url: &str, path: &str) -> Vec<u8> {
    use std::io::{Read, Write};
    let address = url.strip_prefix("http://").expect("http");
    let mut socket = std::net::TcpStream::connect(address).expect("connects");
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .expect("asks");
    let mut answer = Vec::new();
    // A killed server resets the connection.
    let _ = socket.read_to_end(&mut answer);
    answer
}

#[cfg(not(feature = "gui"))]
#[test]
fn headless_build_refuses_client_mode() {
    let refused = output(&["client"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("no window"));
}

#[test]
fn transfer_completes_after_a_peer_is_killed() {
    let dir = tempfile::tempdir().expect("folder");
    let folder = dir.path().join("media");
    let path = common::noise(&folder, "noise.wav", 60, 33);
    let bytes = std::fs::read(path).expect("file");
    let id = blake3::hash(&bytes).to_hex().to_string();
    let tracker = start_tracker(dir.path(), &folder);
    let peer = |name: &str, more: &[String]| {
        let mut arguments = vec![
            "peer".to_owned(),
            set("client.tracker", tracker.listen()),
            set("client.listen", "127.0.0.1:0"),
            set("client.name", name),
            set("store.data_dir", dir.path().join(name).display()),
        ];
        arguments.extend_from_slice(more);
        Program::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let shared = set("library.folders", folder.display());
    let mut dying = peer("dying", &[shared, set("limits.upload", "1 MiB/s")]);
    let viewer = peer("viewer", &[set("limits.download", "3 MiB/s")]);
    let url = viewer.ready["http"].as_str().expect("a gateway").to_owned();
    let json = |path: &str| -> serde_json::Value {
        serde_json::from_slice(&http(&url, path).1).expect("JSON")
    };
    wait_for(|| json("/library.json")[0]["peers"] == 2);
    let reading = {
        let (url, path) = (url.clone(), format!("/stream/{id}"));
        std::thread::spawn(move || http(&url, &path).1)
    };
    let supplied = || {
        let status = json("/status.json");
        status["streams"][0]["supplied"]
            .to_string()
            .contains("dying")
    };
    wait_for(supplied);
    dying.kill();
    let stream = json("/status.json")["streams"][0].clone();
    assert!(
        stream["have"].as_u64() < stream["chunks"].as_u64(),
        "in the middle: {stream}"
    );
    assert!(reading.join().expect("reads") == bytes, "every byte");
}
