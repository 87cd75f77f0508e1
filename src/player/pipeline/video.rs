//! Video half of a pipeline: ffmpeg → bounded queue → pacing → screen. One thread reads,
//! so that decoding runs ahead; another shows each frame at its time.

use std::io::{BufReader, PipeReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use engine::media::{ColourMatrix, MediaFailure};
use engine::player::read_cues;

use crate::ffmpeg::{Decoder, DecoderPipe, Planes, SpawnError};
use crate::player::pipeline::pacing::pace;
use crate::player::pipeline::shared::{Input, Shared, Source, SubtitleSource};

/// Decoded frames that wait: a fifth of a second at 30 a second, 8 MiB at 720p. Without
/// them the 64 KiB of a pipe would decode frame by frame.
const QUEUE: usize = 6;

/// Largest decoded picture. ffmpeg scales larger ones down, faster than the screen would.
const MAX_WIDTH: u32 = 1920;
const MAX_HEIGHT: u32 = 1080;

/// Frame rate at most, that of common screens.
const MAX_FPS: f64 = 60.0;

/// Frame rate of a file that does not state one.
const DEFAULT_FPS: f64 = 25.0;

/// Filters that map HDR to SDR (ITU-R BT.2100 to BT.709): to linear light, tone mapping,
/// and back. The colour tags are set because some files lack them.
const TO_SDR: &str = "setparams=color_primaries=bt2020:colorspace=bt2020nc,zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,\
     tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p,";

/// Bytes buffered for the header of a frame; the pixels go straight to their memory.
const HEADER_BUFFER: usize = 64;

/// Bytes of the pipe from ffmpeg: the largest size without privileges. The default would
/// block each side 40 times a frame.
const PIPE: usize = 1 << 20;

/// Frame rate of the decoded pictures.
pub(super) fn frame_rate(source: &Source) -> f64 {
    let millifps = source.video.as_ref().map_or(0, |video| video.millifps);
    match millifps {
        0 => DEFAULT_FPS,
        millifps => (f64::from(millifps) / 1000.0).min(MAX_FPS),
    }
}

/// Colour matrix of the decoded pictures.
pub(super) fn colour_matrix(source: &Source) -> ColourMatrix {
    match &source.video {
        Some(video) if !video.hdr => video.usual_matrix(),
        _ => ColourMatrix::Bt709,
    }
}

/// Arguments of ffmpeg: square pixels, bounded size, constant frame rate, so that the
/// number of a frame is its time. Frames between the key frame and the position are
/// decoded but not written.
fn arguments(source: &Source, input: &Input) -> Vec<String> {
    let video = source.video.as_ref();
    let interlaced = video.is_some_and(|video| video.interlaced);
    let hdr = video.is_some_and(|video| video.hdr);
    // The screen converts from the other matrices itself.
    let converted = match colour_matrix(source) {
        ColourMatrix::Other => ":out_color_matrix=bt709",
        _ => "",
    };
    let filter = format!(
        "trim=start=0,{}scale='if(gt(sar,0),iw*sar,iw)':ih,setsar=1,\
         scale='min({MAX_WIDTH},iw)':'min({MAX_HEIGHT},ih)':force_original_aspect_ratio=decrease\
         :force_divisible_by=2:out_range=tv{converted},\
         {}fps={}:start_time=0",
        if interlaced {
            "yadif=deint=interlaced,"
        } else {
            ""
        },
        if hdr { TO_SDR } else { "" },
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

/// Result of decoding.
#[derive(Debug)]
struct Decoded {
    /// True without a single frame.
    empty: bool,
    /// First failure that ffmpeg reported.
    failure: Option<MediaFailure>,
}

/// Started decoder and its outputs.
pub(super) struct VideoDecoder {
    pub(super) decoder: Decoder,
    pipe: DecoderPipe,
    /// SRT of a subtitle track of the same file.
    cues: Option<PipeReader>,
}

/// Starts ffmpeg.
pub(super) fn start(source: &Source, input: &Input) -> Result<VideoDecoder, SpawnError> {
    let arguments = arguments(source, input);
    let arguments = arguments.iter().map(String::as_str);
    let pipes = match &source.subtitles {
        Some(SubtitleSource::Track(_)) => Some(std::io::pipe().map_err(SpawnError::Failed)?),
        _ => None,
    };
    let (cues, third) = pipes.unzip();
    let (decoder, pipe) = Decoder::spawn_with(&source.ffmpeg, arguments, third)?;
    Ok(VideoDecoder {
        decoder,
        pipe,
        cues,
    })
}

/// Decodes and shows pictures, with a standby decoder if there is one, and reports the
/// result.
pub(super) fn run(source: &Source, standby: Option<VideoDecoder>, shared: &Arc<Shared>) {
    match decode(source, standby, shared) {
        Ok(decoded) if decoded.empty => shared.report_no_data(decoded.failure),
        Ok(decoded) => shared.keep_failure(decoded.failure),
        Err(error) => shared.report_spawn_error(error),
    }
    shared.end_video();
}

/// Decodes and shows pictures until the end or a stop.
fn decode(
    source: &Source,
    standby: Option<VideoDecoder>,
    shared: &Arc<Shared>,
) -> Result<Decoded, SpawnError> {
    if let Some(SubtitleSource::Sidecar(url)) = source.subtitles.clone() {
        let (ffmpeg, shared) = (source.ffmpeg.clone(), shared.clone());
        std::thread::spawn(move || read_sidecar(&ffmpeg, &url, &shared));
    }
    let is_standby = standby.is_some();
    let started = match standby {
        Some(started) => started,
        None => start(source, &Input::of(source))?,
    };
    let VideoDecoder {
        decoder,
        pipe,
        cues,
    } = started;
    shared.register(decoder.killer());
    if let Some(cues) = cues {
        let (shared, from) = (shared.clone(), source.from);
        let reader = BufReader::new(cues);
        std::thread::spawn(move || read_cues(reader, from, |cue| shared.add_cue(cue)));
    }
    // The default size is enough if the kernel refuses a larger one.
    let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
    let (frames, queue) = sync_channel(QUEUE);
    let (recycle, recycled) = sync_channel(QUEUE);
    let pacing = {
        let shared = shared.clone();
        let source = source.clone();
        std::thread::spawn(move || pace(&queue, &recycle, &shared, &source))
    };
    let pipe = BufReader::with_capacity(HEADER_BUFFER, pipe);
    let any = read_frames(pipe, shared, &frames, &recycled);
    drop(frames);
    let failure = decoder.finish();
    // A panic of the pacing thread aborts the process.
    let _ = pacing.join();
    if is_standby && !any && !shared.stopped() {
        // A standby decoder may fail where a new one does not.
        return decode(source, None, shared);
    }
    Ok(Decoded {
        empty: !any,
        failure,
    })
}

/// Reads all of a subtitle file: a few kilobytes, with times from the start of the film.
/// Without it the film plays without subtitles.
fn read_sidecar(ffmpeg: &Path, url: &str, shared: &Shared) {
    let arguments = [
        "-i", url, "-map", "0:s:0", "-c:s", "srt", "-f", "srt", "pipe:1",
    ];
    let Ok((decoder, pipe)) = Decoder::spawn(ffmpeg, arguments) else {
        return;
    };
    shared.register(decoder.killer());
    let reader = BufReader::new(pipe);
    read_cues(reader, Duration::ZERO, |cue| shared.add_cue(cue));
    if let Some(failure) = decoder.finish() {
        tracing::warn!(?failure, "subtitle file unreadable");
    }
}

/// Reads frames into recycled memory; true if there was any frame.
fn read_frames(
    mut pipe: BufReader<impl Read>,
    shared: &Shared,
    frames: &SyncSender<Planes>,
    recycled: &Receiver<Vec<u8>>,
) -> bool {
    let mut any = false;
    while !shared.stopped() {
        let memory = recycled.try_recv().unwrap_or_default();
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
