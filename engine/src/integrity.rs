//! Content identity and proof: a file is named by its BLAKE3 root, and each
//! chunk is proved against that root by the sibling hashes on its path.
//!
//! A chunk is a power-of-two number of kibibytes, aligned, so it is a whole
//! subtree of BLAKE3's own tree: the id of a file is what `b3sum` prints, and a
//! proof is at most 32 bytes × log2(chunks). Nothing whose size grows with the
//! file has to arrive before the first chunk can be verified.
//!
//! * [`shape`]: which node is whose sibling; arithmetic only.
//! * [`tree`]: hashes of nodes, whole at a sharer, partial at a downloader.

mod shape;
mod tree;

pub use shape::{Node, TreeShape};
pub use tree::{Corrupt, HashTree, Hasher, verify};

/// The hash of one node of the tree that is not the root.
pub type NodeHash = blake3::hazmat::ChainingValue;
