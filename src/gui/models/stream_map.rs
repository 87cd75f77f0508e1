//! What is shown, as plain values: no window, no actor, no clock.

use std::collections::BTreeSet;
use std::time::Duration;

use bytesize::ByteSize;
use engine::ids::ChunkIndex;
use engine::media::{FileEntry, MediaKind, Timeline};
use engine::units::ByteRate;
use roaring::RoaringBitmap;
use tr::tr;

pub use crate::gui::text::codecs::{codec, resolution};
use crate::gui::text::reasons::store_error;
use crate::scheduler::StreamSnapshot;
use crate::swarm::PeerSnapshot;
use crate::tracker_client::{LinkState, TrackerLink};
pub use engine::catalogue::{Sort, filter_and_sort, folded};
pub use engine::units::timestamp;

/// A state of a piece of a file. Each is also told by its place in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Verified, on this machine.
    Here,
    /// On its way.
    Coming,
    /// A connected peer has it.
    InSwarm,
    /// Nobody connected has it.
    Nobody,
}

/// `1.4 GiB`
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// Bytes a second as `4.2`, in Mbit/s.
pub fn megabits(bytes_per_second: u64) -> String {
    format!("{:.1}", bytes_per_second as f64 * 8.0 / 1e6)
}

/// Bytes a second as `4.2 Mbit/s`.
pub fn pace(bytes_per_second: u64) -> String {
    format!("{} Mbit/s", megabits(bytes_per_second))
}

/// A limit as it is typed: `4 Mbit/s`.
pub fn rate(rate: ByteRate) -> String {
    match rate.0 {
        None => "unlimited".into(),
        Some(bytes) => format!("{} Mbit/s", bytes as f64 * 8.0 / 1e6),
    }
}

/// The line below a title: picture and codec of a film, artist of a song.
pub fn detail(entry: &FileEntry) -> String {
    let info = &entry.info;
    let mut parts = Vec::new();
    match &info.video {
        Some(video) => {
            parts.push(resolution(video.width, video.height));
            parts.push(codec(&video.codec));
            let languages = info.audio.iter().map(|track| track.language.as_str());
            let languages: BTreeSet<&str> = languages.filter(|code| !code.is_empty()).collect();
            if languages.len() > 1 {
                parts.push(tr!("{n} language" | "{n} languages" % languages.len()));
            }
            if !info.subtitles.is_empty() || info.subtitles_beside().next().is_some() {
                parts.push(tr!("subtitles"));
            }
        }
        None => {
            if !info.artist.is_empty() {
                parts.push(info.artist.clone());
            }
            parts.extend(info.audio.first().map(|track| codec(&track.codec)));
        }
    }
    parts.join(" · ")
}

/// `31 min left`
pub fn time_left(milliseconds: u64) -> String {
    match milliseconds.div_ceil(60_000) {
        minutes @ 0..60 => tr!("{} min left", minutes),
        minutes => tr!("{} h {} min left", minutes / 60, minutes % 60),
    }
}

/// `3 sources`, or that nobody online has it.
pub fn sources(count: u32) -> String {
    match count {
        0 => tr!("no sources"),
        count => tr!("1 source" | "{n} sources" % count),
    }
}

/// `3 songs`
pub fn songs(count: usize) -> String {
    tr!("1 song" | "{n} songs" % count)
}

/// Which of all there is are to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Only {
    /// All.
    #[default]
    All,
    /// Those that were not played to their end.
    Unseen,
    /// Those that are on this machine whole.
    Here,
    /// Those that were played, the last one first.
    Lately,
}

