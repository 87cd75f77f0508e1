//! Tracks, tags and timelines of media files, by ffprobe. Blocking.
//!
//! ffprobe supports the same containers and codecs as ffmpeg, so it reports exactly what
//! the player can play. Its output and run time are bounded.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use engine::media::{
    AudioTrack, Chapter, ColourMatrix, MediaFailure, MediaInfo, MediaKind, SubtitleTrack, Timeline,
    TimelineBuilder, VideoTrack,
};
use serde::Deserialize;

use crate::ffmpeg::failure::classify;
use crate::ffmpeg::job::{Tool, all, lines};

/// Longest tag, in characters; longer ones are cut.
const MAX_TAG_CHARS: usize = 200;
/// Longest track title, in characters; it is shown in a menu.
const MAX_TRACK_CHARS: usize = 80;
/// Longest report of ffprobe, in bytes; about 10 KiB are usual for a film.
const MAX_REPORT: u64 = 4 << 20;

/// Longest run for tracks and tags: a disk may have to spin up.
const INFO_LIMIT: Duration = Duration::from_secs(30);
/// Longest run for a timeline, which reads the whole file: 12 GB at 100 MB/s. The rest
/// is assumed to have a constant bitrate.
const TIMELINE_LIMIT: Duration = Duration::from_secs(120);

/// Failure to read tracks and tags.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// ffprobe cannot be started.
    #[error("cannot run {}: {error}; install ffmpeg (on Debian: apt install ffmpeg)", program.display())]
    NoProgram {
        /// Configured program.
        program: PathBuf,
        /// Error of the system.
        error: std::io::Error,
    },
    /// ffprobe or the disk hangs.
    #[error("ffprobe timed out after {} s", .0.as_secs())]
    Timeout(Duration),
    /// Not a container that ffmpeg supports, or too damaged to open.
    #[error("not a media file, or damaged: {0}")]
    NotMedia(MediaFailure),
    /// The container holds nothing that plays.
    #[error("no video or audio track")]
    NothingToPlay,
    /// The duration is unknown.
    #[error("damaged media file: unknown duration")]
    NoDuration,
}

/// Fields of ffprobe's JSON that are used.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    chapters: Vec<ChapterMark>,
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
struct ChapterMark {
    start_time: Option<String>,
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
    #[serde(default)]
    field_order: String,
    #[serde(default)]
    color_transfer: String,
    #[serde(default)]
    color_space: String,
    #[serde(default)]
    pix_fmt: String,
    duration: Option<String>,
    #[serde(default)]
    disposition: HashMap<String, i32>,
    #[serde(default)]
    tags: HashMap<String, String>,
}

/// Bibliographic codes of ISO 639-2, which Matroska uses, and their terminology codes.
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("may", "msa"),
    ("mao", "mri"),
    ("per", "fas"),
    ("rum", "ron"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

impl Stream {
    fn is(&self, disposition: &str) -> bool {
        self.disposition.get(disposition) == Some(&1)
    }

    fn is_cover(&self) -> bool {
        self.is("attached_pic")
    }

    fn matrix(&self) -> ColourMatrix {
        match self.color_space.as_str() {
            "bt470bg" | "smpte170m" => ColourMatrix::Bt601,
            "bt709" => ColourMatrix::Bt709,
            "bt2020nc" => ColourMatrix::Bt2020,
            "" | "unknown" | "reserved" if !self.is_rgb() => ColourMatrix::Unknown,
            _ => ColourMatrix::Other,
        }
    }

    fn is_rgb(&self) -> bool {
        let rgb = ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8"];
        rgb.iter().any(|format| self.pix_fmt.starts_with(format))
    }

    fn language(&self) -> String {
        let code = tag(&self.tags, "language");
        let usual = BIBLIOGRAPHIC.iter().find(|(other, _)| *other == code);
        usual.map_or(code, |(_, usual)| (*usual).to_owned())
    }

    /// Title of the track, such as "Director's commentary".
    fn title(&self) -> String {
        let title = tag(&self.tags, "title");
        let cut: String = title.trim().chars().take(MAX_TRACK_CHARS).collect();
        cut.trim_end().to_owned()
    }
}

/// Reads kind, duration, tracks and tags of a media file, but not its timeline.
///
/// # Errors
/// The file is not media, or ffprobe fails.
pub fn probe(ffprobe: &Path, file: &Path, cancelled: &AtomicBool) -> Result<MediaInfo, ProbeError> {
    let tool = Tool {
        program: ffprobe,
        limit: INFO_LIMIT,
        cancelled,
    };
    let options = ["-show_format", "-show_streams", "-show_chapters"];
    let options = options.into_iter().chain(["-print_format", "json"]);
    let answer = tool.run(arguments(options, file), |stdout| all(stdout, MAX_REPORT));
    let answer = answer.map_err(|error| ProbeError::NoProgram {
        program: ffprobe.to_owned(),
        error,
    })?;
    let Some(json) = answer.output.filter(|_| !answer.killed) else {
        return Err(ProbeError::Timeout(INFO_LIMIT));
    };
    match serde_json::from_slice::<Report>(&json.unwrap_or_default()) {
        Ok(report) if report.format.is_some() => info(report),
        _ => {
            let failure = answer.stderr_lines.last().map(|line| classify(line));
            Err(ProbeError::NotMedia(
                failure.unwrap_or(MediaFailure::Silent),
            ))
        }
    }
}

/// Start time of the container in seconds, usually 0. `None` if unknown.
#[cfg(feature = "gui")]
pub fn probe_start(ffprobe: &Path, file: &Path, cancelled: &AtomicBool) -> Option<f64> {
    let tool = Tool {
        program: ffprobe,
        limit: INFO_LIMIT,
        cancelled,
    };
    let options = ["-show_entries", "format=start_time"];
    let options = options
        .into_iter()
        .chain(["-print_format", "default=nw=1:nk=1"]);
    let answer = tool.run(arguments(options, file), |stdout| all(stdout, MAX_REPORT));
    let text = answer.ok()?.output.flatten()?;
    str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// Builds the timeline of a file from its packets. On failure, and beyond the time
/// limit, a constant bitrate is assumed.
pub fn probe_timeline(
    ffprobe: &Path,
    file: &Path,
    size: u64,
    duration: Duration,
    cancelled: &AtomicBool,
) -> Timeline {
    let tool = Tool {
        program: ffprobe,
        limit: TIMELINE_LIMIT,
        cancelled,
    };
    let packets = "packet=codec_type,stream_index,pts_time,dts_time,size,pos";
    let entries = format!("{packets}:format=format_name,start_time");
    let options = ["-show_entries", &entries, "-print_format", "compact"];
    let answer = tool.run(arguments(options, file), move |stdout| {
        let mut builder = TimelineBuilder::new(size);
        lines(stdout).for_each(|line| builder.line(&line));
        builder.finish(duration)
    });
    let timeline = answer.ok().and_then(|answer| answer.output);
    timeline.unwrap_or_else(|| Timeline::constant(size, duration))
}

/// Arguments of ffprobe.
fn arguments<'a>(
    options: impl IntoIterator<Item = &'a str>,
    file: &'a Path,
) -> impl Iterator<Item = &'a OsStr> {
    let options = ["-v", "error"].into_iter().chain(options);
    // `-i` protects file names that begin with "-".
    let options = options.chain(["-i"]).map(OsStr::new);
    options.chain(std::iter::once(file.as_os_str()))
}

