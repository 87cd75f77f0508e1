//! Tests of ids, trees and proofs.

use proptest::prelude::*;

use super::*;
use crate::media::ChunkSize;

fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i * 31 % 251) as u8).collect()
}

fn hashed(data: &[u8]) -> (Geometry, FileId, HashTree) {
    let geometry = Geometry::new(data.len() as u64, ChunkSize::MIN);
    let mut hasher = Hasher::new(geometry);
    data.chunks(ChunkSize::MIN.bytes() as usize)
        .for_each(|chunk| hasher.update(chunk));
    let (id, tree) = hasher.finish();
    (geometry, id, tree)
}

fn chunk_of(data: &[u8], geometry: Geometry, chunk: ChunkIndex) -> &[u8] {
    let range = geometry.chunk_range(chunk);
    &data[range.start as usize..range.end as usize]
}

#[test]
fn id_is_plain_blake3_hash_at_every_size() {
    let unit = ChunkSize::MIN.bytes() as usize;
    for size in [0, 1, 1024, unit, unit + 1, 2 * unit, 3 * unit + 7, 9 * unit] {
        let data = sample(size);
        let (_, id, _) = hashed(&data);
        assert_eq!(id.0, *blake3::hash(&data).as_bytes(), "{size} bytes");
    }
}

#[test]
fn downloader_can_prove_verified_chunks() {
    let data = sample(ChunkSize::MIN.bytes() as usize * 5 + 100);
    let (geometry, id, tree) = hashed(&data);
    let mut learnt = HashTree::empty(TreeShape::of(geometry));
    for chunk in geometry.chunks() {
        let proof = tree.proof(chunk).expect("a seed knows all nodes");
        let bytes = chunk_of(&data, geometry, chunk);
        let nodes = verify(id, geometry, chunk, bytes, &proof).expect("verifies");
        learnt.learn(&nodes);
        assert_eq!(learnt.proof(chunk), Some(proof));
    }
    assert_eq!(learnt.as_bytes(), tree.as_bytes());
    let restored = HashTree::from_bytes(TreeShape::of(geometry), learnt.as_bytes());
    let restored = restored.expect("same shape");
    assert_eq!(restored.proof(ChunkIndex(3)), tree.proof(ChunkIndex(3)));
}

#[test]
fn chunk_at_another_index_is_rejected() {
    let data = vec![7; ChunkSize::MIN.bytes() as usize * 4];
    let (geometry, id, tree) = hashed(&data);
    let proof = tree.proof(ChunkIndex(1)).expect("known");
    let bytes = chunk_of(&data, geometry, ChunkIndex(2));
    assert_eq!(
        verify(id, geometry, ChunkIndex(2), bytes, &proof),
        Err(Corrupt)
    );
    let beyond = ChunkIndex(4);
    assert_eq!(verify(id, geometry, beyond, &[], &proof), Err(Corrupt));
}

proptest! {
    #[test]
    fn flipped_bit_of_chunk_or_proof_is_detected(
        size in 1_usize..200_000,
        chunk in 0_u32..12,
        flip in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let data = sample(size);
        let (geometry, id, tree) = hashed(&data);
        let chunk = ChunkIndex(chunk % geometry.chunk_count());
        let mut bytes = chunk_of(&data, geometry, chunk).to_vec();
        let mut proof = tree.proof(chunk).expect("known").to_vec();
        prop_assert!(verify(id, geometry, chunk, &bytes, &proof).is_ok());
        let at = flip.index(bytes.len() + proof.len());
        if at < bytes.len() {
            bytes[at] ^= 1 << bit;
        } else {
            proof[at - bytes.len()] ^= 1 << bit;
        }
        prop_assert_eq!(verify(id, geometry, chunk, &bytes, &proof), Err(Corrupt));
    }
}
