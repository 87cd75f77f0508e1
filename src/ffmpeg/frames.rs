//! Frames of a film as ffmpeg pipes them: luma and chroma, half as many bytes as red,
//! green and blue, each frame with its size in front (PGMYUV: a grey picture of the
//! luma, and below it rows of which the left half is U and the right half V).

use std::io::{self, BufRead};

use engine::media::ColourMatrix;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

use crate::ffmpeg::ppm::{invalid, read_head};

/// One frame: even sides, chroma of half the resolution, studio range.
#[derive(Debug)]
pub struct Planes {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

impl Planes {
    /// Reads the next frame into `memory`, that of an older one for choice. `None` at
    /// the end.
    ///
    /// # Errors
    /// The pipe broke, or what comes is no such frame.
    pub fn read(pipe: &mut impl BufRead, mut memory: Vec<u8>) -> io::Result<Option<Self>> {
        let Some((width, rows)) = read_head(pipe, *b"P5")? else {
            return Ok(None);
        };
        let height = rows / 3 * 2;
        if width % 2 != 0 || rows % 3 != 0 || height % 2 != 0 {
            return Err(invalid("a frame without its chroma"));
        }
        let length = width as usize * rows as usize;
        // The last row of V is looked at as if it were as wide as all.
        memory.resize(length + width as usize / 2, 0);
        pipe.read_exact(&mut memory[..length])?;
        Ok(Some(Self {
            width,
            height,
            bytes: memory,
        }))
    }

    /// In pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Writes red, green and blue, three bytes a pixel. What ffmpeg converted itself has
    /// the colours of BT.709.
    ///
    /// # Panics
    /// `rgb` is too short for it.
    pub fn write_rgb(&self, rgb: &mut [u8], matrix: ColourMatrix) {
        let (width, half) = (self.width, self.width as usize / 2);
        let chroma = width as usize * self.height as usize;
        let planes = YuvPlanarImage {
            y_plane: &self.bytes[..chroma],
            y_stride: width,
            u_plane: &self.bytes[chroma..],
            u_stride: width,
            v_plane: &self.bytes[chroma + half..],
            v_stride: width,
            width,
            height: self.height,
        };
        let matrix = match matrix {
            ColourMatrix::Bt601 => YuvStandardMatrix::Bt601,
            ColourMatrix::Bt2020 => YuvStandardMatrix::Bt2020,
            ColourMatrix::Bt709 | ColourMatrix::Other | ColourMatrix::Unknown => {
                YuvStandardMatrix::Bt709
            }
        };
        let written = yuv420_to_rgb(&planes, rgb, width * 3, YuvRange::Limited, matrix);
        written.expect("all planes are as large as they must be");
    }

    /// Its memory, for another frame.
    pub fn into_memory(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two by two pixels of one colour.
    fn frame(y: u8, u: u8, v: u8) -> Vec<u8> {
        let mut frame = b"P5\n2 3\n255\n".to_vec();
        frame.extend([y, y, y, y, u, v]);
        frame
    }

    fn colour(frame: &[u8], matrix: ColourMatrix) -> [u8; 3] {
        let mut pipe = frame;
        let planes = Planes::read(&mut pipe, Vec::new())
            .expect("a frame")
            .expect("one");
        let mut rgb = [0; 12];
        planes.write_rgb(&mut rgb, matrix);
        let [first, second, third, ..] = rgb;
        assert!(rgb.chunks(3).all(|pixel| pixel == [first, second, third]));
        [first, second, third]
    }

    fn near(colour: [u8; 3], expected: [u8; 3]) -> bool {
        let mut pairs = colour.into_iter().zip(expected);
        pairs.all(|(is, should)| is.abs_diff(should) <= 2)
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        let red = [
            (ColourMatrix::Bt601, frame(81, 90, 240)),
            (ColourMatrix::Bt709, frame(63, 102, 240)),
            (ColourMatrix::Bt2020, frame(74, 97, 240)),
        ];
        for (matrix, red) in red {
            let is = |frame: &[u8], expected| near(colour(frame, matrix), expected);
            assert!(is(&frame(16, 128, 128), [0, 0, 0]), "{matrix:?}");
            assert!(is(&frame(235, 128, 128), [255, 255, 255]), "{matrix:?}");
            assert!(is(&red, [255, 0, 0]), "{matrix:?}");
        }
    }

    #[test]
    fn frames_follow_each_other_in_the_same_memory() {
        let both = [frame(16, 128, 128), frame(235, 128, 128)].concat();
        let mut pipe = &both[..];
        let first = Planes::read(&mut pipe, Vec::new())
            .expect("a frame")
            .expect("one");
        assert_eq!(first.size(), (2, 2));
        let second = Planes::read(&mut pipe, first.into_memory())
            .expect("a frame")
            .expect("two");
        let mut rgb = [0; 12];
        second.write_rgb(&mut rgb, ColourMatrix::Bt709);
        assert!(rgb.iter().all(|byte| *byte > 250));
        let end = Planes::read(&mut pipe, Vec::new()).expect("no more");
        assert!(end.is_none());
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bad in [&b"P5\n2 4\n255\n"[..], b"P5\n3 3\n255\n", b"P6\n2 3\n255\n"] {
            let mut pipe = bad;
            assert!(Planes::read(&mut pipe, Vec::new()).is_err());
        }
        let mut cut = &frame(1, 2, 3)[..14];
        assert!(Planes::read(&mut cut, Vec::new()).is_err());
    }
}
