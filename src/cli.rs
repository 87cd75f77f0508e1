//! The command line: parses, loads the configuration, runs one command.
//!
//! Results go to stdout, logs to stderr. Exit code 0, 1 for a failure, 2 for
//! usage or configuration errors.
//!
//! * [`run`]: commands that run until they are stopped.
//! * [`ask`]: commands that print and end.
//! * [`get`]: one whole file.
//! * [`default_config`]: the commented default files.

mod ask;
mod default_config;
mod get;
mod run;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use engine::media::MediaKind;
use tracing_subscriber::EnvFilter;

use crate::config;
use crate::config::Config;
use crate::config::load::ConfigError;
use crate::runtime;

/// Exit code for usage and configuration errors.
const EXIT_USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(name = "swarmplay", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// TOML file; without it that of the user (clients only), else the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key, over the file and the environment.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigArgs {
    fn load(&self) -> Result<Config, ConfigError> {
        config::load(self.config.as_deref(), &self.set)
    }

    /// With the user's own file, if there is one and none is named.
    fn of_client(mut self) -> Self {
        let own = || config::client_file().filter(|file| file.exists());
        self.config = self.config.take().or_else(own);
        self
    }

    /// Where a client's first run writes its file: nothing says yet where the tracker
    /// is.
    fn first_run(&self) -> Option<PathBuf> {
        let told = self
            .set
            .iter()
            .any(|set| set.starts_with("client.tracker="))
            || std::env::var_os("SWARMPLAY_CLIENT__TRACKER").is_some();
        match self.config {
            None if !told => config::client_file(),
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
    /// The server: registers clients and shares its own folders.
    Tracker {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// The window.
    Client {
        #[command(flatten)]
        config: ConfigArgs,
        /// What the window shows.
        #[arg(long, value_enum, default_value = "video")]
        mode: Kind,
        /// Plays this at once: a name, title or id.
        #[arg(long, value_name = "NAME")]
        play: Option<String>,
    },
    /// A client without a window: shares its folders, streams over HTTP.
    Peer {
        #[command(flatten)]
        config: ConfigArgs,
        /// Address for players, instead of gateway.listen.
        #[arg(long, value_name = "ADDR")]
        http: Option<String>,
    },
    /// Lists what is shared.
    Ls {
        #[command(flatten)]
        config: ConfigArgs,
        /// Only this kind.
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Only files whose name or tags hold all these words.
        #[arg(long, value_name = "TEXT", default_value = "")]
        search: String,
        /// As JSON, one array.
        #[arg(long)]
        json: bool,
    },
    /// Downloads one whole file, verified.
    Get {
        #[command(flatten)]
        config: ConfigArgs,
        /// Its name, title or id.
        file: String,
        /// Where to; the default is its name in the present folder.
        #[arg(short, value_name = "PATH")]
        output: Option<PathBuf>,
        /// Go on serving it to others when it is here, until interrupted.
        #[arg(long)]
        stay: bool,
    },
    /// Prints the content id of a file, as b3sum does.
    Id {
        /// Any file.
        file: PathBuf,
    },
    /// Prints or checks configuration files.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Prints the default file with all keys explained.
    Default {
        /// Whose.
        #[arg(value_enum)]
        program: default_config::Program,
    },
    /// Checks a file.
    Check {
        /// The file.
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
            let config = config.of_client();
            let to_write = config.first_run().map(|path| (path, config.set.clone()));
            let read = config.config.clone();
            let files = run::ClientFiles { read, to_write };
            run::client(prepare(&config)?, mode.into(), play, files)
        }
        Command::Peer { config, http } => {
            let mut config = prepare(&config.of_client())?;
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
        } => ask::ls(
            &prepare(&config.of_client())?,
            kind.map(MediaKind::from),
            &search,
            json,
        ),
        Command::Get {
            config,
            file,
            output,
            stay,
        } => get::get(&prepare(&config.of_client())?, file, output, stay),
        Command::Id { file } => ask::id(&file),
        Command::Config { action } => match action {
            ConfigAction::Default { program } => ask::print(program.text()),
            ConfigAction::Check { file } => {
                config::load(Some(&file), &[])?;
                ask::print(&format!("{}: ok\n", file.display()))
            }
        },
    }
}

/// Loads the configuration and starts logging.
fn prepare(args: &ConfigArgs) -> anyhow::Result<Config> {
    let config = args.load()?;
    let filter = EnvFilter::try_from_default_env().or_else(|_| {
        EnvFilter::try_new(&config.log.level).map_err(|error| ConfigError::Override {
            origin: "log.level".into(),
            problem: error.to_string(),
        })
    })?;
    // The HTTP server's start and stop are of no interest beside our own.
    let quiet = "actix_server=warn".parse();
    let filter = quiet.into_iter().fold(filter, EnvFilter::add_directive);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    Ok(config)
}
