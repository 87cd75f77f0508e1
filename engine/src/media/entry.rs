//! Catalogue entry of a shared file.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::FileId;
use crate::media::geometry::Geometry;
use crate::media::info::{MediaInfo, MediaKind};
use crate::media::sidecar::{SIDECAR_CHUNK, Sidecar, SidecarRole};
use crate::media::timeline::Timeline;

/// Shared file as the catalogue lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Content id.
    pub id: FileId,
    /// Display text only; never used as a path.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// Bytes per chunk, chosen by the first peer that shared the file.
    pub chunk_size: u32,
    /// Kind, duration, tracks, tags.
    #[serde(rename = "facts")]
    pub info: MediaInfo,
    /// Seeds known to the tracker.
    pub sources: u32,
}

impl FileEntry {
    /// Catalogue entry under which a sidecar is fetched.
    pub fn of_sidecar(sidecar: &Sidecar) -> Self {
        let name = match sidecar.role {
            SidecarRole::Poster => "poster.jpg",
            SidecarRole::Storyboard => "storyboard.jpg",
            SidecarRole::Waveform => "waveform.bin",
            SidecarRole::Subtitles => "subtitles.txt",
        };
        Self {
            id: sidecar.id,
            name: name.into(),
            size: sidecar.size,
            chunk_size: SIDECAR_CHUNK,
            info: MediaInfo::new(MediaKind::Sidecar, 1),
            sources: 0,
        }
    }

    /// Title from the tags, or the name without its extension.
    pub fn display_title(&self) -> &str {
        if !self.info.title.is_empty() {
            return &self.info.title;
        }
        match self.name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => &self.name,
        }
    }

    /// File name for this machine: no folders, not hidden.
    pub fn local_name(&self) -> String {
        let harmless = |c| if c == '/' || c == '\\' { '_' } else { c };
        let name: String = self.name.chars().map(harmless).collect();
        match name.trim_start_matches('.') {
            "" => self.id.to_string(),
            name => name.to_owned(),
        }
    }

    /// Division into chunks; `None` if the announced sizes are not allowed.
    pub fn geometry(&self) -> Option<Geometry> {
        Geometry::checked(self.size, self.chunk_size)
    }

    /// Timeline of the file; a constant bitrate if it is unknown.
    pub fn timeline(&self) -> Arc<Timeline> {
        let (known, duration) = (&self.info.timeline, self.info.duration());
        if known.fits(self.size, duration) {
            return known.clone();
        }
        Arc::new(Timeline::constant(self.size, duration))
    }

    /// Average bytes per second of media.
    pub fn byte_rate(&self) -> u64 {
        let millis = self.info.duration_ms.max(1);
        (u128::from(self.size) * 1000 / u128::from(millis)).max(1) as u64
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::film;

    #[test]
    fn local_name_of_hostile_name_has_no_folders() {
        let mut entry = film(0, "../../etc/passwd");
        assert_eq!(entry.local_name(), "_.._etc_passwd");
        entry.name = "...".into();
        assert_eq!(entry.local_name(), entry.id.to_string());
    }
}
