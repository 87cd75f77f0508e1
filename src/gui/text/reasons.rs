//! What other actors say, in the window's language.
//!
//! A saying is known by heart, or it is a frame around what depends on the case, which is
//! looked up in its turn. What the system and ffmpeg say is told in plain words where it
//! is common. All else stays as it is.

mod library;
mod link;
mod media;
mod playback;
mod store;
mod system;

use tr::tr;

pub use self::library::{add_error, index_error, skip_reason};
pub use self::link::{kick_reason, link_state, path_reasons, wire_error};
pub use self::media::media_failure;
pub use self::playback::{playback_error, player_notice};
pub use self::store::store_error;
pub use self::system::{io_error, io_failure};

/// How a saying begins and ends, and how it is said around what stands between.
type Frame = (&'static str, &'static str, fn(&str) -> String);

/// The first one that fits counts.
const FRAMES: [Frame; 2] = [
    ("failed to lookup address information: ", "", |why| {
        tr!("cannot resolve host name: {}", why)
    }),
    ("", " has no address", |name| tr!("{} has no address", name)),
];

/// A saying of another actor in the window's language.
pub fn of_actors(saying: &str) -> String {
    rest(saying)
}

/// A saying that is known as a whole, or its frame.
pub(crate) fn known(saying: &str) -> Option<String> {
    of_mailbox(saying)
        .or_else(|| of_system(saying))
        .or_else(|| framed(saying))
}

fn framed(saying: &str) -> Option<String> {
    FRAMES.iter().find_map(|&(begin, end, say)| {
        let between = saying.strip_prefix(begin)?.strip_suffix(end)?;
        Some(say(&rest(between)))
    })
}

/// A saying, one behind the place that it is about, or what nobody knows here.
fn rest(saying: &str) -> String {
    if let Some(said) = known(saying) {
        return said;
    }
    let behind = |(place, why): (&str, &str)| known(why).map(|why| format!("{place}: {why}"));
    let said = saying.rsplit_once(": ").and_then(behind);
    said.unwrap_or_else(|| saying.to_owned())
}

/// Why an actor does not answer.
fn of_mailbox(saying: &str) -> Option<String> {
    Some(match saying {
        "Message delivery timed out" => tr!("timed out"),
        "Mailbox has closed" => tr!("Swarmplay is shutting down"),
        _ => return None,
    })
}

/// What the system says most often, for which ffmpeg has the same words.
fn of_system(saying: &str) -> Option<String> {
    let text = saying.split_once(" (os error ");
    Some(match text.map_or(saying, |(text, _)| text) {
        "No such file or directory" => tr!("no such file or folder"),
        "Permission denied" | "Operation not permitted" => tr!("permission denied"),
        "No space left on device" | "Disk quota exceeded" => tr!("the disk is full"),
        "Read-only file system" => tr!("read-only file system"),
        "Too many levels of symbolic links" => tr!("circular link"),
        "Input/output error" => tr!("disk or connection error"),
        "Too many open files" => tr!("too many open files"),
        "Cannot allocate memory" => tr!("out of memory"),
        "Connection refused" => tr!("connection refused"),
        "Connection reset by peer" | "Broken pipe" => tr!("connection closed"),
        "Connection timed out" | "Operation timed out" | "timed out" => tr!("timed out"),
        "Network is unreachable" | "Network is down" => tr!("network unreachable"),
        "No route to host" | "Host is down" => tr!("host unreachable"),
        "Name or service not known" | "No address associated with hostname" => {
            tr!("unknown host")
        }
        "Temporary failure in name resolution" => {
            tr!("name resolution failed; check the network connection")
        }
        "Address already in use" => tr!("address already in use"),
        "Cannot assign requested address" => tr!("address not available on this device"),
        _ => return None,
    })
}
