//! Command line: parses the arguments, loads the configuration and runs one command.
//!
//! Results go to stdout, logs to stderr. Exit codes: 0, 1 for failures, 2 for usage and
//! configuration errors.
//!
//! * [`run`]: commands that run until they are stopped.
//! * [`query`]: commands that print and exit.
//! * [`get`]: download of one file.
//! * [`mod@config`]: default files, check of a file.

mod config;
mod get;
mod query;
mod run;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use engine::media::MediaKind;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, RenamedKey, client_file, load_with_warnings};
use crate::runtime;

/// Exit code for usage and configuration errors.
const EXIT_USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "swarmplay", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Sources of the configuration.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// TOML file; by default the user's file (clients only).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key; overrides the file and the environment.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigArgs {
    fn load(&self) -> Result<(Config, Vec<RenamedKey>), ConfigError> {
        load_with_warnings(self.config.as_deref(), &self.set)
    }

    /// Uses the user's file, if it exists and no other is named.
    fn for_client(mut self) -> Self {
        let own = || client_file().filter(|file| file.exists());
        self.config = self.config.take().or_else(own);
        self
    }

    /// File that the first run of a client writes: there is no file, and no other source
    /// names the tracker.
    fn first_run(&self) -> Option<PathBuf> {
        let known = self
            .set
            .iter()
            .any(|set| set.starts_with("client.tracker="))
            || std::env::var_os("SWARMPLAY_CLIENT__TRACKER").is_some();
        match self.config {
            None if !known => client_file(),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Video,
    Audio,
}

impl From<Kind> for MediaKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Video => Self::Video,
            Kind::Audio => Self::Audio,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a tracker that also shares its own folders.
    Tracker {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Open the window.
    Client {
        #[command(flatten)]
        config: ConfigArgs,
        /// Media to show.
        #[arg(long, value_enum, default_value = "video")]
        mode: Kind,
        /// Play this file at once: a name, title or id.
        #[arg(long, value_name = "NAME")]
        play: Option<String>,
    },
    /// Run a client without a window that shares folders and streams over HTTP.
    Peer {
        #[command(flatten)]
        config: ConfigArgs,
        /// HTTP address for players; overrides gateway.listen.
        #[arg(long, value_name = "ADDR")]
        http: Option<String>,
    },
    /// List the catalogue.
    Ls {
        #[command(flatten)]
        config: ConfigArgs,
        /// List only this kind.
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// List only files whose name or tags contain all these words.
        #[arg(long, value_name = "TEXT", default_value = "")]
        search: String,
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Download a file.
    Get {
        #[command(flatten)]
        config: ConfigArgs,
        /// Name, title or id.
        file: String,
        /// Target path; by default the file's name in the current directory.
        #[arg(short, value_name = "PATH")]
        output: Option<PathBuf>,
        /// Keep sharing the file after the download, until interrupted.
        #[arg(long)]
        stay: bool,
    },
    /// Print the content id of a file, its BLAKE3 hash.
    Id {
        /// File to hash.
        file: PathBuf,
    },
    /// Print or check configuration files.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Print the default file, which documents all keys.
    Default {
        /// Program that the file configures.
        #[arg(value_enum)]
        program: config::Program,
    },
    /// Check a file.
    Check {
        /// File to check.
        file: PathBuf,
    },
}

/// Runs the command line.
pub fn main() -> ExitCode {
    runtime::abort_on_panic();
    let cli = Cli::parse();
    match execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("swarmplay: {error:#}");
            match error.downcast_ref::<ConfigError>() {
                Some(_) => ExitCode::from(EXIT_USAGE),
                None => ExitCode::FAILURE,
            }
        }
    }
}

fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Tracker { config } => run::tracker(&prepare(&config)?),
        Command::Client { config, mode, play } => {
            let config = config.for_client();
            let to_write = config.first_run().map(|path| (path, config.set.clone()));
            let read = config.config.clone();
            let files = run::ClientFiles { read, to_write };
            run::client(prepare(&config)?, mode.into(), play, files)
        }
        Command::Peer { config, http } => {
            let mut config = prepare(&config.for_client())?;
            if let Some(http) = http {
                config.gateway.listen = http;
                let checked = config.validate();
                checked.map_err(|wrong| ConfigError::Override {
                    origin: "--http".into(),
                    problem: wrong.problem,
                })?;
            }
            run::peer(&config)
        }
        Command::Ls {
            config,
            kind,
            search,
            json,
        } => query::ls(
            &prepare(&config.for_client())?,
            kind.map(MediaKind::from),
            &search,
            json,
        ),
        Command::Get {
            config,
            file,
            output,
            stay,
        } => get::get(&prepare(&config.for_client())?, file, output, stay),
        Command::Id { file } => query::id(&file),
        Command::Config { action } => match action {
            ConfigAction::Default { program } => query::print(program.text()),
            ConfigAction::Check { file } => config::check(&file),
        },
    }
}

/// Loads the configuration and starts logging.
fn prepare(args: &ConfigArgs) -> anyhow::Result<Config> {
    let (config, warnings) = args.load()?;
    let filter = EnvFilter::try_from_default_env().or_else(|_| {
        EnvFilter::try_new(&config.log.level).map_err(|error| ConfigError::Override {
            origin: "log.level".into(),
            problem: error.to_string(),
        })
    })?;
    // actix-web logs its own start and stop.
    let quiet = "actix_server=warn".parse();
    let filter = quiet.into_iter().fold(filter, EnvFilter::add_directive);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}
