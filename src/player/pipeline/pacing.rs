//! Pacing of frames: each is shown at its time by the clock of the sound.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use engine::player::{Clock, Report, SAMPLE_RATE, Verdict, judge};

use crate::ffmpeg::Planes;
use crate::player::pipeline::shared::{Shared, Source, shifted};
use crate::player::pipeline::video::{colour_matrix, frame_rate};

/// Time without a frame after which the sound is held too.
const STARVED: Duration = Duration::from_millis(250);

/// Longest time without a new picture while frames arrive, however late they are.
const MAX_FREEZE: Duration = Duration::from_millis(300);

/// Longest sleep between two looks at the clock.
const MAX_SLEEP: Duration = Duration::from_millis(20);

/// Shows each frame at its time and returns its memory through `recycle`. The first frame
/// is shown at once, so that a seek is visible.
pub(super) fn pace(
    queue: &Receiver<Planes>,
    recycle: &SyncSender<Vec<u8>>,
    shared: &Shared,
    source: &Source,
) {
    let (rate, matrix) = (frame_rate(source), colour_matrix(source));
    let frame_time = Duration::from_secs_f64(1.0 / rate);
    let mut clock = Clock::new(
        source.from,
        source.speed,
        shared.output_delay,
        Instant::now(),
    );
    let mut number = 0_u64;
    let mut last_shown = Instant::now();
    while let Some(planes) = next_frame(queue, shared, number) {
        let (width, height) = planes.size();
        let mut frame = shared.screen.frame(width, height);
        planes.write_rgb(frame.bytes_mut(), matrix);
        // The reader may hold enough memory, or have ended.
        let _ = recycle.try_send(planes.into_memory());
        let due = source.from + Duration::from_secs_f64(number as f64 / rate);
        // A decoder slower than real time still shows a picture now and then.
        let overdue = last_shown.elapsed() > MAX_FREEZE;
        let shown = number == 0 || wait_until_due(shared, &mut clock, due, frame_time) || overdue;
        if shared.stopped() {
            return;
        }
        if shown {
            last_shown = Instant::now();
            shared.screen.show(frame);
            shared.frames_shown.fetch_add(1, Ordering::Relaxed);
        } else {
            shared.frames_dropped.fetch_add(1, Ordering::Relaxed);
        }
        number += 1;
        let samples = samples_at(number + 1, rate * source.speed);
        shared.silence_until.store(samples, Ordering::Release);
    }
}

/// Next frame of the queue, which has the given number; `None` at the end or a stop. The
/// sound is held while no frame arrives.
fn next_frame(queue: &Receiver<Planes>, shared: &Shared, number: u64) -> Option<Planes> {
    let held = &shared.sound.held;
    loop {
        match queue.recv_timeout(STARVED) {
            Ok(planes) => {
                if held.swap(false, Ordering::AcqRel) {
                    shared.report(match number {
                        0 => Report::Started,
                        _ => Report::VideoStarving(false),
                    });
                }
                return Some(planes);
            }
            Err(RecvTimeoutError::Timeout) if shared.stopped() => return None,
            Err(RecvTimeoutError::Timeout) => {
                if !held.swap(true, Ordering::AcqRel) && number > 0 {
                    shared.report(Report::VideoStarving(true));
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                held.store(false, Ordering::Release);
                return None;
            }
        }
    }
}

/// Samples played when a frame is due.
fn samples_at(number: u64, rate: f64) -> u64 {
    (number as f64 / rate * f64::from(SAMPLE_RATE)) as u64
}

/// Waits until a frame is due; false if it is late or the pipeline stops.
fn wait_until_due(shared: &Shared, clock: &mut Clock, due: Duration, frame_time: Duration) -> bool {
    loop {
        let paused = shared.sound.paused.load(Ordering::Acquire);
        let played = shared.sound.played.load(Ordering::Acquire);
        let time = clock.time(Instant::now(), played, paused);
        match judge(shifted(time, shared.audio_delay_ms()), due, frame_time) {
            Verdict::Show => return true,
            Verdict::Drop => return false,
            Verdict::Wait(_) if shared.stopped() => return false,
            Verdict::Wait(wait) => shared.sleep(wait.min(MAX_SLEEP)),
        }
    }
}
