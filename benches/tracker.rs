//! The tracker under load: plans for a flash crowd, announces per CPU second, memory
//! of an idle client, and mass registration after a restart.
//!
//! Run it with `cargo bench --no-default-features --bench tracker`. Each figure
//! stands beside a baseline measured in the same run: plans beside a random choice of
//! as many peers, announces beside encoding the same messages.
//! `BENCH_CLIENTS` sets the number of connections (default 10000, for which both
//! processes need as many file descriptors and some more).

use std::hint::black_box;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use engine::fixtures;
use engine::ids::{ChunkIndex, FileId, PeerId};
use engine::media::FileEntry;
use engine::protocol::{
    ClientMessage, FileReport, PROTOCOL_VERSION, Publish, Register, Report, TrackerMessage,
};
use engine::tracker::{ClientInfo, Registry};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use swarmplay::net::{Link, LinkLimits, LinkToTracker};
use swarmplay::wire::{Frame, WireCodec};
use tokio_util::codec::Decoder;

const FILE: FileId = FileId([7; 32]);

/// Chunks of 64 KiB of a film of 90 minutes at 4 Mbit/s.
const CHUNKS: u32 = 41_200;

/// Viewers of one video that all ask at once.
const CROWD: u32 = 1000;

/// Peers asked for, as clients do.
const COUNT: u32 = 32;

/// Announces in flight on one connection.
const IN_FLIGHT: usize = 4;

/// Time limit for the tracker to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Duration of the announce measurement.
const LOAD: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error>;

fn id(number: u32) -> PeerId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes[8..12].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
    PeerId(bytes)
}

fn film() -> FileEntry {
    let mut film = fixtures::film(1, "film.mp4");
    film.id = FILE;
    film.size = u64::from(CHUNKS) << 16;
    film.chunk_size = 64 << 10;
    film.info.duration_ms = 5_400_000;
    film.sources = 0;
    film
}

/// The report of a viewer with 8 s of buffer that has measured its neighbours'
/// round trips.
fn report(number: u32, position: u32) -> Report {
    Report {
        upload_rate: 400_000,
        download_rate: 500_000,
        uplink: Some(500_000),
        accepts_requests: true,
        files: vec![FileReport {
            file: FILE,
            chunk_size: 64 << 10,
            have: (0..position + 60).collect(),
            position: ChunkIndex(position),
            buffer: Duration::from_secs(8),
        }],
        rtts: (1..=10)
            .map(|near| (id((number + near) % CROWD + 1), Duration::from_millis(15)))
            .collect(),
    }
}

fn crowd() -> Registry {
    let mut registry = Registry::default();
    let now = Instant::now();
    for number in 0..=CROWD {
        let [_, _, high, low] = number.to_be_bytes();
        let info = ClientInfo {
            name: format!("viewer-{number}"),
            address: SocketAddr::from(([10, 0, high, low], 7000)),
            origin: number == 0,
            observer: false,
            link: u64::from(number),
        };
        registry.register(now, id(number), info);
    }
    registry.publish(id(0), publish());
    for number in 1..=CROWD {
        registry.report(id(number), report(number, place(number)));
    }
    registry.flush();
    registry
}

fn publish() -> Publish {
    Publish {
        added: vec![film()],
        ..Publish::default()
    }
}

/// Position of a viewer; all pressed play within half a minute.
fn place(number: u32) -> u32 {
    2000 + number % 230
}

fn plans() {
    let mut registry = crowd();
    let mut rng = StdRng::seed_from_u64(1);
    let all: Vec<PeerId> = (1..=CROWD).map(id).collect();
    for round in ["first", "again"] {
        let began = Instant::now();
        let mut named = 0;
        for number in 1..=CROWD {
            let at = ChunkIndex(place(number));
            named += registry
                .find_peers(id(number), FILE, at, COUNT, &mut rng)
                .len();
        }
        let took = began.elapsed();
        black_box(named);
        let began = Instant::now();
        for _ in 1..=CROWD {
            black_box(all.choose_multiple(&mut rng, 11).count());
        }
        let bare = began.elapsed();
        eprintln!(
            "{CROWD} plans, {round:6}          {:7.1} ms  {:.0} times drawing at random",
            took.as_secs_f64() * 1e3,
            took.as_secs_f64() / bare.as_secs_f64()
        );
    }
}

