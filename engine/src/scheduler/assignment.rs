//! Assignment of chunks to viewers by weighted rendezvous hashing.
//!
//! All viewers can play at once, whenever that is physically possible, if each fetches
//! its assigned chunks from the seed, in proportion to its uplink, and passes them on
//! (Kumar, Liu, Ross: "Stochastic Fluid Theory for P2P Streaming Systems", 2007). The
//! viewers agree without a message: a chunk is assigned to the viewer with the highest
//! score, and the chunks of a viewer that leaves fall to all others in proportion
//! (Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005).

use crate::ids::{ChunkIndex, PeerId};
use crate::protocol::SourceShare;

/// A viewer that takes part in an assignment.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    /// Peer id.
    pub id: PeerId,
    /// Share of the new chunks that it fetches.
    pub share: SourceShare,
}

/// True if a chunk is assigned to `me` rather than to one of `others`.
pub fn is_assigned(
    chunk: ChunkIndex,
    me: Viewer,
    others: impl Iterator<Item = Viewer> + Clone,
) -> bool {
    // An unmeasured viewer counts as the strongest; 1 if none is measured.
    let weights = others.clone().map(|viewer| viewer.share.weight(1));
    let highest = weights.max().unwrap_or(0).max(me.share.weight(1));
    let weighted = |viewer: Viewer| score(chunk, viewer.id, viewer.share.weight(highest));
    let best = others.map(weighted).fold(0.0, f64::max);
    weighted(me) >= best
}

/// Weighted rendezvous score.
fn score(chunk: ChunkIndex, viewer: PeerId, weight: u64) -> f64 {
    if weight == 0 {
        return 0.0;
    }
    let (low, high) = viewer.0.split_at(8);
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let mixed = mix(mix(mix(word(low)) ^ word(high)) ^ u64::from(chunk.0));
    // 53 bits, neither 0 nor 1, so that the logarithm is finite and not 0.
    let uniform = ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    weight as f64 / -uniform.ln()
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

    use SourceShare::{None, Unknown, Weight};

    fn assignee(chunk: u32, viewers: &[(u8, SourceShare)]) -> u8 {
        let viewer = |(id, share): &(u8, SourceShare)| Viewer {
            id: PeerId([*id; 16]),
            share: *share,
        };
        let wins = |me: &&(u8, SourceShare)| {
            let others = viewers.iter().filter(|other| other.0 != me.0).map(viewer);
            is_assigned(ChunkIndex(chunk), viewer(me), others)
        };
        viewers.iter().find(wins).expect("one wins").0
    }

    #[test]
    fn assignments_are_proportional_to_uplinks() {
        let viewers = [(1, Weight(100)), (2, Weight(300)), (3, None)];
        let assigned: Vec<u8> = (0..10_000).map(|chunk| assignee(chunk, &viewers)).collect();
        let of_two = assigned.iter().filter(|viewer| **viewer == 2).count();
        assert!((7_200..7_800).contains(&of_two), "{of_two}");
        assert!(!assigned.contains(&3), "no uplink, no assignment");
    }

    #[test]
    fn unknown_uplink_counts_as_the_highest() {
        let viewers = [(1, Weight(1000)), (2, Unknown)];
        let assigned = (0..10_000).map(|chunk| assignee(chunk, &viewers));
        let of_two = assigned.filter(|viewer| *viewer == 2).count();
        assert!((4_800..5_200).contains(&of_two), "{of_two}");
    }

    #[test]
    fn leaving_viewer_keeps_other_assignments() {
        let all = [(1, Weight(10)), (2, Weight(10)), (3, Weight(10))];
        for chunk in 0..1000 {
            let before = assignee(chunk, &all);
            if before != 3 {
                assert_eq!(assignee(chunk, &all[..2]), before);
            }
        }
    }
}
