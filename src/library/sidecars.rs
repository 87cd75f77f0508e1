//! Makes what travels beside a media file: poster, storyboard, waveform, loudness,
//! subtitles. Blocking; ffmpeg does the work, one thread of it.
//!
//! What cannot be made is left out: a file without a poster is still a film.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::ids::FileId;
use engine::integrity::{HashTree, Hasher};
use engine::media::{ChunkSize, FileEntry, Geometry, MediaKind, Sidecar, SidecarRole};
use engine::media::{MAX_PICTURES, MAX_SIDECAR, SIDECAR_CHUNK, STORYBOARD_COLUMNS};
use serde::{Deserialize, Serialize};

use crate::ffmpeg::{Answer, Output, Tool, all};
use crate::library::scan::Stamp;

/// Longest run of ffmpeg for one picture.
const PICTURE_LIMIT: Duration = Duration::from_secs(30);

/// Longest run of ffmpeg over all of a sound.
const SOUND_LIMIT: Duration = Duration::from_secs(600);

/// Side of a poster's longer edge, in pixels.
const POSTER: u32 = 400;

/// Width of a storyboard's picture, in pixels.
const PICTURE_WIDTH: u32 = 160;

/// Film between two pictures of a storyboard, if it is not long.
const PICTURE_EVERY: Duration = Duration::from_secs(5);

/// Pictures of a storyboard that may be copies of the one before, where none came.
const MAX_MISSING: usize = 5;

/// Parts of a waveform.
const WAVEFORM_PARTS: usize = 600;

/// Samples a second that a waveform is made from.
const SAMPLE_RATE: u32 = 4000;

/// ReplayGain's loudness, in LUFS (EBU R 128; ReplayGain 2.0 specification).
const REFERENCE_LOUDNESS: f64 = -18.0;

/// Quieter than this is silence that nobody meant to be raised, in LUFS.
const SILENCE: f64 = -60.0;

/// Subtitle files that one film may have.
const MAX_SUBTITLES: usize = 8;

/// What was made for a media file, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Made {
    /// Subtitle files that lie beside it.
    pub subtitles: Vec<(PathBuf, Stamp)>,
    /// Sidecars, and where they lie.
    pub sidecars: Vec<(Sidecar, PathBuf)>,
    /// Measured, in hundredths of a decibel.
    pub gain_cdb: Option<i32>,
}

/// Why nothing was made. All of it may be otherwise another time.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The folder of the sidecars.
    #[error("sidecars cannot be written: {0}")]
    Folder(#[from] std::io::Error),
    /// ffmpeg could not be started.
    #[error("cannot run ffmpeg: {0}")]
    NoProgram(std::io::Error),
    /// It hangs, or the disk does.
    #[error("ffmpeg took too long")]
    TooSlow,
    /// The program ends.
    #[error("given up")]
    Cancelled,
}

/// A waveform, and the loudness in LUFS if it is no silence.
type Heard = (Vec<u8>, Option<f64>);

/// What makes sidecars.
#[derive(Debug, Clone, Copy)]
pub struct Maker<'a> {
    /// The ffmpeg program.
    pub ffmpeg: &'a Path,
    /// Where sidecars are kept.
    pub folder: &'a Path,
    /// Set to give up.
    pub cancelled: &'a AtomicBool,
}

/// A sidecar that lies on disk, hashed.
#[derive(Debug)]
pub struct Hashed {
    /// As the catalogue names it.
    pub sidecar: Sidecar,
    /// Where it lies.
    pub path: PathBuf,
    /// All its hashes.
    pub tree: HashTree,
}

