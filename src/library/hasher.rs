//! Inspection of one file: loads it from the database, or probes and hashes it.
//! Blocking.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use engine::ids::FileId;
use engine::integrity::{HashTree, Hasher, TreeShape};
use engine::io_failure::IoFailure;
use engine::library::{SkipReason, Stamp};
use engine::media::{ChunkSize, FileEntry, Geometry, MediaInfo};

use crate::ffmpeg::{ProbeError, probe, probe_timeline};
use crate::library::index::{Index, IndexError, RECORD_VERSION, Record, Verdict};
use crate::library::scan::stamp as stamp_of;

/// Interval at which a paused hasher checks whether to go on.
const PAUSE_POLL: Duration = Duration::from_millis(50);

/// Progress and control flags, shared with the hashing thread.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Bytes hashed of the current file.
    pub done: AtomicU64,
    /// Set to cancel.
    pub cancelled: AtomicBool,
    /// Set to pause.
    pub paused: AtomicBool,
}

/// Result of an inspection.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The file can be shared.
    Share(Box<Shareable>),
    /// The file cannot be shared.
    Skip(SkipReason),
    /// The file changed during the inspection.
    Changed,
    /// Cancelled.
    Cancelled,
}

/// File that can be shared.
#[derive(Debug)]
pub(super) struct Shareable {
    /// Stamp of the hashed state.
    pub stamp: Stamp,
    /// Catalogue entry.
    pub entry: FileEntry,
    /// Division into chunks.
    pub geometry: Geometry,
    /// All node hashes.
    pub tree: HashTree,
}

/// Inspects a file and stores the result.
///
/// # Errors
/// The database fails; everything else is an [`Outcome`].
pub(super) fn inspect(
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
        if let Verdict::Skipped(reason) = &verdict
            && version == RECORD_VERSION
        {
            return Ok(Outcome::Skip(reason.clone()));
        }
        let verdict = match version == RECORD_VERSION {
            true => verdict,
            false => probe_again(index, ffprobe, path, stamp, verdict, progress)?,
        };
        if let Some(known) = recall(index, path, stamp, verdict)? {
            return Ok(known);
        }
    }
    // Not stored: the file may become readable.
    if let Err(error) = File::open(path) {
        return Ok(unreadable(&error));
    }
    let mut info = match probe(ffprobe, path, &progress.cancelled) {
        Ok(info) => info,
        Err(_) if progress.cancelled.load(Ordering::Relaxed) => return Ok(Outcome::Cancelled),
        Err(error) => return not_media(index, path, stamp, error),
    };
    let chunk_size = ChunkSize::for_media(stamp.size, info.duration());
    let Some(geometry) = Geometry::checked(stamp.size, chunk_size.bytes()) else {
        return skip(index, path, stamp, SkipReason::TooLarge);
    };
    let (size, duration) = (stamp.size, info.duration());
    info.timeline = probe_timeline(ffprobe, path, size, duration, &progress.cancelled).into();
    let hashed = hash(path, geometry, progress);
    let (id, tree) = match hashed {
        Ok(Some(hashed)) => hashed,
        Ok(None) => return Ok(Outcome::Cancelled),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Ok(Outcome::Changed);
        }
        Err(error) => return Ok(unreadable(&error)),
    };
    if stamp_of(path).ok() != Some(stamp) {
        return Ok(Outcome::Changed);
    }
    let verdict = Verdict::Shared {
        id,
        chunk_size: chunk_size.bytes(),
        info: info.into(),
    };
    let version = RECORD_VERSION;
    let record = Record {
        stamp,
        verdict,
        version,
    };
    index.remember(path, &record, Some(tree.as_bytes()))?;
    Ok(share(path, stamp, record.verdict, tree).unwrap_or(Outcome::Changed))
}

fn unreadable(error: &std::io::Error) -> Outcome {
    Outcome::Skip(SkipReason::Unreadable(IoFailure::from(error)))
}

fn not_media(
    index: &Index,
    path: &Path,
    stamp: Stamp,
    error: ProbeError,
) -> Result<Outcome, IndexError> {
    let reason = match error {
        // Not stored: the program may be installed, the disk may be faster later.
        ProbeError::NoProgram { program, error } => {
            let error = IoFailure::from(&error);
            return Ok(Outcome::Skip(SkipReason::NoProbe { program, error }));
        }
        ProbeError::Timeout(limit) => {
            return Ok(Outcome::Skip(SkipReason::ProbeTimeout(limit.as_secs())));
        }
        ProbeError::NotMedia(failure) => SkipReason::NotMedia(failure),
        ProbeError::NothingToPlay => SkipReason::NothingToPlay,
        ProbeError::NoDuration => SkipReason::NoDuration,
    };
    skip(index, path, stamp, reason)
}

/// Stores and returns a reason that holds until the file changes.
fn skip(
    index: &Index,
    path: &Path,
    stamp: Stamp,
    reason: SkipReason,
) -> Result<Outcome, IndexError> {
    let verdict = Verdict::Skipped(reason.clone());
    let version = RECORD_VERSION;
    let record = Record {
        stamp,
        verdict,
        version,
    };
    index.remember(path, &record, None)?;
    Ok(Outcome::Skip(reason))
}

/// Probes a file again that an older program hashed, for fields that it did not read.
fn probe_again(
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
        // The old values are kept; the next inspection probes again.
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
        version: RECORD_VERSION,
    };
    index.remember(path, &record, None)?;
    Ok(record.verdict)
}

/// Loads a hashed file from the database.
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
    // Stored by a version that made no timelines.
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
) -> std::io::Result<Option<(FileId, HashTree)>> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new(geometry);
    let mut buffer = vec![0; geometry.chunk_size().bytes() as usize];
    for chunk in geometry.chunks() {
        while progress.paused.load(Ordering::Relaxed) && !progress.cancelled.load(Ordering::Relaxed)
        {
            std::thread::sleep(PAUSE_POLL);
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

/// Computes the content id of any file: its BLAKE3 hash, as printed by `b3sum`.
///
/// # Errors
/// The file cannot be read.
pub fn file_id(path: &Path) -> std::io::Result<FileId> {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(FileId(*hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paused_hashing_makes_no_progress() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("film");
        std::fs::write(&path, [7; 100_000]).expect("writable");
        let geometry = Geometry::new(100_000, ChunkSize::MIN);
        let progress = Progress::default();
        progress.paused.store(true, Ordering::Relaxed);
        let done = || progress.done.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let hashing = scope.spawn(|| hash(&path, geometry, &progress));
            // Time for the thread to reach the pause.
            (0..1000).for_each(|_| std::thread::yield_now());
            assert_eq!(done(), 0);
            progress.paused.store(false, Ordering::Relaxed);
            let hashed = hashing.join().expect("no panic").expect("readable");
            assert!(hashed.is_some());
        });
        assert_eq!(done(), 100_000);
    }
}
