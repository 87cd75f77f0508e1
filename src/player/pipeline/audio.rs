//! The sound half of a pipeline: ffmpeg → ring, on a thread of its own.

use std::io::{ErrorKind, Read};
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::media::MediaFailure;
use rtrb::Producer;

use crate::ffmpeg::{Decoder, DecoderPipe, SpawnError};
use crate::player::pipeline::standby::Input;
use crate::player::pipeline::{Shared, Source};

/// Samples (of two floats) the ring holds: 0.5 s, so that a busy machine does
/// not stutter, and little enough to be of no weight.
pub const RING_FLOATS: usize = 48_000;

/// Bytes read from ffmpeg at once.
const READ: usize = 16 << 10;

/// Bytes of one sample: two 32-bit floats.
const SAMPLE_BYTES: usize = 8;

/// Wait when the ring is full: a twenty-fifth of it.
const FULL_WAIT: Duration = Duration::from_millis(20);

/// ffmpeg's arguments. Gaps in the file become silence, so that the count of
/// samples is the media time.
fn arguments(source: &Source, input: &Input) -> Vec<String> {
    let text = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut arguments = input.arguments();
    let track = format!("0:a:{}", source.audio.unwrap_or(0));
    arguments.extend(text(&["-map", &track, "-vn", "-sn", "-dn"]));
    let mut filter = "aresample=48000:async=1:first_pts=0".to_owned();
    if source.speed != 1.0 {
        filter += &format!(",atempo={}", source.speed);
    }
    arguments.extend(text(&["-af", &filter]));
    arguments.extend(text(&["-ac", "2", "-f", "f32le", "pipe:1"]));
    arguments
}

/// What came of decoding.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// Samples put into the ring.
    pub(super) samples: u64,
    /// First failure that ffmpeg reported.
    pub(super) failure: Option<MediaFailure>,
}

/// A decoder that has been started, and what comes out of it.
pub(super) type Started = (Decoder, DecoderPipe);

/// Starts ffmpeg.
pub(super) fn start(source: &Source, input: &Input) -> Result<Started, SpawnError> {
    let arguments = arguments(source, input);
    Decoder::spawn(&source.ffmpeg, arguments.iter().map(String::as_str))
}

/// Decodes, with what is `ready` if it is, into the ring until the end or a stop;
/// `first` is called when the first samples are there.
pub(super) fn decode(
    source: &Source,
    ready: Option<Started>,
    ring: &mut Producer<f32>,
    shared: &Shared,
    first: impl FnOnce(),
) -> Result<Decoded, SpawnError> {
    let waited = ready.is_some();
    let (decoder, mut pipe) = match ready {
        Some(started) => started,
        None => start(source, &Input::of(source))?,
    };
    shared.register(decoder.killer());
    let mut bytes = [0; READ];
    let (mut pending, mut samples) = (0, 0);
    let mut first = Some(first);
    while !shared.stopped() {
        let count = match pipe.read(&mut bytes[pending..]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let filled = pending + count;
        let whole = filled / SAMPLE_BYTES * SAMPLE_BYTES;
        let floats = bytes[..whole].as_chunks::<4>().0;
        let floats = floats.iter().map(|four| f32::from_le_bytes(*four));
        push(ring, floats, shared);
        samples += (whole / SAMPLE_BYTES) as u64;
        bytes.copy_within(whole..filled, 0);
        pending = filled - whole;
        if let Some(first) = first.take() {
            first();
        }
    }
    let failure = decoder.finish();
    match first {
        // What waited did not do: one that is started now says why.
        Some(first) if waited && !shared.stopped() => decode(source, None, ring, shared, first),
        _ => Ok(Decoded { samples, failure }),
    }
}

/// Puts samples into the ring, waiting while it is full.
pub(super) fn push(ring: &mut Producer<f32>, samples: impl Iterator<Item = f32>, shared: &Shared) {
    let mut samples = samples.peekable();
    while samples.peek().is_some() && !shared.stopped() {
        let room = ring.slots() & !1;
        if room == 0 {
            shared.rest(FULL_WAIT);
            continue;
        }
        if let Ok(chunk) = ring.write_chunk_uninit(room) {
            let pushed = chunk.fill_from_iter(&mut samples) as u64 / 2;
            shared.pushed.fetch_add(pushed, Ordering::Release);
        }
    }
}
