//! Small pictures drawn of figures: the map of chunks, the buffer over time.

use std::collections::VecDeque;
use std::time::Duration;

use slint::{Color, Image, Rgb8Pixel, SharedPixelBuffer};
use tr::tr;

use crate::gui::models::stream_map as show;
use crate::gui::models::stream_map::Held;
use crate::gui::ui::Theme;
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

/// Colours of both charts, as the theme has them.
#[derive(Debug, Clone, Copy)]
pub struct ChartColors {
    local: Rgb8Pixel,
    loading: Rgb8Pixel,
    available: Rgb8Pixel,
    missing: Rgb8Pixel,
    gap: Rgb8Pixel,
    good: Rgb8Pixel,
    low: Rgb8Pixel,
}

impl ChartColors {
    /// Colours of the theme that the window shows now.
    pub fn of(theme: &Theme) -> Self {
        let pixel = |color: Color| Rgb8Pixel::new(color.red(), color.green(), color.blue());
        Self {
            local: pixel(theme.get_accent_tint()),
            loading: pixel(theme.get_loading()),
            available: pixel(theme.get_available()),
            missing: pixel(theme.get_missing()),
            gap: pixel(theme.get_panel()),
            good: pixel(theme.get_good()),
            low: pixel(theme.get_warn()),
        }
    }

    fn of_chunk(&self, held: Held) -> Rgb8Pixel {
        match held {
            Held::Here => self.local,
            Held::Coming => self.loading,
            Held::InSwarm => self.available,
            Held::Nobody => self.missing,
        }
    }
}

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
    pub fn draw(&self, colors: ChartColors) -> Image {
        let most = self.0.iter().copied().fold(LEAST_FULL, f32::max);
        let width = SAMPLES as u32;
        let missing = SAMPLES - self.0.len();
        let mut pixels = SharedPixelBuffer::new(width, GRAPH_HEIGHT);
        for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
            let (x, y) = (index as u32 % width, index as u32 / width);
            let sample = (x as usize).checked_sub(missing).map(|at| self.0[at]);
            let filled = sample.map(|seconds| seconds / most * GRAPH_HEIGHT as f32);
            let above = (GRAPH_HEIGHT - y) as f32;
            *pixel = match (sample, filled) {
                (Some(seconds), Some(filled)) if above <= filled.max(1.0) => {
                    if seconds < LITTLE {
                        colors.low
                    } else {
                        colors.good
                    }
                }
                _ => colors.missing,
            };
        }
        Image::from_rgb8(pixels)
    }
}

/// A square for each piece, read like text.
pub(crate) fn chunk_map(stream: &StreamSnapshot, colors: ChartColors) -> Image {
    let cells = show::cells(stream, MAP_COLUMNS * MAP_ROWS);
    let (width, height) = (MAP_COLUMNS * MAP_PITCH, MAP_ROWS * MAP_PITCH);
    let mut pixels = SharedPixelBuffer::new(width, height);
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = (index as u32 % width, index as u32 / width);
        let in_gap = x % MAP_PITCH == MAP_PITCH - 1 || y % MAP_PITCH == MAP_PITCH - 1;
        let cell = y / MAP_PITCH * MAP_COLUMNS + x / MAP_PITCH;
        *pixel = if in_gap {
            colors.gap
        } else {
            colors.of_chunk(cells[cell as usize])
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
        let [missing, good, low] = [1, 2, 3].map(|grey| Rgb8Pixel::new(grey, grey, grey));
        let other = Rgb8Pixel::default();
        let image = buffers.draw(ChartColors {
            local: other,
            loading: other,
            available: other,
            missing,
            gap: other,
            good,
            low,
        });
        let pixels = image.to_rgb8().expect("pixels");
        let (width, pixels) = (SAMPLES, pixels.as_slice());
        let bottom = (GRAPH_HEIGHT as usize - 1) * width;
        assert_eq!(pixels[width - 1], missing);
        assert_eq!(pixels[bottom + width - 1], low);
        assert_eq!(pixels[bottom], good);
        assert_eq!(pixels[0], good);
    }
}
