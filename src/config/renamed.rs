//! Keys that were renamed. The old names work for one release, with a warning.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use toml_edit::Document;

use crate::config::load::{ConfigError, ENV_PREFIX, line_of};

/// Renamed key of one section.
pub(super) struct Renamed {
    pub section: &'static str,
    pub old: &'static str,
    pub new: &'static str,
    /// Values that were renamed along with the key, old and new.
    values: &'static [(&'static str, &'static str)],
}

/// All renamed keys.
pub(super) const RENAMED: [Renamed; 3] = [
    Renamed {
        section: "stream",
        old: "urgent",
        new: "critical_window",
        values: &[],
    },
    Renamed {
        section: "library",
        old: "previews",
        new: "sidecars",
        values: &[],
    },
    Renamed {
        section: "window",
        old: "films",
        new: "library_layout",
        values: &[("pictures", "grid")],
    },
];

impl Renamed {
    fn old_key(&self) -> String {
        format!("{}.{}", self.section, self.old)
    }

    fn new_key(&self) -> String {
        format!("{}.{}", self.section, self.new)
    }

    /// New value for an old one, without quotes.
    fn value<'a>(&self, old: &'a str) -> &'a str {
        let renamed = self.values.iter().find(|(value, _)| *value == old);
        renamed.map_or(old, |(_, new)| new)
    }

    fn warning(&self, origin: String) -> RenamedKey {
        RenamedKey {
            origin,
            old: self.old_key(),
            new: self.new_key(),
        }
    }

    fn conflict(&self) -> String {
        format!(
            "`{}` was renamed to `{}`, which is set, too; remove `{}`",
            self.old_key(),
            self.new_key(),
            self.old_key()
        )
    }
}

/// Use of an old key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenamedKey {
    /// File and line, environment variable, or `--set`.
    pub origin: String,
    /// Old `section.key`.
    pub old: String,
    /// New `section.key`.
    pub new: String,
}

impl fmt::Display for RenamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, old, new } = self;
        write!(f, "{origin}: key `{old}` was renamed to `{new}`")
    }
}

/// Renames old keys in the text of a file; lines stay where they are. Text that is not
/// TOML is returned unchanged.
///
/// # Errors
/// The file contains a key by both names.
pub(super) fn in_file(
    path: &Path,
    text: String,
    warnings: &mut Vec<RenamedKey>,
) -> Result<String, ConfigError> {
    let Ok(document) = Document::parse(text.as_str()) else {
        return Ok(text);
    };
    let mut edits = Vec::new();
    for renamed in &RENAMED {
        let section = document.get(renamed.section);
        let Some(section) = section.and_then(|section| section.as_table_like()) else {
            continue;
        };
        let Some((key, item)) = section.get_key_value(renamed.old) else {
            continue;
        };
        let Some(span) = key.span() else {
            continue;
        };
        let line = line_of(&text, span.start);
        if section.contains_key(renamed.new) {
            return Err(ConfigError::InFile {
                path: path.to_owned(),
                line,
                problem: renamed.conflict(),
            });
        }
        warnings.push(renamed.warning(format!("{}:{line}", path.display())));
        edits.push((span, renamed.new.to_owned()));
        if let (Some(old), Some(span)) = (item.as_str(), item.span()) {
            let new = renamed.value(old);
            if new != old {
                edits.push((span, format!("\"{new}\"")));
            }
        }
    }
    // From the end, so that the spans stay valid.
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = text.clone();
    for (span, new) in edits {
        text.replace_range(span, &new);
    }
    Ok(text)
}

/// Renames old keys among environment variables.
///
/// # Errors
/// A key is set by both names.
pub(super) fn in_environment(
    variables: &mut HashMap<String, String>,
    warnings: &mut Vec<RenamedKey>,
) -> Result<(), ConfigError> {
    for renamed in &RENAMED {
        let variable = |key: &str| {
            let name = format!("{ENV_PREFIX}_{}__{key}", renamed.section);
            name.to_uppercase()
        };
        let (old, new) = (variable(renamed.old), variable(renamed.new));
        let Some(value) = variables.remove(&old) else {
            continue;
        };
        if variables.contains_key(&new) {
            return Err(ConfigError::Override {
                origin: old,
                problem: renamed.conflict(),
            });
        }
        warnings.push(renamed.warning(old));
        variables.insert(new, renamed.value(&value).to_owned());
    }
    Ok(())
}

