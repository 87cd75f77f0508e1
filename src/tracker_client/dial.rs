//! Registration with the tracker.

use std::time::Duration;

use engine::protocol::{ClientMessage, Register, TrackerMessage, Welcome};

use crate::net::{Link, LinkLimits, LinkToTracker};
use crate::tracker_client::TrackerClientSettings;
use crate::wire::WireError;

/// Time limit for a dial, and for the welcome after it.
pub(super) const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Dials and registers.
///
/// # Errors
/// The dial failed, no tracker answered, or it refused the registration.
pub async fn dial(settings: &TrackerClientSettings) -> Result<(LinkToTracker, Welcome), WireError> {
    let limits = LinkLimits::default();
    let mut link: LinkToTracker = Link::dial(&settings.tracker, DIAL_TIMEOUT, &limits).await?;
    link.writer.send(ClientMessage::Register(Register {
        version: settings.hello.version,
        peer: settings.hello.peer,
        name: settings.hello.name.clone(),
        agent: settings.hello.agent.clone(),
        listen_port: settings.hello.listen_port,
        origin_token: settings.origin_token.clone(),
        observer: settings.observer,
    }))?;
    match link.reader.next_within(DIAL_TIMEOUT).await {
        Ok(TrackerMessage::Welcome(welcome)) => Ok((link, welcome)),
        Ok(TrackerMessage::Kick { reason, text }) => {
            tracing::warn!(?reason, text, "registration refused");
            Err(WireError::Refused(reason))
        }
        // A peer that is no tracker says goodbye in a message that only peers know, a
        // web server in one that is no message.
        Ok(_) | Err(WireError::Closed | WireError::Violation(_) | WireError::Malformed(_)) => {
            Err(WireError::NoWelcome)
        }
        Err(error) => Err(error),
    }
}
