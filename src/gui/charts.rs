//! Small pictures drawn of figures: the map of chunks, the buffer over time.

use std::collections::VecDeque;
use std::time::Duration;

use slint::{Image, Rgb8Pixel, SharedPixelBuffer};
use tr::tr;

use crate::gui::models::stream_map as show;
use crate::gui::models::stream_map::Held;
use crate::scheduler::StreamSnapshot;

/// Pieces of the chunk map: four rows of 54, read like text.
const MAP_COLUMNS: u32 = 54;
const MAP_ROWS: u32 = 4;

/// Pixels of a piece, the last of which is a gap.
const MAP_PITCH: u32 = 6;

/// Samples of the buffer that are kept: two minutes of what the observer tells.
const SAMPLES: usize = 300;

/// Height of the buffer's graph in pixels; its width is that of the samples.
const GRAPH_HEIGHT: u32 = 48;

/// Seconds that fill the graph at least.
const LEAST_FULL: f32 = 10.0;

/// Less buffer than this is shown as a danger, in seconds.
const LITTLE: f32 = 2.0;

/// How much film was ahead of the playhead, over the last two minutes.
#[derive(Debug, Default)]
pub struct Buffers(VecDeque<f32>);

impl Buffers {
    /// Adds what is ahead now.
    pub fn push(&mut self, buffer: Duration) {
        self.0.push_back(buffer.as_secs_f32());
        if self.0.len() > SAMPLES {
            self.0.pop_front();
        }
    }

    /// The least and the most.
    pub fn text(&self) -> String {
        let least = self.0.iter().copied().fold(f32::INFINITY, f32::min);
        let most = self.0.iter().copied().fold(0.0, f32::max);
        match self.0.is_empty() {
            true => String::new(),
            false => tr!(
                "{} to {} s in the last 2 minutes",
                least.round(),
                most.round()
            ),
        }
    }

    /// A column a sample, the newest at the right.
    pub fn draw(&self, dark: bool) -> Image {
        let colours = match dark {
            true => [0x20242c, 0x4cc38a, 0xf0b429],
            false => [0xdfe2e9, 0x14704a, 0x825b00],
        };
        let [empty, good, little] = colours.map(|colour: u32| {
            let [_, red, green, blue] = colour.to_be_bytes();
            Rgb8Pixel::new(red, green, blue)
        });
        let most = self.0.iter().copied().fold(LEAST_FULL, f32::max);
        let width = SAMPLES as u32;
        let missing = SAMPLES - self.0.len();
        let mut pixels = SharedPixelBuffer::new(width, GRAPH_HEIGHT);
        for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
            let (x, y) = (index as u32 % width, index as u32 / width);
            let sample = (x as usize).checked_sub(missing).map(|at| self.0[at]);
            let filled = sample.map(|seconds| seconds / most * GRAPH_HEIGHT as f32);
            let above = (GRAPH_HEIGHT - y) as f32;
            *pixel =
                match (sample, filled) {
                    (Some(seconds), Some(filled)) if above <= filled.max(1.0) => {
                        if seconds < LITTLE { little } else { good }
                    }
                    _ => empty,
                };
        }
        Image::from_rgb8(pixels)
    }
}

/// A square a piece, in the colours of `ui/theme.slint`.
pub(crate) fn chunk_map(stream: &StreamSnapshot, dark: bool) -> Image {
    let gap = match dark {
        true => Rgb8Pixel::new(0x15, 0x18, 0x1e),
        false => Rgb8Pixel::new(0xff, 0xff, 0xff),
    };
    let colour = |held: Held| match (held, dark) {
        (Held::Here, true) => Rgb8Pixel::new(0xff, 0xb0, 0x8f),
        (Held::Here, false) => Rgb8Pixel::new(0xe9, 0xa3, 0x83),
        (Held::Coming, true) => Rgb8Pixel::new(0x4a, 0xa3, 0xff),
        (Held::Coming, false) => Rgb8Pixel::new(0x17, 0x69, 0xc2),
        (Held::InSwarm, true) => Rgb8Pixel::new(0x4a, 0x54, 0x68),
        (Held::InSwarm, false) => Rgb8Pixel::new(0xa9, 0xb1, 0xc0),
        (Held::Nobody, true) => Rgb8Pixel::new(0x20, 0x24, 0x2c),
        (Held::Nobody, false) => Rgb8Pixel::new(0xdf, 0xe2, 0xe9),
    };
    let cells = show::cells(stream, MAP_COLUMNS * MAP_ROWS);
    let (width, height) = (MAP_COLUMNS * MAP_PITCH, MAP_ROWS * MAP_PITCH);
    let mut pixels = SharedPixelBuffer::new(width, height);
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = (index as u32 % width, index as u32 / width);
        let in_gap = x % MAP_PITCH == MAP_PITCH - 1 || y % MAP_PITCH == MAP_PITCH - 1;
        let cell = y / MAP_PITCH * MAP_COLUMNS + x / MAP_PITCH;
        *pixel = if in_gap {
            gap
        } else {
            colour(cells[cell as usize])
        };
    }
    Image::from_rgb8(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_sample_is_at_the_right_and_little_is_another_colour() {
        let mut buffers = Buffers::default();
        (0..SAMPLES + 7).for_each(|_| buffers.push(Duration::from_secs(20)));
        buffers.push(Duration::from_secs(1));
        assert_eq!(buffers.0.len(), SAMPLES);
        assert_eq!(buffers.text(), "1 to 20 s in the last 2 minutes");
        let image = buffers.draw(true);
        let pixels = image.to_rgb8().expect("pixels");
        let (width, pixels) = (SAMPLES, pixels.as_slice());
        let bottom = (GRAPH_HEIGHT as usize - 1) * width;
        assert_eq!(pixels[width - 1], Rgb8Pixel::new(0x20, 0x24, 0x2c));
        assert_eq!(pixels[bottom + width - 1], Rgb8Pixel::new(0xf0, 0xb4, 0x29));
        assert_eq!(pixels[bottom], Rgb8Pixel::new(0x4c, 0xc3, 0x8a));
        assert_eq!(pixels[0], Rgb8Pixel::new(0x4c, 0xc3, 0x8a));
    }
}
