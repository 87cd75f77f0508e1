//! What other actors say, in the window's language.
//!
//! A saying is known by heart, or it is a frame around what depends on the case, which is
//! looked up in its turn. What the system and ffmpeg say is told in plain words where it
//! is common. All else stays as it is.

use tr::tr;

/// How a saying begins and ends, and how it is said around what stands between.
type Frame = (&'static str, &'static str, fn(&str) -> String);

/// The first one that fits counts.
const FRAMES: [Frame; 20] = [
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
        tr!("ffprobe gave no answer within {} s", seconds)
    }),
    ("not a media file, or a broken one: ", "", |why| {
        tr!("not a media file, or a broken one: {}", why)
    }),
    ("the library database fails: ", "", |why| {
        tr!("the library database fails: {}", why)
    }),
    (
        "the data directory ",
        " is in use by another swarmplay; give this one its own with --set store.data_dir=…",
        |path| tr!("the data directory {} is in use by another swarmplay", path),
    ),
    // Why something cannot be stored.
    ("disk error: ", "", |why| tr!("disk error: {}", why)),
    // Why there is no tracker. That there is no link is told beside it.
    ("connection lost: ", "", str::to_owned),
    ("failed to lookup address information: ", "", |why| {
        tr!("its address cannot be found: {}", why)
    }),
    ("", " has no address", |name| tr!("{} has no address", name)),
    ("protocol violation: ", "", |what| {
        tr!("protocol violation: {}", what)
    }),
    ("malformed message: ", "", |what| {
        tr!("malformed message: {}", what)
    }),
    ("this tracker speaks protocol version ", "", |version| {
        tr!(
            "the tracker speaks version {} of the protocol, this program another: update the older one",
            version
        )
    }),
    // Why something cannot be played.
    (
        "ffmpeg was not found (",
        "). Install it (on Debian and Ubuntu: sudo apt install ffmpeg) or set player.ffmpeg to where it is",
        |path| {
            tr!(
                "ffmpeg was not found ({}). Install it (on Debian and Ubuntu: sudo apt install ffmpeg) or set player.ffmpeg to where it is",
                path
            )
        },
    ),
    ("ffmpeg cannot be started: ", "", |why| {
        tr!("ffmpeg cannot be started: {}", why)
    }),
    ("no sound: ", "", |why| tr!("no sound: {}", why)),
    // The same in ffmpeg's words.
    ("Error opening input: ", "", str::to_owned),
    ("Stream map '", "' matches no streams.", |_| {
        tr!("the file has no such track")
    }),
    ("Decoder (codec ", "", |codec| {
        let name = codec.split(')').next().unwrap_or(codec);
        tr!("this ffmpeg cannot decode {}", name)
    }),
    (
        "Decoding requested, but no decoder found for: ",
        "",
        |codec| tr!("this ffmpeg cannot decode {}", codec),
    ),
];

/// A saying of another actor in the window's language. Reasons may be several, with
/// commas between them.
pub fn of_actors(saying: &str) -> String {
    if let Some(said) = known(saying) {
        return said;
    }
    let reasons: Option<Vec<String>> = saying.split(", ").map(of_swarm).collect();
    match reasons {
        Some(reasons) => reasons.join(", "),
        None => rest(saying),
    }
}

