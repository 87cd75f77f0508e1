//! Making room at seeds, and the budget for hedges.

use std::sync::Arc;

use super::*;
use crate::media::{ChunkSize, Geometry, Timeline};
use crate::scheduler::chunk_table::ChunkTable;
use crate::scheduler::demand::{Demand, ReaderId};
use crate::scheduler::peer_table::PeerTable;
use crate::scheduler::transfers::Effect;

const SEED: PeerId = PeerId([1; 16]);
const VIEWER: PeerId = PeerId([2; 16]);

/// A film of 100 chunks of this duration each, read from the beginning, with one seed.
fn transfers(now: Instant, chunk: Duration) -> Transfers {
    let geometry = Geometry::new(100 * (16 << 10), ChunkSize::MIN);
    let timeline = Timeline::constant(geometry.size(), chunk * 100);
    let (read_ahead, critical) = (Duration::from_secs(30), Duration::from_secs(2));
    let mut demand = Demand::new(geometry, Arc::new(timeline), read_ahead, critical, 1000);
    demand.set_reader(now, ReaderId(1), ChunkIndex(0), false);
    let mut peers = PeerTable::new(now, 100, 64);
    peers.connect(now, SEED, String::new(), true);
    peers.gain(SEED, &(0..100).collect());
    let chunks = ChunkTable::new(geometry, Default::default());
    Transfers::new(demand, peers, chunks, Duration::ZERO)
}

#[test]
fn room_is_made_by_the_latest_request_one_at_a_time() {
    let now = Instant::now();
    let mut transfers = transfers(now, Duration::from_secs(1));
    for chunk in [2, 9, 5] {
        transfers.request(now, SEED, ChunkIndex(chunk));
        transfers.poll_effect();
    }
    let last = transfers.needed(now, ChunkIndex(9));
    make_room(now, &mut transfers, last - Duration::from_millis(900));
    assert_eq!(transfers.poll_effect(), None, "not much later");
    make_room(now, &mut transfers, last - Duration::from_millis(1100));
    let recall = Effect::Recall(SEED, ChunkIndex(9));
    assert_eq!(transfers.poll_effect(), Some(recall));
    make_room(now, &mut transfers, Duration::ZERO);
    assert_eq!(transfers.poll_effect(), None, "one at a time");
}

#[test]
fn hedges_stay_within_their_budget() {
    let now = Instant::now();
    let mut transfers = transfers(now, Duration::from_millis(50));
    transfers.peers.connect(now, VIEWER, String::new(), false);
    transfers.peers.gain(VIEWER, &(0..4).collect());
    for chunk in 0..4 {
        transfers.request(now, SEED, ChunkIndex(chunk));
    }
    let mut reassigner = Reassigner { hedges: 2.5 };
    let later = now + Duration::from_millis(700);
    reassigner.reassign_late(later, &mut transfers);
    let all = |transfers: &mut Transfers| -> Vec<Effect> {
        std::iter::from_fn(|| transfers.poll_effect()).collect()
    };
    let recalled = |effect: &Effect| matches!(effect, Effect::Recall(SEED, _));
    assert!(all(&mut transfers).iter().any(recalled));
    reassigner.reassign_late(later + Duration::from_millis(700), &mut transfers);
    let hedged = |effect: &&Effect| matches!(effect, Effect::Request(VIEWER, ..));
    let effects = all(&mut transfers);
    assert_eq!(effects.iter().filter(hedged).count(), 2, "{effects:?}");
}

#[test]
fn budget_is_refunded_for_a_hedge_without_duplicate() {
    let mut reassigner = Reassigner::new();
    reassigner.hedges -= 1.0;
    reassigner.delivered();
    reassigner.refund();
    assert!(reassigner.hedges >= MAX_HEDGES);
    reassigner.duplicated();
    assert!(reassigner.hedges < MAX_HEDGES);
    (0..40).for_each(|_| reassigner.delivered());
    assert!(reassigner.hedges <= MAX_HEDGES, "savings are bounded");
}
