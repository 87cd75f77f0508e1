//! Throughput of each stage of a chunk: hash, codec, store, and one-to-one transfer
//! over loopback, in MB/s and CPU seconds per gigabyte.
//!
//! Run it with `cargo bench --no-default-features`. Each figure stands beside a
//! plain baseline measured in the same run, so that their ratio can be compared
//! between machines. `BENCH_MIB` sets the size (default 512).

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use engine::fixtures::film;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::{Hasher, verify};
use engine::media::{ChunkSize, FileEntry, Geometry};
use engine::protocol::PeerMessage;
use swarmplay::app::{Node, Role};
use swarmplay::config::Config;
use swarmplay::library::LibraryState;
use swarmplay::scheduler::{AwaitChunk, DownloadAll, OpenReader, OpenStream};
use swarmplay::store::{OpenCache, Put, ReadChunk, Store};
use swarmplay::wire::{Frame, WireCodec};
use tokio_util::codec::Decoder;

const CHUNK: u32 = 256 << 10;

/// CPU time of this process, all threads.
fn cpu() -> Duration {
    // SAFETY: the struct is plain data that the call fills.
    let usage = unsafe {
        let mut usage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

struct Figure {
    megabytes_per_second: f64,
    cpu_per_gigabyte: f64,
}

/// Measures `work` over `bytes`.
fn measure(name: &str, bytes: u64, work: impl FnOnce()) -> Figure {
    let (started, before) = (Instant::now(), cpu());
    work();
    let (elapsed, used) = (
        started.elapsed().as_secs_f64(),
        (cpu() - before).as_secs_f64(),
    );
    let figure = Figure {
        megabytes_per_second: bytes as f64 / 1e6 / elapsed,
        cpu_per_gigabyte: used / (bytes as f64 / 1e9),
    };
    eprintln!(
        "{name:34} {:8.0} MB/s  {:6.2} CPU s/GB",
        figure.megabytes_per_second, figure.cpu_per_gigabyte
    );
    figure
}

fn compare(name: &str, ours: &Figure, bare: &Figure) {
    eprintln!(
        "  {name}: {:.2} of its speed, {:.2} times its CPU\n",
        ours.megabytes_per_second / bare.megabytes_per_second,
        ours.cpu_per_gigabyte / bare.cpu_per_gigabyte.max(1e-9)
    );
}

/// Incompressible bytes from a cheap generator.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len / 8).flatten().collect()
}

fn geometry(len: usize) -> Geometry {
    Geometry::new(len as u64, ChunkSize::checked(CHUNK).expect("allowed"))
}

fn hashing(data: &[u8]) {
    let bytes = data.len() as u64;
    let geometry = geometry(data.len());
    let mut hasher = Hasher::new(geometry);
    data.chunks(CHUNK as usize)
        .for_each(|chunk| hasher.update(chunk));
    let (id, tree) = hasher.finish();
    let bare = measure("blake3, whole file at once", bytes, || {
        std::hint::black_box(blake3::hash(data));
    });
    let ours = measure("verify, chunk by chunk", bytes, || {
        for (chunk, bytes) in geometry.chunks().zip(data.chunks(CHUNK as usize)) {
            let proof = tree.proof(chunk).expect("known");
            verify(id, geometry, chunk, bytes, &proof).expect("verifies");
        }
    });
    compare("verify to blake3", &ours, &bare);
}

fn codec(data: &Bytes) {
    let bytes = data.len() as u64;
    let mut buffer = BytesMut::with_capacity(2 * CHUNK as usize);
    let bare = measure("copy", bytes, || {
        for chunk in data.chunks(CHUNK as usize) {
            buffer.clear();
            buffer.extend_from_slice(std::hint::black_box(chunk));
        }
    });
    let ours = measure("frame, copy and decode", bytes, || {
        let mut codec = WireCodec::<PeerMessage>::default();
        let mut stream = BytesMut::new();
        for (index, start) in (0..data.len()).step_by(CHUNK as usize).enumerate() {
            let end = (start + CHUNK as usize).min(data.len());
            let frame = Frame::new(PeerMessage::Chunk {
                file: FileId([1; 32]),
                chunk: ChunkIndex(index as u32),
                proof: Bytes::new(),
                payload: data.slice(start..end),
            });
            stream.extend_from_slice(&frame.head);
            stream.extend_from_slice(&frame.payload);
            let decoded = codec.decode(&mut stream).expect("decodes").expect("whole");
            std::hint::black_box(decoded);
        }
    });
    compare("codec to a copy", &ours, &bare);
}

fn entry(id: FileId, len: usize) -> FileEntry {
    FileEntry {
        id,
        size: len as u64,
        chunk_size: CHUNK,
        ..film(0, "x")
    }
}

fn store(data: &Bytes, dir: &Path) {
    let bytes = data.len() as u64;
    let geometry = geometry(data.len());
    let mut hasher = Hasher::new(geometry);
    data.chunks(CHUNK as usize)
        .for_each(|chunk| hasher.update(chunk));
    let (file, tree) = hasher.finish();
    let bare = measure("write and read a plain file", bytes, || {
        let path = dir.join("plain");
        std::fs::write(&path, data).expect("writes");
        std::hint::black_box(std::fs::read(path).expect("reads"));
    });
    let ours = measure("store: verify, write, read", bytes, || {
        use actix::Actor;
        actix_rt::System::new().block_on(async {
            let store = Store::open(dir.join("store"), u64::MAX / 2)
                .expect("opens")
                .start();
            let opened = store.send(OpenCache(entry(file, data.len()))).await;
            opened.expect("store").expect("opens");
            for chunk in geometry.chunks() {
                let range = geometry.chunk_range(chunk);
                let put = store.send(Put {
                    file,
                    chunk,
                    proof: tree.proof(chunk).expect("known"),
                    payload: data.slice(range.start as usize..range.end as usize),
                });
                put.await.expect("store").expect("stores");
            }
            for chunk in geometry.chunks() {
                let read = store.send(ReadChunk { file, chunk }).await;
                std::hint::black_box(read.expect("store").expect("reads"));
            }
        });
    });
    compare("store to a plain file", &ours, &bare);
}

/// A wave file of noise: media of any size.
fn wave(path: &Path, data: &[u8]) {
    let len = data.len() as u32;
    let mut head = Vec::new();
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(len + 36).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    head.extend_from_slice(&48_000_u32.to_le_bytes());
    head.extend_from_slice(&192_000_u32.to_le_bytes());
    head.extend_from_slice(b"\x04\0\x10\0data");
    head.extend_from_slice(&len.to_le_bytes());
    let mut file = std::fs::File::create(path).expect("creates");
    file.write_all(&head).expect("writes");
    file.write_all(data).expect("writes");
}

fn bare_tcp(data: &Bytes) -> Figure {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("address");
    let sent = data.clone();
    measure("plain TCP over loopback", data.len() as u64, move || {
        let sender = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("accepts");
            socket.write_all(&sent).expect("sends");
        });
        let mut socket = std::net::TcpStream::connect(address).expect("connects");
        let mut buffer = vec![0; CHUNK as usize];
        while socket.read(&mut buffer).expect("reads") > 0 {}
        sender.join().expect("ends");
    })
}

