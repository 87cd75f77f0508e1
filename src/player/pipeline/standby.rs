//! Decoders started before a seek needs them. Starting ffmpeg takes longer than decoding
//! the first picture; a standby pair, loaded and without an input, makes seeks fast.
//!
//! A standby ffmpeg has the arguments of any other but for its input: a list in the format
//! of ffconcat behind a [`DeferredResponse`]. The response is sent once the position is
//! known; the list then names file and position. Frames and samples come out as they
//! would with `-ss`: the list is read with `-copyts`, and frames between the key frame and
//! the position have negative times, which the filters cut off.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use engine::media::FileEntry;
use rtrb::Producer;

use crate::ffmpeg::{Decoder, probe_start};
use crate::http::{DeferredResponse, Gateway};
use crate::player::pipeline::shared::{Input, Shared, Source, SubtitleSource};
use crate::player::pipeline::{audio, video};

/// Containers in which ffmpeg seeks as precisely by a list as by `-ss`.
const CONTAINERS: [&str; 6] = ["mp4", "m4v", "mov", "mkv", "webm", "mk3d"];

/// Playing time before a pair is started: by then the file's own decoders have begun, and
/// a user who seeks several times has settled.
const SETTLED: Duration = Duration::from_secs(1);

/// Standby pair for the file that plays.
#[derive(Default)]
pub struct StandbyDecoders {
    pair: Option<StandbyPair>,
    /// Source that plays, and the time it started.
    playing: Option<(Source, Instant)>,
}

impl StandbyDecoders {
    /// Notes the start of a source; returns the pair if it can decode the source.
    pub fn take(&mut self, source: &Source) -> Option<StandbyPair> {
        self.playing = Some((source.clone(), Instant::now()));
        self.pair.take().filter(|pair| pair.fits(source))
    }

    /// Starts a pair for the file that plays, once it has settled.
    pub fn maintain(&mut self, entry: &FileEntry, ffprobe: &Path, gateway: &Gateway) {
        let Some((source, started)) = &self.playing else {
            return;
        };
        let settled = started.elapsed() > SETTLED;
        if self.pair.is_none() && settled && StandbyPair::supports(entry, source) {
            self.pair = Some(StandbyPair::new(source, ffprobe, gateway));
        }
    }
}

/// Command to a standby decoder.
pub struct Activation {
    /// Media time to start at.
    pub from: Duration,
    /// State of the pipeline that the decoder joins.
    pub shared: Arc<Shared>,
}

/// Video decoder and, if the file has sound, audio decoder, both without an input yet.
/// They end when the pair is dropped.
pub struct StandbyPair {
    source: Source,
    video: Sender<Activation>,
    audio: Option<Sender<(Activation, Producer<f32>)>>,
}

impl StandbyPair {
    /// True for films in common containers, unless the decoder of the pictures has to
    /// extract subtitles too.
    fn supports(entry: &FileEntry, source: &Source) -> bool {
        let name = entry.name.to_lowercase();
        let extension = name.rsplit('.').next().unwrap_or_default();
        source.video.is_some()
            && CONTAINERS.contains(&extension)
            && !matches!(source.subtitles, Some(SubtitleSource::Track(_)))
    }

    /// Starts decoders for any position of the source.
    fn new(source: &Source, ffprobe: &Path, gateway: &Gateway) -> Self {
        let source = without_position(source);
        let start = StartTime::new(ffprobe, &source);
        Self {
            video: spawn_video(source.clone(), start.clone(), gateway),
            audio: source
                .audio
                .map(|_| spawn_audio(source.clone(), start, gateway)),
            source,
        }
    }

    /// True if the pair can decode a source.
    pub fn fits(&self, source: &Source) -> bool {
        self.source == without_position(source)
    }

    /// Starts decoding pictures; false if the decoder has ended.
    pub fn activate_video(&self, activation: Activation) -> bool {
        self.video.send(activation).is_ok()
    }

    /// Starts decoding sound into a ring, which is returned if the decoder has ended.
    pub fn activate_audio(
        &self,
        activation: Activation,
        ring: Producer<f32>,
    ) -> Result<(), Producer<f32>> {
        match &self.audio {
            Some(audio) => audio.send((activation, ring)).map_err(|error| error.0.1),
            None => Err(ring),
        }
    }
}

/// Time at which the container starts to count, found once for both decoders.
#[derive(Clone)]
struct StartTime {
    ffprobe: PathBuf,
    url: String,
    seconds: Arc<OnceLock<Option<f64>>>,
}

impl StartTime {
    fn new(ffprobe: &Path, source: &Source) -> Self {
        Self {
            ffprobe: ffprobe.to_owned(),
            url: source.url.clone(),
            seconds: Arc::default(),
        }
    }

    /// Runs ffprobe unless the other decoder's thread has.
    fn get(&self) -> Option<f64> {
        let url = Path::new(&self.url);
        let probe = || probe_start(&self.ffprobe, url, &AtomicBool::new(false));
        *self.seconds.get_or_init(probe)
    }
}

fn spawn_video(source: Source, start: StartTime, gateway: &Gateway) -> Sender<Activation> {
    let (sender, activations) = channel::<Activation>();
    let (response, url) = gateway.deferred();
    std::thread::spawn(move || {
        let decoder = video::start(&source, &Input::List(url));
        let Some(start) = start.get() else {
            return;
        };
        // The pair was dropped: the decoder ends with this thread.
        let Ok(Activation { from, shared }) = activations.recv() else {
            return;
        };
        let source = Source { from, ..source };
        let decoder = decoder.ok();
        let decoder = decoder.filter(|video| activate(&video.decoder, response, start, &source));
        video::run(&source, decoder, &shared);
    });
    sender
}

fn spawn_audio(
    source: Source,
    start: StartTime,
    gateway: &Gateway,
) -> Sender<(Activation, Producer<f32>)> {
    let (sender, activations) = channel::<(Activation, Producer<f32>)>();
    let (response, url) = gateway.deferred();
    std::thread::spawn(move || {
        let decoder = audio::start(&source, &Input::List(url));
        let Some(start) = start.get() else {
            return;
        };
        let Ok((Activation { from, shared }, ring)) = activations.recv() else {
            return;
        };
        let source = Source { from, ..source };
        let decoder = decoder.ok();
        let decoder = decoder.filter(|(decoder, _)| activate(decoder, response, start, &source));
        audio::run(&source, decoder, ring, &shared);
    });
    sender
}

/// Sends the list to a standby decoder; false if it has ended.
fn activate(decoder: &Decoder, response: DeferredResponse, start: f64, source: &Source) -> bool {
    let runs = decoder.runs();
    if runs {
        response.resolve(list(&source.url, start, source.from));
    }
    runs
}

/// List that names a position of a file. Positions count as the container does, from
/// `start` seconds on.
fn list(url: &str, start: f64, from: Duration) -> String {
    let position = start + from.as_secs_f64();
    format!("ffconcat version 1.0\nfile '{url}'\ninpoint {position:.3}\n")
}

/// The source without its position. Sidecar subtitles have a decoder of their own.
fn without_position(source: &Source) -> Source {
    Source {
        from: Duration::ZERO,
        ..source.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_position_counts_from_the_container_start() {
        let position = Duration::from_millis(12_500);
        let url = "http://127.0.0.1:1/stream/x";
        let text = list(url, 20.0, position);
        assert!(text.starts_with("ffconcat version 1.0\nfile 'http://"));
        assert!(text.ends_with("inpoint 32.500\n"), "{text}");
        assert!(list(url, -0.02, position).ends_with("inpoint 12.480\n"));
    }
}
