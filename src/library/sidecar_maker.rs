//! Generation of sidecars: poster, storyboard, waveform, subtitles; and measurement of
//! loudness. Blocking; ffmpeg does the work with one thread.
//!
//! A sidecar that cannot be made is left out; the file is shared without it.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::ids::FileId;
use engine::integrity::{HashTree, Hasher};
use engine::library::Stamp;
use engine::media::{ChunkSize, FileEntry, Geometry, MediaKind, Sidecar, SidecarRole};
use engine::media::{MAX_PICTURES, MAX_SIDECAR, SIDECAR_CHUNK, STORYBOARD_COLUMNS};

use crate::ffmpeg::{Answer, Output, Tool, all};

/// Longest run of ffmpeg for one picture.
const PICTURE_LIMIT: Duration = Duration::from_secs(30);

/// Longest run of ffmpeg over a whole audio track.
const SOUND_LIMIT: Duration = Duration::from_secs(600);

/// Longer side of a poster, in pixels.
const POSTER: u32 = 400;

/// Width of a storyboard picture, in pixels.
const PICTURE_WIDTH: u32 = 160;

/// Shortest interval between two pictures of a storyboard.
const PICTURE_EVERY: Duration = Duration::from_secs(5);

/// Most pictures of a storyboard that may repeat the previous one because decoding failed.
const MAX_MISSING: usize = 5;

/// Intervals of a waveform.
const WAVEFORM_INTERVALS: usize = 600;

/// Sample rate for the waveform, in hertz.
const SAMPLE_RATE: u32 = 4000;

/// Reference loudness of ReplayGain 2.0, in LUFS (EBU R 128).
const REFERENCE_LOUDNESS: f64 = -18.0;

/// Loudness below which a track counts as silent and gets no gain, in LUFS.
const SILENCE: f64 = -60.0;

/// Most subtitle files of one film.
const MAX_SUBTITLES: usize = 8;

/// Failure to make sidecars; a later attempt may succeed.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Writing to the folder of sidecars failed.
    #[error("cannot write sidecars: {0}")]
    Folder(#[from] std::io::Error),
    /// ffmpeg cannot be started.
    #[error("cannot run ffmpeg: {0}")]
    NoProgram(std::io::Error),
    /// ffmpeg or the disk hangs.
    #[error("ffmpeg timed out")]
    Timeout,
    /// Cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Waveform, and loudness in LUFS unless silent.
type Analysis = (Vec<u8>, Option<f64>);

/// Inputs for making sidecars.
#[derive(Debug, Clone, Copy)]
pub struct Maker<'a> {
    /// The ffmpeg program.
    pub ffmpeg: &'a Path,
    /// Folder of the sidecars.
    pub folder: &'a Path,
    /// Set to cancel.
    pub cancelled: &'a AtomicBool,
}

/// Sidecar on disk, hashed.
#[derive(Debug)]
pub struct Hashed {
    /// Catalogue data.
    pub sidecar: Sidecar,
    /// Path of the file.
    pub path: PathBuf,
    /// All node hashes.
    pub tree: HashTree,
}