/// A tracker program of its own; ended when dropped.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(home: &std::path::Path, port: u16) -> Result<Self, Failure> {
        let address = format!("127.0.0.1:{port}");
        let data = home.join("data");
        let child = Command::new(env!("CARGO_BIN_EXE_swarmplay"))
            .arg("tracker")
            .args(["--set", &format!("tracker.listen={address}")])
            .args(["--set", "tracker.max_clients=100000"])
            .args(["--set", "library.folders=[]"])
            .args(["--set", &format!("store.data_dir={}", data.display())])
            .current_dir(home)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, address })
    }

    fn stat(&self) -> Result<procfs::process::Stat, Failure> {
        Ok(procfs::process::Process::new(self.child.id() as i32)?.stat()?)
    }

    /// Resident memory in bytes.
    fn memory(&self) -> Result<u64, Failure> {
        Ok(self.stat()?.rss * procfs::page_size())
    }

    /// Processor time in seconds.
    fn cpu(&self) -> Result<f64, Failure> {
        let stat = self.stat()?;
        let ticks = stat.utime + stat.stime;
        Ok(ticks as f64 / procfs::ticks_per_second() as f64)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Registers a client; retries while the tracker starts.
async fn join(address: &str, number: u32) -> Result<LinkToTracker, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match join_once(address, number).await {
            Ok(link) => return Ok(link),
            Err(error) if Instant::now() > until => return Err(error),
            Err(error)
                if error.is::<std::io::Error>() || error.is::<swarmplay::wire::WireError>() =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn join_once(address: &str, number: u32) -> Result<LinkToTracker, Failure> {
    let limits = LinkLimits::default();
    let mut link: LinkToTracker = Link::dial(address, Duration::from_secs(20), &limits).await?;
    link.writer.send(ClientMessage::Register(Register {
        version: PROTOCOL_VERSION,
        peer: id(number),
        name: format!("viewer-{number}"),
        agent: "bench".into(),
        listen_port: Some(7000),
        origin_token: Default::default(),
        observer: false,
    }))?;
    match link.reader.next_within(PATIENCE).await? {
        TrackerMessage::Welcome(_) => Ok(link),
        other => Err(format!("no welcome but {other:?}").into()),
    }
}

/// Registers all clients, a few hundred at a time.
async fn join_all_clients(address: &str, count: u32) -> Result<Vec<LinkToTracker>, Failure> {
    let mut links = Vec::new();
    for first in (1..=count).step_by(256) {
        let batch = first..(first + 256).min(count + 1);
        for link in join_all(batch.map(|number| join(address, number))).await {
            links.push(link?);
        }
    }
    Ok(links)
}

/// Reports a viewer's position and waits for its first plan.
async fn watch(link: &mut LinkToTracker, number: u32) -> Result<(), Failure> {
    let report = report(number, place(number));
    link.writer.send(ClientMessage::Report(report))?;
    link.writer.send(ask(place(number)))?;
    while !matches!(
        link.reader.next_within(PATIENCE).await?,
        TrackerMessage::PeerList { .. }
    ) {}
    Ok(())
}

fn ask(position: u32) -> ClientMessage {
    ClientMessage::FindPeers {
        file: FILE,
        position: ChunkIndex(position),
        count: COUNT,
    }
}

/// Announces until a deadline and returns the number of answers.
async fn announce(link: &mut LinkToTracker, number: u32, until: Instant) -> Result<u64, Failure> {
    let mut rng = StdRng::seed_from_u64(number.into());
    let mut next = || ask(place(number) + rng.random_range(0..20));
    for _ in 0..IN_FLIGHT {
        link.writer.send(next())?;
    }
    let (mut answers, mut waiting) = (0, IN_FLIGHT);
    while waiting > 0 {
        if let TrackerMessage::PeerList { .. } = link.reader.next_within(PATIENCE).await? {
            answers += 1;
            match Instant::now() < until {
                true => link.writer.send(next())?,
                false => waiting -= 1,
            }
        }
    }
    Ok(answers)
}

async fn load(clients: u32) -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let program = Program::start(home.path(), port)?;
    let first = join(&program.address, 0).await?;
    first.writer.send(ClientMessage::Publish(publish()))?;
    let empty = program.memory()?;
    let began = Instant::now();
    let links = join_all_clients(&program.address, clients).await?;
    eprintln!(
        "{clients} clients registered     {:7.2} s",
        began.elapsed().as_secs_f64()
    );
    let each = program.memory()?.saturating_sub(empty) as f64 / f64::from(clients);
    eprintln!("memory of an idle client     {:7.2} KiB", each / 1024.0);

    let before = program.cpu()?;
    drop(links);
    drop(first);
    drop(program);
    let began = Instant::now();
    let program = Program::start(home.path(), port)?;
    let links = join_all_clients(&program.address, clients).await?;
    eprintln!(
        "{clients} again after a restart  {:7.2} s  (the program had used {before:.1} s of processor)",
        began.elapsed().as_secs_f64()
    );

    let first = join(&program.address, 0).await?;
    first.writer.send(ClientMessage::Publish(publish()))?;
    // All clients stay connected; only the viewers announce.
    let mut clients: Vec<(LinkToTracker, u32)> = links.into_iter().zip(1..).collect();
    for (link, number) in clients.iter_mut().take(CROWD as usize) {
        watch(link, *number).await?;
    }
    let (began, before) = (Instant::now(), program.cpu()?);
    let until = began + LOAD;
    let crowd = clients.iter_mut().take(CROWD as usize);
    let asking = crowd.map(|(link, number)| announce(link, *number, until));
    let mut answers = 0;
    for count in join_all(asking).await {
        answers += count?;
    }
    let used = program.cpu()? - before;
    let per_core = answers as f64 / used;
    eprintln!(
        "announces with a plan        {per_core:7.0} a second of its processor ({answers} in {:.1} s)",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Announces per second that encoding and decoding alone would allow.
fn coding() -> Result<f64, Failure> {
    let mut registry = crowd();
    let mut rng = StdRng::seed_from_u64(1);
    let at = ChunkIndex(place(1));
    let answers = registry.find_peers(id(1), FILE, at, COUNT, &mut rng);
    let Some((_, TrackerMessage::PeerList { peers, .. })) = answers.into_iter().next_back() else {
        return Err("no answer".into());
    };
    let bytes = Frame::new(ask(place(1))).head;
    let rounds = 20_000;
    let lists = vec![peers; rounds];
    let began = Instant::now();
    for peers in lists {
        let mut buffer = BytesMut::from(&bytes[..]);
        black_box(WireCodec::<ClientMessage>::default().decode(&mut buffer)?);
        black_box(Frame::new(TrackerMessage::PeerList { file: FILE, peers }));
    }
    Ok(rounds as f64 / began.elapsed().as_secs_f64())
}

fn main() -> Result<(), Failure> {
    plans();
    eprintln!("coding an announce alone     {:7.0} a second", coding()?);
    let clients = std::env::var("BENCH_CLIENTS").unwrap_or("10000".into());
    let clients = clients.parse()?;
    actix_rt::System::new().block_on(load(clients))
}
