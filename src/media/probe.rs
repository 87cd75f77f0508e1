//! Media facts by ffprobe.
//!
//! ffprobe knows every container and codec that ffmpeg plays, so what it finds
//! is exactly what the player can use. It runs as a child process with a bound
//! on its output; callers run it on a blocking thread.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{AudioTrack, MediaFacts, MediaKind, SubtitleTrack, VideoTrack};

/// Longest tag kept, in characters: a title, not a book.
const MAX_TAG_CHARS: usize = 200;

/// Why a file is not shared.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// ffprobe itself could not be started.
    #[error("cannot run {}: {error}; install ffmpeg (on Debian: apt install ffmpeg)", program.display())]
    NoProgram {
        /// As configured.
        program: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Not a container ffmpeg knows, or too broken to open.
    #[error("not a media file, or a broken one: {0}")]
    NotMedia(String),
    /// It has a container but nothing that plays.
    #[error("neither video nor audio")]
    NothingToPlay,
    /// ffmpeg cannot tell how long it is.
    #[error("a broken media file: its duration cannot be found")]
    NoDuration,
}

/// The part of ffprobe's JSON that is used.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    duration: Option<String>,
    #[serde(default)]
    format_name: String,
    #[serde(default)]
    tags: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    codec_type: String,
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    channels: u32,
    #[serde(default)]
    avg_frame_rate: String,
    duration: Option<String>,
    #[serde(default)]
    disposition: HashMap<String, i32>,
    #[serde(default)]
    tags: HashMap<String, String>,
}

impl Stream {
    fn is_cover(&self) -> bool {
        self.disposition.get("attached_pic") == Some(&1)
    }

    fn language(&self) -> String {
        tag(&self.tags, "language")
    }
}

/// Reads the facts of a media file.
///
/// # Errors
/// [`ProbeError`]; its text is fit to be shown beside the file's name.
pub fn probe(ffprobe: &Path, file: &Path) -> Result<MediaFacts, ProbeError> {
    let output = Command::new(ffprobe)
        .args(["-v", "error", "-print_format", "json"])
        .args(["-show_format", "-show_streams"])
        .arg("-i") // a name that begins with "-" is no option
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ProbeError::NoProgram {
            program: ffprobe.to_owned(),
            error,
        })?;
    let report: Result<Report, _> = serde_json::from_slice(&output.stdout);
    match report {
        Ok(report) if report.format.is_some() => facts(report),
        _ => {
            let text = String::from_utf8_lossy(&output.stderr);
            let reason = text.lines().next_back().unwrap_or("no answer from ffprobe");
            Err(ProbeError::NotMedia(last_clause(reason)))
        }
    }
}

/// ffprobe's line is `PATH: reason`; only the reason is shown.
fn last_clause(line: &str) -> String {
    let reason = line.rsplit(": ").next().unwrap_or(line);
    reason.chars().take(MAX_TAG_CHARS).collect()
}

/// Containers that ffprobe "opens" though they hold no media: still pictures
/// and plain text.
fn is_still_or_text(format_name: &str) -> bool {
    format_name.ends_with("_pipe")
        || ["image2", "tty", "subviewer", "srt", "webvtt", "ass"].contains(&format_name)
}

