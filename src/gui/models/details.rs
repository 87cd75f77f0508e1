//! File that the details dialog shows.

use engine::media::FileEntry;

/// State of the details dialog.
#[derive(Debug, Default)]
pub struct DetailsModel {
    /// The file; stays after the dialog is closed.
    pub entry: Option<FileEntry>,
    /// Names of the sources, or their number until the names are known.
    pub sources: String,
}