impl Maker<'_> {
    /// Makes the pictures and the waveform that suit a file, and measures a song's
    /// loudness, in hundredths of a decibel to raise it by.
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
            made.push(self.keep(SidecarRole::Poster, 0, "", &poster)?);
        }
        let mut gain = None;
        if entry.info.kind == MediaKind::Video {
            if let Some((pictures, sheet)) = self.storyboard(path, entry)? {
                made.push(self.keep(SidecarRole::Storyboard, pictures, "", &sheet)?);
            }
        } else if let Some((waveform, loudness)) = self.sound(path, entry)? {
            made.push(self.keep(SidecarRole::Waveform, 0, "", &waveform)?);
            gain = loudness.map(gain_for);
        }
        Ok((made, gain))
    }

    /// Takes over the subtitle files that lie beside a file.
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
                tracing::warn!(path = %file.display(), "these subtitles cannot be read");
                continue;
            };
            let language = language(path, file);
            made.push(self.keep(SidecarRole::Subtitles, 0, &language, text.as_bytes())?);
        }
        Ok(made)
    }

    /// Writes and hashes a sidecar; its name is its content.
    fn keep(
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

    /// Runs ffmpeg; what it writes to its standard output, if that is anything.
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

    /// Runs ffmpeg to its end.
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
            (_, true) => Err(MakeError::TooSlow),
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

    /// The embedded cover, else a frame that looks like many around it.
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
            // In a film the first picture is the film.
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

    /// A sheet of pictures from all over the film, and how many they are.
    fn storyboard(
        &self,
        path: &Path,
        entry: &FileEntry,
    ) -> Result<Option<(u32, Vec<u8>)>, MakeError> {
        let length = entry.info.duration();
        let pictures = (length.as_secs() / PICTURE_EVERY.as_secs()) as u32;
        let pictures = pictures.clamp(1, MAX_PICTURES);
        let work = self.folder.join("work");
        // What a run that was interrupted left.
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir_all(&work)?;
        let name = |number: u32| work.join(format!("{number:03}.bmp"));
        let filter = format!("scale=iw*sar:ih,scale={PICTURE_WIDTH}:-2,setsar=1");
        let mut last = None;
        let mut missing = 0;
        for number in 0..pictures {
            let middle = (f64::from(number) + 0.5) / f64::from(pictures);
            let from = (length.as_secs_f64() * middle).to_string();
            // The key frame before it: all between would have to be decoded.
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

    /// The waveform of a sound, and its loudness in LUFS.
    fn sound(&self, path: &Path, entry: &FileEntry) -> Result<Option<Heard>, MakeError> {
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
        let loudness = answer.complaints.iter().rev().find_map(|line| {
            let number = line.strip_prefix("I:")?.trim().strip_suffix("LUFS")?;
            number.trim().parse::<f64>().ok()
        });
        let heard = loudness.filter(|loudness| *loudness > SILENCE);
        Ok((!waveform.is_empty()).then_some((waveform, heard)))
    }
}

/// By how much to raise a sound, in hundredths of a decibel.
fn gain_for(loudness: f64) -> i32 {
    ((REFERENCE_LOUDNESS - loudness) * 100.0).round() as i32
}

/// The loudest of each part of so many samples, 16 bits each.
fn waveform(mut pipe: impl Read, samples: u64) -> Vec<u8> {
    let mut peaks = vec![0_u8; WAVEFORM_PARTS];
    let (mut number, mut rest) = (0_u64, Vec::new());
    let mut buffer = vec![0; 32 << 10];
    while let Ok(read @ 1..) = pipe.read(&mut buffer) {
        rest.extend_from_slice(&buffer[..read]);
        let whole = rest.len() / 2 * 2;
        for sample in rest[..whole].chunks_exact(2) {
            let level = i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() >> 7;
            let part = number * WAVEFORM_PARTS as u64 / samples.max(1);
            let part = (part as usize).min(WAVEFORM_PARTS - 1);
            peaks[part] = peaks[part].max(level.min(255) as u8);
            number += 1;
        }
        rest.drain(..whole);
    }
    if number == 0 {
        peaks.clear();
    }
    peaks
}

/// Text in whatever coding it is; `None` if there is too much or none.
fn utf8(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.len() as u64 > MAX_SIDECAR {
        return None;
    }
    let marked = encoding_rs::Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let text = match marked {
        Some(encoding) => encoding.decode(bytes).0,
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            // What subtitles without a mark mostly are where they are no UTF-8.
            Err(_) => encoding_rs::WINDOWS_1252.decode(bytes).0,
        },
    };
    (text.len() as u64 <= MAX_SIDECAR).then(|| text.into_owned())
}

/// `en` for `Film.en.srt` beside `Film.mkv`.
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
pub fn hash(bytes: &[u8]) -> (FileId, HashTree) {
    let geometry = geometry(bytes.len() as u64);
    let mut hasher = Hasher::new(geometry);
    bytes
        .chunks(SIDECAR_CHUNK as usize)
        .for_each(|chunk| hasher.update(chunk));
    hasher.finish()
}

/// How a sidecar is cut.
pub fn geometry(size: u64) -> Geometry {
    let chunk = ChunkSize::checked(SIDECAR_CHUNK).expect("a chunk size that is allowed");
    Geometry::new(size, chunk)
}

/// The subtitle files that lie beside a film and begin with its name.
pub fn subtitles_of(
    film: &Path,
    subtitles: &std::collections::BTreeMap<PathBuf, Stamp>,
) -> Vec<(PathBuf, Stamp)> {
    let stem = film.with_extension("");
    let stem = stem.as_os_str().as_encoded_bytes();
    let belongs = |path: &Path| {
        let path = path.as_os_str().as_encoded_bytes();
        path.strip_prefix(stem)
            .is_some_and(|rest| rest.first() == Some(&b'.') && !rest.contains(&b'/'))
    };
    let found = subtitles.iter().filter(|(path, _)| belongs(path));
    found.map(|(path, stamp)| (path.clone(), *stamp)).collect()
}

#[cfg(test)]
mod tests;
