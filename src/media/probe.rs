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

use serde::Deserialize;

use super::timeline::{Timeline, TimelineBuilder};
use super::tool::{Tool, all, lines};
use super::{AudioTrack, Chapter, ColourMatrix, MediaFacts, MediaKind, SubtitleTrack, VideoTrack};

/// Longest tag kept, in characters: a title, not a book.
const MAX_TAG_CHARS: usize = 200;
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

impl Stream {
    fn is_cover(&self) -> bool {
        self.disposition.get("attached_pic") == Some(&1)
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
        tag(&self.tags, "language")
    }
}

/// Reads the facts of a media file, all but its timeline.
///
/// # Errors
/// [`ProbeError`]; its text is fit to be shown beside the file's name.
pub fn probe(
    ffprobe: &Path,
    file: &Path,
    cancelled: &AtomicBool,
) -> Result<MediaFacts, ProbeError> {
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
        Ok(report) if report.format.is_some() => facts(report),
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
        interlaced: ["tt", "bb", "tb", "bt"].contains(&stream.field_order.as_str()),
        hdr: ["smpte2084", "arib-std-b67"].contains(&stream.color_transfer.as_str()),
        matrix: stream.matrix(),
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
        timeline: Default::default(),
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
               "format":{"duration":"3.5","tags":{"TITLE":"Song","artist":"Them","disc":"2/3","album_artist":"All"}}}"#,
        )
        .expect("media");
        assert_eq!(facts.kind, MediaKind::Audio);
        assert!(facts.has_cover && facts.video.is_none());
        assert_eq!((facts.title.as_str(), facts.duration_ms), ("Song", 3500));
        assert_eq!((facts.album_artist.as_str(), facts.disc_number), ("All", 2));
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
    fn colours_are_coded_as_the_file_says() {
        let matrix = |says: &str, width: u32| {
            let json = format!(
                r#"{{"streams":[{{"codec_type":"video","width":{width},"height":400,{says}}}],
                    "format":{{"duration":"9"}}}}"#
            );
            let video = from_json(&json).expect("media").video.expect("a film");
            (video.matrix, video.usual_matrix())
        };
        use ColourMatrix::{Bt601, Bt709, Bt2020, Other, Unknown};
        let silent = r#""pix_fmt":"yuv420p""#;
        assert_eq!(matrix(silent, 720), (Unknown, Bt601));
        assert_eq!(matrix(silent, 1280), (Unknown, Bt709));
        assert_eq!(matrix(r#""color_space":"bt709""#, 720), (Bt709, Bt709));
        assert_eq!(matrix(r#""color_space":"smpte170m""#, 1920), (Bt601, Bt601));
        assert_eq!(
            matrix(r#""color_space":"bt2020nc""#, 1920),
            (Bt2020, Bt2020)
        );
        assert_eq!(matrix(r#""color_space":"ycgco""#, 1920), (Other, Other));
        assert_eq!(matrix(r#""pix_fmt":"gbrp""#, 1920), (Other, Other));
    }

    #[test]
    fn tags_of_music_are_numbers() {
        assert_eq!((place_on_album("7/12"), place_on_album("x")), (7, 0));
        assert_eq!(decibels("-6.52 dB"), Some(-652));
        assert_eq!(decibels("+3.1"), Some(310));
        assert_eq!((decibels(""), decibels("400 dB")), (None, None));
    }

    #[test]
    fn chapters_are_kept_if_there_are_two() {
        let with = |chapters: &str| {
            let json = format!(
                r#"{{"streams":[{{"codec_type":"audio"}}],"format":{{"duration":"9"}},
                    "chapters":[{chapters}]}}"#
            );
            from_json(&json).expect("media").chapters
        };
        let first = r#"{"start_time":"0.0","tags":{"title":"One"}}"#;
        let second = r#"{"start_time":"4.5"}"#;
        assert!(with(first).is_empty());
        let both = with(&format!("{second},{first}"));
        assert_eq!((both[0].title.as_str(), both[1].start_ms), ("One", 4500));
    }

    #[test]
    fn frame_rates_are_fractions() {
        assert_eq!(millifps("30000/1001"), 29_970);
        assert_eq!(millifps("0/0"), 0);
        assert_eq!(millifps("25"), 0);
    }

    #[test]
    fn a_real_file_has_its_index_at_the_end() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("media/Night Train North.mp4");
        let size = file.metadata().expect("it is part of the project").len();
        let (half_minute, cancelled) = (Duration::from_secs(30), AtomicBool::new(false));
        let ffprobe = Path::new("ffprobe");
        let timeline = probe_timeline(ffprobe, &file, size, half_minute, &cancelled);
        assert_eq!(timeline.index_ranges(), [0..48, 680_463..size]);
        assert!(timeline.points().len() > 1, "{timeline:?}");
    }
}
