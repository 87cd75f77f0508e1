//! Decoders started before they are needed. To start ffmpeg takes longer than to decode
//! the first picture; a pair that waits, loaded and without an input, makes a jump
//! quick.
//!
//! An ffmpeg that waits has the same arguments as one that does not, but for its input:
//! a list in ffconcat's format behind a [`DeferredResponse`]. When it is known where to begin, the
//! door opens and the list names the film and that place. Frames and samples come out
//! as they would with `-ss`: the list is read with `-copyts`, and what lies between the
//! key frame and the place has a negative time and is cut off by the filters.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::media::FileEntry;

use crate::ffmpeg::Decoder;
use crate::ffmpeg::probe_start;
use crate::http::{DeferredResponse, Gateway};
use crate::player::pipeline::{Shared, Source, SubtitleSource, picture, seconds, sound};
use crate::player::pipeline::{audio, video};

/// Containers that ffmpeg goes to a place of as precisely by a list as without one.
const CONTAINERS: [&str; 6] = ["mp4", "m4v", "mov", "mkv", "webm", "mk3d"];

/// Where ffmpeg reads from.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// From a place of a file.
    File(String, Duration),
    /// From what a list says that is read from here.
    List(String),
}

impl Input {
    /// From where the source says.
    pub fn of(source: &Source) -> Self {
        Self::File(source.url.clone(), source.from)
    }

    /// As arguments of ffmpeg.
    pub fn arguments(&self) -> Vec<String> {
        let (before, url) = match self {
            Self::File(url, from) => (vec!["-ss".into(), seconds(*from)], url),
            Self::List(url) => {
                let list = "-copyts -f concat -safe 0 -protocol_whitelist http,tcp";
                (list.split(' ').map(str::to_owned).collect(), url)
            }
        };
        let input = ["-i".to_owned(), url.clone()];
        before.into_iter().chain(input).collect()
    }
}

/// The list that names a place of a file. It counts as the container does, whose time
/// may begin at another `start` than 0, in seconds.
fn list(url: &str, start: f64, from: Duration) -> String {
    let place = start + from.as_secs_f64();
    format!("ffconcat version 1.0\nfile '{url}'\ninpoint {place:.3}\n")
}

/// Where the container's time begins.
fn start_of(ffprobe: &Path, source: &Source) -> Option<f64> {
    probe_start(ffprobe, Path::new(&source.url), &AtomicBool::new(false))
}

/// What a decoder that waits is told when it is wanted.
pub(super) struct Activation {
    /// Where to begin.
    pub from: Duration,
    /// The pipeline it is now of.
    pub shared: Arc<Shared>,
}

/// A pair of decoders that wait.
pub struct StandbyDecoders {
    source: Source,
    pub(super) picture: Sender<Activation>,
    pub(super) sound: Option<Sender<(Activation, rtrb::Producer<f32>)>>,
}

impl StandbyDecoders {
    /// Whether a source can have one: films of usual containers, but not with subtitles
    /// that come out of the same ffmpeg.
    pub fn can_be_of(entry: &FileEntry, source: &Source) -> bool {
        let name = entry.name.to_lowercase();
        let extension = name.rsplit('.').next().unwrap_or_default();
        source.video.is_some()
            && CONTAINERS.contains(&extension)
            && !matches!(source.subtitles, Some(SubtitleSource::Track(_)))
    }

    /// Starts decoders that wait, for whatever place of the source.
    pub fn new(source: &Source, ffprobe: &Path, gateway: &Gateway) -> Self {
        let source = anywhere(source);
        // Found out by whichever of the two comes to it first.
        let begins = Arc::new(OnceLock::new());
        let (turn, turns) = channel::<Activation>();
        let (door, url) = gateway.door();
        let (own, probe, known) = (source.clone(), ffprobe.to_owned(), begins.clone());
        std::thread::spawn(move || {
            let started = video::start(&own, &Input::List(url));
            let Some(start) = *known.get_or_init(|| start_of(&probe, &own)) else {
                return;
            };
            // Nobody wants it any more: it ends with this thread.
            let Ok(Activation { from, shared }) = turns.recv() else {
                return;
            };
            let source = Source { from, ..own };
            let ready = started.ok();
            let ready = ready.filter(|started| admit(&started.decoder, door, start, &source));
            picture(&source, ready, &shared);
        });
        let sound = source.audio.map(|_| {
            let (turn, turns) = channel::<(Activation, rtrb::Producer<f32>)>();
            let (door, url) = gateway.door();
            let (own, probe) = (source.clone(), ffprobe.to_owned());
            std::thread::spawn(move || {
                let started = audio::start(&own, &Input::List(url));
                let Some(start) = *begins.get_or_init(|| start_of(&probe, &own)) else {
                    return;
                };
                let Ok((Activation { from, shared }, samples)) = turns.recv() else {
                    return;
                };
                let source = Source { from, ..own };
                let ready = started.ok();
                let ready = ready.filter(|(decoder, _)| admit(decoder, door, start, &source));
                sound(&source, ready, samples, &shared);
            });
            turn
        });
        Self {
            source,
            picture: turn,
            sound,
        }
    }

    /// Whether it can decode a source.
    pub fn fits(&self, source: &Source) -> bool {
        self.source == anywhere(source)
    }
}

/// The source without its place. Subtitles of their own file have a decoder of theirs.
fn anywhere(source: &Source) -> Source {
    Source {
        from: Duration::ZERO,
        ..source.clone()
    }
}

/// Lets a decoder that waits begin; false if it has ended meanwhile.
fn admit(decoder: &Decoder, door: DeferredResponse, start: f64, source: &Source) -> bool {
    let runs = decoder.runs();
    if runs {
        door.open(list(&source.url, start, source.from));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_counts_as_the_container_does() {
        let place = Duration::from_millis(12_500);
        let url = "http://127.0.0.1:1/stream/x";
        let text = list(url, 20.0, place);
        assert!(text.starts_with("ffconcat version 1.0\nfile 'http://"));
        assert!(text.ends_with("inpoint 32.500\n"), "{text}");
        assert!(list(url, -0.02, place).ends_with("inpoint 12.480\n"));
    }
}
