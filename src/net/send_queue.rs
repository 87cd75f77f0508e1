//! When a payload has left for the line, not only for the system's buffers.
//!
//! The system holds back a chunk or so for each connection. Who serves many on one
//! slow uplink would have handed out a chunk to each of them before the first is
//! sent, half a second that no deadline can overtake and that each message waits
//! for. So on a slow line a payload counts as written only when hardly anything is
//! left of it.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Time of the line that may be left when the next payload is asked for: it has to
/// be read first, and the line should not idle meanwhile.
const LEFT: Duration = Duration::from_millis(40);

/// How much longer than it should take a payload may be on its way before it counts
/// as written anyhow: its receiver is the limit, not the line.
const PATIENCE: f64 = 1.25;

/// The shortest time after which it is looked again.
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// Payloads that the system took and that are not yet on the line.
#[derive(Debug, Default)]
pub(super) struct Draining {
    waiting: Vec<oneshot::Sender<()>>,
    /// When all of them count as written, whatever is left.
    until: Option<Instant>,
    look_at: Option<Instant>,
}

impl Draining {
    /// The system took `bytes`, and `written` want to know when they are on the line,
    /// which carries `line` bytes a second; 0 if it is fast or not known, then they
    /// are told at once.
    pub fn add(
        &mut self,
        now: Instant,
        written: &mut Vec<oneshot::Sender<()>>,
        bytes: usize,
        line: u64,
    ) {
        if written.is_empty() {
            return;
        }
        self.waiting.append(written);
        if line == 0 {
            return self.tell();
        }
        let takes = Duration::from_secs_f64(bytes as f64 / line as f64);
        let until = self.until.unwrap_or(now).max(now) + takes.mul_f64(PATIENCE);
        self.until = Some(until);
        self.look_at = Some(now);
    }

    /// When to look again, if something is on its way.
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// The system holds `not_sent` bytes of it; `None` if it does not say.
    pub fn look(&mut self, now: Instant, not_sent: Option<u64>, line: u64) {
        let left = not_sent.unwrap_or(0) as f64 / line.max(1) as f64;
        let more = Duration::from_secs_f64(left).saturating_sub(LEFT);
        let patient = self.until.filter(|until| now < *until);
        match patient {
            Some(until) if !more.is_zero() => {
                self.look_at = Some((now + more.max(MIN_PAUSE)).min(until));
            }
            _ => self.tell(),
        }
    }

    fn tell(&mut self) {
        for written in self.waiting.drain(..) {
            // Who no longer wants to know is gone.
            let _ = written.send(());
        }
        (self.until, self.look_at) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 64 << 10;

    /// A line on which a chunk takes 128 ms.
    const LINE: u64 = 512_000;

    fn told(receiver: &mut oneshot::Receiver<()>) -> bool {
        receiver.try_recv().is_ok()
    }

    #[test]
    fn on_a_slow_line_a_chunk_counts_when_hardly_anything_of_it_is_left() {
        let (written, mut receiver) = oneshot::channel();
        let (mut draining, start) = (Draining::default(), Instant::now());
        draining.add(start, &mut vec![written], CHUNK, LINE);
        assert_eq!(draining.look_at(), Some(start));
        draining.look(start, Some(CHUNK as u64), LINE);
        let later = draining.look_at().expect("it is on its way");
        let nearly = Duration::from_millis(128) - LEFT;
        assert_eq!(later - start, nearly);
        assert!(!told(&mut receiver));
        draining.look(later, Some(LINE / 50), LINE);
        assert!(told(&mut receiver), "20 ms are left");
        assert_eq!(draining.look_at(), None);
    }

    #[test]
    fn who_takes_it_slowly_does_not_hold_the_line_for_ever() {
        let (written, mut receiver) = oneshot::channel();
        let (mut draining, start) = (Draining::default(), Instant::now());
        draining.add(start, &mut vec![written], CHUNK, LINE);
        draining.look(start + Duration::from_millis(150), Some(CHUNK as u64), LINE);
        assert!(!told(&mut receiver));
        let until = start + Duration::from_millis(160);
        assert_eq!(draining.look_at(), Some(until));
        draining.look(until, Some(CHUNK as u64), LINE);
        assert!(told(&mut receiver));
    }

    #[test]
    fn on_a_fast_line_nobody_waits() {
        let (written, mut receiver) = oneshot::channel();
        let mut draining = Draining::default();
        draining.add(Instant::now(), &mut vec![written], CHUNK, 0);
        assert!(told(&mut receiver));
    }

    #[test]
    fn two_chunks_take_twice_as_long() {
        let (first, mut receiver) = oneshot::channel();
        let (second, _kept) = oneshot::channel();
        let (mut draining, start) = (Draining::default(), Instant::now());
        draining.add(start, &mut vec![first], CHUNK, LINE);
        draining.add(start, &mut vec![second], CHUNK, LINE);
        let later = start + Duration::from_millis(200);
        draining.look(later, Some(CHUNK as u64), LINE);
        assert!(!told(&mut receiver), "they share the line");
    }
}
