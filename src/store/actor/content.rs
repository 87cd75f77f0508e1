//! One content in the store: where its bytes lie and what is known of them.

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

/// An open file that chunks are read from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A sparse copy under the data directory.
    Cached(Arc<CacheFiles>),
    /// A whole file in the user's folders, where it lies, and its state when it
    /// was opened.
    Shared(Arc<File>, PathBuf, FileState),
}

impl Source {
    /// Reads a chunk; blocks.
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
            // Written to in place since it was opened: whatever is read now may
            // not be what was hashed.
            Self::Shared(open, _, state) if FileState::of(open)? != *state => {
                Err(StoreError::Corrupt)
            }
            Self::Shared(open, ..) => {
                read_chunk(open.as_ref(), file, geometry, chunk, proof, trusted)
            }
        }
    }
}

/// What changes when a file is written to in place.
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

/// A content, shared or cached or both; shared paths are read first.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) geometry: Geometry,
    /// How the cached copy is cut; a shared copy may be cut another way.
    pub(super) cache_geometry: Geometry,
    /// Chunks verified by this process since the bytes last may have changed.
    pub(super) trusted: RoaringBitmap,
    /// Grows whenever bytes may have changed under a reader.
    pub(super) epoch: u64,
    /// How a cached copy was announced.
    pub(super) entry: Option<Box<FileEntry>>,
    paths: Vec<PathBuf>,
    open: Option<Source>,
    tree: Option<HashTree>,
}

impl Content {
    /// A cached content; its files are opened on first use.
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

    /// A whole file in the user's folders.
    pub(super) fn shared(path: PathBuf, geometry: Geometry, tree: HashTree) -> Self {
        Self {
            paths: vec![path],
            tree: Some(tree),
            ..Self::new(geometry)
        }
    }

    /// Takes another sharer's word on the file, while nothing of it is held.
    pub(super) fn recut(&mut self, entry: FileEntry, geometry: Geometry, directory: &Path) {
        self.entry = Some(Box::new(entry));
        (self.geometry, self.cache_geometry) = (geometry, geometry);
        self.tree = None;
        self.reopen();
        disk::forget(directory);
    }

    /// The path that is read from, if the content is shared.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.paths.last()
    }

    pub(super) fn is_shared(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Another path with the same content. A cached copy gives way to it.
    pub(super) fn add_path(&mut self, path: PathBuf, geometry: Geometry, tree: &HashTree) {
        if !self.is_shared() {
            self.geometry = geometry;
            self.tree = Some(tree.clone());
        }
        self.paths.retain(|known| *known != path);
        self.paths.push(path);
        self.reopen();
    }

    /// The cached copy, which is whole, lies at a path of its own from now on.
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

    /// Closes the file. The bytes may be others when it is opened again, so
    /// nothing is trusted any more.
    pub(super) fn reopen(&mut self) {
        self.open = None;
        self.trusted.clear();
        self.epoch += 1;
    }

    /// The chunks are gone.
    pub(super) fn forget(&mut self, chunks: &RoaringBitmap) {
        self.trusted -= chunks;
        self.epoch += 1;
    }

    /// Takes in authenticated hashes.
    pub(super) fn learn(&mut self, nodes: &[(Node, NodeHash)]) {
        if let Some(tree) = &mut self.tree {
            tree.learn(nodes);
        }
    }

    /// Nodes on a chunk's way to the root that are known, and on disk, already.
    pub(super) fn known(&self, chunk: ChunkIndex) -> Vec<Node> {
        let tree = self.tree.as_ref();
        tree.map_or_else(Vec::new, |tree| tree.known(chunk))
    }

    pub(super) fn proof(&self, chunk: ChunkIndex) -> Option<Bytes> {
        self.tree.as_ref()?.proof(chunk)
    }

    /// The open file to read from.
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

    /// The open files of the cached copy.
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