/// Why the list is empty: a title and a sentence.
pub fn empty_text(
    kind: MediaKind,
    link: &TrackerLink,
    total: usize,
    search: &str,
    only: Only,
) -> (String, String) {
    let film = kind == MediaKind::Video;
    match (only, film) {
        _ if total == 0 || !search.is_empty() => {}
        (Only::All, _) => {}
        (Only::Unseen, true) => {
            let text = tr!("You have watched all films.");
            return (tr!("No unwatched films"), text);
        }
        (Only::Unseen, false) => {
            let text = tr!("You have played all songs.");
            return (tr!("No unplayed songs"), text);
        }
        (Only::Lately, _) => {
            let text = tr!("Recently played titles appear here.");
            return (tr!("Nothing played yet"), text);
        }
        (Only::Here, _) => {
            let text = tr!("Shared files and completed downloads appear here.");
            return (tr!("Nothing on this device"), text);
        }
    }
    if total > 0 {
        let title = match film {
            true => tr!("No films match “{}”", search),
            false => tr!("No songs match “{}”", search),
        };
        return (title, tr!("Try different search terms."));
    }
    let pending = matches!(link.state, LinkState::Connecting | LinkState::Online);
    if !link.listed && pending {
        return (
            tr!("Loading library"),
            tr!("Fetching the file list from the tracker."),
        );
    }
    if !link.state.is_online() {
        let text = tr!(
            "Check that the server is running and that the tracker address at the bottom left is correct; you can change it in Settings. Swarmplay keeps retrying. Files shared from this device still appear here."
        );
        return (tr!("Cannot reach the tracker"), text);
    }
    match film {
        true => (
            tr!("No films yet"),
            tr!("No films are shared at the moment. Open Sharing to share your own."),
        ),
        false => (
            tr!("No songs yet"),
            tr!("No songs are shared at the moment. Open Sharing to share your own."),
        ),
    }
}

/// The state of one chunk.
fn state_of(stream: &StreamSnapshot, chunk: u32) -> Held {
    let in_set = |set: &RoaringBitmap| set.contains(chunk);
    if in_set(&stream.have) {
        Held::Here
    } else if in_set(&stream.in_flight) {
        Held::Coming
    } else if in_set(&stream.available) {
        Held::InSwarm
    } else {
        Held::Nobody
    }
}

/// The states of `count` equal pieces of the file, each that of its worst
/// chunk, so that nothing looks better than it is.
pub fn cells(stream: &StreamSnapshot, count: u32) -> Vec<Held> {
    let chunks = u64::from(stream.geometry.chunk_count());
    let count = u64::from(count.max(1));
    let edge = |cell: u64| (cell * chunks / count) as u32;
    (0..count)
        .map(|cell| worst(stream, edge(cell), edge(cell + 1)))
        .collect()
}

/// The same of `count` equal pieces of the media's time, whatever its bitrate there.
pub fn cells_in_time(
    stream: &StreamSnapshot,
    timeline: &Timeline,
    length: Duration,
    count: u32,
) -> Vec<Held> {
    let count = count.max(1);
    let last = stream.geometry.size().saturating_sub(1);
    let byte = |cell: u32| timeline.byte_at(length.mul_f64(f64::from(cell) / f64::from(count)));
    let chunk = |byte: u64| stream.geometry.chunk_at(byte.min(last)).0;
    (0..count)
        .map(|cell| {
            let end = byte(cell + 1).saturating_sub(1);
            worst(stream, chunk(byte(cell)), chunk(end) + 1)
        })
        .collect()
}

/// The state of the worst of some chunks, of the first if there are none.
fn worst(stream: &StreamSnapshot, start: u32, end: u32) -> Held {
    let badness = |held: &Held| match held {
        Held::Here => 0,
        Held::Coming => 1,
        Held::InSwarm => 2,
        Held::Nobody => 3,
    };
    let states = (start..end.max(start + 1)).map(|chunk| state_of(stream, chunk));
    states.max_by_key(badness).unwrap_or(Held::Nobody)
}

/// Runs of equal state, as shares of the whole.
pub fn segments(cells: &[Held]) -> Vec<(f32, f32, Held)> {
    let total = cells.len() as f32;
    let mut start = 0;
    let mut segments = Vec::new();
    for run in cells.chunk_by(|a, b| a == b) {
        let end = start + run.len();
        segments.push((start as f32 / total, end as f32 / total, run[0]));
        start = end;
    }
    segments
}

/// A stream as seen from the player's position. Decoders read ahead of it, and
/// a short file is soon read to its end.
pub fn from_playhead(
    stream: &StreamSnapshot,
    timeline: &Timeline,
    position: Duration,
) -> StreamSnapshot {
    let last = stream.geometry.size().saturating_sub(1);
    let chunk = timeline.byte_at(position).min(last);
    let chunk = stream.geometry.chunk_at(chunk).0;
    let run = match stream.have.range(chunk..).next_range() {
        Some(run) if *run.start() == chunk => run.end() - chunk + 1,
        _ => 0,
    };
    let end = match chunk + run {
        end if end < stream.geometry.chunk_count() => {
            stream.geometry.chunk_range(ChunkIndex(end)).start
        }
        _ => stream.geometry.size(),
    };
    let end = timeline.time_at(end);
    StreamSnapshot {
        position: ChunkIndex(chunk),
        buffer: match run {
            0 => Duration::ZERO,
            _ => end.saturating_sub(position),
        },
        ..stream.clone()
    }
}