impl Maker<'_> {
    /// Makes the poster, and the storyboard of a video or the waveform of a song. Returns
    /// them with the measured gain of a song, in hundredths of a decibel.
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn make(
        &self,
        path: &Path,
        entry: &FileEntry,
    ) -> Result<(Vec<Hashed>, Option<i32>), MakeError> {
        let mut made = Vec::new();
        if let Some(poster) = self.poster(path, entry)? {
            made.push(self.write(SidecarRole::Poster, 0, "", &poster)?);
        }
        let mut gain = None;
        if entry.info.kind == MediaKind::Video {
            if let Some((pictures, sheet)) = self.storyboard(path, entry)? {
                made.push(self.write(SidecarRole::Storyboard, pictures, "", &sheet)?);
            }
        } else if let Some((waveform, loudness)) = self.sound(path, entry)? {
            made.push(self.write(SidecarRole::Waveform, 0, "", &waveform)?);
            gain = loudness.map(gain_for);
        }
        Ok((made, gain))
    }

    /// Converts external subtitle files to sidecars.
    ///
    /// # Errors
    /// [`MakeError::Folder`].
    pub fn subtitles(
        &self,
        path: &Path,
        subtitles: &[(PathBuf, Stamp)],
    ) -> Result<Vec<Hashed>, MakeError> {
        let mut made = Vec::new();
        for (file, _) in subtitles.iter().take(MAX_SUBTITLES) {
            let Some(text) = std::fs::read(file).ok().and_then(|bytes| utf8(&bytes)) else {
                tracing::warn!(path = %file.display(), "reading subtitles failed");
                continue;
            };
            let language = language(path, file);
            made.push(self.write(SidecarRole::Subtitles, 0, &language, text.as_bytes())?);
        }
        Ok(made)
    }

    /// Writes and hashes a sidecar; its file name is its id.
    fn write(
        &self,
        role: SidecarRole,
        pictures: u32,
        language: &str,
        bytes: &[u8],
    ) -> std::io::Result<Hashed> {
        let (id, tree) = hash(bytes);
        std::fs::create_dir_all(self.folder)?;
        let path = self.folder.join(id.to_string());
        if std::fs::read(&path).ok().as_deref() != Some(bytes) {
            let part = path.with_extension("part");
            std::fs::write(&part, bytes)?;
            std::fs::rename(&part, &path)?;
        }
        let sidecar = Sidecar {
            role,
            id,
            size: bytes.len() as u64,
            pictures,
            language: language.into(),
        };
        Ok(Hashed {
            sidecar,
            path,
            tree,
        })
    }

    /// Runs ffmpeg and returns its standard output, unless empty.
    fn run(&self, limit: Duration, arguments: &[&OsStr]) -> Result<Option<Vec<u8>>, MakeError> {
        let (quiet, output) = (["-v", "error", "-threads", "1"], ["pipe:1"]);
        let arguments = quiet
            .iter()
            .map(OsStr::new)
            .chain(arguments.iter().copied());
        let arguments = arguments.chain(output.iter().map(OsStr::new));
        let answer = self.answer(limit, arguments, |pipe| all(pipe, MAX_SIDECAR))?;
        let bytes = answer.output.flatten();
        Ok(bytes.filter(|bytes| !bytes.is_empty()))
    }

    /// Runs ffmpeg to its end and consumes its standard output.
    fn answer<T: Send + 'static>(
        &self,
        limit: Duration,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        read: impl FnOnce(Output) -> T + Send + 'static,
    ) -> Result<Answer<T>, MakeError> {
        let answer = self.tool(limit).run(arguments, read);
        let answer = answer.map_err(MakeError::NoProgram)?;
        match (self.cancelled.load(Ordering::Relaxed), answer.killed) {
            (true, _) => Err(MakeError::Cancelled),
            (_, true) => Err(MakeError::Timeout),
            _ => Ok(answer),
        }
    }

    fn tool(&self, limit: Duration) -> Tool<'_> {
        Tool {
            program: self.ffmpeg,
            limit,
            cancelled: self.cancelled,
        }
    }

    /// Makes the poster: the embedded cover, else a representative frame.
    fn poster(&self, path: &Path, entry: &FileEntry) -> Result<Option<Vec<u8>>, MakeError> {
        let fit = format!(
            "scale=iw*sar:ih,scale={POSTER}:{POSTER}:force_original_aspect_ratio=decrease:\
             force_divisible_by=2,setsar=1"
        );
        let picture = |from: &str, stream: &str, filter: &str| {
            let options = ["-ss", from, "-i"].map(OsStr::new);
            let choice = ["-map", stream, "-frames:v", "1", "-vf", filter];
            let coding = ["-c:v", "mjpeg", "-q:v", "5", "-f", "image2pipe"];
            let options = options.iter().copied().chain([path.as_os_str()]);
            let options = options.chain(choice.iter().chain(&coding).map(OsStr::new));
            self.run(PICTURE_LIMIT, &options.collect::<Vec<_>>())
        };
        let video = entry.info.kind == MediaKind::Video;
        if entry.info.has_cover {
            // The first video stream of a film is the film itself.
            let stream = if video { "0:v:1" } else { "0:v:0" };
            if let Some(cover) = picture("0", stream, &fit)? {
                return Ok(Some(cover));
            }
        }
        let from = entry.info.duration().as_secs_f64() * 0.15;
        let likely = format!("thumbnail=48,{fit}");
        match video {
            true => picture(&from.to_string(), "0:v:0", &likely),
            false => Ok(None),
        }
    }

    /// Makes the storyboard. Returns the number of pictures and the JPEG.
    fn storyboard(
        &self,
        path: &Path,
        entry: &FileEntry,
    ) -> Result<Option<(u32, Vec<u8>)>, MakeError> {
        let length = entry.info.duration();
        let pictures = (length.as_secs() / PICTURE_EVERY.as_secs()) as u32;
        let pictures = pictures.clamp(1, MAX_PICTURES);
        let work = self.folder.join("work");
        // An interrupted run may have left files.
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&work)?;
        let name = |number: u32| work.join(format!("{number:03}.bmp"));
        let filter = format!("scale=iw*sar:ih,scale={PICTURE_WIDTH}:-2,setsar=1");
        let mut last = None;
        let mut missing = 0;
        for number in 0..pictures {
            let middle = (f64::from(number) + 0.5) / f64::from(pictures);
            let from = (length.as_secs_f64() * middle).to_string();
            // Uses the preceding key frame, so that no other frames are decoded.
            let options = ["-noaccurate_seek", "-ss", &from, "-i"].map(OsStr::new);
            let choice = ["-map", "0:v:0", "-frames:v", "1", "-vf", &filter];
            let coding = ["-c:v", "bmp", "-f", "image2pipe"];
            let options = options.iter().copied().chain([path.as_os_str()]);
            let options = options.chain(choice.iter().chain(&coding).map(OsStr::new));
            let picture = self.run(PICTURE_LIMIT, &options.collect::<Vec<_>>())?;
            missing += usize::from(picture.is_none());
            let picture = picture.or_else(|| last.take());
            let Some(picture) = picture.filter(|_| missing <= MAX_MISSING) else {
                std::fs::remove_dir_all(&work)?;
                return Ok(None);
            };
            std::fs::write(name(number), &picture)?;
            last = Some(picture);
        }
        let pattern = work.join("%03d.bmp");
        let rows = pictures.div_ceil(STORYBOARD_COLUMNS);
        let tile = format!("tile={STORYBOARD_COLUMNS}x{rows}");
        let options = [OsStr::new("-i"), pattern.as_os_str()];
        let coding = ["-vf", &tile, "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "7"];
        let coding = coding.iter().chain(&["-f", "image2pipe"]).map(OsStr::new);
        let options: Vec<_> = options.into_iter().chain(coding).collect();
        let sheet = self.run(PICTURE_LIMIT, &options)?;
        std::fs::remove_dir_all(&work)?;
        Ok(sheet.map(|sheet| (pictures, sheet)))
    }

    /// Computes the waveform and the loudness of the first audio track.
    fn sound(&self, path: &Path, entry: &FileEntry) -> Result<Option<Analysis>, MakeError> {
        let rate = SAMPLE_RATE.to_string();
        let options = ["-nostats", "-threads", "1", "-i"].map(OsStr::new);
        let coding = [
            "-map",
            "0:a:0",
            "-af",
            "ebur128=framelog=verbose",
            "-ac",
            "1",
            "-ar",
            &rate,
            "-f",
            "s16le",
            "pipe:1",
        ];
        let options = options.iter().copied().chain([path.as_os_str()]);
        let options = options.chain(coding.iter().map(OsStr::new));
        let samples = entry.info.duration().as_secs_f64() * f64::from(SAMPLE_RATE);
        let read = move |pipe| waveform(pipe, samples as u64);
        let answer = self.answer(SOUND_LIMIT, options, read)?;
        let waveform = answer.output.unwrap_or_default();
        let loudness = answer.stderr_lines.iter().rev().find_map(|line| {
            let number = line.strip_prefix("I:")?.trim().strip_suffix("LUFS")?;
            number.trim().parse::<f64>().ok()
        });
        let audible = loudness.filter(|loudness| *loudness > SILENCE);
        Ok((!waveform.is_empty()).then_some((waveform, audible)))
    }
}

