//! Commands that print and exit: `ls`, `id`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use bytesize::ByteSize;
use engine::ids::PeerId;
use engine::media::{FileEntry, MediaKind};
use engine::protocol::{AGENT, ClientMessage, Hello, PROTOCOL_VERSION, TrackerMessage};
use engine::units::timestamp;

use crate::app::Role;
use crate::config::Config;
use crate::library::{SKIPPED_FILE, Skipped, file_id};
use crate::net::LinkToTracker;
use crate::tracker_client::TrackerClientSettings;
use crate::tracker_client::dial;

/// Time limit for each page of an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Writes to stdout; a closed pipe is not a failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// `swarmplay id`
pub(super) fn id(file: &Path) -> anyhow::Result<()> {
    let id = file_id(file).with_context(|| file.display().to_string())?;
    print(&format!("{id}\n"))
}

/// `swarmplay ls`
pub(super) fn ls(
    config: &Config,
    kind: Option<MediaKind>,
    search: &str,
    json: bool,
) -> anyhow::Result<()> {
    let runner = actix_rt::System::new();
    let mut entries = runner.block_on(query(config, kind, search))?;
    if json {
        // A timeline has hundreds of points.
        let timelines = entries.iter_mut().map(|entry| &mut entry.info.timeline);
        timelines.for_each(|timeline| *timeline = Default::default());
        return print(&format!("{}\n", serde_json::to_string_pretty(&entries)?));
    }
    print(&table(&entries))?;
    // Skipped files of all clients on this machine.
    let kinds = [Some(MediaKind::Video), Some(MediaKind::Audio), None];
    let folders = kinds.map(|kind| config.data_dir(Role::Client(kind).name()));
    let folders: BTreeSet<PathBuf> = folders.into();
    folders.iter().for_each(|folder| show_skipped(folder));
    Ok(())
}

/// Queries the tracker page by page.
async fn query(
    config: &Config,
    kind: Option<MediaKind>,
    search: &str,
) -> anyhow::Result<Vec<FileEntry>> {
    let tracker = config.client.tracker.clone();
    let settings = TrackerClientSettings {
        tracker: tracker.clone(),
        hello: Hello {
            version: PROTOCOL_VERSION,
            peer: PeerId::random(&mut rand::rng()),
            name: config.client_name(),
            agent: AGENT.into(),
            listen_port: None,
        },
        origin_token: bytes::Bytes::new(),
        kind,
        observer: true,
    };
    let reached = dial(&settings).await;
    let (mut link, _) =
        reached.with_context(|| format!("the tracker at {tracker} does not answer"))?;
    let mut found = Vec::new();
    for page in 0.. {
        let (total, entries) = query_page(&mut link, kind, search, page).await?;
        let last = entries.is_empty();
        found.extend(entries);
        if last || found.len() >= total as usize {
            break;
        }
    }
    Ok(found)
}

async fn query_page(
    link: &mut LinkToTracker,
    kind: Option<MediaKind>,
    search: &str,
    page: u32,
) -> anyhow::Result<(u32, Vec<FileEntry>)> {
    link.writer.send(ClientMessage::Query {
        number: page,
        kind,
        search: search.to_owned(),
        page,
    })?;
    loop {
        match link.reader.next_within(ANSWER).await? {
            TrackerMessage::QueryResult {
                number,
                total,
                entries,
            } if number == page => return Ok((total, entries)),
            TrackerMessage::Kick { text, .. } => bail!("the tracker closed the link: {text}"),
            _ => {}
        }
    }
}

/// Formats entries in aligned columns.
fn table(entries: &[FileEntry]) -> String {
    if entries.is_empty() {
        return "nothing found\n".into();
    }
    let row = |entry: &FileEntry| {
        let id = entry.id.to_string();
        format!(
            "{}  {:5}  {:>10}  {:>8}  {:>3}  {}\n",
            &id[..12],
            entry.info.kind.to_string(),
            ByteSize(entry.size).display().iec().to_string(),
            timestamp(entry.info.duration()),
            entry.sources,
            entry.name,
        )
    };
    let head = format!(
        "{:12}  {:5}  {:>10}  {:>8}  {:>3}  name\n",
        "id", "kind", "size", "length", "src"
    );
    std::iter::once(head)
        .chain(entries.iter().map(row))
        .collect()
}

/// Prints the skipped files of our own folders to stderr.
fn show_skipped(data_dir: &Path) {
    let Ok(text) = std::fs::read(data_dir.join(SKIPPED_FILE)) else {
        return;
    };
    let skipped: Vec<Skipped> = serde_json::from_slice(&text).unwrap_or_default();
    for file in skipped {
        eprintln!("not shared: {}: {}", file.path.display(), file.reason);
    }
}
