//! The picture half of a pipeline: ffmpeg → bounded queue → screen, on two
//! threads: one reads, so that decoding runs ahead, one waits for each frame's
//! time.

use std::io::{BufReader, PipeReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use engine::media::{ColourMatrix, MediaFailure};
use engine::player::Report;
use engine::player::read_cues;
use engine::player::{Clock, SAMPLE_RATE, Verdict, judge};

use crate::ffmpeg::Planes;
use crate::ffmpeg::{Decoder, DecoderPipe, SpawnError};
use crate::player::pipeline::standby::Input;
use crate::player::pipeline::{Shared, Source, SubtitleSource};

/// Decoded frames that wait: a fifth of a second at 30 a second, 8 MiB at
/// 720p. Without them the pipe's 64 KiB would decode frame by frame.
const QUEUE: usize = 6;

/// Largest picture that is decoded; larger ones are scaled down by ffmpeg,
/// which is faster at it than the screen.
const MAX_WIDTH: u32 = 1920;
const MAX_HEIGHT: u32 = 1080;

/// Most frames a second: screens show no more.
const MAX_FPS: f64 = 60.0;

/// Frames a second of a file that does not say.
const DEFAULT_FPS: f64 = 25.0;

/// No frame for this long while sound could go on: hold the sound too.
const STARVED: Duration = Duration::from_millis(250);

/// Longest time without a new picture while frames arrive, however late.
const MAX_FREEZE: Duration = Duration::from_millis(300);

/// Makes a picture for ordinary screens of one for bright ones (ITU-R BT.2100 to
/// BT.709): to linear light, darker where it is too bright, and back.
/// Colours that a file does not name are those of its kind.
const TO_SDR: &str = "setparams=color_primaries=bt2020:colorspace=bt2020nc,zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,\
     tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p,";

/// Longest sleep before the clock is looked at again.
const MAX_SLEEP: Duration = Duration::from_millis(20);

/// Bytes read ahead of a frame's head; all that follows goes where it stays.
const HEAD: usize = 64;

/// Bytes that the pipe from ffmpeg holds: the most that anybody may have, so that it
/// does not wait for us, nor we for it, 40 times a frame.
const PIPE: usize = 1 << 20;

fn frame_rate(source: &Source) -> f64 {
    let millifps = source.video.as_ref().map_or(0, |video| video.millifps);
    match millifps {
        0 => DEFAULT_FPS,
        millifps => (f64::from(millifps) / 1000.0).min(MAX_FPS),
    }
}

/// How the colours of its frames are coded.
fn colours(source: &Source) -> ColourMatrix {
    match &source.video {
        Some(video) if !video.hdr => video.usual_matrix(),
        _ => ColourMatrix::Bt709,
    }
}

/// ffmpeg's arguments: square pixels, at most the largest size, a constant
/// rate, so that the number of a frame is its time. What lies before the place, back to
/// the key frame, is decoded only.
fn arguments(source: &Source, input: &Input) -> Vec<String> {
    let video = source.video.as_ref();
    let woven = video.is_some_and(|video| video.interlaced);
    let bright = video.is_some_and(|video| video.hdr);
    // The screen knows the others.
    let converted = match colours(source) {
        ColourMatrix::Other => ":out_color_matrix=bt709",
        _ => "",
    };
    let filter = format!(
        "trim=start=0,{}scale='if(gt(sar,0),iw*sar,iw)':ih,setsar=1,\
         scale='min({MAX_WIDTH},iw)':'min({MAX_HEIGHT},ih)':force_original_aspect_ratio=decrease\
         :force_divisible_by=2:out_range=tv{converted},\
         {}fps={}:start_time=0",
        if woven { "yadif=deint=interlaced," } else { "" },
        if bright { TO_SDR } else { "" },
        frame_rate(source)
    );
    let text = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut arguments = input.arguments();
    arguments.extend(text(&[
        "-map", "0:v:0", "-an", "-sn", "-dn", "-vf", &filter,
    ]));
    arguments.extend(text(&["-pix_fmt", "yuv420p", "-c:v", "pgmyuv"]));
    arguments.extend(text(&["-f", "image2pipe", "pipe:1"]));
    if let Some(SubtitleSource::Track(track)) = &source.subtitles {
        arguments.extend(text(&["-map", &format!("0:s:{track}"), "-c:s", "srt"]));
        arguments.extend(text(&["-flush_packets", "1", "-f", "srt", "pipe:3"]));
    }
    arguments
}

/// What came of decoding.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Not a single frame.
    pub(super) empty: bool,
    /// First failure that ffmpeg reported.
    pub(super) failure: Option<MediaFailure>,
}