/// Gain to the reference loudness, in hundredths of a decibel.
fn gain_for(loudness: f64) -> i32 {
    ((REFERENCE_LOUDNESS - loudness) * 100.0).round() as i32
}

/// Peak of each interval of `samples` 16-bit samples.
fn waveform(mut pipe: impl Read, samples: u64) -> Vec<u8> {
    let mut peaks = vec![0_u8; WAVEFORM_INTERVALS];
    let (mut number, mut rest) = (0_u64, Vec::new());
    let mut buffer = vec![0; 32 << 10];
    while let Ok(read @ 1..) = pipe.read(&mut buffer) {
        rest.extend_from_slice(&buffer[..read]);
        let whole = rest.len() / 2 * 2;
        for sample in rest[..whole].chunks_exact(2) {
            let level = i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() >> 7;
            let interval = number * WAVEFORM_INTERVALS as u64 / samples.max(1);
            let interval = (interval as usize).min(WAVEFORM_INTERVALS - 1);
            peaks[interval] = peaks[interval].max(level.min(255) as u8);
            number += 1;
        }
        rest.drain(..whole);
    }
    if number == 0 {
        peaks.clear();
    }
    peaks
}

/// Decodes text of unknown encoding; `None` if it is empty or too long.
fn utf8(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.len() as u64 > MAX_SIDECAR {
        return None;
    }
    let marked = encoding_rs::Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let text = match marked {
        Some(encoding) => encoding.decode(bytes).0,
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            // The usual encoding of subtitles that are not Unicode.
            Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0,
        },
    };
    (text.len() as u64 <= MAX_SIDECAR).then(|| text.into_owned())
}

/// Language in the name of a subtitle file: `en` for `Film.en.srt` beside `Film.mkv`.
fn language(film: &Path, subtitles: &Path) -> String {
    let stem = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    };
    let rest = stem(subtitles);
    let rest = rest.strip_prefix(&stem(film)).unwrap_or_default();
    rest.trim_matches('.').chars().take(16).collect()
}

/// Hashes a sidecar.
fn hash(bytes: &[u8]) -> (FileId, HashTree) {
    let geometry = geometry(bytes.len() as u64);
    let mut hasher = Hasher::new(geometry);
    bytes
        .chunks(SIDECAR_CHUNK as usize)
        .for_each(|chunk| hasher.update(chunk));
    hasher.finish()
}

/// Division of a sidecar into chunks.
pub fn geometry(size: u64) -> Geometry {
    let chunk = ChunkSize::checked(SIDECAR_CHUNK).expect("SIDECAR_CHUNK is an allowed size");
    Geometry::new(size, chunk)
}

#[cfg(test)]
mod tests;
