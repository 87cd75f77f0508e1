//! File operations of the cache. Blocking: never called on an actor's thread.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::{HashTree, Node, NodeHash, TreeShape, verify};
use engine::media::{FileEntry, Geometry};
use engine::store::StoreError;
use roaring::RoaringBitmap;

/// Name of the file that marks a content as pinned.
const PINNED: &str = "pinned";

/// Value of the `have` byte of a held chunk.
const HELD: u8 = 1;

/// Open files of one cached content.
#[derive(Debug)]
pub struct CacheFiles {
    /// Chunks to erase. A chunk that is written again leaves this set, so that a late
    /// erasure cannot undo the write.
    condemned: Mutex<RoaringBitmap>,
    data: File,
    tree: File,
    have: File,
}

/// Content of a cache directory.
#[derive(Debug)]
pub struct Found {
    /// Announced catalogue entry.
    pub entry: FileEntry,
    /// Division into chunks.
    pub geometry: Geometry,
    /// Chunks marked as held; each is verified on its first read.
    pub have: RoaringBitmap,
    /// Time of the last write.
    pub last_used: SystemTime,
    /// True if pinned.
    pub pinned: bool,
}

/// Lists the cache directory. Unknown entries are logged and left alone.
///
/// # Errors
/// The directory cannot be created or read.
pub fn scan(root: &Path) -> io::Result<Vec<Found>> {
    std::fs::create_dir_all(root)?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        match inspect(&path) {
            // All chunks were evicted.
            Ok(content) if content.have.is_empty() => forget(&path),
            Ok(content) => found.push(content),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "unknown cache entry ignored")
            }
        }
    }
    Ok(found)
}

fn inspect(directory: &Path) -> io::Result<Found> {
    let entry: FileEntry = serde_json::from_slice(&std::fs::read(directory.join("meta.json"))?)?;
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let geometry = entry
        .geometry()
        .filter(|_| name.parse() == Ok(entry.id))
        .ok_or_else(|| io::Error::other("meta.json belongs to another file"))?;
    let have_path = directory.join("have");
    let bytes = std::fs::read(&have_path)?;
    let held = |(chunk, byte): (usize, &u8)| (*byte == HELD).then_some(chunk as u32);
    let chunks = bytes.iter().enumerate();
    Ok(Found {
        entry,
        geometry,
        have: chunks
            .take(geometry.chunk_count() as usize)
            .filter_map(held)
            .collect(),
        last_used: std::fs::metadata(have_path)?.modified()?,
        pinned: directory.join(PINNED).exists(),
    })
}

/// Creates or removes the pin marker of a content.
///
/// # Errors
/// The marker cannot be written or removed, or the content has no directory.
pub fn pin(directory: &Path, pinned: bool) -> io::Result<()> {
    let path = directory.join(PINNED);
    match pinned {
        true => std::fs::write(path, ""),
        false => match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
    }
}

/// Directory of a content below the root of the cache. Only ids become paths, never names
/// from the network.
pub fn directory(root: &Path, file: FileId) -> PathBuf {
    root.join(file.to_string())
}

/// Moves a complete cached copy out of the cache and deletes its directory. The new name
/// appears once the file is complete.
///
/// # Errors
/// The new file cannot be written.
pub fn move_out(directory: &Path, to: &Path) -> io::Result<()> {
    let from = directory.join("data");
    if std::fs::rename(&from, to).is_err() {
        let mut partial = to.as_os_str().to_owned();
        partial.push(".part");
        std::fs::copy(from, &partial)?;
        std::fs::rename(partial, to)?;
    }
    forget(directory);
    Ok(())
}

/// Deletes the directory of a content. Files that cannot be deleted do no harm.
pub fn forget(directory: &Path) {
    if let Err(error) = std::fs::remove_dir_all(directory) {
        tracing::debug!(path = %directory.display(), %error, "deleting cache entry failed");
    }
}

