//! Heads of pictures as ffmpeg pipes them: binary PPM and PGM, each with its size in
//! front, so that rotation and odd sizes need no guess.

use std::io::{self, BufRead, Read};

/// Largest side of a picture, in pixels; bounds the memory of a frame.
const MAX_SIDE: u32 = 8192;

pub(super) fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Reads the head of the next picture of a kind (`P6`: colours, `P5`: grey): width and
/// height. `None` at the end.
///
/// # Errors
/// The pipe broke, or what comes is none of that kind.
pub fn read_head(pipe: &mut impl BufRead, kind: [u8; 2]) -> io::Result<Option<(u32, u32)>> {
    if pipe.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut magic = [0; 2];
    pipe.read_exact(&mut magic)?;
    if magic != kind {
        return Err(invalid("another kind of picture"));
    }
    let width = read_number(pipe)?;
    let height = read_number(pipe)?;
    let depth = read_number(pipe)?;
    let sane = |side: u32| (1..=MAX_SIDE).contains(&side);
    if depth != 255 || !sane(width) || !sane(height) {
        return Err(invalid("a picture of impossible size"));
    }
    Ok(Some((width, height)))
}

/// White space, digits, and one character behind them.
fn read_number(pipe: &mut impl Read) -> io::Result<u32> {
    let mut value: Option<u32> = None;
    loop {
        let mut byte = [0];
        pipe.read_exact(&mut byte)?;
        match (byte[0], value) {
            (digit @ b'0'..=b'9', _) => {
                let next = value.unwrap_or(0).checked_mul(10);
                let next = next.and_then(|v| v.checked_add(u32::from(digit - b'0')));
                value = Some(next.ok_or_else(|| invalid("a number too large"))?);
            }
            (b' ' | b'\n' | b'\r' | b'\t', None) => {}
            (b' ' | b'\n' | b'\r' | b'\t', Some(value)) => return Ok(value),
            _ => return Err(invalid("no number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_follow_each_other() {
        let mut pipe: &[u8] = b"P6\n2 1\n255\nabcdefP6\n1 1\n255\nxyz";
        assert_eq!(read_head(&mut pipe, *b"P6").expect("head"), Some((2, 1)));
        pipe = &pipe[6..];
        assert_eq!(read_head(&mut pipe, *b"P6").expect("head"), Some((1, 1)));
        pipe = &pipe[3..];
        assert_eq!(read_head(&mut pipe, *b"P6").expect("end"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for nonsense in [
            "P5\n1 1\n255\n",
            "P6\n0 1\n255\n",
            "P6\n99999999999 1\n255\n",
            "P6\nx",
        ] {
            assert!(
                read_head(&mut nonsense.as_bytes(), *b"P6").is_err(),
                "{nonsense}"
            );
        }
    }
}
