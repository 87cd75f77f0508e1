//! Which peers to name for a file, in which order, and why.
//!
//! Order: who holds what is needed next; then short round trips (in classes
//! that double, so that measurement noise decides nothing); then free uplink;
//! then the same network. The origin comes last of its class: it is insurance.
//! Equals are shuffled, so that a crowd does not fall on one peer.

use std::net::IpAddr;
use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;
use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, PeerId};
use crate::wire::PathReason;

/// Chunks from the asker's position that count as "needed next".
const NEEDED_NEXT: u32 = 64;

/// A round trip up to this counts as near.
const NEAR: Duration = Duration::from_millis(20);

/// What a candidate holds of the file.
#[derive(Debug, Clone, Copy)]
pub enum Held<'a> {
    /// All of it.
    All,
    /// These chunks; maybe none yet, of a fellow viewer.
    Part(&'a RoaringBitmap),
}

/// A peer that may be named.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Who.
    pub peer: PeerId,
    /// Where.
    pub ip: IpAddr,
    /// Whether it is the server's library.
    pub origin: bool,
    /// What it holds.
    pub held: Held<'a>,
    /// Round trip between it and the asker, if either measured one.
    pub rtt: Option<Duration>,
    /// Uplink it believes to have left, in bytes a second; 0 if unknown.
    pub free_upload: u64,
}

/// A peer to name, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// Who.
    pub peer: PeerId,
    /// Weightiest first.
    pub reasons: Vec<PathReason>,
}

/// Sort key: smaller is better.
type Key = (u8, bool, u32, std::cmp::Reverse<u32>, bool);

/// Ranks candidates for an asker at `asker_ip` that needs chunks from
/// `position` on.
pub fn rank(
    mut candidates: Vec<Candidate<'_>>,
    asker_ip: IpAddr,
    position: ChunkIndex,
    count: usize,
    rng: &mut impl Rng,
) -> Vec<Ranked> {
    candidates.shuffle(rng);
    let mut keyed: Vec<(Key, Ranked)> = candidates
        .iter()
        .map(|candidate| judge(candidate, asker_ip, position))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.truncate(count);
    keyed.into_iter().map(|(_, ranked)| ranked).collect()
}

fn judge(candidate: &Candidate<'_>, asker_ip: IpAddr, position: ChunkIndex) -> (Key, Ranked) {
    let mut reasons = Vec::new();
    let class = match candidate.held {
        Held::All => {
            reasons.push(PathReason::HasAll);
            0
        }
        Held::Part(chunks) => {
            let end = position.0.saturating_add(NEEDED_NEXT);
            let held = chunks.range_cardinality(position.0..end);
            if held * 2 >= u64::from(NEEDED_NEXT) {
                reasons.push(PathReason::HasRange);
                0
            } else {
                reasons.push(PathReason::HasPart);
                1
            }
        }
    };
    if candidate.origin {
        reasons.push(PathReason::Origin);
    }
    if candidate.rtt.is_some_and(|rtt| rtt <= NEAR) {
        reasons.push(PathReason::Near);
    }
    if candidate.free_upload > 0 {
        reasons.push(PathReason::FreeUplink);
    }
    let near_by = same_network(candidate.ip, asker_ip);
    if near_by {
        reasons.push(PathReason::SameNetwork);
    }
    let rtt_class = candidate
        .rtt
        .map_or(8, |rtt| (rtt.as_millis() as u32 + 1).ilog2());
    let upload_class = candidate.free_upload.checked_ilog2().unwrap_or(0);
    let key = (
        class,
        candidate.origin,
        rtt_class,
        std::cmp::Reverse(upload_class),
        !near_by,
    );
    let peer = candidate.peer;
    (key, Ranked { peer, reasons })
}

/// Whether two addresses share a /24 (IPv4) or a /48 (IPv6), or are both this
/// machine.
pub fn same_network(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a.octets()[..3] == b.octets()[..3],
        (IpAddr::V6(a), IpAddr::V6(b)) => a.segments()[..3] == b.segments()[..3],
        _ => a.is_loopback() && b.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn candidate(id: u8, held: Held<'_>) -> Candidate<'_> {
        Candidate {
            peer: PeerId([id; 16]),
            ip: [10, 0, id, 1].into(),
            origin: false,
            held,
            rtt: None,
            free_upload: 0,
        }
    }

    fn order(candidates: Vec<Candidate<'_>>) -> Vec<u8> {
        let mut rng = StdRng::seed_from_u64(1);
        let ip = [10, 0, 1, 9].into();
        let ranked = rank(candidates, ip, ChunkIndex(100), 10, &mut rng);
        ranked.iter().map(|ranked| ranked.peer.0[0]).collect()
    }

    #[test]
    fn holders_of_the_needed_range_come_before_others_however_near() {
        let behind: RoaringBitmap = (0..90).collect();
        let ahead: RoaringBitmap = (100..164).collect();
        let mut near = candidate(1, Held::Part(&behind));
        near.rtt = Some(Duration::from_millis(1));
        let far = candidate(2, Held::Part(&ahead));
        assert_eq!(order(vec![near, far]), [2, 1]);
    }

    #[test]
    fn then_round_trip_then_uplink_then_network_and_the_origin_last() {
        let mut near = candidate(5, Held::All);
        near.rtt = Some(Duration::from_millis(2));
        let mut rich = candidate(4, Held::All);
        rich.free_upload = 1 << 20;
        let neighbour = candidate(1, Held::All);
        let other = candidate(3, Held::All);
        let mut origin = candidate(9, Held::All);
        origin.origin = true;
        origin.rtt = Some(Duration::ZERO);
        let all = vec![origin, other, neighbour, rich, near];
        assert_eq!(order(all), [5, 4, 1, 3, 9]);
    }

    #[test]
    fn each_is_told_with_its_reasons() {
        let mut origin = candidate(1, Held::All);
        origin.origin = true;
        let mut rng = StdRng::seed_from_u64(1);
        let ip = [10, 0, 1, 9].into();
        let ranked = rank(vec![origin], ip, ChunkIndex(0), 10, &mut rng);
        let reasons = [
            PathReason::HasAll,
            PathReason::Origin,
            PathReason::SameNetwork,
        ];
        assert_eq!(ranked[0].reasons, reasons);
    }

    #[test]
    fn networks_are_compared_by_prefix() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("test address");
        assert!(same_network(ip("192.168.1.2"), ip("192.168.1.200")));
        assert!(!same_network(ip("192.168.1.2"), ip("192.168.2.2")));
        assert!(same_network(ip("2001:db8:1::1"), ip("2001:db8:1:ffff::2")));
        assert!(same_network(ip("127.0.0.1"), ip("::1")));
    }
}
