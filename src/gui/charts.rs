//! Charts drawn as pixels: the chunk map, and the buffer over time.

use std::collections::VecDeque;
use std::time::Duration;

use slint::{Color, Image, Rgb8Pixel, SharedPixelBuffer};
use tr::tr;

use crate::gui::ui::{ChunkState, Theme};

/// Cells in a row of the chunk map.
const MAP_COLUMNS: u32 = 54;

/// Rows of the chunk map.
const MAP_ROWS: u32 = 4;

/// Cells of the chunk map.
pub const MAP_CELLS: u32 = MAP_COLUMNS * MAP_ROWS;

/// Pixels of a cell; the last one is a gap.
const MAP_PITCH: u32 = 6;

/// Samples of the buffer: two minutes of snapshots.
const SAMPLES: usize = 300;

/// Height of the buffer graph in pixels; each sample is one pixel wide.
const GRAPH_HEIGHT: u32 = 48;

/// Smallest scale of the graph, in seconds.
const MIN_SCALE: f32 = 10.0;

/// Less buffer than this is drawn as a risk, in seconds.
const LOW: f32 = 2.0;

/// Colours of both charts.
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
    /// Colours of the current theme.
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

    fn of_chunk(&self, state: ChunkState) -> Rgb8Pixel {
        match state {
            ChunkState::Local => self.local,
            ChunkState::Loading => self.loading,
            ChunkState::Available => self.available,
            ChunkState::Missing => self.missing,
        }
    }
}

/// Buffer ahead of the playhead over the last two minutes, in seconds.
#[derive(Debug, Default)]
pub struct BufferHistory(VecDeque<f32>);

impl BufferHistory {
    /// Adds a sample.
    pub fn push(&mut self, buffer: Duration) {
        self.0.push_back(buffer.as_secs_f32());
        if self.0.len() > SAMPLES {
            self.0.pop_front();
        }
    }

    /// Smallest and largest sample.
    pub fn text(&self) -> String {
        let smallest = self.0.iter().copied().fold(f32::INFINITY, f32::min);
        let largest = self.0.iter().copied().fold(0.0, f32::max);
        match self.0.is_empty() {
            true => String::new(),
            false => tr!(
                "{} to {} s in the last 2 minutes",
                smallest.round(),
                largest.round()
            ),
        }
    }

    /// Draws a column for each sample, the latest at the right.
    pub fn draw(&self, colors: ChartColors) -> Image {
        let scale = self.0.iter().copied().fold(MIN_SCALE, f32::max);
        let width = SAMPLES as u32;
        let missing = SAMPLES - self.0.len();
        let mut pixels = SharedPixelBuffer::new(width, GRAPH_HEIGHT);
        for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
            let (x, y) = (index as u32 % width, index as u32 / width);
            let sample = (x as usize).checked_sub(missing).map(|at| self.0[at]);
            let filled = sample.map(|seconds| seconds / scale * GRAPH_HEIGHT as f32);
            let above = (GRAPH_HEIGHT - y) as f32;
            *pixel = match (sample, filled) {
                (Some(seconds), Some(filled)) if above <= filled.max(1.0) => {
                    if seconds < LOW {
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

/// Draws a square for each cell, in reading order.
pub fn chunk_map(cells: &[ChunkState], colors: ChartColors) -> Image {
    let (width, height) = (MAP_COLUMNS * MAP_PITCH, MAP_ROWS * MAP_PITCH);
    let mut pixels = SharedPixelBuffer::new(width, height);
    for (index, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let (x, y) = (index as u32 % width, index as u32 / width);
        let in_gap = x % MAP_PITCH == MAP_PITCH - 1 || y % MAP_PITCH == MAP_PITCH - 1;
        let cell = y / MAP_PITCH * MAP_COLUMNS + x / MAP_PITCH;
        *pixel = if in_gap {
            colors.gap
        } else {
            let state = cells.get(cell as usize).copied();
            colors.of_chunk(state.unwrap_or(ChunkState::Missing))
        };
    }
    Image::from_rgb8(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_sample_is_at_the_right_and_low_ones_differ() {
        let mut history = BufferHistory::default();
        (0..SAMPLES + 7).for_each(|_| history.push(Duration::from_secs(20)));
        history.push(Duration::from_secs(1));
        assert_eq!(history.0.len(), SAMPLES);
        assert_eq!(history.text(), "1 to 20 s in the last 2 minutes");
        let [missing, good, low] = [1, 2, 3].map(|grey| Rgb8Pixel::new(grey, grey, grey));
        let other = Rgb8Pixel::default();
        let image = history.draw(ChartColors {
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
