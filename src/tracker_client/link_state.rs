//! States and failures of the link to the tracker.

use engine::io_failure::IoFailure;
use engine::protocol::KickReason;

use crate::wire::WireError;

/// State of the link to the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// The first dial has not ended yet.
    #[default]
    Connecting,
    /// Registered.
    Online,
    /// The tracker closed the link or refused the registration.
    Refused(KickReason),
    /// There is no link.
    Unreachable(LinkFailure),
}

/// Reason there is no link to the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFailure {
    /// The host name cannot be resolved.
    UnknownHost,
    /// The other side does not answer as a tracker.
    NotATracker,
    /// No answer in time, or too long a silence.
    TimedOut,
    /// The other side closed the link.
    Closed,
    /// The other side broke the protocol.
    Protocol,
    /// The connection broke off in the middle of a message.
    BrokenOff,
    /// The socket failed.
    Io(IoFailure),
}

impl LinkState {
    /// State after a failed dial or a lost link.
    pub fn after(error: &WireError) -> Self {
        Self::Unreachable(match error {
            WireError::Refused(reason) => return Self::Refused(*reason),
            WireError::Lookup(_) => LinkFailure::UnknownHost,
            WireError::NoWelcome => LinkFailure::NotATracker,
            WireError::Timeout => LinkFailure::TimedOut,
            WireError::Closed => LinkFailure::Closed,
            WireError::Violation(_) | WireError::Malformed(_) => LinkFailure::Protocol,
            WireError::Io(error) if error.raw_os_error().is_none() => LinkFailure::BrokenOff,
            WireError::Io(error) => LinkFailure::Io(error.into()),
        })
    }

    /// True while registered.
    pub fn is_online(self) -> bool {
        self == Self::Online
    }

    /// Stable name for JSON; empty while online.
    pub fn problem(self) -> String {
        match self {
            Self::Online => String::new(),
            Self::Connecting => "connecting".into(),
            Self::Refused(reason) => reason.name().into(),
            Self::Unreachable(failure) => failure.name(),
        }
    }
}

impl LinkFailure {
    fn name(self) -> String {
        match self {
            Self::UnknownHost => "unknown-host".into(),
            Self::NotATracker => "not-a-tracker".into(),
            Self::TimedOut => "timed-out".into(),
            Self::Closed => "closed".into(),
            Self::Protocol => "protocol-error".into(),
            Self::BrokenOff => "broken-off".into(),
            Self::Io(IoFailure { code }) => {
                let error = code.map(std::io::Error::from_raw_os_error);
                error.map_or("io-error".into(), |error| {
                    kebab(&format!("{:?}", error.kind()))
                })
            }
        }
    }
}

/// `ConnectionRefused` as `connection-refused`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_have_stable_names() {
        let refused = std::io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let names = [
            LinkState::Online,
            LinkState::Connecting,
            LinkState::after(&WireError::Refused(KickReason::Full)),
            LinkState::after(&WireError::Timeout),
            LinkState::after(&WireError::Io(refused)),
            LinkState::after(&WireError::Io(std::io::Error::other("cut"))),
        ]
        .map(LinkState::problem);
        let expected = [
            "",
            "connecting",
            "full",
            "timed-out",
            "connection-refused",
            "broken-off",
        ];
        assert_eq!(names, expected);
    }
}
