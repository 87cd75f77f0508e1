//! State of the sharing page.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use engine::ids::FileId;

use super::snapshot::AppSnapshot;
use crate::library::LibrarySnapshot;
use crate::store::CachedFile;
use crate::swarm::PeerSnapshot;

/// Lists of the sharing page in the order shown, and errors of its forms.
#[derive(Debug, Default)]
pub struct SharingModel {
    /// Shared folders.
    pub folders: Vec<PathBuf>,
    /// Downloads.
    pub cached: Vec<CachedFile>,
    /// Hash of the listed files; `None` forces a new list.
    files_key: Option<u64>,
    /// Error of the last change of folders.
    pub error: String,
    /// Error of the last change of limits.
    pub limits_error: String,
}

impl SharingModel {
    /// Takes in a snapshot. True if the listed files changed: they may be thousands.
    pub fn update(&mut self, snapshot: &AppSnapshot) -> bool {
        self.folders.clone_from(&snapshot.library.folders);
        self.cached.clone_from(&snapshot.cached);
        let key = Some(hash_of_files(&snapshot.library));
        let changed = self.files_key != key;
        self.files_key = key;
        changed
    }

    /// Makes the next update list all files again, for texts in another language.
    pub fn invalidate(&mut self) {
        self.files_key = None;
    }
}

fn hash_of_files(library: &LibrarySnapshot) -> u64 {
    let mut hasher = DefaultHasher::new();
    for skipped in &library.skipped {
        (&skipped.path, &skipped.reason).hash(&mut hasher);
    }
    for shared in &library.shared {
        (&shared.path, shared.entry.size).hash(&mut hasher);
    }
    hasher.finish()
}

/// Peers that download from this device, and the title of the file, if it is known.
pub fn uploads(snapshot: &AppSnapshot) -> Vec<(&PeerSnapshot, Option<&str>)> {
    let peers = snapshot.swarm.peers.iter();
    let peers = peers.filter(|peer| peer.upload_rate > 0);
    let files = peers.clone().filter_map(|peer| peer.taking).collect();
    let titles = titles(snapshot, files);
    let title = |peer: &PeerSnapshot| titles.get(&peer.taking?).copied();
    peers.map(|peer| (peer, title(peer))).collect()
}

/// Titles of files; a sidecar has that of its film or song.
fn titles(snapshot: &AppSnapshot, mut files: HashSet<FileId>) -> HashMap<FileId, &str> {
    let shared = snapshot.library.shared.iter().map(|shared| &shared.entry);
    let listed = snapshot.catalogue.entries.iter();
    let mut titles = HashMap::new();
    for entry in shared.chain(listed) {
        if files.is_empty() {
            break;
        }
        let sidecars = entry.info.sidecars.iter().map(|sidecar| sidecar.id);
        for file in sidecars.chain([entry.id]) {
            if files.remove(&file) {
                titles.insert(file, entry.display_title());
            }
        }
    }
    titles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::SharedFile;
    use engine::ids::PeerId;
    use engine::media::{FileEntry, MediaInfo, MediaKind, Sidecar, SidecarRole};

    #[test]
    fn upload_names_the_film_of_a_sidecar() {
        let mut entry = FileEntry {
            id: FileId([1; 32]),
            name: "The Long Ridge.mkv".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Video, 1000),
            sources: 1,
        };
        entry.info.sidecars = vec![Sidecar {
            role: SidecarRole::Poster,
            id: FileId([2; 32]),
            size: 1,
            pictures: 0,
            language: String::new(),
        }];
        let mut snapshot = AppSnapshot::default();
        snapshot.library.shared = vec![SharedFile {
            path: "/films/ridge.mkv".into(),
            entry,
        }];
        let mut title_of = |taking| {
            snapshot.swarm.peers = vec![PeerSnapshot {
                peer: PeerId([1; 16]),
                name: "living-room".into(),
                address: ([127, 0, 0, 1], 1).into(),
                origin: false,
                rtt_us: None,
                download_rate: 0,
                upload_rate: 400_000,
                downloaded: 0,
                uploaded: 0,
                taking,
                reasons: Default::default(),
            }];
            uploads(&snapshot)[0].1.map(str::to_owned)
        };
        let title = Some("The Long Ridge".to_owned());
        assert_eq!(title_of(Some(FileId([1; 32]))), title);
        assert_eq!(title_of(Some(FileId([2; 32]))), title, "its poster");
        assert_eq!(title_of(Some(FileId([3; 32]))), None, "unknown file");
        assert_eq!(title_of(None), None);
    }
}
