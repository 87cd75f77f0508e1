//! Virtual time and the events on it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Event with its time. Of two events at the same time, the one scheduled first is
/// first.
#[derive(Debug)]
struct Timed<E> {
    at: Duration,
    sequence: u64,
    event: E,
}

impl<E> Ord for Timed<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl<E> PartialOrd for Timed<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Timed<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<E> Eq for Timed<E> {}

/// Clock that advances from event to event.
#[derive(Debug)]
pub struct Clock<E> {
    start: Instant,
    elapsed: Duration,
    sequence: u64,
    events: BinaryHeap<Reverse<Timed<E>>>,
}

impl<E> Clock<E> {
    /// Clock at the origin of virtual time, without events.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            elapsed: Duration::ZERO,
            sequence: 0,
            events: BinaryHeap::new(),
        }
    }

    /// Current virtual time.
    pub fn now(&self) -> Instant {
        self.start + self.elapsed
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Schedules an event at a time since the start.
    pub fn at(&mut self, at: Duration, event: E) {
        self.sequence += 1;
        self.events.push(Reverse(Timed {
            at,
            sequence: self.sequence,
            event,
        }));
    }

    /// Schedules an event after a delay.
    pub fn after(&mut self, delay: Duration, event: E) {
        self.at(self.elapsed + delay, event);
    }

    /// Advances to the next event.
    pub fn next(&mut self) -> Option<E> {
        let Reverse(Timed { at, event, .. }) = self.events.pop()?;
        self.elapsed = at;
        Some(event)
    }
}
