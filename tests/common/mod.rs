//! Shared by the integration tests: temporary data directories, nodes on
//! loopback, generated media, and waiting for a condition.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::ids::FileId;
use engine::units::{ByteRate, HumanDuration};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use swarmplay::app::{Node, Role};
use swarmplay::config::Config;
use swarmplay::scheduler::{AwaitChunk, DownloadAll, OpenReader, OpenStream, OpenedStream};
use swarmplay::store::ReadChunk;

/// Time limit of a wait; far more than any machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Interval between two checks of a condition.
const LOOK: Duration = Duration::from_millis(20);

/// A configuration on loopback with its own data directory.
pub fn config(data_dir: &Path, tracker: &str, name: &str) -> Config {
    let mut config = Config::default();
    config.store.data_dir = data_dir.to_owned();
    config.tracker.listen = "127.0.0.1:0".into();
    config.tracker.heartbeat = HumanDuration::millis(200);
    config.tracker.timeout = HumanDuration::millis(2000);
    config.client.listen = "127.0.0.1:0".into();
    config.client.tracker = tracker.into();
    config.client.name = name.into();
    config
}

/// Runs a test on an actix system.
pub fn run(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

/// Polls until `look` returns a value.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Writes a WAV file of white noise; its content depends on `seed`.
pub fn noise(folder: &Path, name: &str, seconds: u32, seed: u32) -> PathBuf {
    const RATE: u32 = 48_000;
    const FRAME: u16 = 4;
    std::fs::create_dir_all(folder).expect("folder");
    let path = folder.join(name);
    let mut samples = vec![0; (seconds * RATE) as usize * usize::from(FRAME)];
    StdRng::seed_from_u64(seed.into()).fill_bytes(&mut samples);
    let length = samples.len() as u32;
    // RIFF header of 16-bit stereo PCM.
    let mut wave = Vec::with_capacity(samples.len() + 44);
    wave.extend(b"RIFF");
    wave.extend((length + 36).to_le_bytes());
    wave.extend(b"WAVEfmt ");
    wave.extend(16_u32.to_le_bytes());
    wave.extend([1_u16, 2].map(u16::to_le_bytes).concat());
    wave.extend(
        [RATE, RATE * u32::from(FRAME)]
            .map(u32::to_le_bytes)
            .concat(),
    );
    wave.extend([FRAME, 16].map(u16::to_le_bytes).concat());
    wave.extend(b"data");
    wave.extend(length.to_le_bytes());
    wave.extend(samples);
    std::fs::write(&path, wave).expect("writable");
    path
}

/// A tracker that shares `folders`.
pub async fn tracker(data_dir: &Path, folders: &[&Path]) -> Node {
    let mut config = config(data_dir, "127.0.0.1:1", "server");
    config.library.folders = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let node = Node::start(&config, Role::Server).await.expect("tracker");
    settled(&node).await;
    node
}

/// A client that shares `folders`, as far as `change` leaves it.
pub async fn client(
    data_dir: &Path,
    tracker: &Node,
    name: &str,
    folders: &[&Path],
    change: impl FnOnce(&mut Config),
) -> Node {
    let mut config = config(data_dir, &tracker.listen.to_string(), name);
    config.library.folders = folders.iter().map(|folder| folder.to_path_buf()).collect();
    change(&mut config);
    let node = Node::start(&config, Role::Client(None))
        .await
        .expect("client");
    settled(&node).await;
    node
}

/// An upload limit, for transfers that last long enough to be disturbed.
pub fn slow(bytes_per_second: u64) -> impl FnOnce(&mut Config) {
    move |config| config.limits.upload = ByteRate(Some(bytes_per_second))
}

/// Waits until a node has hashed all its files.
pub async fn settled(node: &Node) {
    eventually("a settled library", || async {
        let state = node
            .sources
            .library
            .send(swarmplay::library::LibraryState)
            .await;
        state.expect("library").settled.then_some(())
    })
    .await;
}

/// Opens a file by name as soon as the catalogue has it, with at least
/// `sources` sources.
pub async fn open(node: &Node, name: &str, sources: u32) -> OpenedStream {
    eventually("the file in the catalogue", || async {
        let find = swarmplay::tracker_client::FindEntry(name.into());
        let entry = node
            .sources
            .announcer
            .send(find)
            .await
            .expect("announcer")?;
        if entry.sources < sources {
            return None;
        }
        let open = OpenStream(entry.id.to_string());
        node.sources.streams.send(open).await.expect("streams").ok()
    })
    .await
}

/// Downloads a whole file and checks that it hashes to its id.
pub async fn fetch_whole(node: &Node, stream: &OpenedStream) -> FileId {
    stream
        .scheduler
        .send(DownloadAll(true))
        .await
        .expect("scheduler");
    let reader = stream.scheduler.send(OpenReader).await.expect("scheduler");
    let file = stream.entry.id;
    let mut hasher = blake3::Hasher::new();
    for chunk in stream.geometry.chunks() {
        let wait = stream.scheduler.send(AwaitChunk { reader, chunk });
        let arrived = tokio::time::timeout(PATIENCE, wait).await;
        arrived
            .unwrap_or_else(|_| panic!("chunk {chunk} never came"))
            .expect("scheduler")
            .expect("arrives");
        let read = node.sources.store.send(ReadChunk { file, chunk }).await;
        hasher.update(&read.expect("store").expect("held").payload);
    }
    FileId(*hasher.finalize().as_bytes())
}
