//! What could not be shared, and why.

use crate::library::Skipped;
use crate::library::actor::{Library, SKIPPED_FILE};

impl Library {
    pub(super) fn skipped_list(&self) -> Vec<Skipped> {
        let skipped = self.skipped.iter();
        skipped
            .map(|(path, (_, reason))| Skipped {
                path: path.clone(),
                reason: reason.clone(),
            })
            .collect()
    }

    /// Leaves the list for `swarmplay ls`; losing it loses nothing else.
    pub(super) fn write_skipped(&mut self) {
        let list = self.skipped_list();
        if self.written.as_ref() == Some(&list) {
            return;
        }
        self.written = Some(list.clone());
        let path = self.settings.data_dir.join(SKIPPED_FILE);
        actix_rt::task::spawn_blocking(move || {
            let written = serde_json::to_vec(&list)
                .map_err(std::io::Error::other)
                .and_then(|text| std::fs::write(path, text));
            if let Err(error) = written {
                tracing::warn!(%error, "the list of skipped files cannot be written");
            }
        });
    }
}
