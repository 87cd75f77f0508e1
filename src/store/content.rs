//! One content of the store: its files, node hashes and trust.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use engine::ids::{ChunkIndex, FileId};
use engine::integrity::{HashTree, Node, NodeHash};
use engine::media::{FileEntry, Geometry};
use engine::store::StoreError;
use roaring::RoaringBitmap;

use crate::store::disk;
use crate::store::disk::{CacheFiles, read_chunk};

/// Open file that chunks are read from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Sparse copy under the data directory.
    Cached(Arc<CacheFiles>),
    /// File in the user's folders, its path, and its state when it was opened.
    Shared(Arc<File>, PathBuf, FileState),
}

impl Source {
    /// Reads a chunk. Blocking.
    pub(super) fn read(
        &self,
        file: FileId,
        geometry: Geometry,
        chunk: ChunkIndex,
        proof: &[u8],
        trusted: bool,
    ) -> Result<Bytes, StoreError> {
        match self {
            Self::Cached(files) => {
                read_chunk(files.as_ref(), file, geometry, chunk, proof, trusted)
            }
            // The file was modified in place, so its bytes may differ from the hashed ones.
            Self::Shared(open, _, state) if FileState::of(open)? != *state => {
                Err(StoreError::Corrupt)
            }
            Self::Shared(open, ..) => {
                read_chunk(open.as_ref(), file, geometry, chunk, proof, trusted)
            }
        }
    }
}

/// Properties that change when a file is modified in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileState {
    size: u64,
    modified: SystemTime,
}

impl FileState {
    fn of(file: &File) -> std::io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self {
            size: meta.len(),
            modified: meta.modified()?,
        })
    }
}

/// Content that is shared, cached or both; shared paths are preferred for reading.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) geometry: Geometry,
    /// Geometry of the cached copy; a shared copy may have another.
    pub(super) cache_geometry: Geometry,
    /// Chunks verified by this process since the bytes may last have changed.
    pub(super) trusted: RoaringBitmap,
    /// Incremented whenever bytes may have changed under a reader.
    pub(super) epoch: u64,
    /// Catalogue entry of the cached copy.
    pub(super) entry: Option<Box<FileEntry>>,
    paths: Vec<PathBuf>,
    open: Option<Source>,
    tree: Option<HashTree>,
}

impl Content {
    /// Cached content; its files are opened on first use.
    pub(super) fn cached(entry: FileEntry, geometry: Geometry) -> Self {
        Self {
            entry: Some(Box::new(entry)),
            ..Self::new(geometry)
        }
    }

    fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            cache_geometry: geometry,
            entry: None,
            trusted: RoaringBitmap::new(),
            epoch: 0,
            paths: Vec::new(),
            open: None,
            tree: None,
        }
    }

    /// Content of a file in the user's folders.
    pub(super) fn shared(path: PathBuf, geometry: Geometry, tree: HashTree) -> Self {
        Self {
            paths: vec![path],
            tree: Some(tree),
            ..Self::new(geometry)
        }
    }

    /// Adopts another entry and geometry, while no chunk is held.
    pub(super) fn replace_entry(&mut self, entry: FileEntry, geometry: Geometry, directory: &Path) {
        self.entry = Some(Box::new(entry));
        (self.geometry, self.cache_geometry) = (geometry, geometry);
        self.tree = None;
        self.reopen();
        disk::forget(directory);
    }

    /// Shared path that is read from.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.paths.last()
    }

    pub(super) fn is_shared(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Adds a shared path, which replaces the cached copy for reading.
    pub(super) fn add_path(&mut self, path: PathBuf, geometry: Geometry, tree: &HashTree) {
        if !self.is_shared() {
            self.geometry = geometry;
            self.tree = Some(tree.clone());
        }
        self.paths.retain(|known| *known != path);
        self.paths.push(path);
        self.reopen();
    }

    /// Turns the complete cached copy into a shared file at `path`.
    pub(super) fn moved(&mut self, path: PathBuf) {
        self.entry = None;
        self.paths.push(path);
        self.reopen();
    }

    pub(super) fn remove_path(&mut self, path: &PathBuf) {
        self.paths.retain(|known| known != path);
        if self.paths.is_empty() {
            self.tree = None;
            self.geometry = self.cache_geometry;
        }
        self.reopen();
    }

    /// Closes the file. Its bytes may have changed when it is opened again, so all chunks
    /// lose their trust.
    pub(super) fn reopen(&mut self) {
        self.open = None;
        self.trusted.clear();
        self.epoch += 1;
    }

    /// Removes trust from evicted chunks.
    pub(super) fn forget(&mut self, chunks: &RoaringBitmap) {
        self.trusted -= chunks;
        self.epoch += 1;
    }

    /// Stores authenticated hashes.
    pub(super) fn learn(&mut self, nodes: &[(Node, NodeHash)]) {
        if let Some(tree) = &mut self.tree {
            tree.learn(nodes);
        }
    }

    /// Nodes of a chunk's path that are known and stored already.
    pub(super) fn known(&self, chunk: ChunkIndex) -> Vec<Node> {
        let tree = self.tree.as_ref();
        tree.map_or_else(Vec::new, |tree| tree.known(chunk))
    }

    /// Proof of a chunk; `None` if a node is unknown.
    pub(super) fn proof(&self, chunk: ChunkIndex) -> Option<Bytes> {
        self.tree.as_ref()?.proof(chunk)
    }

    /// Opens the file to read from.
    pub(super) fn source(&mut self, directory: &Path) -> Result<Source, StoreError> {
        if let Some(source) = &self.open {
            return Ok(source.clone());
        }
        let Some(path) = self.paths.last() else {
            return self.cache_files(directory).map(Source::Cached);
        };
        let open = File::open(path)?;
        let state = FileState::of(&open)?;
        let source = Source::Shared(Arc::new(open), path.clone(), state);
        self.open = Some(source.clone());
        Ok(source)
    }

    /// Opens the files of the cached copy.
    pub(super) fn cache_files(&mut self, directory: &Path) -> Result<Arc<CacheFiles>, StoreError> {
        if let Some(Source::Cached(files)) = &self.open {
            return Ok(files.clone());
        }
        let entry = self.entry.as_deref().ok_or(StoreError::UnknownFile)?;
        let (files, tree) = disk::open(directory, entry, self.cache_geometry)?;
        let files = Arc::new(files);
        if !self.is_shared() {
            self.tree = Some(tree);
            self.open = Some(Source::Cached(files.clone()));
        }
        Ok(files)
    }
}
