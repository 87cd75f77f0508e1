//! Chunk states, buffer and forecast of a stream, as seen from the playhead.

use std::time::Duration;

use engine::ids::ChunkIndex;
use engine::media::Timeline;
use roaring::RoaringBitmap;

use crate::gui::ui::ChunkState;
use crate::scheduler::StreamSnapshot;

/// Less buffer than this puts playback at risk.
const LOW_BUFFER: Duration = Duration::from_secs(2);

/// Buffer from which on a low download rate is no risk: nothing more is requested.
const ENOUGH_BUFFER: Duration = Duration::from_secs(20);

/// State of one chunk.
fn state_of(stream: &StreamSnapshot, chunk: u32) -> ChunkState {
    let in_set = |set: &RoaringBitmap| set.contains(chunk);
    if in_set(&stream.have) {
        ChunkState::Local
    } else if in_set(&stream.in_flight) {
        ChunkState::Loading
    } else if in_set(&stream.available) {
        ChunkState::Available
    } else {
        ChunkState::Missing
    }
}

/// States of `count` equal parts of the file, each that of its worst chunk.
pub fn cells(stream: &StreamSnapshot, count: u32) -> Vec<ChunkState> {
    let chunks = u64::from(stream.geometry.chunk_count());
    let count = u64::from(count.max(1));
    let edge = |cell: u64| (cell * chunks / count) as u32;
    (0..count)
        .map(|cell| worst(stream, edge(cell), edge(cell + 1)))
        .collect()
}

/// States of `count` equal parts of the duration, whatever the bitrate of each.
pub fn cells_in_time(
    stream: &StreamSnapshot,
    timeline: &Timeline,
    duration: Duration,
    count: u32,
) -> Vec<ChunkState> {
    let count = count.max(1);
    let last = stream.geometry.size().saturating_sub(1);
    let byte = |cell: u32| timeline.byte_at(duration.mul_f64(f64::from(cell) / f64::from(count)));
    let chunk = |byte: u64| stream.geometry.chunk_at(byte.min(last)).0;
    (0..count)
        .map(|cell| {
            let end = byte(cell + 1).saturating_sub(1);
            worst(stream, chunk(byte(cell)), chunk(end) + 1)
        })
        .collect()
}

/// State of the worst of some chunks; of the first if the range is empty.
fn worst(stream: &StreamSnapshot, start: u32, end: u32) -> ChunkState {
    let badness = |state: &ChunkState| match state {
        ChunkState::Local => 0,
        ChunkState::Loading => 1,
        ChunkState::Available => 2,
        ChunkState::Missing => 3,
    };
    let states = (start..end.max(start + 1)).map(|chunk| state_of(stream, chunk));
    states.max_by_key(badness).unwrap_or(ChunkState::Missing)
}

/// Runs of equal state: start and end as shares of the whole.
pub fn segments(cells: &[ChunkState]) -> Vec<(f32, f32, ChunkState)> {
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

/// The stream with position and buffer of the player: decoders read ahead of it.
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

/// Share of the file that is stored on this device, 0 to 1.
pub fn local_share(stream: Option<&StreamSnapshot>) -> f32 {
    stream.map_or(0.0, |stream| {
        stream.have.len() as f32 / stream.geometry.chunk_count() as f32
    })
}

/// True if all chunks are stored on this device.
pub fn is_complete(stream: &StreamSnapshot) -> bool {
    stream.have.len() == u64::from(stream.geometry.chunk_count())
}

/// Expected course of playback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// The rest is stored on this device.
    Complete,
    /// The store cannot keep the stream.
    StoreFailure,
    /// No connected peer has a part of the rest.
    Unavailable,
    /// The buffer is about to run out.
    LowBuffer,
    /// The download is slower than playback, in bytes a second.
    TooSlow {
        /// Download rate.
        rate: u64,
        /// Rate that playback to the end needs.
        needed: u64,
    },
    /// Playback to the end without a stall.
    Smooth,
}

impl Forecast {
    /// True if playback may stall.
    pub fn is_at_risk(self) -> bool {
        !matches!(self, Self::Complete | Self::Smooth)
    }

    /// Forecast for a stream, at a download rate and with a time left to play.
    pub fn of(stream: &StreamSnapshot, rate: u64, left: Duration) -> Self {
        let rest = stream.position.0..stream.geometry.chunk_count();
        let length = u64::from(rest.len() as u32);
        let missing = |set: &RoaringBitmap| length - set.range_cardinality(rest.clone());
        let to_load = missing(&stream.have);
        if to_load == 0 {
            return Self::Complete;
        }
        if stream.problem.is_some() {
            return Self::StoreFailure;
        }
        if missing(&(&stream.have | &stream.available)) > 0 {
            return Self::Unavailable;
        }
        if stream.buffer < LOW_BUFFER {
            return Self::LowBuffer;
        }
        let bytes = to_load * u64::from(stream.geometry.chunk_size().bytes());
        let needed = bytes as f64 / left.as_secs_f64().max(1.0);
        // The rate is measured and varies.
        if stream.buffer < ENOUGH_BUFFER && needed > rate as f64 * 1.1 {
            let needed = needed as u64;
            return Self::TooSlow { rate, needed };
        }
        Self::Smooth
    }
}

/// Share of the supplied bytes that came from viewers, if there are any.
pub fn viewer_share(stream: &StreamSnapshot) -> Option<f32> {
    let sum = |origin: bool| -> u64 {
        let supplied = stream.supplied.iter();
        let supplied = supplied.filter(|supply| supply.origin == origin);
        supplied.map(|supply| supply.bytes).sum()
    };
    let (origin, viewers) = (sum(true), sum(false));
    let total = origin + viewers;
    (total > 0).then(|| viewers as f32 / total as f32)
}

#[cfg(test)]
pub(crate) mod tests;