/// Opens the directory of a content, creating it if missing.
///
/// # Errors
/// [`StoreError::DiskFull`] or [`StoreError::Disk`].
pub fn open(
    directory: &Path,
    entry: &FileEntry,
    geometry: Geometry,
) -> Result<(CacheFiles, HashTree), StoreError> {
    std::fs::create_dir_all(directory)?;
    let meta = directory.join("meta.json");
    if !meta.exists() {
        let text = serde_json::to_vec(entry).map_err(io::Error::other)?;
        let temporary = directory.join("meta.tmp");
        std::fs::write(&temporary, text)?;
        std::fs::rename(temporary, meta)?;
    }
    let open = |name: &str, length: u64| -> io::Result<File> {
        let path = directory.join(name);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        if file.metadata()?.len() != length {
            file.set_len(length)?;
        }
        Ok(file)
    };
    let shape = TreeShape::of(geometry);
    let empty = HashTree::empty(shape);
    let files = CacheFiles {
        condemned: Mutex::default(),
        data: open("data", geometry.size())?,
        tree: open("tree", empty.as_bytes().len() as u64)?,
        have: open("have", geometry.chunk_count().into())?,
    };
    let mut bytes = vec![0; empty.as_bytes().len()];
    FileExt::read_exact_at(&files.tree, &mut bytes, 0)?;
    let tree = HashTree::from_bytes(shape, &bytes).unwrap_or(empty);
    Ok((files, tree))
}

impl CacheFiles {
    /// Writes a verified chunk: data, then hashes, then its `have` byte.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] or [`StoreError::Disk`]; the chunk is then not held.
    pub fn write_chunk(
        &self,
        geometry: Geometry,
        chunk: ChunkIndex,
        payload: &[u8],
        nodes: &[(Node, NodeHash)],
    ) -> Result<(), StoreError> {
        self.condemned().remove(chunk.0);
        let shape = TreeShape::of(geometry);
        self.data
            .write_all_at(payload, geometry.chunk_range(chunk).start)?;
        for (node, hash) in nodes {
            self.tree.write_all_at(hash, shape.byte_offset(*node))?;
        }
        self.have.write_all_at(&[HELD], chunk.0.into())?;
        Ok(())
    }

    fn condemned(&self) -> std::sync::MutexGuard<'_, RoaringBitmap> {
        self.condemned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks chunks for [`Self::erase`], without file operations.
    pub fn condemn(&self, chunks: &RoaringBitmap) {
        *self.condemned() |= chunks;
    }

    /// Frees the space of condemned chunks: clears the `have` bytes, then the data.
    ///
    /// # Errors
    /// [`StoreError::Disk`]; the chunks are not held nonetheless.
    pub fn erase(&self, geometry: Geometry) -> Result<(), StoreError> {
        let mut condemned = self.condemned();
        let chunks = std::mem::take(&mut *condemned);
        let mut runs = chunks.iter();
        while let Some(run) = runs.next_range() {
            let (first, last) = (ChunkIndex(*run.start()), ChunkIndex(*run.end()));
            let zeros = vec![0; (last.0 - first.0 + 1) as usize];
            self.have.write_all_at(&zeros, first.0.into())?;
            let start = geometry.chunk_range(first).start;
            let end = geometry.chunk_range(last).end;
            punch_hole(&self.data, start, end - start)?;
        }
        Ok(())
    }
}

/// Returns the blocks of a range to the file system. Where this is not supported, the
/// space is reused when the chunk is stored again.
fn punch_hole(file: &File, start: u64, length: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    let (start, length) = (start as libc::off_t, length as libc::off_t);
    // SAFETY: the descriptor is open for the length of the call; no memory is passed.
    let result = unsafe { libc::fallocate(file.as_raw_fd(), mode, start, length) };
    match result {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(()),
            error => Err(error),
        },
    }
}

/// File that chunks can be read from.
pub trait ReadAt {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// The file cannot be read or is too short.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for CacheFiles {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.data, buffer, offset)
    }
}

/// Reads one chunk, and verifies it unless it is trusted.
///
/// # Errors
/// [`StoreError::Corrupt`] if verification fails, or a disk error.
pub fn read_chunk(
    source: &impl ReadAt,
    file: FileId,
    geometry: Geometry,
    chunk: ChunkIndex,
    proof: &[u8],
    trusted: bool,
) -> Result<Bytes, StoreError> {
    let mut payload = vec![0; geometry.chunk_len(chunk) as usize];
    source.read_exact_at(&mut payload, geometry.chunk_range(chunk).start)?;
    if !trusted {
        verify(file, geometry, chunk, &payload, proof).map_err(|_| StoreError::Corrupt)?;
    }
    Ok(payload.into())
}
