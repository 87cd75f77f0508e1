//! Compares recordings with their source.

use std::path::Path;
use std::process::{Command, Stdio};

/// Sample rate for comparisons, in Hz.
const REDUCED_RATE: usize = 2000;

/// Reduces 48 kHz samples to [`REDUCED_RATE`] by averaging.
pub fn reduce(bytes: &[u8]) -> Vec<f32> {
    let samples = bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|two| f32::from(i16::from_le_bytes(*two)));
    let samples: Vec<f32> = samples.collect();
    let piece = 48_000 / REDUCED_RATE;
    let mean = |piece: &[f32]| piece.iter().sum::<f32>() / piece.len() as f32;
    samples.chunks_exact(piece).map(mean).collect()
}

/// Audio of a sample file, mono, at [`REDUCED_RATE`].
pub fn source(name: &str) -> Vec<f32> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("media")
            .join(name),
    );
    ffmpeg.args([
        "-map", "0:a:0", "-ac", "1", "-ar", "48000", "-f", "s16le", "-",
    ]);
    let decoded = ffmpeg
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg runs")
        .stdout;
    reduce(&decoded)
}

/// Position of a recording in `whole` in seconds, and its correlation, 1 at most.
pub fn place(recording: &[f32], whole: &[f32]) -> (f64, f32) {
    let power = |samples: &[f32]| samples.iter().map(|s| s * s).sum::<f32>();
    let heard = power(recording).max(1e-6);
    // The power of the sliding window is updated, not summed again.
    let square = |sample: f32| f64::from(sample) * f64::from(sample);
    let mut louder: f64 = whole[..recording.len()].iter().map(|s| square(*s)).sum();
    let fits = (0..=whole.len() - recording.len()).map(|at| {
        let window = &whole[at..at + recording.len()];
        let mut dot = 0.0;
        for index in 0..window.len() {
            dot += window[index] * recording[index];
        }
        let fit = dot / (louder.max(1e-6) as f32 * heard).sqrt();
        if let Some(next) = whole.get(at + recording.len()) {
            louder += square(*next) - square(window[0]);
        }
        (at, fit)
    });
    let best = fits
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("shorter than the whole");
    (best.0 as f64 / REDUCED_RATE as f64, best.1)
}
