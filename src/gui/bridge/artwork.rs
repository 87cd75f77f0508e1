//! Posters, storyboards and waveforms: fetched from the swarm, decoded, and kept for
//! the window as long as there is room.
//!
//! The window asks for what it is about to show. What is asked for last is fetched
//! first, since it is what is seen now; what is long out of sight is dropped.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::ids::FileId;
use engine::media::SidecarRole;
use lru::LruCache;
use slint::{ComponentHandle, Image, Rgb8Pixel, Rgba8Pixel, SharedPixelBuffer};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::gui::bridge::screen::WindowScreen;
use crate::gui::models::playback::View;
use crate::gui::ui::{AppWindow, LibraryAdapter, PlayerAdapter};
use crate::gui::window::view;
use crate::handles::ActorHandles;
use crate::scheduler::read_sidecar;

/// Pictures fetched at once: they are small, and a film plays meanwhile.
const AT_ONCE: usize = 3;

/// Pictures that wait; hardly a window shows more at once.
const MAX_WAITING: usize = 250;

/// Bytes of pictures kept decoded: some 300 posters, more than a large window shows.
const MAX_KEPT: usize = 96 << 20;

/// Longest wait for one picture; then it is somebody else's turn.
const PATIENCE: Duration = Duration::from_secs(15);

/// Time after which what could not be had is asked for again.
const AGAIN: Duration = Duration::from_secs(30);

/// Largest poster that is decoded, in pixels.
const MAX_POSTER: (usize, usize) = (800, 800);

/// Largest storyboard: ten tall pictures in each of ten rows.
const MAX_SHEET: (usize, usize) = (1600, 3200);

/// Film that is here ahead of the playhead before anything else is fetched.
const ENOUGH: Duration = Duration::from_secs(8);

/// Height of a waveform's picture, in pixels.
const WAVE_HEIGHT: u32 = 64;

/// Bars of a waveform, and pixels from one to the next.
const WAVE_BARS: u32 = 140;
const WAVE_PITCH: u32 = 4;

/// A picture in memory that may cross threads.
#[derive(Debug, Clone)]
pub enum Pixels {
    /// A photograph.
    Opaque(SharedPixelBuffer<Rgb8Pixel>),
    /// A shape, to be coloured.
    Shape(SharedPixelBuffer<Rgba8Pixel>),
}

/// What came of a wish.
#[derive(Debug, Clone)]
pub struct Art {
    /// Which sidecar.
    pub id: FileId,
    /// The picture, or why there is none.
    pub found: Found,
}

/// What came of asking for a picture.
#[derive(Debug, Clone)]
pub enum Found {
    /// Here it is.
    Here(Pixels),
    /// It cannot be had now.
    Missing,
    /// Others were asked for later, and it was never looked for.
    Dropped,
}

/// Asks for the picture of a sidecar.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct WantArt {
    /// Its id.
    pub id: FileId,
    /// What it is.
    pub role: SidecarRole,
}

/// The actor that fetches.
pub struct Artwork {
    sources: ActorHandles,
    screen: WindowScreen,
    waiting: VecDeque<WantArt>,
    fetching: HashSet<FileId>,
}

impl Artwork {
    /// Fetches from these for that window.
    pub fn new(sources: ActorHandles, screen: WindowScreen) -> Self {
        Self {
            sources,
            screen,
            waiting: VecDeque::new(),
            fetching: HashSet::new(),
        }
    }

    fn next(&mut self, ctx: &mut Context<Self>) {
        while self.fetching.len() < AT_ONCE {
            let Some(WantArt { id, role }) = self.waiting.pop_back() else {
                return;
            };
            self.fetching.insert(id);
            let made = make(self.sources.clone(), id, role);
            let made = tokio::time::timeout(PATIENCE, made);
            ctx.spawn(made.into_actor(self).map(move |made, actor, ctx| {
                actor.fetching.remove(&id);
                let found = made.ok().flatten().map_or(Found::Missing, Found::Here);
                actor.screen.art(Art { id, found });
                actor.next(ctx);
            }));
        }
    }
}

async fn make(sources: ActorHandles, id: FileId, role: SidecarRole) -> Option<Pixels> {
    let ActorHandles {
        announcer,
        streams,
        store,
        ..
    } = sources;
    let read = read_sidecar(&announcer, &streams, store, id).await;
    let bytes = read
        .inspect_err(|error| tracing::debug!(%error, ?role, "no picture"))
        .ok()?;
    let decode = move || match role {
        SidecarRole::Poster => photograph(&bytes, MAX_POSTER).map(Pixels::Opaque),
        SidecarRole::Storyboard => photograph(&bytes, MAX_SHEET).map(Pixels::Opaque),
        SidecarRole::Waveform => Some(Pixels::Shape(waveform(&bytes))),
        SidecarRole::Subtitles => None,
    };
    let decoded = actix_rt::task::spawn_blocking(decode).await;
    decoded.ok().flatten()
}

