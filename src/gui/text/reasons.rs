//! What other actors say, in the window's language.
//!
//! A saying is known by heart, or it is a frame around what depends on the case, which is
//! looked up in its turn. What the system and ffmpeg say is told in plain words where it
//! is common. All else stays as it is.

mod link;
mod media;
mod playback;
mod system;

use engine::media::MediaFailure;
use tr::tr;

use crate::ffmpeg::classify;

pub use self::link::{kick_reason, link_state, path_reasons, wire_error};
pub use self::media::media_failure;
pub use self::playback::{playback_error, player_notice};
pub use self::system::{io_error, io_failure};

/// How a saying begins and ends, and how it is said around what stands between.
type Frame = (&'static str, &'static str, fn(&str) -> String);

/// The first one that fits counts.
const FRAMES: [Frame; 9] = [
    // Why a file is not shared.
    ("cannot be read: ", "", |why| tr!("cannot be read: {}", why)),
    (
        "cannot run ",
        "; install ffmpeg (on Debian: apt install ffmpeg)",
        |why| {
            tr!(
                "cannot run {}; install ffmpeg (on Debian: apt install ffmpeg)",
                why
            )
        },
    ),
    ("ffprobe gave no answer within ", " s", |seconds| {
        tr!("ffprobe timed out after {} s", seconds)
    }),
    ("not a media file, or a broken one: ", "", |why| {
        tr!("not a media file, or damaged: {}", why)
    }),
    ("the library database fails: ", "", |why| {
        tr!("library database error: {}", why)
    }),
    (
        "the data directory ",
        " is in use by another swarmplay; give this one its own with --set store.data_dir=…",
        |path| tr!("data directory {} is in use by another Swarmplay", path),
    ),
    // Why something cannot be stored.
    ("disk error: ", "", |why| tr!("disk error: {}", why)),
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
    of_swarm(saying)
        .or_else(|| of_files(saying))
        .or_else(|| of_mailbox(saying))
        .or_else(|| of_system(saying))
        .or_else(|| framed(saying))
        .or_else(|| of_ffmpeg(saying))
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

/// Why a player waits.
fn of_swarm(saying: &str) -> Option<String> {
    Some(match saying {
        // Why a player waits.
        "nobody online has this part" => tr!("no source has this part"),
        "who has this part gives nothing at present" => {
            tr!("sources are not sending at the moment")
        }
        "the sources are too slow" => tr!("sources are too slow"),
        "the disk is full or fails" => tr!("the disk is full or failing"),
        "your download limit" => tr!("download limit reached"),
        "this machine decodes too slowly" => tr!("this device decodes too slowly"),
        _ => return None,
    })
}

/// Why something cannot be stored, or not now, and why a file is not shared.
fn of_files(saying: &str) -> Option<String> {
    Some(match saying {
        "store.quota is used up by what plays and what is pinned; raise it" => {
            tr!("storage limit reached: all content is in use or kept")
        }
        "the disk of the data directory is full; free space or lower store.quota" => {
            tr!("the disk is full")
        }
        "it is being kept for good already" => tr!("already being saved"),
        "a chunk that does not verify" => tr!("part of the file is damaged"),
        "the chunk is not held" => tr!("part of the file is missing"),
        "the file is not known" => tr!("unknown file"),
        "the file's announced size cannot be right" => {
            tr!("invalid file size announced")
        }
        "neither video nor audio" => tr!("no video or audio"),
        "a broken media file: its duration cannot be found" => {
            tr!("damaged file: unknown duration")
        }
        "not a media file, or a broken one: Invalid data found when processing input" => {
            media_failure(&MediaFailure::InvalidData)
        }
        "no answer from ffprobe" => tr!("no response from ffprobe"),
        "larger than 512 GiB" => tr!("larger than 512 GiB"),
        "a loop of links" => tr!("circular link"),
        _ => return None,
    })
}

/// Why an actor does not answer.
fn of_mailbox(saying: &str) -> Option<String> {
    Some(match saying {
        "Message delivery timed out" => tr!("timed out"),
        "Mailbox has closed" => tr!("Swarmplay is shutting down"),
        _ => return None,
    })
}

/// Cause that ffmpeg or ffprobe reports, while errors of probing carry its lines.
fn of_ffmpeg(saying: &str) -> Option<String> {
    match classify(saying) {
        MediaFailure::Other(_) | MediaFailure::System(_) => None,
        failure => Some(media_failure(&failure)),
    }
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
