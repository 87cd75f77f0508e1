//! `swarmplay get`: downloads one file with a progress bar.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use engine::ids::ChunkIndex;
use engine::store::StoreError;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::{Node, Role};
use crate::config::Config;
use crate::runtime::{ask, ask_slow};
use crate::scheduler::{DownloadAll, OpenStream, OpenedStream, StreamError, StreamState};
use crate::store::{Export, ReadChunk};

/// Time limit for the file to appear in the catalogue.
const FIND: Duration = Duration::from_secs(10);
/// Interval at which the catalogue and the progress are polled.
const POLL: Duration = Duration::from_millis(50);

/// Runs the command. The target file appears once it is complete.
pub(super) fn get(
    config: &Config,
    file: String,
    output: Option<PathBuf>,
    stay: bool,
) -> anyhow::Result<()> {
    let mut config = config.clone();
    // The client shares nothing except the downloaded chunks.
    config.library.folders.clear();
    config.gateway.listen = "127.0.0.1:0".into();
    actix_rt::System::new().block_on(async {
        let node = Node::start(&config, Role::Client(None)).await?;
        let fetched = async {
            fetch(&node, &config, file, output).await?;
            if stay {
                tokio::signal::ctrl_c().await?;
            }
            Ok(())
        };
        let result = tokio::select! {
            biased;
            result = fetched => result,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; run it again to resume")),
        };
        node.stop().await;
        result
    })
}

async fn fetch(
    node: &Node,
    config: &Config,
    file: String,
    output: Option<PathBuf>,
) -> anyhow::Result<()> {
    let stream = find(node, &file)
        .await
        .with_context(|| format!("{file} (tracker {})", config.client.tracker))?;
    let entry = &stream.entry;
    if entry.size > config.store.quota.0 {
        bail!(
            "{} needs {} bytes but store.quota is {}; raise it with --set store.quota=…",
            entry.name,
            entry.size,
            config.store.quota
        );
    }
    let target = output.unwrap_or_else(|| PathBuf::from(entry.local_name()));
    fetch_all(node, &stream, &target).await
}

/// Waits until the catalogue lists the file.
async fn find(node: &Node, file: &str) -> anyhow::Result<OpenedStream> {
    let deadline = tokio::time::Instant::now() + FIND;
    loop {
        match ask(&node.sources.streams, OpenStream(file.to_owned())).await? {
            Ok(stream) => return Ok(stream),
            Err(StreamError::UnknownFile) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(POLL).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Downloads all chunks, then exports the file. Chunks that an earlier run left in the
/// cache are verified first; corrupt ones are downloaded again.
async fn fetch_all(node: &Node, stream: &OpenedStream, path: &Path) -> anyhow::Result<()> {
    let style = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let bar = ProgressBar::new(stream.entry.size)
        .with_message(stream.entry.name.clone())
        .with_style(ProgressStyle::with_template(style)?);
    let file = stream.entry.id;
    let store = &node.sources.store;
    for chunk in ask(&stream.scheduler, StreamState).await?.have {
        let chunk = ChunkIndex(chunk);
        match ask_slow(store, ReadChunk { file, chunk }).await? {
            Ok(_) | Err(StoreError::NotHeld) => {}
            Err(error) => return Err(error.into()),
        }
    }
    ask(&stream.scheduler, DownloadAll(true)).await?;
    loop {
        let state = ask(&stream.scheduler, StreamState).await?;
        let held = u64::from(state.geometry.chunk_size().bytes()) * state.have.len();
        bar.set_position(held.min(stream.entry.size));
        if let Some(problem) = state.problem {
            bail!("cannot keep {}: {problem}", stream.entry.name);
        }
        if state.have.len() == u64::from(state.geometry.chunk_count()) {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    let named = ask_slow(
        store,
        Export {
            file,
            path: path.to_owned(),
        },
    );
    named
        .await?
        .with_context(|| format!("cannot write {}", path.display()))?;
    bar.finish();
    Ok(())
}
