//! Shape of the BLAKE3 tree over the chunks of a file.
//!
//! Level 0 has one node per chunk. Each level pairs the nodes of the level below from
//! the left; an odd last node moves up unchanged. This is BLAKE3's left-balanced
//! tree (BLAKE3 paper, §2.1), level by level.

use crate::ids::ChunkIndex;
use crate::media::Geometry;

/// Bytes per node hash.
pub(super) const HASH_LEN: usize = 32;

/// Tree node: its level, and its index within the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// 0 at the chunks.
    pub level: u32,
    /// From the left, starting at 0.
    pub index: u32,
}

/// Shape of the tree over a number of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeShape {
    chunks: u32,
}

impl TreeShape {
    /// Tree over `chunks` chunks, at least one.
    pub fn new(chunks: u32) -> Self {
        Self {
            chunks: chunks.max(1),
        }
    }

    /// Tree over the chunks of a file.
    pub fn of(geometry: Geometry) -> Self {
        Self::new(geometry.chunk_count())
    }

    /// Number of nodes of a level.
    pub fn level_len(self, level: u32) -> u32 {
        self.chunks.div_ceil(1 << level)
    }

    /// Number of levels below the root.
    pub fn levels(self) -> u32 {
        u32::BITS - (self.chunks - 1).leading_zeros()
    }

    /// Number of nodes below the root.
    pub fn node_count(self) -> u32 {
        (0..self.levels()).map(|level| self.level_len(level)).sum()
    }

    /// Position of a node in level order, starting at 0.
    pub fn position(self, node: Node) -> u32 {
        let below: u32 = (0..node.level).map(|level| self.level_len(level)).sum();
        below + node.index
    }

    /// Byte offset of a node's hash in the serialised tree.
    pub fn byte_offset(self, node: Node) -> u64 {
        u64::from(self.position(node)) * HASH_LEN as u64
    }

    /// Sibling of a node; `None` for an odd last node.
    pub fn sibling(self, node: Node) -> Option<Node> {
        let index = node.index ^ 1;
        (index < self.level_len(node.level)).then_some(Node {
            level: node.level,
            index,
        })
    }

    /// Nodes from a chunk up to the level below the root.
    pub fn path(self, chunk: ChunkIndex) -> impl Iterator<Item = Node> {
        (0..self.levels()).map(move |level| Node {
            level,
            index: chunk.0 >> level,
        })
    }

    /// Nodes whose hashes prove a chunk, bottom up.
    pub fn proof_nodes(self, chunk: ChunkIndex) -> impl Iterator<Item = Node> {
        self.path(chunk).filter_map(move |node| self.sibling(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_chunks_have_levels_of_5_3_and_2_nodes() {
        let shape = TreeShape::new(5);
        assert_eq!(shape.levels(), 3);
        assert_eq!(shape.node_count(), 5 + 3 + 2);
        let lone = Node { level: 0, index: 4 };
        assert_eq!(shape.sibling(lone), None);
        assert_eq!(shape.proof_nodes(ChunkIndex(4)).count(), 1);
        assert_eq!(shape.proof_nodes(ChunkIndex(0)).count(), 3);
    }

    #[test]
    fn single_chunk_has_empty_proof() {
        let shape = TreeShape::new(1);
        assert_eq!((shape.levels(), shape.node_count()), (0, 0));
    }

    #[test]
    fn node_positions_are_dense_and_unique() {
        for chunks in 1..70 {
            let shape = TreeShape::new(chunks);
            let positions: Vec<u32> = (0..shape.levels())
                .flat_map(|level| {
                    (0..shape.level_len(level)).map(move |index| Node { level, index })
                })
                .map(|node| shape.position(node))
                .collect();
            let expected: Vec<u32> = (0..shape.node_count()).collect();
            assert_eq!(positions, expected, "{chunks} chunks");
        }
    }
}
