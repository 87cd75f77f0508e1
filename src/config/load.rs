//! Loads a validated [`Config`] from a file, the environment and `--set`.
//!
//! The file is parsed twice: alone, for errors that name the line, and by the `config`
//! crate, which overlays the environment and `--set`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Config;
use crate::config::renamed::{self, RenamedKey};

/// Prefix of environment variables that set a key.
pub(super) const ENV_PREFIX: &str = "SWARMPLAY";

/// The only key with a list; outside the file its items are separated by `:`.
const FOLDERS_KEY: &str = "library.folders";

/// Rejected configuration. The message names the origin, the key, and valid values.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
    /// The file has a syntax error, an unknown key, or an invalid value.
    #[error("{}:{line}: {problem}", path.display())]
    InFile {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Key and valid values.
        problem: String,
    },
    /// A value from the environment or `--set` is invalid.
    #[error("{origin}: {problem}")]
    Override {
        /// `--set`, or the name of the environment variable.
        origin: String,
        /// Key and valid values.
        problem: String,
    },
    /// `--set` without `section.key=value`.
    #[error("--set {0}: write it as section.key=value")]
    BadSet(String),
}

/// Loads the configuration and logs a warning for each renamed key.
///
/// # Errors
/// A source cannot be read or has an invalid value.
pub fn load(file: Option<&Path>, sets: &[String]) -> Result<Config, ConfigError> {
    let (config, warnings) = load_with_warnings(file, sets)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// Reads `file`, if any, and overlays the environment and `sets`. Returns the uses of
/// renamed keys for a caller that logs later.
///
/// # Errors
/// A source cannot be read or has an invalid value.
pub fn load_with_warnings(
    file: Option<&Path>,
    sets: &[String],
) -> Result<(Config, Vec<RenamedKey>), ConfigError> {
    let mut warnings = Vec::new();
    let text = match file {
        Some(path) => read_checked(path, &mut warnings)?,
        None => String::new(),
    };
    let mut variables = environment();
    renamed::in_environment(&mut variables, &mut warnings)?;
    let sets = &renamed::in_sets(sets, &mut warnings)?;
    let folders = variables.get(&format!("{ENV_PREFIX}_LIBRARY__FOLDERS"));
    let folders = folders.cloned();
    let mut builder = config::Config::builder()
        .add_source(config::File::from_str(&text, config::FileFormat::Toml))
        .add_source(
            config::Environment::with_prefix(ENV_PREFIX)
                .prefix_separator("_")
                .separator("__")
                .source(Some(variables)),
        );
    if let Some(folders) = folders {
        builder = apply_set(builder, &format!("{FOLDERS_KEY}={folders}"))?;
    }
    for set in sets {
        builder = apply_set(builder, set)?;
    }
    let layered = builder.build().map_err(|error| overridden(sets, &error))?;
    let config: Config = layered
        .try_deserialize()
        .map_err(|error| overridden(sets, &error))?;
    config
        .validate()
        .map_err(|wrong| locate(file, &text, sets, wrong.key, &wrong.problem))?;
    Ok((config, warnings))
}

/// Environment variables that set a key.
fn environment() -> HashMap<String, String> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let value = value.into_string().ok()?;
        name.starts_with(ENV_PREFIX).then_some((name, value))
    });
    variables.collect()
}

/// Reads a file, renames old keys, and checks syntax, keys and types.
fn read_checked(path: &Path, warnings: &mut Vec<RenamedKey>) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let text = renamed::in_file(path, text, warnings)?;
    if let Err(error) = toml::from_str::<Config>(&text) {
        let offset = error.span().map_or(0, |span| span.start);
        return Err(ConfigError::InFile {
            path: path.to_owned(),
            line: line_of(&text, offset),
            problem: explain(&text, offset, error.message()),
        });
    }
    Ok(text)
}

/// Completes a message of the parser: adds the key at `offset` to a type error, and the
/// nearest known key to an unknown key.
fn explain(text: &str, offset: usize, message: &str) -> String {
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    if message.starts_with("unknown field") {
        return with_nearest(message);
    }
    if line.contains('=') && !key.is_empty() {
        return format!("{key}: {message}");
    }
    message.to_owned()
}

/// Replaces serde's list of known keys by the nearest one.
fn with_nearest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(unknown) = quoted.next() else {
        return message.to_owned();
    };
    let nearest = quoted
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= 3 => {
            format!("unknown key `{unknown}`; did you mean `{known}`?")
        }
        _ => message.replace("unknown field", "unknown key"),
    }
}

/// Overlays one `section.key=value`. List items are separated by `:`.
fn apply_set(
    builder: config::ConfigBuilder<config::builder::DefaultState>,
    set: &str,
) -> Result<config::ConfigBuilder<config::builder::DefaultState>, ConfigError> {
    let bad = || ConfigError::BadSet(set.to_owned());
    let (key, value) = set.split_once('=').ok_or_else(bad)?;
    let key = key.trim();
    if !key.contains('.') {
        return Err(bad());
    }
    let value = if key == FOLDERS_KEY {
        let folders: Vec<&str> = value.split(':').filter(|part| !part.is_empty()).collect();
        config::Value::from(folders)
    } else {
        config::Value::from(value)
    };
    builder.set_override(key, value).map_err(|_| bad())
}

/// Attributes an error of the merged configuration to `--set` or the environment: the file
/// alone was valid.
fn overridden(sets: &[String], error: &config::ConfigError) -> ConfigError {
    let problem = with_nearest(&error.to_string());
    let origin = sets
        .iter()
        .find(|set| {
            set.split_once('=')
                .is_some_and(|(key, _)| key.split('.').any(|part| problem.contains(part)))
        })
        .map_or_else(
            || format!("environment ({ENV_PREFIX}_…)"),
            |set| format!("--set {set}"),
        );
    ConfigError::Override { origin, problem }
}

/// Finds the origin of the value of `key`: `--set`, environment or file.
fn locate(
    file: Option<&Path>,
    text: &str,
    sets: &[String],
    key: &str,
    problem: &str,
) -> ConfigError {
    let problem = format!("{key}: {problem}");
    let is_key = |set: &&String| set.split_once('=').is_some_and(|(k, _)| k.trim() == key);
    if let Some(set) = sets.iter().rev().find(is_key) {
        let origin = format!("--set {set}");
        return ConfigError::Override { origin, problem };
    }
    let variable = format!("{ENV_PREFIX}_{}", key.to_uppercase().replacen('.', "__", 1));
    if std::env::var_os(&variable).is_some() {
        let origin = variable;
        return ConfigError::Override { origin, problem };
    }
    match file {
        Some(path) => ConfigError::InFile {
            path: path.to_owned(),
            line: line_of_key(text, key),
            problem,
        },
        None => ConfigError::Override {
            origin: "defaults".into(),
            problem,
        },
    }
}

/// Line of a byte offset, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// Line of `section.key` in valid TOML. Falls back to the line of its section, or to 1 if
/// the value is a default.
fn line_of_key(text: &str, key: &str) -> usize {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Sections(toml::Table);
    let (section, name) = key.split_once('.').unwrap_or((key, ""));
    let known = toml::from_str::<Sections>(text).is_ok_and(|s| s.0.contains_key(section));
    let header = format!("[{section}]");
    let mut in_section = false;
    let mut section_line = 1;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            in_section = line == header;
            if in_section && known {
                section_line = index + 1;
            }
        } else if in_section && line.split('=').next().map(str::trim) == Some(name) {
            return index + 1;
        }
    }
    section_line
}

#[cfg(test)]
mod tests;
