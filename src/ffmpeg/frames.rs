//! Video frames and pictures as ffmpeg writes them to a pipe.
//!
//! Frames are PGMYUV: a PGM whose upper two thirds are luma and whose lower rows hold U
//! on the left and V on the right. That is half the bytes of RGB. Pictures are PPM. Both
//! carry their size, so rotation and odd sizes need no guess.

use std::io::{self, BufRead, Read};

use engine::media::ColourMatrix;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

/// Longest side of a picture, in pixels; bounds the memory of a frame.
const MAX_SIDE: u32 = 8192;

/// Video frame: even sides, 4:2:0 chroma, limited range.
#[derive(Debug)]
pub struct Planes {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

impl Planes {
    /// Reads the next frame into `memory`, which may be that of an older frame. `None` at
    /// the end of the pipe.
    ///
    /// # Errors
    /// The pipe broke, or the data is not such a frame.
    pub fn read(pipe: &mut impl BufRead, mut memory: Vec<u8>) -> io::Result<Option<Self>> {
        let Some((width, rows)) = read_header(pipe, *b"P5")? else {
            return Ok(None);
        };
        let height = rows / 3 * 2;
        if width % 2 != 0 || rows % 3 != 0 || height % 2 != 0 {
            return Err(invalid("frame without chroma"));
        }
        let length = width as usize * rows as usize;
        // The converter reads the last row of V with the full stride.
        memory.resize(length + width as usize / 2, 0);
        pipe.read_exact(&mut memory[..length])?;
        Ok(Some(Self {
            width,
            height,
            bytes: memory,
        }))
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Converts to RGB, three bytes per pixel. Frames that ffmpeg converted itself use
    /// BT.709.
    ///
    /// # Panics
    /// If `rgb` is too short.
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
        written.expect("all planes have the required size");
    }

    /// Releases the memory, for another frame.
    pub fn into_memory(self) -> Vec<u8> {
        self.bytes
    }
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Reads the PPM (`P6`) or PGM (`P5`) header of the next picture: width and height.
/// `None` at the end of the pipe.
///
/// # Errors
/// The pipe broke, or the header is invalid or of another format.
pub(super) fn read_header(
    pipe: &mut impl BufRead,
    kind: [u8; 2],
) -> io::Result<Option<(u32, u32)>> {
    if pipe.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut magic = [0; 2];
    pipe.read_exact(&mut magic)?;
    if magic != kind {
        return Err(invalid("unexpected picture format"));
    }
    let width = read_number(pipe)?;
    let height = read_number(pipe)?;
    let depth = read_number(pipe)?;
    let sane = |side: u32| (1..=MAX_SIDE).contains(&side);
    if depth != 255 || !sane(width) || !sane(height) {
        return Err(invalid("invalid picture size"));
    }
    Ok(Some((width, height)))
}

/// Reads white space, digits, and the one character that follows.
fn read_number(pipe: &mut impl Read) -> io::Result<u32> {
    let mut value: Option<u32> = None;
    loop {
        let mut byte = [0];
        pipe.read_exact(&mut byte)?;
        match (byte[0], value) {
            (digit @ b'0'..=b'9', _) => {
                let next = value.unwrap_or(0).checked_mul(10);
                let next = next.and_then(|v| v.checked_add(u32::from(digit - b'0')));
                value = Some(next.ok_or_else(|| invalid("number out of range"))?);
            }
            (b' ' | b'\n' | b'\r' | b'\t', None) => {}
            (b' ' | b'\n' | b'\r' | b'\t', Some(value)) => return Ok(value),
            _ => return Err(invalid("not a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frame of 2 × 2 pixels in one colour.
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
    fn colours_follow_the_declared_matrix() {
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
    fn frames_reuse_memory() {
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
    fn malformed_frames_are_rejected() {
        for bad in [&b"P5\n2 4\n255\n"[..], b"P5\n3 3\n255\n", b"P6\n2 3\n255\n"] {
            let mut pipe = bad;
            assert!(Planes::read(&mut pipe, Vec::new()).is_err());
        }
        let mut cut = &frame(1, 2, 3)[..14];
        assert!(Planes::read(&mut cut, Vec::new()).is_err());
    }

    #[test]
    fn consecutive_headers_are_read() {
        let mut pipe: &[u8] = b"P6\n2 1\n255\nabcdefP6\n1 1\n255\nxyz";
        assert_eq!(read_header(&mut pipe, *b"P6").expect("head"), Some((2, 1)));
        pipe = &pipe[6..];
        assert_eq!(read_header(&mut pipe, *b"P6").expect("head"), Some((1, 1)));
        pipe = &pipe[3..];
        assert_eq!(read_header(&mut pipe, *b"P6").expect("end"), None);
    }

    #[test]
    fn malformed_headers_are_rejected() {
        for malformed in [
            "P5\n1 1\n255\n",
            "P6\n0 1\n255\n",
            "P6\n99999999999 1\n255\n",
            "P6\nx",
        ] {
            assert!(
                read_header(&mut malformed.as_bytes(), *b"P6").is_err(),
                "{malformed}"
            );
        }
    }
}
