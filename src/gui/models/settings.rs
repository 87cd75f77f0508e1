//! Choices of the settings page.

use tr::tr;

use crate::config::{Config, Language, Layout, Theme};

/// Port of a tracker whose address names none.
const TRACKER_PORT: u16 = 7700;

/// Settings as the window shows them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsModel {
    /// Colour theme.
    pub theme: Theme,
    /// Language of the window.
    pub language: Language,
    /// Animations are on.
    pub motion: bool,
    /// Layout of the film library.
    pub layout: Layout,
    /// Name of this client, from the next start on.
    pub name: String,
    /// Address of the tracker, from the next start on.
    pub tracker: String,
    /// A configuration file stores changes.
    pub persistent: bool,
}

impl SettingsModel {
    /// Settings of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            theme: config.window.theme,
            language: config.window.language,
            motion: config.window.motion,
            layout: config.window.library_layout,
            name: config.client_name(),
            tracker: config.client.tracker.clone(),
            persistent: true,
        }
    }
}

/// Name of this client and address of its tracker, as a user types them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Address with port.
    pub tracker: String,
}

impl Identity {
    /// Checks the fields and adds the default port. The error is for the user.
    ///
    /// # Errors
    /// A field is empty, or the address is invalid.
    pub fn checked(name: &str, tracker: &str) -> Result<Self, String> {
        let (name, tracker) = (name.trim(), tracker.trim());
        if name.is_empty() {
            return Err(tr!(
                "Enter a device name. It is shown to others next to what you share."
            ));
        }
        if tracker.is_empty() {
            return Err(tr!(
                "Enter the tracker address. Your server administrator can tell you."
            ));
        }
        let has_port = match tracker.rsplit_once(':') {
            Some((host, port)) => !host.contains(':') && port.parse::<u16>().is_ok(),
            None => false,
        };
        let bracketed = tracker.starts_with('[') && tracker.contains("]:");
        let tracker = match (has_port || bracketed, tracker.contains(':')) {
            (true, _) => tracker.to_owned(),
            (false, false) => format!("{tracker}:{TRACKER_PORT}"),
            (false, true) => return Err(tr!("Invalid address {}: use host:port.", tracker)),
        };
        let name = name.to_owned();
        Ok(Self { name, tracker })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_adds_the_default_port() {
        let tracker = |text: &str| Identity::checked("desk", text).map(|one| one.tracker);
        assert_eq!(tracker(" home.example "), Ok("home.example:7700".into()));
        assert_eq!(tracker("10.0.0.2:7000"), Ok("10.0.0.2:7000".into()));
        assert_eq!(tracker("[::1]:7000"), Ok("[::1]:7000".into()));
    }

    #[test]
    fn identity_explains_invalid_fields() {
        let error = |name: &str, tracker: &str| {
            let identity = Identity::checked(name, tracker);
            identity.expect_err("invalid")
        };
        assert!(error("desk", "home:port").contains("host:port"));
        assert!(error("desk", "").contains("address"));
        assert!(error(" ", "home").contains("name"));
    }
}