fn facts(report: Report) -> Result<MediaFacts, ProbeError> {
    let format = report.format.ok_or(ProbeError::NothingToPlay)?;
    if is_still_or_text(&format.format_name) {
        return Err(ProbeError::NothingToPlay);
    }
    let of_type = |kind: &'static str| {
        report
            .streams
            .iter()
            .filter(move |stream| stream.codec_type == kind)
    };
    let picture = of_type("video").find(|stream| !stream.is_cover());
    let video = picture.map(|stream| VideoTrack {
        codec: stream.codec_name.clone(),
        width: stream.width,
        height: stream.height,
        millifps: millifps(&stream.avg_frame_rate),
    });
    let audio: Vec<AudioTrack> = of_type("audio")
        .map(|stream| AudioTrack {
            codec: stream.codec_name.clone(),
            language: stream.language(),
            channels: stream.channels,
        })
        .collect();
    let kind = match (&video, audio.is_empty()) {
        (Some(_), _) => MediaKind::Video,
        (None, false) => MediaKind::Audio,
        (None, true) => return Err(ProbeError::NothingToPlay),
    };
    let durations = report.streams.iter().map(|stream| stream.duration.as_ref());
    let duration = std::iter::once(format.duration.as_ref())
        .chain(durations)
        .flatten()
        .find_map(|text| text.parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
        .ok_or(ProbeError::NoDuration)?;
    let stream_tags = of_type("audio").next().map(|stream| &stream.tags);
    let tagged = |key: &str| match tag(&format.tags, key) {
        found if found.is_empty() => stream_tags.map_or(String::new(), |tags| tag(tags, key)),
        found => found,
    };
    Ok(MediaFacts {
        kind,
        duration_ms: (duration * 1000.0).round() as u64,
        video,
        subtitles: of_type("subtitle")
            .map(|stream| SubtitleTrack {
                codec: stream.codec_name.clone(),
                language: stream.language(),
            })
            .collect(),
        title: tagged("title"),
        artist: tagged("artist"),
        album: tagged("album"),
        has_cover: of_type("video").any(Stream::is_cover),
        audio,
    })
}

/// A tag by name, whatever its case, cut to a length that fits a line.
fn tag(tags: &HashMap<String, String>, key: &str) -> String {
    tags.iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map_or(String::new(), |(_, text)| {
            text.chars().take(MAX_TAG_CHARS).collect()
        })
}

/// `30000/1001` as frames in 1000 s; 0 where unknown.
fn millifps(fraction: &str) -> u32 {
    let Some((numerator, denominator)) = fraction.split_once('/') else {
        return 0;
    };
    match (numerator.parse::<u64>(), denominator.parse::<u64>()) {
        (Ok(n), Ok(d)) if d > 0 => u32::try_from(n * 1000 / d).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_json(json: &str) -> Result<MediaFacts, ProbeError> {
        facts(serde_json::from_str(json).expect("test JSON"))
    }

    #[test]
    fn a_cover_makes_no_film_of_a_song() {
        let facts = from_json(
            r#"{"streams":[
                {"codec_type":"audio","codec_name":"mp3","channels":2},
                {"codec_type":"video","codec_name":"mjpeg","width":500,"height":500,
                 "disposition":{"attached_pic":1}}],
               "format":{"duration":"3.5","tags":{"TITLE":"Song","artist":"Them"}}}"#,
        )
        .expect("media");
        assert_eq!(facts.kind, MediaKind::Audio);
        assert!(facts.has_cover && facts.video.is_none());
        assert_eq!((facts.title.as_str(), facts.duration_ms), ("Song", 3500));
    }

    #[test]
    fn what_cannot_play_is_refused_with_a_reason() {
        let no_streams = from_json(r#"{"streams":[],"format":{"duration":"1"}}"#);
        assert!(matches!(no_streams, Err(ProbeError::NothingToPlay)));
        let still = from_json(
            r#"{"streams":[{"codec_type":"video","codec_name":"png"}],
                "format":{"format_name":"png_pipe"}}"#,
        );
        assert!(matches!(still, Err(ProbeError::NothingToPlay)));
        let endless =
            from_json(r#"{"streams":[{"codec_type":"audio"}],"format":{"duration":"nan"}}"#);
        assert!(matches!(endless, Err(ProbeError::NoDuration)));
    }

    #[test]
    fn frame_rates_are_fractions() {
        assert_eq!(millifps("30000/1001"), 29_970);
        assert_eq!(millifps("0/0"), 0);
        assert_eq!(millifps("25"), 0);
    }
}
