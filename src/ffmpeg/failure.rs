//! Classification of the lines that ffmpeg and ffprobe write to standard error.

use engine::io_failure::IoFailure;
use engine::media::MediaFailure;

/// Longest unknown message that is kept, in characters.
const MAX_CHARS: usize = 200;

/// Messages that ffmpeg has for error codes of the system (`strerror`).
const SYSTEM: [(&str, i32); 11] = [
    ("No such file or directory", libc::ENOENT),
    ("Permission denied", libc::EACCES),
    ("Operation not permitted", libc::EPERM),
    ("Input/output error", libc::EIO),
    ("No space left on device", libc::ENOSPC),
    ("Too many levels of symbolic links", libc::ELOOP),
    ("Too many open files", libc::EMFILE),
    ("Cannot allocate memory", libc::ENOMEM),
    ("Connection refused", libc::ECONNREFUSED),
    ("Connection reset by peer", libc::ECONNRESET),
    ("Connection timed out", libc::ETIMEDOUT),
];

/// Classifies one line of standard error.
pub(super) fn classify(line: &str) -> MediaFailure {
    let message = message(line);
    if let Some(failure) = known(message) {
        return failure;
    }
    // `PATH: message` of ffprobe, `Error opening input: message` of ffmpeg.
    let last = message.rsplit_once(": ").map(|(_, last)| last);
    last.and_then(known)
        .unwrap_or_else(|| MediaFailure::Other(message.chars().take(MAX_CHARS).collect()))
}

/// `[error] [mov,mp4 @ 0x55…] moov atom not found` → `moov atom not found`, without a
/// leading URL.
fn message(line: &str) -> &str {
    let last = line.rsplit("] ").next().unwrap_or(line);
    let message = match last.split_once(": ") {
        Some((place, message)) if place.starts_with("http://") => message,
        _ => last,
    };
    message.trim()
}

fn known(message: &str) -> Option<MediaFailure> {
    let system = SYSTEM.iter().find(|(text, _)| *text == message);
    if let Some((_, code)) = system {
        return Some(MediaFailure::System(IoFailure { code: Some(*code) }));
    }
    Some(match message {
        "Invalid data found when processing input" => MediaFailure::InvalidData,
        "moov atom not found" => MediaFailure::MissingIndex,
        "End of file" => MediaFailure::UnexpectedEnd,
        "Server returned 404 Not Found" => MediaFailure::NotFound,
        "Server returned 5XX Server Error reply" => MediaFailure::Server,
        "Output file #0 does not contain any stream"
        | "Output file does not contain any stream" => MediaFailure::NothingToPlay,
        _ => return tracks(message),
    })
}

/// Messages about tracks and codecs, which contain names.
fn tracks(message: &str) -> Option<MediaFailure> {
    if message.starts_with("Stream map '") && message.ends_with("' matches no streams.") {
        return Some(MediaFailure::NoSuchTrack);
    }
    let codec = message.strip_prefix("Decoder (codec ");
    let codec = codec.and_then(|rest| rest.split(')').next());
    let codec =
        codec.or_else(|| message.strip_prefix("Decoding requested, but no decoder found for: "))?;
    Some(MediaFailure::NoDecoder(codec.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_classified_behind_their_prefixes() {
        let cases = [
            (
                "[error] [mov,mp4,m4a @ 0x5581] moov atom not found",
                MediaFailure::MissingIndex,
            ),
            (
                "[error] http://127.0.0.1:1/stream/ab: Invalid data found when processing input",
                MediaFailure::InvalidData,
            ),
            (
                "/films/a: b.mkv: Invalid data found when processing input",
                MediaFailure::InvalidData,
            ),
            (
                "Error opening input: Server returned 404 Not Found",
                MediaFailure::NotFound,
            ),
            (
                "Stream map '0:a:0' matches no streams.",
                MediaFailure::NoSuchTrack,
            ),
            (
                "Decoder (codec av1) not found for input stream #0:0",
                MediaFailure::NoDecoder("av1".into()),
            ),
            (
                "/films/a.mkv: Permission denied",
                MediaFailure::System(IoFailure {
                    code: Some(libc::EACCES),
                }),
            ),
        ];
        for (line, failure) in cases {
            assert_eq!(classify(line), failure, "{line}");
        }
    }

    #[test]
    fn unknown_message_is_kept_within_bounds() {
        let unknown = MediaFailure::Other("a new message".into());
        assert_eq!(classify("[error] a new message"), unknown);
        let MediaFailure::Other(long) = classify(&"x".repeat(1000)) else {
            panic!("classified");
        };
        assert_eq!(long.len(), MAX_CHARS);
    }
}
