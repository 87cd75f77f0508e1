//! Reasons of the tracker and the swarm in the window's language.

use engine::protocol::{KickReason, PathReason};
use tr::tr;

use crate::gui::text::reasons::system::io_failure;
use crate::tracker_client::{LinkFailure, LinkState};
use crate::wire::WireError;

/// State of the link to the tracker; empty while online.
pub fn link_state(state: LinkState) -> String {
    match state {
        LinkState::Connecting => tr!("connecting"),
        LinkState::Online => String::new(),
        LinkState::Refused(reason) => kick_reason(reason),
        LinkState::Unreachable(failure) => link_failure(failure),
    }
}

/// Reason a dial of the tracker failed.
pub fn wire_error(error: &WireError) -> String {
    link_state(LinkState::after(error))
}

/// Reason the tracker closed the link.
pub fn kick_reason(reason: KickReason) -> String {
    match reason {
        KickReason::Full => tr!("the server is full; try again later"),
        KickReason::Replaced => tr!("replaced by another connection"),
        KickReason::Version => {
            tr!("the tracker uses another protocol version; update the older Swarmplay")
        }
        KickReason::Protocol => tr!("protocol error"),
        KickReason::Shutdown => tr!("the tracker is shutting down"),
        KickReason::Other => tr!("connection closed"),
    }
}

fn link_failure(failure: LinkFailure) -> String {
    match failure {
        LinkFailure::UnknownHost => tr!("unknown host"),
        LinkFailure::NotATracker => tr!("not a tracker"),
        LinkFailure::TimedOut => tr!("timed out"),
        LinkFailure::Closed => tr!("connection closed"),
        LinkFailure::Protocol => tr!("protocol error"),
        LinkFailure::BrokenOff => tr!("connection closed unexpectedly"),
        LinkFailure::Io(failure) => io_failure(failure),
    }
}

/// The two weightiest reasons for a peer: more do not fit a line. Empty for a peer
/// that the tracker did not name.
pub fn path_reasons(reasons: &[PathReason]) -> String {
    let texts = reasons.iter().take(2).map(|reason| path_reason(*reason));
    texts.collect::<Vec<_>>().join(", ")
}

fn path_reason(reason: PathReason) -> String {
    match reason {
        PathReason::HasAll => tr!("complete"),
        PathReason::HasRange => tr!("has next part"),
        PathReason::HasPart => tr!("partial"),
        PathReason::SameNetwork => tr!("same network"),
        PathReason::Near => tr!("nearby"),
        PathReason::FreeUplink => tr!("spare upload capacity"),
        PathReason::Origin => tr!("server"),
        PathReason::Together => tr!("at the same position"),
        PathReason::Ahead => tr!("ahead of you"),
        PathReason::Reserve => tr!("backup"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_failures_are_told_without_error_codes() {
        let refused = std::io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(wire_error(&WireError::Io(refused)), "connection refused");
        let lookup = std::io::Error::other("no such name");
        assert_eq!(wire_error(&WireError::Lookup(lookup)), "unknown host");
        assert_eq!(wire_error(&WireError::NoWelcome), "not a tracker");
        let full = WireError::Refused(KickReason::Full);
        assert_eq!(wire_error(&full), "the server is full; try again later");
    }

    #[test]
    fn two_path_reasons_fit_a_line() {
        let reasons = [PathReason::HasAll, PathReason::Near, PathReason::Ahead];
        assert_eq!(path_reasons(&reasons), "complete, nearby");
        assert_eq!(path_reasons(&[]), "");
    }
}