/// A saying that is known as a whole, or its frame.
pub(crate) fn known(saying: &str) -> Option<String> {
    of_swarm(saying)
        .or_else(|| of_files(saying))
        .or_else(|| of_tracker(saying))
        .or_else(|| of_player(saying))
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

/// Why from whom, and why a player waits.
fn of_swarm(saying: &str) -> Option<String> {
    Some(match saying {
        // Why the tracker chose a peer.
        "has all" => tr!("has all"),
        "has what plays next" => tr!("has what plays next"),
        "has a part" => tr!("has a part"),
        "same network" => tr!("same network"),
        "near" => tr!("near"),
        "free uplink" => tr!("free uplink"),
        "server" => tr!("server"),
        "watches the same part" => tr!("watches the same part"),
        "ahead of you" => tr!("ahead of you"),
        "kept in reserve" => tr!("kept in reserve"),
        // Why a player waits.
        "nobody online has this part" => tr!("nobody online has this part"),
        "who has this part gives nothing at present" => {
            tr!("who has this part gives nothing at present")
        }
        "the sources are too slow" => tr!("the sources are too slow"),
        "the disk is full or fails" => tr!("the disk is full or fails"),
        "your download limit" => tr!("your download limit"),
        "this machine decodes too slowly" => tr!("this machine decodes too slowly"),
        _ => return None,
    })
}

/// Why something cannot be stored, or not now, and why a file is not shared.
fn of_files(saying: &str) -> Option<String> {
    Some(match saying {
        "store.quota is used up by what plays and what is pinned; raise it" => {
            tr!("the space for downloads is used up by what plays and what is kept")
        }
        "the disk of the data directory is full; free space or lower store.quota" => {
            tr!("the disk is full")
        }
        "it is being kept for good already" => tr!("it is being kept for good already"),
        "a chunk that does not verify" => tr!("a part of it is damaged"),
        "the chunk is not held" => tr!("a part of it is not here"),
        "the file is not known" => tr!("the file is not known"),
        "the file's announced size cannot be right" => {
            tr!("the file's announced size cannot be right")
        }
        "neither video nor audio" => tr!("neither video nor audio"),
        "a broken media file: its duration cannot be found" => {
            tr!("a broken media file: its duration cannot be found")
        }
        "not a media file, or a broken one: Invalid data found when processing input" => {
            damaged_or_unknown()
        }
        "no answer from ffprobe" => tr!("no answer from ffprobe"),
        "larger than 512 GiB" => tr!("larger than 512 GiB"),
        "a loop of links" => tr!("a loop of links"),
        _ => return None,
    })
}

/// Why there is no tracker.
fn of_tracker(saying: &str) -> Option<String> {
    Some(match saying {
        "connecting" => tr!("connecting"),
        "no answer in time" | "Message delivery timed out" => tr!("no answer in time"),
        "closed by the other side" => tr!("closed by the other side"),
        // A web server's answer would be a very long message.
        "protocol violation: no welcome; is this a tracker?"
        | "protocol violation: a frame longer than allowed" => {
            tr!("what answers there is no tracker")
        }
        "bytes remaining on stream" => tr!("it broke off in the middle of a message"),
        "the server is full; try later" => tr!("the server is full; try later"),
        "registered again from elsewhere" => tr!("registered again from elsewhere"),
        "the tracker ends" => tr!("the tracker ends"),
        "Mailbox has closed" => tr!("the program ends"),
        _ => return None,
    })
}

/// Why something cannot be played.
fn of_player(saying: &str) -> Option<String> {
    Some(match saying {
        "No sound device" => tr!("No sound device"),
        "the silent output has ended" => tr!("the silent output has ended"),
        "Could not play a sound because the maximum number of sounds has been reached." => {
            tr!("too many sounds at once")
        }
        "there is nothing in it that can be shown or heard"
        | "Output file #0 does not contain any stream"
        | "Output file does not contain any stream" => {
            tr!("there is nothing in it that can be shown or heard")
        }
        "Invalid data found when processing input" => damaged_or_unknown(),
        "moov atom not found" => tr!("the file is not whole: its table of contents is missing"),
        "End of file" => tr!("the file ends too soon"),
        "Server returned 404 Not Found" => tr!("nobody shares this file any more"),
        "Server returned 5XX Server Error reply" => tr!("it cannot be fetched at present"),
        _ => return None,
    })
}

fn damaged_or_unknown() -> String {
    tr!("the file is damaged or of a kind that ffmpeg does not know")
}

/// What the system says most often, for which ffmpeg has the same words.
fn of_system(saying: &str) -> Option<String> {
    let text = saying.split_once(" (os error ");
    Some(match text.map_or(saying, |(text, _)| text) {
        "No such file or directory" => tr!("there is no such file or folder"),
        "Permission denied" | "Operation not permitted" => tr!("permission denied"),
        "No space left on device" | "Disk quota exceeded" => tr!("the disk is full"),
        "Read-only file system" => tr!("nothing can be written there"),
        "Too many levels of symbolic links" => tr!("a loop of links"),
        "Input/output error" => tr!("the disk or the connection fails"),
        "Too many open files" => tr!("too many files are open"),
        "Cannot allocate memory" => tr!("there is not enough memory"),
        "Connection refused" => tr!("connection refused"),
        "Connection reset by peer" | "Broken pipe" => tr!("closed by the other side"),
        "Connection timed out" | "Operation timed out" | "timed out" => tr!("no answer in time"),
        "Network is unreachable" | "Network is down" => tr!("the network cannot be reached"),
        "No route to host" | "Host is down" => tr!("that machine cannot be reached"),
        "Name or service not known" | "No address associated with hostname" => {
            tr!("no such name is known")
        }
        "Temporary failure in name resolution" => {
            tr!("names cannot be looked up at present; is there a network?")
        }
        "Address already in use" => tr!("another program uses this address"),
        "Cannot assign requested address" => tr!("this machine has no such address"),
        _ => return None,
    })
}
