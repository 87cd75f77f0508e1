//! Rate limits and uplink state shared by all links.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use engine::units::ByteRate;
use leaky_bucket::RateLimiter;

/// Limits shared by all links of a program.
#[derive(Debug, Clone, Default)]
pub struct LinkLimits {
    pub(super) upload: Arc<Limit>,
    pub(super) download: Arc<Limit>,
    pub(super) uplink: Arc<SharedUplink>,
}

/// A limit that may change while links use it.
#[derive(Debug, Default)]
pub(super) struct Limit(RwLock<Option<Arc<RateLimiter>>>);

impl Limit {
    /// Token bucket to acquire from; `None` if there is no limit.
    pub fn get(&self) -> Option<Arc<RateLimiter>> {
        let limiter = self.0.read().unwrap_or_else(PoisonError::into_inner);
        limiter.clone()
    }

    fn set(&self, rate: ByteRate) {
        let mut limiter = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *limiter = self::limiter(rate);
    }
}

/// The uplink of this machine, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Uplink {
    /// Rate in bytes a second at which one link may send; `None` for any.
    pub pace: Option<u64>,
    /// Capacity in bytes a second of all links together; `None` if unknown.
    pub capacity: Option<u64>,
}

/// An [`Uplink`] that is updated while links use it; 0 stands for `None`.
#[derive(Debug, Default)]
pub(super) struct SharedUplink {
    pace: AtomicU64,
    capacity: AtomicU64,
}

impl SharedUplink {
    pub fn get(&self) -> Uplink {
        let load = |value: &AtomicU64| Some(value.load(Ordering::Relaxed)).filter(|v| *v != 0);
        Uplink {
            pace: load(&self.pace),
            capacity: load(&self.capacity),
        }
    }

    fn set(&self, uplink: Uplink) {
        let store = |value: &AtomicU64, new: Option<u64>| {
            value.store(new.unwrap_or(0), Ordering::Relaxed);
        };
        store(&self.pace, uplink.pace);
        store(&self.capacity, uplink.capacity);
    }
}

impl LinkLimits {
    /// Limits for all links together.
    pub fn new(upload: ByteRate, download: ByteRate) -> Self {
        let limits = Self::default();
        limits.set(upload, download);
        limits
    }

    /// Changes the limits, for open links too.
    pub fn set(&self, upload: ByteRate, download: ByteRate) {
        self.upload.set(upload);
        self.download.set(download);
    }

    /// Sets the uplink: no link sends faster than `pace`, so that no queue builds up
    /// in front of a slow one, and the kernel holds back as much as suits `capacity`.
    /// Both in bytes a second.
    pub fn set_uplink(&self, pace: Option<u64>, capacity: Option<u64>) {
        self.uplink.set(Uplink { pace, capacity });
    }
}

/// A token bucket that holds a fifth of a second, refilled every 20 ms.
fn limiter(rate: ByteRate) -> Option<Arc<RateLimiter>> {
    let per_second = usize::try_from(rate.0?).unwrap_or(usize::MAX);
    let limiter = RateLimiter::builder()
        .refill((per_second / 50).max(1))
        .interval(Duration::from_millis(20))
        .initial(per_second / 5)
        .max((per_second / 5).max(1))
        .build();
    Some(Arc::new(limiter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_limit_applies_to_open_links() {
        let limits = LinkLimits::new(ByteRate(None), ByteRate(Some(1000)));
        let link = limits.clone();
        assert!(link.upload.get().is_none() && link.download.get().is_some());
        limits.set(ByteRate(Some(5000)), ByteRate(None));
        let upload = link.upload.get().expect("limited now");
        assert_eq!((upload.max(), link.download.get().is_none()), (1000, true));
    }
}
