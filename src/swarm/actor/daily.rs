//! What may be uploaded a day: when it is used up, nobody is served.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use engine::swarm::DailyQuota;

use crate::swarm::actor::Swarm;
use crate::swarm::quota_file;

/// How often what was uploaded is noted: so much of it goes uncounted if the program
/// is killed.
pub(super) const NOTE_INTERVAL: Duration = Duration::from_secs(60);

/// How much may be uploaded in 24 hours, what was, and where that is noted.
#[derive(Debug, Clone)]
pub struct Daily {
    /// Bytes in 24 hours; `None` for any number.
    pub limit: Option<u64>,
    /// What was uploaded.
    pub allowance: DailyQuota,
    /// Where it is noted.
    pub note: PathBuf,
    /// Whether more was uploaded since.
    pub fresh: bool,
}

impl Daily {
    /// With what an earlier run noted.
    pub fn load(limit: Option<u64>, note: PathBuf) -> Self {
        Self {
            limit,
            allowance: quota_file::load(&note),
            note,
            fresh: false,
        }
    }

    /// Whether no more may be uploaded.
    pub fn is_used_up(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.allowance.spent() >= limit)
    }
}

impl Swarm {
    /// Counts what was uploaded, and serves all or nobody accordingly.
    pub(super) fn count_upload(&mut self) {
        let uploaded: u64 = self.states.values().map(|peer| peer.uploaded).sum();
        let uploaded = uploaded + self.past_uploaded;
        let daily = &mut self.settings.daily;
        daily.fresh |= daily.allowance.count(SystemTime::now(), uploaded);
        self.serve_all_or_nobody();
    }

    /// Notes what was uploaded, on the blocking pool, which finishes what it has begun
    /// before the program ends.
    pub(super) fn note_upload(&mut self) {
        let daily = &mut self.settings.daily;
        if !std::mem::take(&mut daily.fresh) {
            return;
        }
        let (allowance, note) = (daily.allowance.clone(), daily.note.clone());
        actix_rt::task::spawn_blocking(move || {
            if let Err(error) = quota_file::save(&allowance, &note) {
                tracing::warn!(%error, "what was uploaded today cannot be noted");
            }
        });
    }

    /// Nobody while what may be uploaded a day is used up.
    pub(super) fn serve_all_or_nobody(&mut self) {
        let used_up = self.settings.daily.is_used_up();
        let slots = match used_up {
            true => 0,
            false => self.settings.upload_slots,
        };
        if used_up && self.slots.limit() > 0 {
            tracing::info!("limits.upload_per_day is used up: nobody is served for now");
        }
        for change in self.slots.set_limit(Instant::now(), slots) {
            self.apply(change);
        }
    }
}