/// True for formats that ffprobe opens though they hold no media: still pictures and
/// plain text.
fn is_still_or_text(format_name: &str) -> bool {
    format_name.ends_with("_pipe")
        || ["image2", "tty", "subviewer", "srt", "webvtt", "ass"].contains(&format_name)
}

fn info(report: Report) -> Result<MediaInfo, ProbeError> {
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
        interlaced: ["tt", "bb", "tb", "bt"].contains(&stream.field_order.as_str()),
        hdr: ["smpte2084", "arib-std-b67"].contains(&stream.color_transfer.as_str()),
        matrix: stream.matrix(),
    });
    // In Ogg, the tags of a song belong to its audio stream. The tags of a film's audio
    // stream describe that stream.
    let song = of_type("audio").next().filter(|_| picture.is_none());
    let audio: Vec<AudioTrack> = of_type("audio")
        .map(|stream| AudioTrack {
            codec: stream.codec_name.clone(),
            language: stream.language(),
            channels: stream.channels,
            title: picture.map_or(String::new(), |_| stream.title()),
            commentary: stream.is("comment"),
            described: stream.is("visual_impaired"),
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
    let tagged = |key: &str| match tag(&format.tags, key) {
        found if found.is_empty() => song.map_or(String::new(), |song| tag(&song.tags, key)),
        found => found,
    };
    Ok(MediaInfo {
        timeline: Default::default(),
        kind,
        duration_ms: (duration * 1000.0).round() as u64,
        video,
        subtitles: of_type("subtitle")
            .map(|stream| SubtitleTrack {
                codec: stream.codec_name.clone(),
                language: stream.language(),
                title: stream.title(),
                forced: stream.is("forced"),
                impaired: stream.is("hearing_impaired") || stream.is("captions"),
            })
            .collect(),
        title: tagged("title"),
        artist: tagged("artist"),
        album: tagged("album"),
        has_cover: of_type("video").any(Stream::is_cover),
        track_number: leading_number(&tagged("track")),
        disc_number: leading_number(&tagged("disc")),
        album_artist: tagged("album_artist"),
        chapters: chapters(&report.chapters),
        gain_cdb: decibels(&tagged("replaygain_track_gain")),
        sidecars: Vec::new(),
        audio,
    })
}

/// Parses `7/12` or `7` as 7; anything else is 0.
fn leading_number(tag: &str) -> u32 {
    let number = tag.split('/').next().unwrap_or_default();
    number.trim().parse().unwrap_or(0)
}

/// Parses `-6.52 dB` in hundredths of a decibel; `None` if it is implausible.
fn decibels(tag: &str) -> Option<i32> {
    let number = tag.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let gain: f64 = number.parse().ok()?;
    (gain.abs() <= 50.0).then_some((gain * 100.0).round() as i32)
}

fn chapters(marks: &[ChapterMark]) -> Vec<Chapter> {
    // A single chapter spans the whole file.
    if marks.len() < 2 {
        return Vec::new();
    }
    let chapter = |mark: &ChapterMark| {
        let seconds: f64 = mark.start_time.as_deref()?.parse().ok()?;
        (seconds >= 0.0).then(|| Chapter {
            start_ms: (seconds * 1000.0) as u64,
            title: tag(&mark.tags, "title"),
        })
    };
    let mut chapters: Vec<Chapter> = marks.iter().filter_map(chapter).collect();
    chapters.sort_by_key(|chapter| chapter.start_ms);
    chapters
}

/// Finds a tag, ignoring case, and cuts it to [`MAX_TAG_CHARS`].
fn tag(tags: &HashMap<String, String>, key: &str) -> String {
    tags.iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map_or(String::new(), |(_, text)| {
            text.chars().take(MAX_TAG_CHARS).collect()
        })
}

/// Parses `30000/1001` as frames per 1000 s; 0 if unknown.
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
mod tests;
