//! Looks at one file: probes and hashes it, or finds it remembered. Blocking.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use engine::integrity::{HashTree, Hasher, TreeShape};
use engine::media::{ChunkSize, FileEntry, Geometry, MediaInfo};

use crate::ffmpeg::{ProbeError, probe, probe_timeline};
use crate::library::index::{FACTS_VERSION, Index, IndexError, Record, Verdict};
use crate::library::scan::Stamp;

/// Why a file is not shared whose chunks would be too many.
pub const TOO_LARGE: &str = "larger than 512 GiB";

/// How often it is looked whether a pause is over.
const LOOK: Duration = Duration::from_millis(50);

/// Progress and cancellation, shared with the thread that hashes.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes hashed of the present file.
    pub done: AtomicU64,
    /// Set to give up.
    pub cancelled: AtomicBool,
    /// Set to wait where it is.
    pub paused: AtomicBool,
}

/// What came of a file.
#[derive(Debug)]
pub enum Outcome {
    /// It can be shared.
    Share(Box<Shareable>),
    /// It cannot, and why.
    Skip(String),
    /// It changed while it was read: look again.
    Again,
    /// Given up.
    Cancelled,
}

/// A file that can be shared.
#[derive(Debug)]
pub struct Shareable {
    /// State of the file that was hashed.
    pub stamp: Stamp,
    /// What others see.
    pub entry: FileEntry,
    /// How it is cut.
    pub geometry: Geometry,
    /// All its hashes.
    pub tree: HashTree,
}

/// Looks at a file. What was learnt is remembered.
///
/// # Errors
/// The database fails; everything else is an [`Outcome`].
pub fn inspect(
    index: &Index,
    ffprobe: &Path,
    path: &Path,
    stamp: Stamp,
    progress: &Progress,
) -> Result<Outcome, IndexError> {
    if let Some(Record {
        verdict, version, ..
    }) = index.find(path, stamp)?
    {
        if let Verdict::Skipped(reason) = verdict {
            return Ok(Outcome::Skip(reason));
        }
        let verdict = match version == FACTS_VERSION {
            true => verdict,
            false => look_again(index, ffprobe, path, stamp, verdict, progress)?,
        };
        if let Some(known) = recall(index, path, stamp, verdict)? {
            return Ok(known);
        }
    }
    // A file that cannot be opened now may be readable later: not remembered.
    if let Err(error) = File::open(path) {
        return Ok(Outcome::Skip(unreadable(&error)));
    }
    let mut info = match probe(ffprobe, path, &progress.cancelled) {
        Ok(info) => info,
        Err(_) if progress.cancelled.load(Ordering::Relaxed) => return Ok(Outcome::Cancelled),
        // The program may be installed, the disk be faster later: not remembered.
        Err(error @ (ProbeError::NoProgram { .. } | ProbeError::TooSlow)) => {
            return Ok(Outcome::Skip(error.to_string()));
        }
        Err(error) => return skip(index, path, stamp, error.to_string()),
    };
    let chunk_size = ChunkSize::for_media(stamp.size, info.duration());
    let Some(geometry) = Geometry::checked(stamp.size, chunk_size.bytes()) else {
        return skip(index, path, stamp, TOO_LARGE.into());
    };
    let (size, duration) = (stamp.size, info.duration());
    info.timeline = probe_timeline(ffprobe, path, size, duration, &progress.cancelled).into();
    let hashed = hash(path, geometry, progress);
    let (id, tree) = match hashed {
        Ok(Some(hashed)) => hashed,
        Ok(None) => return Ok(Outcome::Cancelled),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Ok(Outcome::Again);
        }
        Err(error) => return Ok(Outcome::Skip(unreadable(&error))),
    };
    if Stamp::of(path).ok() != Some(stamp) {
        return Ok(Outcome::Again);
    }
    let verdict = Verdict::Shared {
        id,
        chunk_size: chunk_size.bytes(),
        info: info.into(),
    };
    let version = FACTS_VERSION;
    let record = Record {
        stamp,
        verdict,
        version,
    };
    index.remember(path, &record, Some(tree.as_bytes()))?;
    Ok(share(path, stamp, record.verdict, tree).unwrap_or(Outcome::Again))
}

/// Why a file is not shared that the system does not let us read.
pub fn unreadable(error: &std::io::Error) -> String {
    format!("cannot be read: {error}")
}

