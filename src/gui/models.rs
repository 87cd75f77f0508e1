//! State that the window shows, as values: views read it, callbacks change it.
//!
//! * [`snapshot`]: latest state of all actors but the player.
//! * [`library`]: query and rows of the library ([`rows`], [`groups`]).
//! * [`playback`]: latest state of the player.
//! * [`stream_map`]: chunk states, buffer and forecast of a stream.
//! * [`sharing`], [`details`], [`settings`]: state of the pages of that name.
//! * [`artwork_cache`]: decoded pictures.

pub mod artwork_cache;
pub mod details;
pub mod groups;
pub mod library;
pub mod playback;
pub mod rows;
pub mod settings;
pub mod sharing;
pub mod snapshot;
pub mod stream_map;

use engine::media::FileEntry;

use self::details::DetailsModel;
use self::library::{LibraryModel, LibraryQuery};
use self::playback::PlaybackModel;
use self::settings::SettingsModel;
use self::sharing::SharingModel;
use self::snapshot::AppSnapshot;

/// All models except the artwork cache, which is read while these change.
#[derive(Default)]
pub struct Models {
    /// Selection and order of the library.
    pub query: LibraryQuery,
    /// Rows of the library.
    pub library: LibraryModel,
    /// State of the player.
    pub playback: PlaybackModel,
    /// Sharing page.
    pub sharing: SharingModel,
    /// Details dialog.
    pub details: DetailsModel,
    /// Settings page.
    pub settings: SettingsModel,
    /// Latest state of the other actors.
    pub snapshot: AppSnapshot,
}

impl Models {
    /// Takes in a snapshot. False if the window already shows the same.
    pub fn set_snapshot(&mut self, snapshot: AppSnapshot) -> bool {
        self.playback.record_buffer(&self.snapshot);
        let position = Some(self.playback.player.position);
        let shown = self.playback.shown_at == position && self.snapshot.is_same(&snapshot);
        if !shown {
            self.playback.shown_at = position;
            self.snapshot = snapshot;
        }
        !shown
    }

    /// Brings the library up to date. True if its rows and groups were rebuilt.
    pub fn update_library(&mut self) -> bool {
        let current = self.playback.current();
        self.library.update(&self.query, &self.snapshot, current)
    }

    /// Library entry in a row.
    pub fn entry_in_row(&self, row: i32) -> Option<FileEntry> {
        let row = usize::try_from(row).ok()?;
        self.library.shown.get(row).cloned()
    }
}
