//! Commands that run until they are stopped: `tracker`, `peer`, `client`.

use std::path::PathBuf;

use anyhow::Context;
use engine::media::MediaKind;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{Node, Role};
use crate::cli::query;
use crate::config::Config;

/// Line on stdout once the node is ready, for scripts.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    peer: String,
    listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<String>,
}

/// `swarmplay tracker`
pub(super) fn tracker(config: &Config) -> anyhow::Result<()> {
    serve(config, Role::Server)
}

/// `swarmplay peer`
pub(super) fn peer(config: &Config) -> anyhow::Result<()> {
    serve(config, Role::Client(None))
}

fn serve(config: &Config, role: Role) -> anyhow::Result<()> {
    actix_rt::System::new().block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("signals")?;
        let node = Node::start(config, role).await?;
        let ready = Ready {
            ready: true,
            peer: node.peer.to_string(),
            listen: node.listen.to_string(),
            http: node
                .gateway
                .as_ref()
                .map(|gateway| format!("http://{}", gateway.address)),
        };
        query::print(&format!("{}\n", serde_json::to_string(&ready)?))?;
        tracing::info!(listen = %node.listen, "serving");
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        node.stop().await;
        Ok(())
    })
}

/// File that the configuration came from; file to write on the first run, with the values
/// of `--set`.
#[cfg_attr(
    not(feature = "gui"),
    expect(dead_code, reason = "only the window reads them")
)]
pub(super) struct ClientFiles {
    pub(super) read: Option<PathBuf>,
    pub(super) to_write: Option<(PathBuf, Vec<String>)>,
}

/// `swarmplay client`
#[cfg(feature = "gui")]
pub(super) fn client(
    config: Config,
    mode: MediaKind,
    play: Option<String>,
    files: ClientFiles,
) -> anyhow::Result<()> {
    use crate::gui::ConfigSource;
    use crate::gui::FirstRun;
    let source = match files.to_write {
        Some((path, sets)) => ConfigSource::FirstRun(FirstRun { path, sets }),
        None => ConfigSource::File(files.read),
    };
    crate::gui::run(config, mode, play, source)
}

/// `swarmplay client` in a build without the window.
#[cfg(not(feature = "gui"))]
pub(super) fn client(
    _: Config,
    _: MediaKind,
    _: Option<String>,
    _: ClientFiles,
) -> anyhow::Result<()> {
    anyhow::bail!("this build has no window; use `swarmplay peer`, or build with the feature `gui`")
}
