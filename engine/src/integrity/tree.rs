//! Hash trees: computed completely by a seed, learnt from proofs by a downloader.

use bytes::Bytes;
use roaring::RoaringBitmap;

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::ids::{ChunkIndex, FileId};
use crate::integrity::NodeHash;
use crate::integrity::shape::HASH_LEN;
use crate::integrity::shape::{Node, TreeShape};
use crate::media::Geometry;

/// Chunk and proof do not hash to the file's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not belong to this file")]
pub struct Corrupt;

/// Hash of a chunk as a node below the root.
fn chunk_hash(geometry: Geometry, chunk: ChunkIndex, bytes: &[u8]) -> NodeHash {
    blake3::Hasher::new()
        .set_input_offset(geometry.chunk_range(chunk).start)
        .update(bytes)
        .finalize_non_root()
}

/// Hash of the parent of two siblings, below the root.
fn parent_hash(left: &NodeHash, right: &NodeHash) -> NodeHash {
    merge_subtrees_non_root(left, right, Mode::Hash)
}

/// Verifies a chunk against the file's id. The proof lists sibling hashes in the order
/// of [`TreeShape::proof_nodes`]. Returns all nodes that were authenticated, so that
/// the caller can prove the chunk to others.
///
/// # Errors
/// [`Corrupt`] if length, proof or bytes do not match.
pub fn verify(
    id: FileId,
    geometry: Geometry,
    chunk: ChunkIndex,
    bytes: &[u8],
    proof: &[u8],
) -> Result<Vec<(Node, NodeHash)>, Corrupt> {
    let shape = TreeShape::of(geometry);
    let range = geometry.chunk_range(chunk);
    let proof_len = shape.proof_nodes(chunk).count() * HASH_LEN;
    if range.is_empty() && geometry.size() > 0
        || bytes.len() as u64 != range.end - range.start
        || proof.len() != proof_len
    {
        return Err(Corrupt);
    }
    if shape.levels() == 0 {
        return (blake3::hash(bytes).as_bytes() == &id.0)
            .then(Vec::new)
            .ok_or(Corrupt);
    }
    let mut siblings = proof.chunks_exact(HASH_LEN);
    let mut known = Vec::with_capacity(2 * shape.levels() as usize);
    let mut hash = chunk_hash(geometry, chunk, bytes);
    for node in shape.path(chunk) {
        known.push((node, hash));
        let Some(sibling) = shape.sibling(node) else {
            continue;
        };
        let mut other = NodeHash::default();
        other.copy_from_slice(siblings.next().ok_or(Corrupt)?);
        known.push((sibling, other));
        let (left, right) = if node.index & 1 == 0 {
            (&hash, &other)
        } else {
            (&other, &hash)
        };
        if node.level + 1 == shape.levels() {
            let root = merge_subtrees_root(left, right, Mode::Hash);
            return (root.as_bytes() == &id.0).then_some(known).ok_or(Corrupt);
        }
        hash = parent_hash(left, right);
    }
    Err(Corrupt)
}

/// Node hashes of one file; incomplete at a downloader.
#[derive(Debug, Clone)]
pub struct HashTree {
    shape: TreeShape,
    hashes: Vec<NodeHash>,
    known: RoaringBitmap,
}

impl HashTree {
    /// Tree without any known node. Takes 64 bytes per chunk.
    pub fn empty(shape: TreeShape) -> Self {
        Self {
            shape,
            hashes: vec![NodeHash::default(); shape.node_count() as usize],
            known: RoaringBitmap::new(),
        }
    }

    /// Parses the bytes of [`Self::as_bytes`]; all-zero nodes are unknown. `None` if the
    /// length does not match the shape.
    pub fn from_bytes(shape: TreeShape, bytes: &[u8]) -> Option<Self> {
        let mut tree = Self::empty(shape);
        if bytes.len() != tree.hashes.len() * HASH_LEN {
            return None;
        }
        for (position, hash) in bytes.chunks_exact(HASH_LEN).enumerate() {
            if hash.iter().any(|byte| *byte != 0) {
                tree.hashes[position].copy_from_slice(hash);
                tree.known.insert(position as u32);
            }
        }
        Some(tree)
    }

    /// All nodes in level order.
    pub fn as_bytes(&self) -> &[u8] {
        self.hashes.as_flattened()
    }

    /// Known nodes on a chunk's path to the root, and known siblings of that path.
    pub fn known(&self, chunk: ChunkIndex) -> Vec<Node> {
        let path = self.shape.path(chunk);
        let nodes = path.flat_map(|node| [Some(node), self.shape.sibling(node)]);
        let known = |node: &Node| self.known.contains(self.shape.position(*node));
        nodes.flatten().filter(known).collect()
    }

    /// Stores nodes that [`verify`] authenticated.
    pub fn learn(&mut self, nodes: &[(Node, NodeHash)]) {
        for (node, hash) in nodes {
            let position = self.shape.position(*node);
            self.hashes[position as usize] = *hash;
            self.known.insert(position);
        }
    }

    /// Proof of a chunk; `None` while one of its nodes is unknown.
    pub fn proof(&self, chunk: ChunkIndex) -> Option<Bytes> {
        let mut proof = Vec::with_capacity(self.shape.levels() as usize * HASH_LEN);
        for node in self.shape.proof_nodes(chunk) {
            let position = self.shape.position(node);
            if !self.known.contains(position) {
                return None;
            }
            proof.extend_from_slice(&self.hashes[position as usize]);
        }
        Some(proof.into())
    }
}

/// Computes the id and tree of a file, chunk by chunk in order.
#[derive(Debug)]
pub struct Hasher {
    geometry: Geometry,
    root: blake3::Hasher,
    leaves: Vec<NodeHash>,
}

impl Hasher {
    /// Hasher for a file of this geometry.
    pub fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            root: blake3::Hasher::new(),
            leaves: Vec::with_capacity(geometry.chunk_count() as usize),
        }
    }

    /// Adds the next chunk; every chunk except the last has the full size.
    pub fn update(&mut self, bytes: &[u8]) {
        if self.geometry.chunk_count() == 1 {
            self.root.update(bytes);
            return;
        }
        let chunk = ChunkIndex(self.leaves.len() as u32);
        self.leaves.push(chunk_hash(self.geometry, chunk, bytes));
    }

    /// Id and tree of the file. All chunks must have been added.
    pub fn finish(self) -> (FileId, HashTree) {
        let shape = TreeShape::of(self.geometry);
        if shape.levels() == 0 {
            let id = FileId(*self.root.finalize().as_bytes());
            return (id, HashTree::empty(shape));
        }
        let mut hashes = self.leaves.clone();
        let mut level = self.leaves;
        while level.len() > 2 {
            level = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => parent_hash(left, right),
                    lone => lone[0],
                })
                .collect();
            hashes.extend_from_slice(&level);
        }
        let root = merge_subtrees_root(&level[0], &level[1], Mode::Hash);
        let mut known = RoaringBitmap::new();
        known.insert_range(0..hashes.len() as u32);
        let tree = HashTree {
            shape,
            hashes,
            known,
        };
        (FileId(*root.as_bytes()), tree)
    }
}

#[cfg(test)]
mod tests;