/// Decodes a JPEG; `None` for anything else, and for one that is too large.
fn photograph(bytes: &[u8], most: (usize, usize)) -> Option<SharedPixelBuffer<Rgb8Pixel>> {
    let options = DecoderOptions::default()
        .set_max_width(most.0)
        .set_max_height(most.1)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let whole = pixels.len() as u64 == u64::from(width) * u64::from(height) * 3;
    whole.then(|| SharedPixelBuffer::clone_from_slice(&pixels, width, height))
}

/// Bars around the middle, a gap after each; the loudest reaches the edge.
pub fn waveform(peaks: &[u8]) -> SharedPixelBuffer<Rgba8Pixel> {
    let loudest = peaks.iter().copied().max().unwrap_or(0).max(1);
    let part = |bar: u32| {
        let at = |bar: u32| bar as usize * peaks.len() / WAVE_BARS as usize;
        let part = &peaks[at(bar)..at(bar + 1).max(at(bar) + 1).min(peaks.len())];
        part.iter().copied().max().unwrap_or(0)
    };
    let half = |bar: u32| (u32::from(part(bar)) * WAVE_HEIGHT / 2 / u32::from(loudest)).max(1);
    let halves: Vec<u32> = match peaks {
        [] => vec![1; WAVE_BARS as usize],
        _ => (0..WAVE_BARS).map(half).collect(),
    };
    let (width, middle) = (WAVE_BARS * WAVE_PITCH, WAVE_HEIGHT / 2);
    let mut pixels = SharedPixelBuffer::new(width, WAVE_HEIGHT);
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = (index as u32 % width, index as u32 / width);
        let half = halves[(x / WAVE_PITCH) as usize];
        let bar = x % WAVE_PITCH != WAVE_PITCH - 1 && y + half >= middle && y < middle + half;
        *pixel = Rgba8Pixel::new(255, 255, 255, if bar { 255 } else { 0 });
    }
    pixels
}

impl Actor for Artwork {
    type Context = Context<Self>;
}

impl Handler<WantArt> for Artwork {
    type Result = ();

    fn handle(&mut self, want: WantArt, ctx: &mut Context<Self>) {
        if self.fetching.contains(&want.id) {
            return;
        }
        self.waiting.retain(|waiting| waiting.id != want.id);
        self.waiting.push_back(want);
        if self.waiting.len() > MAX_WAITING
            && let Some(dropped) = self.waiting.pop_front()
        {
            let (id, found) = (dropped.id, Found::Dropped);
            self.screen.art(Art { id, found });
        }
        self.next(ctx);
    }
}

/// What the window has of pictures, on its own thread.
struct Shelf {
    /// The least lately shown first to go; bounded by their bytes.
    kept: LruCache<FileId, Image>,
    bytes: usize,
    asked: HashMap<FileId, Instant>,
    actor: Option<Addr<Artwork>>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            kept: LruCache::unbounded(),
            bytes: 0,
            asked: HashMap::new(),
            actor: None,
        }
    }
}

/// Bytes of a picture, as if each pixel had four.
fn weight(image: &Image) -> usize {
    let size = image.size();
    size.width as usize * size.height as usize * 4
}

impl Shelf {
    /// The picture of a sidecar, if it is here; else it is asked for.
    pub fn picture(&mut self, id: FileId, role: SidecarRole, now: Instant) -> Option<Image> {
        if let Some(image) = self.kept.get(&id) {
            return Some(image.clone());
        }
        let asked = self.asked.get(&id);
        let again = asked.is_none_or(|asked| now.saturating_duration_since(*asked) >= AGAIN);
        if again {
            self.asked.insert(id, now);
            if let Some(actor) = &self.actor {
                actor.do_send(WantArt { id, role });
            }
        }
        None
    }

    /// Takes in what came.
    pub fn put(&mut self, art: Art) {
        let image = match art.found {
            Found::Here(Pixels::Opaque(pixels)) => Image::from_rgb8(pixels),
            Found::Here(Pixels::Shape(pixels)) => Image::from_rgba8(pixels),
            Found::Missing => return,
            Found::Dropped => {
                self.asked.remove(&art.id);
                return;
            }
        };
        self.asked.remove(&art.id);
        self.bytes += weight(&image);
        if let Some(before) = self.kept.put(art.id, image) {
            self.bytes -= weight(&before);
        }
        while self.bytes > MAX_KEPT
            && let Some((_, image)) = self.kept.pop_lru()
        {
            self.bytes -= weight(&image);
        }
    }
}

thread_local! {
    /// Of the main thread, apart from what else it shows: pictures are asked for
    /// while that is being changed.
    static SHELF: RefCell<Shelf> = RefCell::default();
}

/// From now on what is not here is fetched.
pub fn connect(actor: Addr<Artwork>) {
    SHELF.with_borrow_mut(|shelf| shelf.actor = Some(actor));
}

