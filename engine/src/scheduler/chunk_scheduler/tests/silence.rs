//! The fastest of three peers goes silent without a disconnect.

use std::collections::VecDeque;

use super::*;

/// Chunks a second that each peer sends; the film plays ten.
const RATES: [u32; 3] = [9, 6, 6];
const STEP: Duration = Duration::from_millis(10);
const CUT_AT: Duration = Duration::from_secs(3);

/// Peers that answer in order, each at its rate.
#[derive(Default)]
struct Senders {
    queues: [VecDeque<u32>; 3],
    sent: [f64; 3],
    cut: bool,
}

impl Senders {
    fn take(&mut self, effects: Vec<Effect>) -> Vec<(usize, u32)> {
        let mut asked = Vec::new();
        for effect in effects {
            let (peer, chunk) = match effect {
                Effect::Request(peer, chunk, _) => {
                    asked.push((usize::from(peer.0[0]) - 1, chunk.0));
                    continue;
                }
                Effect::Cancel(peer, chunk) | Effect::Recall(peer, chunk) => (peer, chunk),
                Effect::Fail(..) => continue,
            };
            // These peers ignore recalls.
            let queue = &mut self.queues[usize::from(peer.0[0]) - 1];
            if matches!(effect, Effect::Cancel(..)) {
                queue.retain(|waiting| *waiting != chunk.0);
            }
        }
        for (sender, chunk) in &asked {
            self.queues[*sender].push_back(*chunk);
        }
        asked
    }

    /// Chunks that arrive in one step.
    fn send(&mut self) -> Vec<(usize, u32)> {
        let mut arrives = Vec::new();
        for (sender, rate) in RATES.iter().enumerate() {
            if sender == 0 && self.cut {
                continue;
            }
            self.sent[sender] += f64::from(*rate) * STEP.as_secs_f64();
            self.sent[sender] = self.sent[sender].min(1.0);
            if self.sent[sender] >= 1.0
                && let Some(chunk) = self.queues[sender].pop_front()
            {
                self.sent[sender] -= 1.0;
                arrives.push((sender, chunk));
            }
        }
        arrives
    }
}

#[test]
fn silent_peer_in_playback_causes_no_stall() {
    let mut film = Film::new();
    (1..=3).for_each(|sender| film.full_peer(sender, false));
    film.play_at(0);
    let mut senders = Senders::default();
    let (mut read, mut time) = (0, Duration::ZERO);
    // Chunks queued at the silent peer, and when they are needed.
    let mut waiting: BTreeMap<u32, Duration> = BTreeMap::new();
    let mut latest = Duration::ZERO;
    while time < CUT_AT * 10 {
        for (sender, chunk) in senders.send() {
            film.deliver(id(sender as u8 + 1), chunk);
            film.handle(sender as u8 + 1, PeerEvent::Rtt(Duration::ZERO));
        }
        while film.core.have().contains(read)
            && read < 999
            && film.core.run_from(ChunkIndex(read)) > 0
        {
            read += 1;
            film.play_at(read);
        }
        if !senders.cut && time >= CUT_AT {
            senders.cut = true;
            for chunk in &senders.queues[0] {
                let due = film.core.demand().time_until(film.now, ChunkIndex(*chunk));
                waiting.insert(*chunk, time + due);
            }
            assert!(!waiting.is_empty(), "it owed chunks");
        }
        let effects = film.effects();
        for (sender, chunk) in senders.take(effects) {
            if sender == 0 && senders.cut {
                let due = film.core.demand().time_until(film.now, ChunkIndex(chunk));
                waiting.insert(chunk, time + due);
            }
            if sender != 0
                && let Some(needed) = waiting.remove(&chunk)
            {
                latest = latest.max(time.saturating_sub(needed));
            }
        }
        film.now += STEP;
        time += STEP;
        if time.as_millis().is_multiple_of(100) {
            assert_eq!(film.core.tick(film.now), [], "stalls at {time:?}");
        }
    }
    assert!(waiting.is_empty(), "never reassigned: {waiting:?}");
    assert!(
        latest <= Duration::from_millis(500),
        "{latest:?} after it was needed"
    );
    assert!(read > 300, "playback goes on");
}