/// A decoder that has been started.
pub(super) struct Started {
    pub(super) decoder: Decoder,
    pipe: DecoderPipe,
    /// Subtitles, if they are of the same file.
    cues: Option<PipeReader>,
}

/// Starts ffmpeg.
pub(super) fn start(source: &Source, input: &Input) -> Result<Started, SpawnError> {
    let arguments = arguments(source, input);
    let words = arguments.iter().map(String::as_str);
    let pipes = match &source.subtitles {
        Some(SubtitleSource::Track(_)) => Some(std::io::pipe().map_err(SpawnError::Failed)?),
        _ => None,
    };
    let (cues, third) = pipes.unzip();
    let (decoder, pipe) = Decoder::spawn_with(&source.ffmpeg, words, third)?;
    Ok(Started {
        decoder,
        pipe,
        cues,
    })
}

/// Decodes, with what is `ready` if it is, and shows until the end or a stop.
pub(super) fn run(
    source: &Source,
    ready: Option<Started>,
    shared: &Arc<Shared>,
) -> Result<Decoded, SpawnError> {
    if let Some(SubtitleSource::Beside(url)) = source.subtitles.clone() {
        let (ffmpeg, shared) = (source.ffmpeg.clone(), shared.clone());
        std::thread::spawn(move || read_beside(&ffmpeg, &url, &shared));
    }
    let waited = ready.is_some();
    let started = match ready {
        Some(started) => started,
        None => start(source, &Input::of(source))?,
    };
    let Started {
        decoder,
        pipe,
        cues,
    } = started;
    shared.register(decoder.killer());
    if let Some(cues) = cues {
        let (shared, from) = (shared.clone(), source.from);
        let reader = BufReader::new(cues);
        std::thread::spawn(move || read_cues(reader, from, |cue| shared.cue(cue)));
    }
    // Where there is no larger one, that of the system does.
    let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
    let (frames, queue) = sync_channel(QUEUE);
    let (back, memory) = sync_channel(QUEUE);
    let pacing = {
        let shared = shared.clone();
        let source = source.clone();
        std::thread::spawn(move || pace(&queue, &back, &shared, &source))
    };
    let pipe = BufReader::with_capacity(HEAD, pipe);
    let any = read_frames(pipe, shared, &frames, &memory);
    drop(frames);
    let failure = decoder.finish();
    // The pacing thread only panics with the program.
    let _ = pacing.join();
    if waited && !any && !shared.stopped() {
        // What waited did not do: one that is started now says why.
        return run(source, None, shared);
    }
    Ok(Decoded {
        empty: !any,
        failure,
    })
}

/// Reads a file of subtitles, all of it: a few kilobytes, whose times count from the
/// beginning of the film. Where that fails there are no words; the film goes on.
fn read_beside(ffmpeg: &Path, url: &str, shared: &Shared) {
    let arguments = [
        "-i", url, "-map", "0:s:0", "-c:s", "srt", "-f", "srt", "pipe:1",
    ];
    let started = Decoder::spawn(ffmpeg, arguments);
    let Ok((decoder, pipe)) = started else {
        return;
    };
    shared.register(decoder.killer());
    read_cues(BufReader::new(pipe), Duration::ZERO, |cue| shared.cue(cue));
    if let Some(failure) = decoder.finish() {
        tracing::warn!(?failure, "subtitle file unreadable");
    }
}

