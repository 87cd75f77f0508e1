//! How fast all links together may send and receive.

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
    /// What the uplink carries, for the links to send accordingly.
    pub(super) line: Arc<Line>,
}

/// A limit that may change while links use it.
#[derive(Debug, Default)]
pub(super) struct Limit(RwLock<Option<Arc<RateLimiter>>>);

impl Limit {
    /// What to ask for leave to send or receive; `None` if there is no limit.
    pub fn get(&self) -> Option<Arc<RateLimiter>> {
        let limiter = self.0.read().unwrap_or_else(PoisonError::into_inner);
        limiter.clone()
    }

    fn set(&self, rate: ByteRate) {
        let mut limiter = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *limiter = self::limiter(rate);
    }
}

/// What an uplink carries, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Bytes a second that one link may send at; 0 for any.
    pub(super) pace: AtomicU64,
    /// Bytes a second that all together carry; 0 if unknown.
    pub(super) capacity: AtomicU64,
}

impl LinkLimits {
    /// Limits for all links together.
    pub fn new(upload: ByteRate, download: ByteRate) -> Self {
        let limits = Self::default();
        limits.set(upload, download);
        limits
    }

    /// Other limits, for links that are open, too.
    pub fn set(&self, upload: ByteRate, download: ByteRate) {
        self.upload.set(upload);
        self.download.set(download);
    }

    /// From now on no link sends faster than `pace`, so that no queue builds up in
    /// front of a slow line; and the system holds back as much as suits an uplink
    /// of `capacity`. Both in bytes a second.
    pub fn set_line(&self, pace: Option<u64>, capacity: Option<u64>) {
        self.line.pace.store(pace.unwrap_or(0), Ordering::Relaxed);
        self.line
            .capacity
            .store(capacity.unwrap_or(0), Ordering::Relaxed);
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
    fn a_limit_changes_for_links_that_have_it_already() {
        let limits = LinkLimits::new(ByteRate(None), ByteRate(Some(1000)));
        let of_a_link = limits.clone();
        assert!(of_a_link.upload.get().is_none() && of_a_link.download.get().is_some());
        limits.set(ByteRate(Some(5000)), ByteRate(None));
        let upload = of_a_link.upload.get().expect("limited now");
        assert_eq!(
            (upload.max(), of_a_link.download.get().is_none()),
            (1000, true)
        );
    }
}
