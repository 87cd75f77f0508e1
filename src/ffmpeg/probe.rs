//! Media facts and timelines by ffprobe.
//!
//! ffprobe knows every container and codec that ffmpeg plays, so what it finds
//! is exactly what the player can use. It runs as a child process with a bound
//! on its output and its time; callers run it on a blocking thread.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use engine::media::{
    AudioTrack, Chapter, ColourMatrix, MediaInfo, MediaKind, SubtitleTrack, VideoTrack,
};
use engine::media::{Timeline, TimelineBuilder};
use serde::Deserialize;

use crate::ffmpeg::job::{Tool, all, lines};

/// Longest tag kept, in characters: a title, not a book.
const MAX_TAG_CHARS: usize = 200;
/// Longest title of a track kept, in characters: it stands in a menu.
const MAX_TRACK_CHARS: usize = 80;
/// Longest report that is read, in bytes: a film has one of some 10 KiB.
const MAX_REPORT: u64 = 4 << 20;

/// Longest wait for the facts: a file on a disk that has to spin up.
const FACTS_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for a timeline, for which all of the file is read: 12 GB at
/// 100 MB/s. What is not read by then is taken to have a constant bitrate.
const TIMELINE_LIMIT: Duration = Duration::from_secs(120);

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
    /// It hangs, or the disk does.
    #[error("ffprobe gave no answer within {} s", FACTS_LIMIT.as_secs())]
    TooSlow,
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

/// Codes of ISO 639-2 for libraries, which Matroska uses, and those that all others do.
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

    /// What the file calls it, as in "Director's commentary".
    fn title(&self) -> String {
        let title = tag(&self.tags, "title");
        let cut: String = title.trim().chars().take(MAX_TRACK_CHARS).collect();
        cut.trim_end().to_owned()
    }
}

/// Reads the facts of a media file, all but its timeline.
///
/// # Errors
/// [`ProbeError`]; its text is fit to be shown beside the file's name.
pub fn probe(ffprobe: &Path, file: &Path, cancelled: &AtomicBool) -> Result<MediaInfo, ProbeError> {
    let tool = Tool {
        program: ffprobe,
        limit: FACTS_LIMIT,
        cancelled,
    };
    let asked = ["-show_format", "-show_streams", "-show_chapters"];
    let asked = asked.into_iter().chain(["-print_format", "json"]);
    let answer = tool.run(arguments(asked, file), |stdout| all(stdout, MAX_REPORT));
    let answer = answer.map_err(|error| ProbeError::NoProgram {
        program: ffprobe.to_owned(),
        error,
    })?;
    let Some(json) = answer.output.filter(|_| !answer.killed) else {
        return Err(ProbeError::TooSlow);
    };
    match serde_json::from_slice::<Report>(&json.unwrap_or_default()) {
        Ok(report) if report.format.is_some() => info(report),
        _ => {
            let reason = answer.complaints.last().map(String::as_str);
            let reason = reason.unwrap_or("no answer from ffprobe");
            Err(ProbeError::NotMedia(last_clause(reason)))
        }
    }
}

/// The time of the first picture or sound as the container counts, in seconds; most
/// begin at 0. `None` where that cannot be found out.
pub fn probe_start(ffprobe: &Path, file: &Path, cancelled: &AtomicBool) -> Option<f64> {
    let tool = Tool {
        program: ffprobe,
        limit: FACTS_LIMIT,
        cancelled,
    };
    let asked = ["-show_entries", "format=start_time"];
    let asked = asked
        .into_iter()
        .chain(["-print_format", "default=nw=1:nk=1"]);
    let answer = tool.run(arguments(asked, file), |stdout| all(stdout, MAX_REPORT));
    let text = answer.ok()?.output.flatten()?;
    str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// Finds out which bytes belong to which time. Where that fails, and for what is
/// not read in time, the bitrate is taken to be constant.
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
    let asked = ["-show_entries", &entries, "-print_format", "compact"];
    let answer = tool.run(arguments(asked, file), move |stdout| {
        let mut builder = TimelineBuilder::new(size);
        lines(stdout).for_each(|line| builder.line(&line));
        builder.finish(duration)
    });
    let timeline = answer.ok().and_then(|answer| answer.output);
    timeline.unwrap_or_else(|| Timeline::constant(size, duration))
}

/// Options of ffprobe, and the file they are about.
fn arguments<'a>(
    asked: impl IntoIterator<Item = &'a str>,
    file: &'a Path,
) -> impl Iterator<Item = &'a OsStr> {
    let asked = ["-v", "error"].into_iter().chain(asked);
    // A name that begins with "-" is no option.
    let asked = asked.chain(["-i"]).map(OsStr::new);
    asked.chain(std::iter::once(file.as_os_str()))
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
    // Without a picture the tags of the sound are those of the song, as in Ogg; those
    // of a film's sound are its own.
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
        track_number: place_on_album(&tagged("track")),
        disc_number: place_on_album(&tagged("disc")),
        album_artist: tagged("album_artist"),
        chapters: chapters(&report.chapters),
        gain_cdb: decibels(&tagged("replaygain_track_gain")),
        sidecars: Vec::new(),
        audio,
    })
}

/// `7/12`, or only `7`; 0 for anything else.
fn place_on_album(tag: &str) -> u32 {
    let number = tag.split('/').next().unwrap_or_default();
    number.trim().parse().unwrap_or(0)
}

/// `-6.52 dB` in hundredths of a decibel, if it is one that can be meant.
fn decibels(tag: &str) -> Option<i32> {
    let number = tag.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let gain: f64 = number.parse().ok()?;
    (gain.abs() <= 50.0).then_some((gain * 100.0).round() as i32)
}

fn chapters(marks: &[ChapterMark]) -> Vec<Chapter> {
    // One chapter is the whole file and tells nothing.
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
mod tests;