/// Share of a stream's file that is here, 0 to 1.
pub fn held_share(stream: Option<&StreamSnapshot>) -> f32 {
    stream.map_or(0.0, |stream| {
        stream.have.len() as f32 / stream.geometry.chunk_count() as f32
    })
}

/// A buffer of so much is enough for now: what comes slowly comes so because nothing
/// more is asked for.
const ENOUGH: Duration = Duration::from_secs(20);

/// How fast things come, and how much time there is for the rest of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    /// Bytes a second that come in.
    pub rate: u64,
    /// Time that is left to play.
    pub left: Duration,
}

impl Rest {
    /// Bytes a second that `missing` bytes have to come at, if they come too slowly.
    fn wanted(self, missing: u64) -> Option<u64> {
        let wanted = missing as f64 / self.left.as_secs_f64().max(1.0);
        (wanted > self.rate as f64 * 1.1).then_some(wanted as u64)
    }
}

/// Whether the film will play to the end, in words; true if at risk.
pub fn verdict(stream: &StreamSnapshot, rest_of: Rest) -> (String, bool) {
    let chunks = stream.geometry.chunk_count();
    let rest = stream.position.0..chunks;
    let missing =
        |set: &RoaringBitmap| u64::from(rest.len() as u32) - set.range_cardinality(rest.clone());
    if missing(&stream.have) == 0 {
        return (tr!("Fully buffered"), false);
    }
    if let Some(problem) = &stream.problem {
        return (store_error(problem), true);
    }
    let reachable = &stream.have | &stream.available;
    if missing(&reachable) > 0 {
        return (tr!("Rest unavailable"), true);
    }
    if stream.buffer < Duration::from_secs(2) {
        return (tr!("Low buffer"), true);
    }
    let bytes = missing(&stream.have) * u64::from(stream.geometry.chunk_size().bytes());
    if stream.buffer < ENOUGH
        && let Some(wanted) = rest_of.wanted(bytes)
    {
        let (comes, wanted) = (megabits(rest_of.rate), megabits(wanted));
        return (tr!("Too slow: {} of {} Mbit/s", comes, wanted), true);
    }
    (tr!("Smooth playback"), false)
}

/// Share of the bytes that came from viewers, and the sentence about it.
pub fn split(stream: &StreamSnapshot) -> (f32, String) {
    let sum = |origin: bool| -> u64 {
        let of = stream
            .supplied
            .iter()
            .filter(|supply| supply.origin == origin);
        of.map(|supply| supply.bytes).sum()
    };
    let (server, viewers) = (sum(true), sum(false));
    let total = server + viewers;
    if total == 0 {
        return (0.0, String::new());
    }
    let share = viewers as f32 / total as f32;
    let percent = (share * 100.0).round() as u32;
    let text = tr!(
        "{} % from viewers, {} % from the server",
        percent,
        100 - percent
    );
    (share, text)
}

/// Whether a peer has to do with a stream: it was named for it, gave of it, takes it, or
/// came by itself and was named for nothing.
pub fn takes_part(stream: &StreamSnapshot, peer: &PeerSnapshot) -> bool {
    let gave = stream.supplied.iter().any(|gave| gave.peer == peer.peer);
    let takes = peer.taking == Some(stream.file);
    gave || takes || peer.reasons.is_empty() || peer.reasons.contains_key(&stream.file)
}

/// Percent of the bytes of a stream that a peer supplied.
pub fn share_of(stream: Option<&StreamSnapshot>, peer: &PeerSnapshot) -> String {
    let Some(stream) = stream else {
        return "–".into();
    };
    let total: u64 = stream.supplied.iter().map(|supply| supply.bytes).sum();
    let own = stream
        .supplied
        .iter()
        .find(|supply| supply.peer == peer.peer);
    match (own, total) {
        (_, 0) => "–".into(),
        (own, total) => {
            let bytes = own.map_or(0, |supply| supply.bytes);
            format!("{} %", (bytes * 100 + total / 2) / total)
        }
    }
}

/// `3 ms`
pub fn rtt(micros: Option<u64>) -> String {
    match micros {
        None => "–".into(),
        Some(micros) if micros < 1000 => "<1 ms".into(),
        Some(micros) => format!("{} ms", (micros + 500) / 1000),
    }
}

#[cfg(test)]
pub(crate) mod tests;
