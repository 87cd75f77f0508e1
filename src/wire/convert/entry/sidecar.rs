//! Sidecars of a file.

use engine::media::{MAX_PICTURES, MAX_SIDECAR, MAX_SIDECARS};
use engine::media::{MediaKind, Sidecar, SidecarRole};

use crate::wire::WireError;
use crate::wire::convert::entry::MAX_CODE;
use crate::wire::convert::proto;
use crate::wire::convert::{file_id, id_bytes, text};

pub(super) fn to_proto(sidecars: &[Sidecar]) -> Vec<proto::Sidecar> {
    sidecars.iter().take(MAX_SIDECARS).map(one).collect()
}

fn one(sidecar: &Sidecar) -> proto::Sidecar {
    let role = match sidecar.role {
        SidecarRole::Poster => proto::SidecarRole::Poster,
        SidecarRole::Storyboard => proto::SidecarRole::Storyboard,
        SidecarRole::Waveform => proto::SidecarRole::Waveform,
        SidecarRole::Subtitles => proto::SidecarRole::Subtitles,
    };
    proto::Sidecar {
        role: role.into(),
        id: id_bytes(sidecar.id),
        size: sidecar.size,
        pictures: sidecar.pictures,
        language: text(sidecar.language.clone(), MAX_CODE),
    }
}

/// Roles of a later version are left out, and so is what exceeds a limit.
pub(super) fn from_proto(
    sidecars: &[proto::Sidecar],
    kind: MediaKind,
) -> Result<Vec<Sidecar>, WireError> {
    let mut known = Vec::new();
    // A sidecar has none of its own.
    if kind == MediaKind::Sidecar {
        return Ok(known);
    }
    for sidecar in sidecars {
        let role = match sidecar.role() {
            proto::SidecarRole::Unspecified => continue,
            proto::SidecarRole::Poster => SidecarRole::Poster,
            proto::SidecarRole::Storyboard => SidecarRole::Storyboard,
            proto::SidecarRole::Waveform => SidecarRole::Waveform,
            proto::SidecarRole::Subtitles => SidecarRole::Subtitles,
        };
        if known.len() < MAX_SIDECARS && (1..=MAX_SIDECAR).contains(&sidecar.size) {
            known.push(Sidecar {
                role,
                id: file_id(&sidecar.id)?,
                size: sidecar.size,
                pictures: sidecar.pictures.min(MAX_PICTURES),
                language: text(sidecar.language.clone(), MAX_CODE),
            });
        }
    }
    Ok(known)
}