/// Renames old keys among the values of `--set`.
///
/// # Errors
/// A key is set by both names.
pub(super) fn in_sets(
    sets: &[String],
    warnings: &mut Vec<RenamedKey>,
) -> Result<Vec<String>, ConfigError> {
    let key_of = |set: &str| set.split_once('=').map(|(key, _)| key.trim().to_owned());
    let rename = |set: &String| {
        let renamed = |renamed: &&Renamed| key_of(set) == Some(renamed.old_key());
        let (Some(renamed), Some((_, value))) = (RENAMED.iter().find(renamed), set.split_once('='))
        else {
            return Ok(set.clone());
        };
        let origin = format!("--set {set}");
        if sets
            .iter()
            .any(|set| key_of(set) == Some(renamed.new_key()))
        {
            return Err(ConfigError::Override {
                origin,
                problem: renamed.conflict(),
            });
        }
        warnings.push(renamed.warning(origin));
        Ok(format!("{}={}", renamed.new_key(), renamed.value(value)))
    };
    sets.iter().map(rename).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "[stream]\nurgent = \"1 s\" # soon\n[library]\npreviews = false\n\
                       [window]\nfilms = \"pictures\"\n";

    fn keys(warnings: &[RenamedKey]) -> Vec<&str> {
        let keys = warnings.iter();
        keys.map(|warning| warning.new.as_str()).collect()
    }

    #[test]
    fn old_keys_of_a_file_are_renamed_with_a_warning() {
        let mut warnings = Vec::new();
        let path = Path::new("/c.toml");
        let text = in_file(path, OLD.into(), &mut warnings).expect("renamed");
        let new = "[stream]\ncritical_window = \"1 s\" # soon\n[library]\nsidecars = false\n\
                   [window]\nlibrary_layout = \"grid\"\n";
        assert_eq!(text, new);
        let expected = "/c.toml:2: key `stream.urgent` was renamed to `stream.critical_window`";
        assert_eq!(warnings[0].to_string(), expected);
        assert_eq!(warnings.len(), 3);
        warnings.clear();
        assert_eq!(in_file(path, text, &mut warnings).expect("same"), new);
        assert!(warnings.is_empty());
    }

    #[test]
    fn key_with_both_names_in_a_file_is_rejected() {
        let text = "[stream]\ncritical_window = \"1 s\"\nurgent = \"1 s\"\n";
        let error = in_file(Path::new("/c.toml"), text.into(), &mut Vec::new());
        let error = error.expect_err("both").to_string();
        assert!(error.starts_with("/c.toml:3: `stream.urgent`"), "{error}");
    }

    #[test]
    fn old_keys_of_the_environment_are_renamed() {
        let variables = [
            ("SWARMPLAY_STREAM__URGENT", "1 s"),
            ("SWARMPLAY_WINDOW__FILMS", "pictures"),
        ];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut variables: HashMap<_, _> = variables.map(owned).into();
        let mut warnings = Vec::new();
        in_environment(&mut variables, &mut warnings).expect("renamed");
        let value = |key: &str| variables.get(key).map(String::as_str);
        assert_eq!(value("SWARMPLAY_STREAM__CRITICAL_WINDOW"), Some("1 s"));
        assert_eq!(value("SWARMPLAY_WINDOW__LIBRARY_LAYOUT"), Some("grid"));
        assert_eq!(variables.len(), 2);
        let names = ["stream.critical_window", "window.library_layout"];
        assert_eq!(keys(&warnings), names);
        variables.insert("SWARMPLAY_STREAM__URGENT".into(), "2 s".into());
        assert!(in_environment(&mut variables, &mut warnings).is_err());
    }

    #[test]
    fn old_keys_of_set_are_renamed() {
        let mut warnings = Vec::new();
        let sets = ["library.previews=false".to_owned(), "client.name=a".into()];
        let renamed = in_sets(&sets, &mut warnings).expect("renamed");
        assert_eq!(renamed, ["library.sidecars=false", "client.name=a"]);
        assert_eq!(keys(&warnings), ["library.sidecars"]);
        let both = ["library.previews=false", "library.sidecars=true"].map(String::from);
        assert!(in_sets(&both, &mut warnings).is_err());
    }
}