/// Lets the window show pictures.
pub(crate) fn attach(app: &AppWindow) {
    app.global::<LibraryAdapter>().on_poster(|id, _| {
        let id: Option<FileId> = id.parse().ok();
        let poster = id.and_then(|id| {
            let (role, now) = (SidecarRole::Poster, Instant::now());
            SHELF.with_borrow_mut(|shelf| shelf.picture(id, role, now))
        });
        poster.unwrap_or_default()
    });
    let weak = app.as_weak();
    app.global::<PlayerAdapter>()
        .on_request_storyboard(move || {
            if let Some(app) = weak.upgrade() {
                let view = view();
                view.borrow_mut().storyboard_wanted = true;
                beside_the_film(&app, &view.borrow());
            }
        });
}

/// Takes in pictures that came.
pub fn arrived(app: &AppWindow, arts: Vec<Art>) {
    SHELF.with_borrow_mut(|shelf| arts.into_iter().for_each(|art| shelf.put(art)));
    let adapter = app.global::<LibraryAdapter>();
    adapter.set_art_version(adapter.get_art_version().wrapping_add(1));
    beside_the_film(app, &view().borrow());
}

/// What plays is far ahead enough: now its storyboard may be fetched.
pub(crate) fn when_there_is_time(app: &AppWindow, view: &mut View) {
    if view.storyboard_wanted {
        return;
    }
    let shared = view.overview.library.shared.iter();
    let ours = |id: FileId| shared.clone().any(|shared| shared.entry.id == id);
    let there = view.current.is_some_and(|id| match view.stream_of(id) {
        Some(stream) => stream.buffer >= ENOUGH,
        None => ours(id),
    });
    if there {
        view.storyboard_wanted = true;
        beside_the_film(app, view);
    }
}

/// The storyboard or waveform of what plays, once it is wanted.
pub(crate) fn beside_the_film(app: &AppWindow, view: &View) {
    let adapter = app.global::<PlayerAdapter>();
    let named = |role| {
        let entry = view.playing.as_ref().filter(|_| view.storyboard_wanted)?;
        entry.info.sidecar(role)
    };
    let picture = |role| {
        let id = named(role)?.id;
        SHELF.with_borrow_mut(|shelf| shelf.picture(id, role, Instant::now()))
    };
    let pictures = named(SidecarRole::Storyboard).map_or(0, |sidecar| sidecar.pictures);
    adapter.set_storyboard_frames(i32::try_from(pictures).unwrap_or(0));
    adapter.set_storyboard(picture(SidecarRole::Storyboard).unwrap_or_default());
    adapter.set_waveform(picture(SidecarRole::Waveform).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waveform_is_drawn_around_the_middle() {
        let pixels = waveform(&[0, 100]);
        let (width, height) = (pixels.width(), pixels.height());
        assert_eq!((width, height), (WAVE_BARS * WAVE_PITCH, WAVE_HEIGHT));
        let filled = |x: u32| {
            let column = pixels.as_slice().iter().skip(x as usize);
            let column = column.step_by(width as usize);
            column.filter(|pixel| pixel.a > 0).count()
        };
        assert_eq!(
            [filled(0), filled(WAVE_PITCH - 1), filled(width - 2)],
            [2, 0, 64]
        );
        assert_eq!(waveform(&[]).width(), width);
    }

    #[test]
    fn what_is_no_picture_is_none() {
        assert!(photograph(b"\xff\xd8 no picture", MAX_POSTER).is_none());
        assert!(photograph(b"", MAX_POSTER).is_none());
    }

    #[test]
    fn what_came_is_there_and_what_did_not_is_asked_for_again_later() {
        let mut shelf = Shelf::default();
        let (id, role) = (FileId([1; 32]), SidecarRole::Poster);
        let start = Instant::now();
        let asks = |shelf: &mut Shelf, after: Duration| {
            let before = shelf.asked.get(&id).copied();
            assert!(shelf.picture(id, role, start + after).is_none());
            shelf.asked.get(&id).copied() != before
        };
        assert!(asks(&mut shelf, Duration::ZERO));
        let found = Found::Missing;
        shelf.put(Art { id, found });
        assert!(!asks(&mut shelf, AGAIN / 2), "not again and again");
        assert!(asks(&mut shelf, AGAIN));
        let found = Found::Dropped;
        shelf.put(Art { id, found });
        assert!(asks(&mut shelf, AGAIN), "at once, as nobody looked for it");
        let found = Found::Here(Pixels::Opaque(SharedPixelBuffer::new(2, 2)));
        shelf.put(Art { id, found });
        assert!(shelf.picture(id, role, start).is_some());
    }

    #[test]
    fn pictures_are_bounded_by_their_bytes() {
        let mut shelf = Shelf::default();
        let id = |number: u8| FileId([number; 32]);
        for number in 0..40 {
            let found = Found::Here(Pixels::Opaque(SharedPixelBuffer::new(1600, 900)));
            let id = id(number);
            shelf.put(Art { id, found });
            shelf.picture(FileId([0; 32]), SidecarRole::Storyboard, Instant::now());
        }
        assert!(shelf.bytes <= MAX_KEPT && shelf.bytes > MAX_KEPT / 2);
        assert!(shelf.kept.contains(&id(0)), "it was looked at all the time");
        assert!(!shelf.kept.contains(&id(1)));
    }
}
