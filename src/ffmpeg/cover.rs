//! Picture embedded in a song. Blocking.

use std::io::{BufReader, Read};
use std::path::Path;

use crate::ffmpeg::child::{Decoder, Killer};
use crate::ffmpeg::frames::read_header;

/// Longest side of a cover, in pixels.
const COVER_SIDE: u32 = 640;

/// RGB picture, three bytes per pixel.
#[derive(Debug)]
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Rows from the top, without padding.
    pub rgb: Vec<u8>,
}

/// Decodes the embedded picture of a song, scaled down to [`COVER_SIDE`]. `started` gets
/// a handle that ends ffmpeg early.
pub fn read_cover(ffmpeg: &Path, url: &str, started: impl FnOnce(Killer)) -> Option<Picture> {
    let filter = format!("scale={COVER_SIDE}:{COVER_SIDE}:force_original_aspect_ratio=decrease");
    let arguments = [
        "-i",
        url,
        "-map",
        "0:v:0",
        "-frames:v",
        "1",
        "-vf",
        &filter,
        "-pix_fmt",
        "rgb24",
        "-c:v",
        "ppm",
        "-f",
        "image2pipe",
        "pipe:1",
    ];
    let (decoder, pipe) = Decoder::spawn(ffmpeg, arguments).ok()?;
    started(decoder.killer());
    let mut pipe = BufReader::new(pipe);
    let (width, height) = read_header(&mut pipe, *b"P6").ok()??;
    let mut rgb = vec![0; width as usize * height as usize * 3];
    pipe.read_exact(&mut rgb).ok()?;
    Some(Picture { width, height, rgb })
}
