//! Snapshots of the window: indexed PNG files, compared with the rendered window.
//!
//! References are in `tests/snapshots/`; `BLESS_SNAPSHOTS=1` writes them again, to be
//! reviewed before they are committed.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;

use slint::ComponentHandle;
use swarmplay::gui::ui::AppWindow;

use super::view::settle;

type Rgb = [u8; 3];

/// Difference of a channel, of 255, that makes a pixel differ. The palette of a
/// reference uses up to `MAX_PALETTE_ERROR` of it.
const OTHER: u8 = 40;

/// Share of pixels that may differ: edges of letters.
const TOLERANCE: f64 = 0.001;

/// Largest difference between a channel and the palette, of 255.
const MAX_PALETTE_ERROR: u8 = 12;

/// Pixels of a picture, row by row.
struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<Rgb>,
}

/// Compares the window with its reference, or writes the reference.
pub fn check(app: &AppWindow, name: &str) {
    let rendered = Picture::render(app);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/snapshots/{name}.png"));
    if std::env::var_os("BLESS_SNAPSHOTS").is_some() {
        return rendered.write(&path);
    }
    let expected = Picture::read(&path);
    let size = |picture: &Picture| (picture.width, picture.height);
    assert_eq!(size(&rendered), size(&expected), "{name}: another size");
    let differs = |(a, b): &(&Rgb, &Rgb)| difference(a, b) > OTHER;
    let pairs = rendered.pixels.iter().zip(&expected.pixels);
    let share = pairs.filter(differs).count() as f64 / expected.pixels.len() as f64;
    assert!(
        share <= TOLERANCE,
        "{name}: {:.2} % of the pixels differ",
        share * 100.0
    );
}

/// Writes a picture of the window to `target/tmp/gallery/`.
pub fn add_to_gallery(app: &AppWindow, name: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    fs::create_dir_all(&folder).expect("writes");
    Picture::render(app).write(&folder.join(format!("{name}.png")));
}

impl Picture {
    fn render(app: &AppWindow) -> Self {
        settle();
        let rendered = app.window().take_snapshot().expect("renders");
        Self {
            width: rendered.width(),
            height: rendered.height(),
            pixels: rendered
                .as_slice()
                .iter()
                .map(|pixel| [pixel.r, pixel.g, pixel.b])
                .collect(),
        }
    }

    fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("fits")];
        let info = reader.next_frame(&mut bytes).expect("PNG");
        assert_eq!(info.color_type, png::ColorType::Rgb, "{}", path.display());
        Self {
            width: info.width,
            height: info.height,
            pixels: bytes.as_chunks().0.to_vec(),
        }
    }

    fn write(&self, path: &Path) {
        let (palette, indices) = quantise(&self.pixels);
        let error = self
            .pixels
            .iter()
            .zip(&indices)
            .map(|(pixel, index)| difference(pixel, &palette[usize::from(*index)]))
            .max();
        assert!(error <= Some(MAX_PALETTE_ERROR), "{error:?} off");
        let file = BufWriter::new(File::create(path).expect("writes"));
        let mut encoder = png::Encoder::new(file, self.width, self.height);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette.concat());
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header().expect("writes");
        writer.write_image_data(&indices).expect("writes");
        writer.finish().expect("writes");
    }
}

fn difference(a: &Rgb, b: &Rgb) -> u8 {
    let differences = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    differences.max().expect("three channels")
}

/// Divides the colours into at most 256 boxes by halving the longest, and
/// represents each box by its centre. This bounds the error of every pixel.
/// Quantisers made for photographs minimise the mean error instead, which loses
/// the few pixels of an icon.
fn quantise(pixels: &[Rgb]) -> (Vec<Rgb>, Vec<u8>) {
    let colours: BTreeSet<Rgb> = pixels.iter().copied().collect();
    let mut boxes = vec![ColourBox(colours.into_iter().collect())];
    while boxes.len() < 256 {
        let lengths = boxes.iter().map(|each| each.longest_edge().1);
        let (longest, length) = lengths
            .enumerate()
            .max_by_key(|(_, length)| *length)
            .expect("one box");
        if length == 0 {
            break;
        }
        let (lower, upper) = boxes.swap_remove(longest).halve();
        boxes.extend([lower, upper]);
    }
    let mut index_of = HashMap::new();
    for (index, each) in (0..=u8::MAX).zip(&boxes) {
        index_of.extend(each.0.iter().map(|colour| (*colour, index)));
    }
    let palette = boxes.iter().map(ColourBox::centre).collect();
    let indices = pixels.iter().map(|pixel| index_of[pixel]).collect();
    (palette, indices)
}

/// Colours that share an entry of the palette.
struct ColourBox(Vec<Rgb>);

impl ColourBox {
    fn range(&self, channel: usize) -> (u8, u8) {
        let values = || self.0.iter().map(|colour| colour[channel]);
        let (low, high) = (values().min(), values().max());
        (low.expect("not empty"), high.expect("not empty"))
    }

    /// Channel and length of the longest edge.
    fn longest_edge(&self) -> (usize, u8) {
        let edges = (0..3).map(|channel| {
            let (low, high) = self.range(channel);
            (channel, high - low)
        });
        edges
            .max_by_key(|(_, length)| *length)
            .expect("three channels")
    }

    fn centre(&self) -> Rgb {
        std::array::from_fn(|channel| {
            let (low, high) = self.range(channel);
            low.midpoint(high)
        })
    }

    fn halve(self) -> (Self, Self) {
        let (channel, _) = self.longest_edge();
        let middle = self.centre()[channel];
        let (lower, upper) = self
            .0
            .into_iter()
            .partition(|colour| colour[channel] <= middle);
        (Self(lower), Self(upper))
    }
}
