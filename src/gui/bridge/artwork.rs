//! Loads posters, storyboards and waveforms from the swarm and decodes them.
//!
//! The window requests what it is about to show. The latest request is served first:
//! it is what is visible now. The oldest requests are evicted.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use actix::prelude::*;
use engine::ids::FileId;
use engine::media::SidecarRole;
use slint::{Rgb8Pixel, Rgba8Pixel, SharedPixelBuffer};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::screen::WindowScreen;
use crate::gui::models::artwork_cache::{Art, ArtResult, Pixels};
use crate::handles::ActorHandles;
use crate::scheduler::read_sidecar;

/// Parallel downloads: the files are small, and a film plays meanwhile.
const PARALLEL: usize = 3;

/// Waiting requests; hardly a window shows more pictures at once.
const MAX_WAITING: usize = 250;

/// Time limit of one download.
const LOAD_LIMIT: Duration = Duration::from_secs(15);

/// Largest poster that is decoded, in pixels.
const MAX_POSTER: (usize, usize) = (800, 800);

/// Largest storyboard: ten rows of ten pictures in portrait format.
const MAX_STORYBOARD: (usize, usize) = (1600, 3200);

/// Height of a waveform's picture, in pixels.
const WAVE_HEIGHT: u32 = 64;

/// Bars of a waveform.
const WAVE_BARS: u32 = 140;

/// Pixels from one bar to the next; the last one is a gap.
const WAVE_PITCH: u32 = 4;

/// Requests the picture of a sidecar. The answer goes to the screen.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct RequestArt {
    /// Id of the sidecar.
    pub id: FileId,
    /// Kind of the sidecar.
    pub role: SidecarRole,
}

/// Actor that loads pictures.
pub struct Artwork {
    actors: ActorHandles,
    screen: WindowScreen,
    waiting: VecDeque<RequestArt>,
    loading: HashSet<FileId>,
}

impl Artwork {
    /// Loads pictures for a window.
    pub fn new(actors: ActorHandles, screen: WindowScreen) -> Self {
        Self {
            actors,
            screen,
            waiting: VecDeque::new(),
            loading: HashSet::new(),
        }
    }

    fn load_next(&mut self, ctx: &mut Context<Self>) {
        while self.loading.len() < PARALLEL {
            let Some(RequestArt { id, role }) = self.waiting.pop_back() else {
                return;
            };
            self.loading.insert(id);
            let loaded = load(self.actors.clone(), id, role);
            let loaded = tokio::time::timeout(LOAD_LIMIT, loaded);
            ctx.spawn(loaded.into_actor(self).map(move |loaded, actor, ctx| {
                actor.loading.remove(&id);
                let loaded = loaded.ok().flatten();
                let result = loaded.map_or(ArtResult::Unavailable, ArtResult::Loaded);
                actor.screen.art(Art { id, result });
                actor.load_next(ctx);
            }));
        }
    }
}

async fn load(actors: ActorHandles, id: FileId, role: SidecarRole) -> Option<Pixels> {
    let ActorHandles {
        announcer,
        streams,
        store,
        ..
    } = actors;
    let read = read_sidecar(&announcer, &streams, store, id).await;
    let bytes = read
        .inspect_err(|error| tracing::debug!(%error, ?role, "artwork unavailable"))
        .ok()?;
    let decode = move || match role {
        SidecarRole::Poster => decode_jpeg(&bytes, MAX_POSTER).map(Pixels::Opaque),
        SidecarRole::Storyboard => decode_jpeg(&bytes, MAX_STORYBOARD).map(Pixels::Opaque),
        SidecarRole::Waveform => Some(Pixels::Shape(waveform(&bytes))),
        SidecarRole::Subtitles => None,
    };
    let decoded = actix_rt::task::spawn_blocking(decode).await;
    decoded.ok().flatten()
}

/// Decodes a JPEG; `None` for another format or one that is too large.
fn decode_jpeg(bytes: &[u8], limit: (usize, usize)) -> Option<SharedPixelBuffer<Rgb8Pixel>> {
    let options = DecoderOptions::default()
        .set_max_width(limit.0)
        .set_max_height(limit.1)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let complete = pixels.len() as u64 == u64::from(width) * u64::from(height) * 3;
    complete.then(|| SharedPixelBuffer::clone_from_slice(&pixels, width, height))
}

/// Draws a waveform: bars around the middle line, scaled so that the loudest reaches the
/// edge.
pub fn waveform(peaks: &[u8]) -> SharedPixelBuffer<Rgba8Pixel> {
    let loudest = peaks.iter().copied().max().unwrap_or(0).max(1);
    let peak = |bar: u32| {
        let at = |bar: u32| bar as usize * peaks.len() / WAVE_BARS as usize;
        let part = &peaks[at(bar)..at(bar + 1).max(at(bar) + 1).min(peaks.len())];
        part.iter().copied().max().unwrap_or(0)
    };
    let half = |bar: u32| (u32::from(peak(bar)) * WAVE_HEIGHT / 2 / u32::from(loudest)).max(1);
    let halves: Vec<u32> = match peaks {
        [] => vec![1; WAVE_BARS as usize],
        _ => (0..WAVE_BARS).map(half).collect(),
    };
    let (width, middle) = (WAVE_BARS * WAVE_PITCH, WAVE_HEIGHT / 2);
    let mut pixels = SharedPixelBuffer::new(width, WAVE_HEIGHT);
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = (index as u32 % width, index as u32 / width);
        let half = halves[(x / WAVE_PITCH) as usize];
        let in_gap = x % WAVE_PITCH == WAVE_PITCH - 1;
        let in_bar = !in_gap && y + half >= middle && y < middle + half;
        *pixel = Rgba8Pixel::new(255, 255, 255, if in_bar { 255 } else { 0 });
    }
    pixels
}

impl Actor for Artwork {
    type Context = Context<Self>;
}

impl Handler<RequestArt> for Artwork {
    type Result = ();

    fn handle(&mut self, request: RequestArt, ctx: &mut Context<Self>) {
        if self.loading.contains(&request.id) {
            return;
        }
        self.waiting.retain(|waiting| waiting.id != request.id);
        self.waiting.push_back(request);
        if self.waiting.len() > MAX_WAITING
            && let Some(RequestArt { id, .. }) = self.waiting.pop_front()
        {
            let result = ArtResult::Evicted;
            self.screen.art(Art { id, result });
        }
        self.load_next(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waveform_is_drawn_around_the_middle() {
        let pixels = waveform(&[0, 100]);
        let (width, height) = (pixels.width(), pixels.height());
        assert_eq!((width, height), (WAVE_BARS * WAVE_PITCH, WAVE_HEIGHT));
        let filled = |x: u32| {
            let column = pixels.as_slice().iter().skip(x as usize);
            let column = column.step_by(width as usize);
            column.filter(|pixel| pixel.a > 0).count()
        };
        let filled = [filled(0), filled(WAVE_PITCH - 1), filled(width - 2)];
        assert_eq!(filled, [2, 0, 64]);
        assert_eq!(waveform(&[]).width(), width);
    }

    #[test]
    fn invalid_jpeg_is_rejected() {
        assert!(decode_jpeg(b"\xff\xd8 no picture", MAX_POSTER).is_none());
        assert!(decode_jpeg(b"", MAX_POSTER).is_none());
    }
}
