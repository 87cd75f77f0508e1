//! Reaction to failures of the store.

use std::time::{Duration, Instant};

use crate::store::StoreError;

/// Pause of all requests when the disk or the quota is full.
const FULL_PAUSE: Duration = Duration::from_secs(2);

/// Times in a row that an awaited chunk may find the quota full before its readers
/// fail: eviction may make room meanwhile.
const MAX_NO_ROOM: u32 = 3;

/// Failures of the store since the last chunk that it kept.
#[derive(Debug, Default)]
pub struct StorageHealth {
    /// Times in a row that an awaited chunk was not stored for lack of room.
    no_room: u32,
    problem: Option<StoreError>,
}

/// The consequence of a failure.
#[derive(Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Requests pause until this instant.
    pub resume: Instant,
    /// True if the readers of the chunk fail.
    pub fail_readers: bool,
}

impl StorageHealth {
    /// The failure that lasts, if one does.
    pub fn problem(&self) -> Option<&StoreError> {
        self.problem.as_ref()
    }

    /// Records a stored chunk.
    pub fn stored(&mut self) {
        *self = Self::default();
    }

    /// Records a chunk that could not be stored; `awaited` if a reader waits for it.
    pub fn failed(&mut self, now: Instant, error: StoreError, awaited: bool) -> Reaction {
        let no_room = match error {
            StoreError::QuotaFull => true,
            StoreError::DiskFull | StoreError::Disk(_) => false,
            // A fault of this chunk or its peer: others may be stored.
            _ => {
                return Reaction {
                    resume: now,
                    fail_readers: false,
                };
            }
        };
        tracing::warn!(%error, "storing a chunk failed");
        self.no_room += u32::from(awaited);
        self.problem = Some(error);
        Reaction {
            resume: now + FULL_PAUSE,
            fail_readers: !no_room || self.no_room > MAX_NO_ROOM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrupt_chunk_pauses_nothing() {
        let now = Instant::now();
        let mut health = StorageHealth::default();
        let reaction = health.failed(now, StoreError::Corrupt, true);
        assert_eq!((reaction.resume, reaction.fail_readers), (now, false));
        assert_eq!(health.problem(), None);
    }

    #[test]
    fn full_disk_fails_readers_at_once() {
        let now = Instant::now();
        let mut health = StorageHealth::default();
        let reaction = health.failed(now, StoreError::DiskFull, true);
        assert!(reaction.fail_readers && reaction.resume > now);
        assert_eq!(health.problem(), Some(&StoreError::DiskFull));
        health.stored();
        assert_eq!(health.problem(), None);
    }

    #[test]
    fn full_quota_fails_readers_that_waited_in_vain() {
        let now = Instant::now();
        let mut health = StorageHealth::default();
        let mut fails = |awaited| {
            let reaction = health.failed(now, StoreError::QuotaFull, awaited);
            reaction.fail_readers
        };
        assert!(!(0..10).any(|_| fails(false)), "nobody waits");
        assert!(!(0..MAX_NO_ROOM).any(|_| fails(true)));
        assert!(fails(true));
    }
}
