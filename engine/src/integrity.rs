//! Content ids and chunk proofs. The id of a file is its BLAKE3 hash; the sibling
//! hashes on the path to the root prove a chunk against it.
//!
//! A chunk is a power-of-two number of kibibytes and aligned, so it is a complete
//! subtree of BLAKE3's own tree. The id of a file is therefore the hash that `b3sum`
//! prints, and a proof takes at most 32 bytes × log2(chunks). The first chunk can be
//! verified before anything else has arrived.
//!
//! * [`shape`]: arithmetic on tree nodes.
//! * [`tree`]: node hashes, complete at a seed, partial at a downloader.

mod shape;
mod tree;

pub use shape::{Node, TreeShape};
pub use tree::{Corrupt, HashTree, Hasher, verify};

/// Hash of a tree node other than the root.
pub type NodeHash = blake3::hazmat::ChainingValue;
