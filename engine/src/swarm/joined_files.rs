//! Files that are being fetched: their subscribers, own positions, and reports for
//! the tracker.

use std::collections::{HashMap, VecDeque};

use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId};
use crate::media::Geometry;
use crate::protocol::{FileReport, PathReason, PeerPosition, SourceShare};

/// Files in one report, as the wire allows.
const MAX_REPORTS: usize = 32;

/// A file that is being fetched. `S` receives the events of its peers.
#[derive(Debug)]
pub struct JoinedFile<S> {
    /// Chunk layout.
    pub geometry: Geometry,
    /// Subscriber.
    pub events: S,
    position: Option<PeerPosition>,
    /// True if other viewers fetch from the sources on our behalf.
    reserved: bool,
}

/// All files that are being fetched, and reports of those that were.
#[derive(Debug)]
pub struct JoinedFiles<S> {
    files: HashMap<FileId, JoinedFile<S>>,
    /// Holdings, latest first. A file that is no longer fetched stays: other viewers
    /// may still want it.
    reports: VecDeque<FileReport>,
}

impl<S> Default for JoinedFiles<S> {
    fn default() -> Self {
        Self {
            files: HashMap::new(),
            reports: VecDeque::new(),
        }
    }
}

impl<S> JoinedFiles<S> {
    /// Begins a file.
    pub fn join(&mut self, file: FileId, geometry: Geometry, events: S) {
        let joined = JoinedFile {
            geometry,
            events,
            position: None,
            reserved: false,
        };
        self.files.insert(file, joined);
    }

    /// Ends a file.
    pub fn leave(&mut self, file: FileId) {
        self.files.remove(&file);
    }

    /// A file that is being fetched.
    pub fn get(&self, file: FileId) -> Option<&JoinedFile<S>> {
        self.files.get(&file)
    }

    /// All files that are being fetched.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &JoinedFile<S>)> {
        self.files.iter().map(|(file, joined)| (*file, joined))
    }

    /// True if no file is being fetched.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Notes the tracker's reasons for a peer: they say whether the sources of the
    /// file are reserved for other viewers.
    pub fn peer_named(&mut self, file: FileId, reasons: &[PathReason]) {
        let Some(joined) = self.files.get_mut(&file) else {
            return;
        };
        if reasons.contains(&PathReason::Reserve) {
            joined.reserved = true;
        } else if reasons.contains(&PathReason::HasAll) {
            joined.reserved = false;
        }
    }

    /// Sets the own position in a file, and with it the share of new chunks: `share`,
    /// or none where other viewers fetch for us. `None` if the file was left.
    pub fn set_position(
        &mut self,
        file: FileId,
        mut position: PeerPosition,
        share: SourceShare,
    ) -> Option<&PeerPosition> {
        let joined = self.files.get_mut(&file)?;
        position.share = match joined.reserved {
            true => SourceShare::None,
            false => share,
        };
        Some(joined.position.insert(position))
    }

    /// Own positions, for a peer that has just connected.
    pub fn positions(&self) -> impl Iterator<Item = (FileId, &PeerPosition)> {
        self.iter()
            .filter_map(|(file, joined)| Some((file, joined.position.as_ref()?)))
    }

    /// Replaces the report of a file.
    pub fn report(&mut self, report: FileReport) {
        self.withdraw(report.file);
        self.reports.push_front(report);
        self.reports.truncate(MAX_REPORTS);
    }

    /// Reports for the tracker.
    pub fn reports(&self) -> Vec<FileReport> {
        self.reports.iter().cloned().collect()
    }

    /// Chunk at the playhead of a file.
    pub fn playhead(&self, file: FileId) -> ChunkIndex {
        let report = self.reports.iter().find(|report| report.file == file);
        report.map_or(ChunkIndex(0), |report| report.position)
    }

    /// Removes evicted chunks from the report of a file.
    pub fn evict(&mut self, file: FileId, chunks: &RoaringBitmap) {
        for report in self.reports.iter_mut().filter(|r| r.file == file) {
            report.have -= chunks;
        }
    }

    /// Removes the report of a file of which nothing is held any more.
    pub fn withdraw(&mut self, file: FileId) {
        self.reports.retain(|report| report.file != file);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::ChunkSize;

    const FILE: FileId = FileId([1; 32]);

    fn joined() -> JoinedFiles<()> {
        let mut files = JoinedFiles::default();
        files.join(FILE, Geometry::new(1 << 20, ChunkSize::MIN), ());
        files
    }

    fn report(file: u8) -> FileReport {
        FileReport {
            file: FileId([file; 32]),
            chunk_size: 16 << 10,
            have: (0..10).collect(),
            position: ChunkIndex(file.into()),
            buffer: Duration::ZERO,
        }
    }

    #[test]
    fn reserved_sources_leave_no_share() {
        let mut files = joined();
        let share = SourceShare::Weight(1000);
        let told = |files: &mut JoinedFiles<()>| {
            let position = files.set_position(FILE, PeerPosition::default(), share);
            position.expect("joined").share
        };
        assert_eq!(told(&mut files), share);
        files.peer_named(FILE, &[PathReason::HasAll, PathReason::Reserve]);
        assert_eq!(told(&mut files), SourceShare::None);
        files.peer_named(FILE, &[PathReason::Near]);
        assert_eq!(told(&mut files), SourceShare::None, "a viewer says nothing");
        files.peer_named(FILE, &[PathReason::HasAll]);
        assert_eq!(told(&mut files), share);
    }

    #[test]
    fn left_file_has_no_position() {
        let mut files = joined();
        files.leave(FILE);
        let position = files.set_position(FILE, PeerPosition::default(), SourceShare::Unknown);
        assert_eq!(position, None);
        assert_eq!(files.positions().count(), 0);
    }

    #[test]
    fn reports_are_bounded_and_follow_evictions() {
        let mut files = joined();
        (0..40).for_each(|file| files.report(report(file)));
        files.report(report(39));
        let reports = files.reports();
        assert_eq!(reports.len(), MAX_REPORTS);
        assert_eq!(reports[0].file, FileId([39; 32]), "the latest first");
        assert_eq!(files.playhead(FileId([39; 32])), ChunkIndex(39));
        files.evict(FileId([39; 32]), &(0..4).collect());
        assert_eq!(files.reports()[0].have.len(), 6);
        files.withdraw(FileId([39; 32]));
        assert_eq!(files.reports()[0].file, FileId([38; 32]));
    }
}
