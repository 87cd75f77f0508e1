//! Errors of the configuration, of the start and of values in fields.

use std::path::Path;

use engine::units::{Unit, UnitError};
use tr::tr;

use super::library::index_error;
use super::system::io_error;
use crate::app::StartError;
use crate::config::{ConfigError, EditError};

/// Failure to change the configuration file.
pub fn edit_error(error: &EditError) -> String {
    match error {
        EditError::File { path, error } => {
            let why = io_error(error);
            format!("{}: {why}", path.display())
        }
        EditError::NotToml {
            path,
            line,
            problem,
        } => file_error(path, *line, problem),
    }
}

/// Failure to load a configuration. Problems with a value stay in English: they name keys.
pub fn config_error(error: &ConfigError) -> String {
    match error {
        ConfigError::Unreadable { path, error } => {
            let why = io_error(error);
            tr!("{} cannot be read: {}", path.display(), why)
        }
        ConfigError::InFile {
            path,
            line,
            problem,
        } => file_error(path, *line, problem),
        ConfigError::Override { .. } | ConfigError::BadSet(_) => error.to_string(),
    }
}

fn file_error(file: &Path, line: usize, what: &str) -> String {
    let file = file.display();
    tr!("{}: error in line {}: {}", file, line, what)
}

/// Failure to start the program.
pub fn start_error(error: &anyhow::Error) -> String {
    match error.downcast_ref::<StartError>() {
        Some(StartError::DataDir { path, error }) => {
            let why = io_error(error);
            tr!("cannot use data directory {}: {}", path.display(), why)
        }
        Some(StartError::Index(error)) => index_error(error),
        Some(StartError::Listen {
            key,
            address,
            error,
        }) => {
            let why = io_error(error);
            tr!("{}: cannot listen on {}: {}", key, address, why)
        }
        None => format!("{error:#}"),
    }
}

/// Invalid quantity in a field.
pub fn unit_error(error: &UnitError) -> String {
    let text = &error.text;
    match error.unit {
        Unit::Size => tr!(
            "Invalid size “{}”: enter for example 20 GiB or 500 MB",
            text
        ),
        Unit::Amount => tr!(
            "Invalid amount “{}”: enter for example 10 GiB or unlimited",
            text
        ),
        Unit::Rate => tr!(
            "Invalid rate “{}”: enter for example 8 Mbit/s, 1 MiB/s or unlimited",
            text
        ),
        Unit::Duration => error.to_string(),
    }
}
