//! Audio half of a pipeline: ffmpeg → ring, on a thread of its own. Without an audio
//! track, silence takes its place.

use std::io::{ErrorKind, Read};
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::media::MediaFailure;
use engine::player::{Report, SAMPLE_RATE};
use rtrb::Producer;

use crate::ffmpeg::{Decoder, DecoderPipe, SpawnError};
use crate::player::pipeline::shared::{Input, Shared, Source};

/// Floats of the ring, two a sample: 0.5 s bridges the pauses of a busy machine.
pub(super) const RING_FLOATS: usize = 48_000;

/// Bytes of one read from ffmpeg.
const READ: usize = 16 << 10;

/// Bytes of one sample: two 32-bit floats.
const SAMPLE_BYTES: usize = 8;

/// Sleep while the ring is full: the time of a twenty-fifth of it.
const FULL_SLEEP: Duration = Duration::from_millis(20);

/// Interval at which silence is written.
const SILENCE_STEP: Duration = Duration::from_millis(5);

/// Started decoder and its output.
pub(super) type AudioDecoder = (Decoder, DecoderPipe);

/// Result of decoding.
#[derive(Debug, Default)]
struct Decoded {
    /// Samples written to the ring.
    samples: u64,
    /// First failure that ffmpeg reported.
    failure: Option<MediaFailure>,
}

/// Starts ffmpeg.
pub(super) fn start(source: &Source, input: &Input) -> Result<AudioDecoder, SpawnError> {
    let arguments = arguments(source, input);
    Decoder::spawn(&source.ffmpeg, arguments.iter().map(String::as_str))
}

/// Arguments of ffmpeg. Gaps in the file become silence, so that the count of samples is
/// the media time.
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

/// Decodes the audio track into the ring, with a standby decoder if there is one, and
/// reports the result.
pub(super) fn run(
    source: &Source,
    standby: Option<AudioDecoder>,
    mut ring: Producer<f32>,
    shared: &Shared,
) {
    let audio_only = source.video.is_none();
    let started = || {
        if audio_only {
            shared.report(Report::Started);
        }
    };
    match decode(source, standby, &mut ring, shared, started) {
        // A film whose sound is broken or short still has its pictures.
        Ok(decoded) if !audio_only => {
            shared.keep_failure(decoded.failure);
            return feed_silence(ring, decoded.samples, source.speed, shared);
        }
        Ok(decoded) if decoded.samples == 0 => shared.report_no_data(decoded.failure),
        Ok(decoded) => shared.keep_failure(decoded.failure),
        Err(error) => shared.report_spawn_error(error),
    }
    shared.end_audio();
}

/// Decodes until the end or a stop. Calls `started` after the first samples.
fn decode(
    source: &Source,
    standby: Option<AudioDecoder>,
    ring: &mut Producer<f32>,
    shared: &Shared,
    started: impl FnOnce(),
) -> Result<Decoded, SpawnError> {
    let is_standby = standby.is_some();
    let (decoder, mut pipe) = match standby {
        Some(decoder) => decoder,
        None => start(source, &Input::of(source))?,
    };
    shared.register(decoder.killer());
    let mut bytes = [0; READ];
    let (mut pending, mut samples) = (0, 0);
    let mut started = Some(started);
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
        if let Some(started) = started.take() {
            started();
        }
    }
    let failure = decoder.finish();
    match started {
        // A standby decoder may fail where a new one does not.
        Some(started) if is_standby && !shared.stopped() => {
            decode(source, None, ring, shared, started)
        }
        _ => Ok(Decoded { samples, failure }),
    }
}

/// Writes samples to the ring; sleeps while it is full.
fn push(ring: &mut Producer<f32>, samples: impl Iterator<Item = f32>, shared: &Shared) {
    let mut samples = samples.peekable();
    while samples.peek().is_some() && !shared.stopped() {
        let room = ring.slots() & !1;
        if room == 0 {
            shared.sleep(FULL_SLEEP);
            continue;
        }
        if let Ok(chunk) = ring.write_chunk_uninit(room) {
            let pushed = chunk.fill_from_iter(&mut samples) as u64 / 2;
            shared.pushed.fetch_add(pushed, Ordering::Release);
        }
    }
}

/// Writes silence from the sample numbered `fed` on, where the sound has ended. It keeps
/// the clock just ahead of the decoded pictures.
pub(super) fn feed_silence(mut ring: Producer<f32>, mut fed: u64, speed: f64, shared: &Shared) {
    while !shared.stopped() {
        // Pictures shown later than their sound is counted need samples until then.
        let advance = f64::from(-shared.audio_delay_ms().min(0)) / 1e3 / speed;
        let lead = shared.output_delay.as_secs_f64() + advance;
        let lead = (lead * f64::from(SAMPLE_RATE)) as u64;
        let allowed = shared.silence_until.load(Ordering::Acquire) + lead;
        let missing = allowed.saturating_sub(fed) as usize;
        let silence = std::iter::repeat_n(0.0, missing * 2);
        push(&mut ring, silence, shared);
        fed += missing as u64;
        if shared.video_ended() {
            break;
        }
        shared.sleep(SILENCE_STEP);
    }
    shared.end_audio();
}