/// Reads frames, into memory that came back if some did; says if there were any.
fn read_frames(
    mut pipe: BufReader<impl Read>,
    shared: &Shared,
    frames: &SyncSender<Planes>,
    memory: &Receiver<Vec<u8>>,
) -> bool {
    let mut any = false;
    while !shared.stopped() {
        let memory = memory.try_recv().unwrap_or_default();
        let Ok(Some(frame)) = Planes::read(&mut pipe, memory) else {
            break;
        };
        if frames.send(frame).is_err() {
            break;
        }
        any = true;
    }
    any
}

/// Shows each frame at its time. The first one at once, for a seek to be seen.
fn pace(queue: &Receiver<Planes>, back: &SyncSender<Vec<u8>>, shared: &Shared, source: &Source) {
    let (rate, matrix) = (frame_rate(source), colours(source));
    let frame_time = Duration::from_secs_f64(1.0 / rate);
    let mut clock = Clock::new(source.from, source.speed, shared.delay, Instant::now());
    let mut number = 0_u64;
    let mut last_shown = Instant::now();
    loop {
        let planes = match queue.recv_timeout(STARVED) {
            Ok(planes) => planes,
            Err(RecvTimeoutError::Timeout) if shared.stopped() => return,
            Err(RecvTimeoutError::Timeout) => {
                let held = shared.sound.held.swap(true, Ordering::AcqRel);
                if !held && number > 0 {
                    shared.report(Report::PictureStarving(true));
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => {
                shared.sound.held.store(false, Ordering::Release);
                return;
            }
        };
        if shared.sound.held.swap(false, Ordering::AcqRel) {
            let news = match number {
                0 => Report::Started,
                _ => Report::PictureStarving(false),
            };
            shared.report(news);
        }
        let (width, height) = planes.size();
        let mut frame = shared.screen.frame(width, height);
        planes.write_rgb(frame.bytes_mut(), matrix);
        // The reader may have enough, or have ended.
        let _ = back.try_send(planes.into_memory());
        let due = source.from + Duration::from_secs_f64(number as f64 / rate);
        // A decoder slower than time itself still shows a picture now and then.
        let overdue = last_shown.elapsed() > MAX_FREEZE;
        let shown = number == 0 || wait_for(shared, &mut clock, due, frame_time) || overdue;
        if shared.stopped() {
            return;
        }
        if shown {
            last_shown = Instant::now();
            shared.screen.show(frame);
            shared.shown.fetch_add(1, Ordering::Relaxed);
        } else {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        number += 1;
        shared.silence_until.store(
            samples_at(number + 1, rate * source.speed),
            Ordering::Release,
        );
    }
}

/// Samples that have sounded when a frame is due.
fn samples_at(number: u64, rate: f64) -> u64 {
    (number as f64 / rate * f64::from(SAMPLE_RATE)) as u64
}

/// A media time moved by milliseconds.
pub(in crate::player) fn later(time: Duration, milliseconds: i32) -> Duration {
    let by = Duration::from_millis(milliseconds.unsigned_abs().into());
    match milliseconds >= 0 {
        true => time + by,
        false => time.saturating_sub(by),
    }
}

/// Waits for a frame's time; says if it should be shown.
fn wait_for(shared: &Shared, clock: &mut Clock, due: Duration, frame_time: Duration) -> bool {
    loop {
        let paused = shared.sound.paused.load(Ordering::Acquire);
        let played = shared.sound.played.load(Ordering::Acquire);
        let time = later(
            clock.time(Instant::now(), played, paused),
            shared.sound_late(),
        );
        match judge(time, due, frame_time) {
            Verdict::Show => return true,
            Verdict::Drop => return false,
            Verdict::Wait(_) if shared.stopped() => return false,
            Verdict::Wait(wait) => shared.rest(wait.min(MAX_SLEEP)),
        }
    }
}