fn skip(index: &Index, path: &Path, stamp: Stamp, reason: String) -> Result<Outcome, IndexError> {
    let verdict = Verdict::Skipped(reason.clone());
    let version = FACTS_VERSION;
    let record = Record {
        stamp,
        verdict,
        version,
    };
    index.remember(path, &record, None)?;
    Ok(Outcome::Skip(reason))
}

/// What an older program did not ask of a file that it hashed.
fn look_again(
    index: &Index,
    ffprobe: &Path,
    path: &Path,
    stamp: Stamp,
    verdict: Verdict,
    progress: &Progress,
) -> Result<Verdict, IndexError> {
    let Verdict::Shared {
        id,
        chunk_size,
        info: known,
    } = verdict
    else {
        return Ok(verdict);
    };
    let info = match probe(ffprobe, path, &progress.cancelled) {
        Ok(info) => MediaInfo {
            timeline: known.timeline.clone(),
            ..info
        },
        // What is known is better than nothing, and it is asked again the next time.
        Err(_) => {
            return Ok(Verdict::Shared {
                id,
                chunk_size,
                info: known,
            });
        }
    };
    let verdict = Verdict::Shared {
        id,
        chunk_size,
        info: info.into(),
    };
    let record = Record {
        stamp,
        verdict,
        version: FACTS_VERSION,
    };
    index.remember(path, &record, None)?;
    Ok(record.verdict)
}

/// A file hashed before, with its hashes from the database.
fn recall(
    index: &Index,
    path: &Path,
    stamp: Stamp,
    verdict: Verdict,
) -> Result<Option<Outcome>, IndexError> {
    let Verdict::Shared {
        id,
        chunk_size,
        info,
    } = &verdict
    else {
        return Ok(None);
    };
    // Remembered by a version that made no timelines.
    if !info.timeline.fits(stamp.size, info.duration()) {
        return Ok(None);
    }
    let Some(chunk_size) = ChunkSize::checked(*chunk_size) else {
        return Ok(None);
    };
    let shape = TreeShape::of(Geometry::new(stamp.size, chunk_size));
    let bytes = index.tree(*id)?;
    let tree = bytes.and_then(|bytes| HashTree::from_bytes(shape, &bytes));
    Ok(tree.and_then(|tree| share(path, stamp, verdict, tree)))
}

fn share(path: &Path, stamp: Stamp, verdict: Verdict, tree: HashTree) -> Option<Outcome> {
    let Verdict::Shared {
        id,
        chunk_size,
        info,
    } = verdict
    else {
        return None;
    };
    let name = path.file_name().unwrap_or_default();
    let entry = FileEntry {
        id,
        name: name.to_string_lossy().into_owned(),
        size: stamp.size,
        chunk_size,
        info: *info,
        sources: 1,
    };
    let geometry = entry.geometry()?;
    Some(Outcome::Share(Box::new(Shareable {
        stamp,
        entry,
        geometry,
        tree,
    })))
}

/// Hashes a file chunk by chunk; `None` if cancelled.
fn hash(
    path: &Path,
    geometry: Geometry,
    progress: &Progress,
) -> std::io::Result<Option<(engine::ids::FileId, HashTree)>> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new(geometry);
    let mut buffer = vec![0; geometry.chunk_size().bytes() as usize];
    for chunk in geometry.chunks() {
        while progress.paused.load(Ordering::Relaxed) && !progress.cancelled.load(Ordering::Relaxed)
        {
            std::thread::sleep(LOOK);
        }
        if progress.cancelled.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let bytes = &mut buffer[..geometry.chunk_len(chunk) as usize];
        file.read_exact(bytes)?;
        hasher.update(bytes);
        progress
            .done
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
    Ok(Some(hasher.finish()))
}

/// The content id of any file, media or not: what `b3sum` prints.
///
/// # Errors
/// The file cannot be read.
pub fn file_id(path: &PathBuf) -> std::io::Result<engine::ids::FileId> {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(engine::ids::FileId(*hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_stands_still_while_it_is_paused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("film");
        std::fs::write(&path, [7; 100_000]).expect("writable");
        let geometry = Geometry::new(100_000, ChunkSize::MIN);
        let progress = Progress::default();
        progress.paused.store(true, Ordering::Relaxed);
        let done = || progress.done.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let hashing = scope.spawn(|| hash(&path, geometry, &progress));
            // It is well under way to where it waits.
            (0..1000).for_each(|_| std::thread::yield_now());
            assert_eq!(done(), 0);
            progress.paused.store(false, Ordering::Relaxed);
            let hashed = hashing.join().expect("no panic").expect("readable");
            assert!(hashed.is_some());
        });
        assert_eq!(done(), 100_000);
    }
}
