//! The picture embedded in a song.

use std::io::{BufReader, Read};
use std::path::Path;

use crate::ffmpeg::child::{Decoder, Killer};
use crate::ffmpeg::ppm;
use crate::player::{Frame, Screen};

/// Largest side of a cover, in pixels.
const COVER_SIDE: u32 = 640;

/// The embedded picture of a song, at most [`COVER_SIDE`] pixels wide and high.
/// `started` gets the means to end it early.
pub fn read_cover(
    ffmpeg: &Path,
    url: &str,
    screen: &dyn Screen,
    started: impl FnOnce(Killer),
) -> Option<Box<dyn Frame>> {
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
    let (width, height) = ppm::read_head(&mut pipe, *b"P6").ok()??;
    let mut cover = screen.frame(width, height);
    pipe.read_exact(cover.bytes_mut()).ok()?;
    Some(cover)
}
