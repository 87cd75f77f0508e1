//! Which viewer fetches which chunk from a source.
//!
//! Everybody can watch at once, as long as physics allows it at all, if each
//! viewer fetches its own share of the film from the source, in proportion to
//! its uplink, and passes it on to the others (Kumar, Liu, Ross: "Stochastic
//! Fluid Theory for P2P Streaming Systems", 2007). The viewers agree on the
//! shares without a message, by weighted rendezvous hashing (Schindelhauer and
//! Schomaker, "Weighted distributed hash tables", 2005): a chunk belongs to the
//! viewer with the highest score, and a viewer that leaves hands its chunks to
//! all others in proportion.

use crate::ids::{ChunkIndex, PeerId};

/// How strongly a chunk falls to a viewer of this uplink; 0 for none.
pub fn score(chunk: ChunkIndex, viewer: PeerId, uplink: u64) -> f64 {
    if uplink == 0 {
        return 0.0;
    }
    let (low, high) = viewer.0.split_at(8);
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let mixed = mix(mix(mix(word(low)) ^ word(high)) ^ u64::from(chunk.0));
    // 53 bits, never 0 nor 1.
    let uniform = ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    uplink as f64 / -uniform.ln()
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): equal on all machines.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(chunk: u32, viewers: &[(u8, u64)]) -> u8 {
        let scored = viewers.iter().map(|(id, uplink)| {
            let score = score(ChunkIndex(chunk), PeerId([*id; 16]), *uplink);
            (score, *id)
        });
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
        best.expect("viewers").1
    }

    #[test]
    fn shares_follow_the_uplinks() {
        let viewers = [(1, 100), (2, 300), (3, 0)];
        let owners: Vec<u8> = (0..10_000).map(|chunk| owner(chunk, &viewers)).collect();
        let of_two = owners.iter().filter(|owner| **owner == 2).count();
        assert!((7_200..7_800).contains(&of_two), "{of_two}");
        assert!(!owners.contains(&3), "no uplink, no share");
    }

    #[test]
    fn who_leaves_takes_nothing_from_others() {
        let all = [(1, 1), (2, 1), (3, 1)];
        for chunk in 0..1000 {
            let before = owner(chunk, &all);
            if before != 3 {
                assert_eq!(owner(chunk, &all[..2]), before);
            }
        }
    }
}
