//! Detection of the moment at which a payload has left the kernel queue.
//!
//! The kernel queues about a chunk for each connection. A seed that serves many peers
//! over one slow uplink would otherwise have a chunk in flight to each of them before
//! the first is sent: half a second that no deadline can overtake and that every
//! message waits for. So on a slow uplink a payload counts as sent only once the
//! kernel queue has almost drained.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Sending time that may be left when the next payload is requested: it has to be read
/// first, and the uplink should not idle meanwhile.
const HEAD_START: Duration = Duration::from_millis(40);

/// Factor of the expected sending time after which a payload counts as sent anyway: its
/// receiver is the limit, not the uplink.
const PATIENCE: f64 = 1.25;

/// Shortest time between two polls.
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// Payloads that the kernel has taken but not sent yet.
#[derive(Debug, Default)]
pub(super) struct SendQueueMonitor {
    waiting: Vec<oneshot::Sender<()>>,
    /// Time at which all of them count as sent, whatever is left.
    until: Option<Instant>,
    poll_at: Option<Instant>,
}

impl SendQueueMonitor {
    /// Adds `bytes` that the kernel has taken; `written` are notified once they are
    /// sent over an uplink of `capacity` bytes a second. `None` if it is fast or
    /// unknown: they are then notified at once.
    pub fn add(
        &mut self,
        now: Instant,
        written: &mut Vec<oneshot::Sender<()>>,
        bytes: usize,
        capacity: Option<u64>,
    ) {
        if written.is_empty() {
            return;
        }
        self.waiting.append(written);
        let Some(capacity) = capacity else {
            return self.notify();
        };
        let takes = Duration::from_secs_f64(bytes as f64 / capacity as f64);
        let until = self.until.unwrap_or(now).max(now) + takes.mul_f64(PATIENCE);
        self.until = Some(until);
        self.poll_at = Some(now);
    }

    /// Time of the next poll, if there are payloads to send.
    pub fn poll_at(&self) -> Option<Instant> {
        self.poll_at
    }

    /// Takes in the number of unsent bytes, `None` where the kernel cannot tell, and the
    /// capacity of the uplink.
    pub fn poll(&mut self, now: Instant, unsent: Option<u64>, capacity: Option<u64>) {
        let capacity = capacity.unwrap_or(1) as f64;
        let left = unsent.unwrap_or(0) as f64 / capacity;
        let more = Duration::from_secs_f64(left).saturating_sub(HEAD_START);
        let patient = self.until.filter(|until| now < *until);
        match patient {
            Some(until) if !more.is_zero() => {
                self.poll_at = Some((now + more.max(MIN_PAUSE)).min(until));
            }
            _ => self.notify(),
        }
    }

    fn notify(&mut self) {
        for written in self.waiting.drain(..) {
            // Ignores dropped receivers.
            let _ = written.send(());
        }
        (self.until, self.poll_at) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 64 << 10;

    /// An uplink on which a chunk takes 128 ms.
    const CAPACITY: u64 = 512_000;

    fn notified(receiver: &mut oneshot::Receiver<()>) -> bool {
        receiver.try_recv().is_ok()
    }

    #[test]
    fn chunk_counts_as_sent_once_the_queue_has_almost_drained() {
        let (written, mut receiver) = oneshot::channel();
        let (mut monitor, start) = (SendQueueMonitor::default(), Instant::now());
        monitor.add(start, &mut vec![written], CHUNK, Some(CAPACITY));
        assert_eq!(monitor.poll_at(), Some(start));
        monitor.poll(start, Some(CHUNK as u64), Some(CAPACITY));
        let later = monitor.poll_at().expect("not sent yet");
        let nearly = Duration::from_millis(128) - HEAD_START;
        assert_eq!(later - start, nearly);
        assert!(!notified(&mut receiver));
        monitor.poll(later, Some(CAPACITY / 50), Some(CAPACITY));
        assert!(notified(&mut receiver), "20 ms are left");
        assert_eq!(monitor.poll_at(), None);
    }

    #[test]
    fn slow_receiver_does_not_block_the_uplink_for_ever() {
        let (written, mut receiver) = oneshot::channel();
        let (mut monitor, start) = (SendQueueMonitor::default(), Instant::now());
        monitor.add(start, &mut vec![written], CHUNK, Some(CAPACITY));
        monitor.poll(
            start + Duration::from_millis(150),
            Some(CHUNK as u64),
            Some(CAPACITY),
        );
        assert!(!notified(&mut receiver));
        let until = start + Duration::from_millis(160);
        assert_eq!(monitor.poll_at(), Some(until));
        monitor.poll(until, Some(CHUNK as u64), Some(CAPACITY));
        assert!(notified(&mut receiver));
    }

    #[test]
    fn fast_uplink_notifies_at_once() {
        let (written, mut receiver) = oneshot::channel();
        let mut monitor = SendQueueMonitor::default();
        monitor.add(Instant::now(), &mut vec![written], CHUNK, None);
        assert!(notified(&mut receiver));
    }

    #[test]
    fn two_chunks_take_twice_as_long() {
        let (first, mut receiver) = oneshot::channel();
        let (second, _kept) = oneshot::channel();
        let (mut monitor, start) = (SendQueueMonitor::default(), Instant::now());
        monitor.add(start, &mut vec![first], CHUNK, Some(CAPACITY));
        monitor.add(start, &mut vec![second], CHUNK, Some(CAPACITY));
        let later = start + Duration::from_millis(200);
        monitor.poll(later, Some(CHUNK as u64), Some(CAPACITY));
        assert!(!notified(&mut receiver), "they share the uplink");
    }
}