async fn transfer(dir: &Path, file: &str, ready: impl FnOnce(), done: impl FnOnce()) {
    let mut config = Config::default();
    config.store.data_dir = dir.join("server");
    config.tracker.listen = "127.0.0.1:0".into();
    config.library.folders = vec![dir.join("media")];
    let server = Node::start(&config, Role::Server).await.expect("starts");
    while !server
        .sources
        .library
        .send(LibraryState)
        .await
        .expect("library")
        .settled
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    config.store.data_dir = dir.join("viewer");
    config.client.listen = "127.0.0.1:0".into();
    config.client.tracker = server.listen.to_string();
    config.library.folders.clear();
    let viewer = Node::start(&config, Role::Client(None))
        .await
        .expect("starts");
    let stream = loop {
        let open = OpenStream(file.into());
        match viewer.sources.streams.send(open).await.expect("streams") {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    ready();
    stream
        .scheduler
        .send(DownloadAll(true))
        .await
        .expect("scheduler");
    let reader = stream.scheduler.send(OpenReader).await.expect("scheduler");
    for chunk in stream.geometry.chunks() {
        let wait = AwaitChunk { reader, chunk };
        let arrived = stream.scheduler.send(wait).await;
        arrived.expect("scheduler").expect("arrives");
    }
    done();
    viewer.stop().await;
    server.stop().await;
}

fn main() {
    let mib = std::env::var("BENCH_MIB")
        .ok()
        .and_then(|text| text.parse().ok());
    let data = Bytes::from(noise(mib.unwrap_or(512) << 20));
    let dir = tempfile::tempdir().expect("temporary folder");
    hashing(&data);
    codec(&data);
    store(&data, dir.path());
    let bare = bare_tcp(&data);
    std::fs::create_dir_all(dir.path().join("media")).expect("folder");
    wave(&dir.path().join("media/noise.wav"), &data);
    let bytes = data.len() as u64;
    let start = std::cell::Cell::new((Instant::now(), Duration::ZERO));
    let figure = std::cell::Cell::new(None);
    actix_rt::System::new().block_on(transfer(
        dir.path(),
        "noise.wav",
        || start.set((Instant::now(), cpu())),
        || {
            let (started, before) = start.get();
            let elapsed = started.elapsed().as_secs_f64();
            figure.set(Some(Figure {
                megabytes_per_second: bytes as f64 / 1e6 / elapsed,
                cpu_per_gigabyte: (cpu() - before).as_secs_f64() / (bytes as f64 / 1e9),
            }));
        },
    ));
    let ours = figure.take().expect("measured");
    eprintln!(
        "{:34} {:8.0} MB/s  {:6.2} CPU s/GB, both ends",
        "one peer to one, disk to disk", ours.megabytes_per_second, ours.cpu_per_gigabyte
    );
    compare("one-to-one to plain TCP", &ours, &bare);
}
