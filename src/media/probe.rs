//! Media facts and timelines by ffprobe.
//!
//! ffprobe knows every container and codec that ffmpeg plays, so what it finds
//! is exactly what the player can use. It runs as a child process with a bound
//! on its output and its time; callers run it on a blocking thread. Its pipes
//! are read by threads of their own, so that one that hangs can be killed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::timeline::{Timeline, TimelineBuilder};
use super::{AudioTrack, MediaFacts, MediaKind, SubtitleTrack, VideoTrack};

/// Longest tag kept, in characters: a title, not a book.
const MAX_TAG_CHARS: usize = 200;
/// Longest report that is read, in bytes: a film has one of some 10 KiB.
const MAX_REPORT: u64 = 4 << 20;
/// Longest line that is read in one piece, in bytes; a packet's has about 100.
const MAX_LINE: u64 = 4096;

/// Longest wait for the facts: a file on a disk that has to spin up.
const FACTS_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for a timeline, for which all of the file is read: 12 GB at
/// 100 MB/s. What is not read by then is taken to have a constant bitrate.
const TIMELINE_LIMIT: Duration = Duration::from_secs(120);
/// How long what was said before the end may take to be read.
const GRACE: Duration = Duration::from_secs(1);
/// How often a wait looks whether to give up.
const TICK: Duration = Duration::from_millis(100);

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

/// Reads the facts of a media file, all but its timeline.
///
/// # Errors
/// [`ProbeError`]; its text is fit to be shown beside the file's name.
pub fn probe(
    ffprobe: &Path,
    file: &Path,
    cancelled: &AtomicBool,
) -> Result<MediaFacts, ProbeError> {
    let watch = Watch {
        limit: FACTS_LIMIT,
        cancelled,
    };
    let arguments = ["-show_format", "-show_streams", "-print_format", "json"];
    let answer = watch.run(ffprobe, &arguments, file, |stdout| {
        let mut json = Vec::new();
        // A report that breaks off is no JSON, which shows below.
        let _ = stdout.take(MAX_REPORT).read_to_end(&mut json);
        json
    })?;
    let Some(json) = answer.output.filter(|_| !answer.killed) else {
        return Err(ProbeError::TooSlow);
    };
    match serde_json::from_slice::<Report>(&json) {
        Ok(report) if report.format.is_some() => facts(report),
        _ => {
            let reason = answer.complaint.as_deref();
            let reason = reason.unwrap_or("no answer from ffprobe");
            Err(ProbeError::NotMedia(last_clause(reason)))
        }
    }
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
    let watch = Watch {
        limit: TIMELINE_LIMIT,
        cancelled,
    };
    let packets = "packet=codec_type,stream_index,pts_time,dts_time,size,pos";
    let entries = format!("{packets}:format=format_name,start_time");
    let arguments = ["-show_entries", &entries, "-print_format", "compact"];
    let answer = watch.run(ffprobe, &arguments, file, move |stdout| {
        let mut builder = TimelineBuilder::new(size);
        lines(stdout).for_each(|line| builder.line(&line));
        builder.finish(duration)
    });
    let timeline = answer.ok().and_then(|answer| answer.output);
    timeline.unwrap_or_else(|| Timeline::constant(size, duration))
}

/// What came of a run of ffprobe.
struct Answer<T> {
    /// What was made of its output; `None` if that did not end even when it was
    /// killed.
    output: Option<T>,
    /// Its last line of complaint.
    complaint: Option<String>,
    /// Whether it was killed before it had said all.
    killed: bool,
}

/// When an ffprobe is killed.
struct Watch<'a> {
    limit: Duration,
    cancelled: &'a AtomicBool,
}

impl Watch<'_> {
    /// Runs ffprobe on a file; `read` makes something of its output.
    fn run<T: Send + 'static>(
        &self,
        ffprobe: &Path,
        arguments: &[&str],
        file: &Path,
        read: impl FnOnce(ChildStdout) -> T + Send + 'static,
    ) -> Result<Answer<T>, ProbeError> {
        let child = Command::new(ffprobe)
            .args(["-v", "error"])
            .args(arguments)
            .arg("-i") // a name that begins with "-" is no option
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| ProbeError::NoProgram {
            program: ffprobe.to_owned(),
            error,
        })?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let (stdout, stderr) = pipes.expect("both pipes were asked for");
        let output = on_thread(move || read(stdout));
        let complaint = on_thread(move || lines(stderr).last());
        let in_time = self.wait(&output);
        let killed = in_time.is_none();
        // One that has said all is about to end, and says why.
        let complaint = (!killed).then(|| complaint.recv_timeout(GRACE).ok());
        let _ = child.kill(); // one that is gone needs no signal
        let _ = child.wait();
        Ok(Answer {
            output: in_time.or_else(|| output.recv_timeout(GRACE).ok()),
            complaint: complaint.flatten().flatten(),
            killed,
        })
    }

    /// What a thread makes; `None` if that takes too long or is not wanted.
    fn wait<T>(&self, made: &Receiver<T>) -> Option<T> {
        let deadline = Instant::now() + self.limit;
        loop {
            match made.recv_timeout(TICK) {
                Ok(made) => return Some(made),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.cancelled.load(Ordering::Relaxed) || Instant::now() >= deadline {
                return None;
            }
        }
    }
}

/// Makes something on a thread of its own, which ends with the pipe it reads.
fn on_thread<T: Send + 'static>(make: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, made) = mpsc::channel();
    // If it is late, nobody waits for it any more.
    std::thread::spawn(move || sender.send(make()));
    made
}

/// The lines of a pipe that are not blank; one that is too long comes in pieces.
fn lines(pipe: impl Read) -> impl Iterator<Item = String> {
    let mut pipe = BufReader::with_capacity(64 << 10, pipe);
    let lines = std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = pipe.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        matches!(read, Ok(1..)).then(|| String::from_utf8_lossy(&line).trim().to_owned())
    });
    lines.filter(|line| !line.is_empty())
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
    /// A program that writes a line and then hangs.
    #[cfg(unix)]
    fn hanging(folder: &Path) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let program = folder.join("ffprobe");
        std::fs::write(&program, "#!/bin/sh\necho first\nexec sleep 1000\n").expect("writable");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("ours");
        program
    }

    #[cfg(unix)]
    #[test]
    fn one_that_hangs_is_killed_and_what_it_said_is_used() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let program = hanging(folder.path());
        let cancelled = AtomicBool::new(false);
        let watch = Watch {
            limit: Duration::from_secs(1),
            cancelled: &cancelled,
        };
        let said = |stdout| lines(stdout).collect::<Vec<_>>();
        let answer = watch.run(&program, &[], Path::new("x"), said);
        let answer = answer.expect("starts");
        assert!(answer.killed);
        assert_eq!(answer.output, Some(vec!["first".to_owned()]));

        cancelled.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let facts = probe(&program, Path::new("x"), &cancelled);
        assert!(matches!(facts, Err(ProbeError::TooSlow)), "{facts:?}");
        assert!(begun.elapsed() < FACTS_LIMIT / 2);
    }

    #[test]
    fn a_line_without_an_end_comes_in_pieces() {
        let endless = std::io::repeat(b'x').take(MAX_LINE * 3);
        let lengths: Vec<u64> = lines(endless).map(|line| line.len() as u64).collect();
        assert_eq!(lengths, [MAX_LINE; 3]);
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
