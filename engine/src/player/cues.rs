//! Text subtitles: tracks that can be shown, and the cues that ffmpeg writes as SRT.
//!
//! The process that decodes the pictures writes them. A second process would read the
//! whole file at once, and all of it would have to be fetched.

use std::io::BufRead;
use std::time::Duration;

use crate::media::SubtitleTrack;

/// Cues kept of one file: hours of dense dialogue.
const MAX_CUES: usize = 20_000;

/// Cues that may overlap; more than a few are rare.
const MAX_OVERLAP: usize = 16;

/// Bytes of text kept of one cue.
const MAX_TEXT: usize = 2_000;

/// True for text tracks, which the window can draw, unlike bitmap subtitles.
pub fn is_text(track: &SubtitleTrack) -> bool {
    matches!(
        track.codec.as_str(),
        "subrip" | "srt" | "ass" | "ssa" | "mov_text" | "webvtt" | "text"
    )
}

/// Text shown over the picture for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// Media time at which the text appears.
    pub start: Duration,
    /// Media time at which the text disappears.
    pub end: Duration,
    /// Lines without markup.
    pub text: String,
}

/// Cues received so far.
#[derive(Debug, Default)]
pub struct Cues(Vec<Cue>);

impl Cues {
    /// Appends a cue. Cues arrive in the order of their starts.
    pub fn push(&mut self, cue: Cue) {
        if self.0.len() < MAX_CUES {
            self.0.push(cue);
        }
    }

    /// Text of all cues at a media time.
    pub fn at(&self, time: Duration) -> String {
        let started = self.0.partition_point(|cue| cue.start <= time);
        let recent = &self.0[started.saturating_sub(MAX_OVERLAP)..started];
        let shown: Vec<&str> = recent
            .iter()
            .filter(|cue| time < cue.end)
            .map(|cue| cue.text.as_str())
            .collect();
        shown.join("\n")
    }
}

/// Reads SRT to its end; `from` is the media time of its zero.
///
/// Invalid UTF-8 is replaced rather than refused: ffmpeg ends when its reader closes the
/// pipe.
pub fn read(reader: impl BufRead, from: Duration, mut each: impl FnMut(Cue)) {
    let mut block: Vec<String> = Vec::new();
    let lines = reader.split(b'\n').map_while(Result::ok);
    let lines = lines.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned());
    for line in lines.chain([String::new()]) {
        if !line.trim().is_empty() {
            block.push(line);
            continue;
        }
        parse_cue(&std::mem::take(&mut block), from)
            .into_iter()
            .for_each(&mut each);
    }
}

/// Parses a block: a number, a line of times, lines of text.
fn parse_cue(block: &[String], from: Duration) -> Option<Cue> {
    let at = block.iter().position(|line| line.contains("-->"))?;
    let (start, end) = block[at].split_once("-->")?;
    let text: Vec<String> = block[at + 1..]
        .iter()
        .map(|line| strip_markup(line))
        .collect();
    let mut text = text.join("\n").trim().to_owned();
    if text.len() > MAX_TEXT {
        let cut = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(cut.unwrap_or(0));
    }
    let cue = Cue {
        start: from + parse_time(start)?,
        end: from + parse_time(end)?,
        text,
    };
    Some(cue).filter(|cue| !cue.text.is_empty() && cue.end > cue.start)
}

/// Parses a time such as `01:02:03,450`.
fn parse_time(text: &str) -> Option<Duration> {
    let (clock, fraction) = text.trim().split_once([',', '.'])?;
    let mut seconds = 0_u64;
    for part in clock.split(':') {
        seconds = seconds
            .checked_mul(60)?
            .checked_add(part.trim().parse().ok()?)?;
    }
    let milliseconds: u64 = fraction.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_millis(
        seconds.checked_mul(1000)?.checked_add(milliseconds)?,
    ))
}

/// Removes markup: `<i>`, `<font …>` and the braces of ASS.
fn strip_markup(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['<', '{']) {
        let close = if rest.as_bytes()[at] == b'<' {
            '>'
        } else {
            '}'
        };
        text.push_str(&rest[..at]);
        let inside = &rest[at..];
        let tag = inside[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/\\!".contains(c));
        match inside.find(close).filter(|_| tag) {
            Some(end) => rest = &inside[end + 1..],
            None => {
                text.push_str(&inside[..1]);
                rest = &inside[1..];
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests;
