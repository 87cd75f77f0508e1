//! Entries of the catalogue, with their sidecars.

use engine::media::{
    AudioTrack, Chapter, ColourMatrix, FileEntry, Geometry, MAX_PICTURES, MAX_SIDECAR,
    MAX_SIDECARS, MediaInfo, MediaKind, Sidecar, SidecarRole, SubtitleTrack, VideoTrack,
};

use crate::wire::WireError;
use crate::wire::convert::{MAX_TEXT, file_id, id_bytes, text};
use crate::wire::convert::{proto, timeline};

/// Longest file name, in characters: what common file systems allow.
const MAX_FILE_NAME: usize = 255;
/// Longest codec name or language code, in characters.
const MAX_CODE: usize = 16;
/// Tracks of a kind that are kept.
const MAX_AUDIO: usize = 8;
/// Subtitle tracks that are kept.
const MAX_SUBTITLES: usize = 16;
/// Longest title of a track, in characters.
const MAX_TRACK: usize = 80;
/// Bytes of all titles of a file's tracks.
const MAX_TRACK_TITLES: usize = 1 << 10;
/// Chapters that are kept.
const MAX_CHAPTERS: usize = 100;
/// Longest title of a chapter, in characters.
const MAX_CHAPTER: usize = 80;
/// Bytes of all titles of a file's chapters.
const MAX_CHAPTER_TITLES: usize = 2 << 10;
/// Most that sound is raised or lowered by, in hundredths of a decibel.
const MAX_GAIN: i32 = 5000;

pub(super) fn kind_to_proto(kind: Option<MediaKind>) -> proto::MediaKind {
    match kind {
        None => proto::MediaKind::Unspecified,
        Some(MediaKind::Video) => proto::MediaKind::Video,
        Some(MediaKind::Audio) => proto::MediaKind::Audio,
        Some(MediaKind::Sidecar) => proto::MediaKind::Sidecar,
    }
}

fn matrix_to_proto(matrix: ColourMatrix) -> proto::ColourMatrix {
    match matrix {
        ColourMatrix::Unknown => proto::ColourMatrix::Unknown,
        ColourMatrix::Bt601 => proto::ColourMatrix::Bt601,
        ColourMatrix::Bt709 => proto::ColourMatrix::Bt709,
        ColourMatrix::Bt2020 => proto::ColourMatrix::Bt2020,
        ColourMatrix::Other => proto::ColourMatrix::Other,
    }
}

fn matrix_from_proto(matrix: proto::ColourMatrix) -> ColourMatrix {
    match matrix {
        proto::ColourMatrix::Unknown => ColourMatrix::Unknown,
        proto::ColourMatrix::Bt601 => ColourMatrix::Bt601,
        proto::ColourMatrix::Bt709 => ColourMatrix::Bt709,
        proto::ColourMatrix::Bt2020 => ColourMatrix::Bt2020,
        proto::ColourMatrix::Other => ColourMatrix::Other,
    }
}

pub(super) fn kind_from_proto(kind: proto::MediaKind) -> Option<MediaKind> {
    match kind {
        proto::MediaKind::Unspecified => None,
        proto::MediaKind::Video => Some(MediaKind::Video),
        proto::MediaKind::Audio => Some(MediaKind::Audio),
        proto::MediaKind::Sidecar => Some(MediaKind::Sidecar),
    }
}

pub(super) fn to_proto(entry: &FileEntry) -> proto::FileEntry {
    let info = &entry.info;
    let (audio, subtitles) = tracks_to_proto(info);
    proto::FileEntry {
        id: id_bytes(entry.id),
        name: text(entry.name.clone(), MAX_FILE_NAME),
        size: entry.size,
        chunk_size: entry.chunk_size,
        kind: kind_to_proto(Some(info.kind)).into(),
        duration_ms: info.duration_ms,
        video: info.video.as_ref().map(|video| proto::VideoTrack {
            codec: text(video.codec.clone(), MAX_CODE),
            width: video.width,
            height: video.height,
            millifps: video.millifps,
            interlaced: video.interlaced,
            hdr: video.hdr,
            matrix: matrix_to_proto(video.matrix).into(),
        }),
        audio,
        subtitles,
        title: text(info.title.clone(), MAX_TEXT),
        artist: text(info.artist.clone(), MAX_TEXT),
        album: text(info.album.clone(), MAX_TEXT),
        has_cover: info.has_cover,
        sources: entry.sources,
        timeline: timeline::to_proto(&info.timeline),
        chapters: chapters_to_proto(&info.chapters),
        gain_cdb: info.gain_cdb,
        sidecars: sidecars_to_proto(&info.sidecars),
        track_number: info.track_number,
        disc_number: info.disc_number,
        album_artist: text(info.album_artist.clone(), MAX_TEXT),
    }
}

/// Titles beyond what a message has room for are left out, their times are kept.
fn chapters_to_proto(chapters: &[Chapter]) -> Vec<proto::Chapter> {
    let mut room = MAX_CHAPTER_TITLES;
    let chapters = chapters.iter().take(MAX_CHAPTERS);
    let chapters = chapters.map(|chapter| proto::Chapter {
        start_ms: chapter.start_ms,
        title: title(&chapter.title, MAX_CHAPTER, &mut room),
    });
    chapters.collect()
}

/// Sound and subtitle tracks; titles as those of chapters.
fn tracks_to_proto(info: &MediaInfo) -> (Vec<proto::AudioTrack>, Vec<proto::SubtitleTrack>) {
    let mut room = MAX_TRACK_TITLES;
    let code = |code: &String| text(code.clone(), MAX_CODE);
    let audio = info.audio.iter().take(MAX_AUDIO);
    let audio = audio.map(|track| proto::AudioTrack {
        codec: code(&track.codec),
        language: code(&track.language),
        channels: track.channels,
        title: title(&track.title, MAX_TRACK, &mut room),
        commentary: track.commentary,
        described: track.described,
    });
    let audio = audio.collect();
    let subtitles = info.subtitles.iter().take(MAX_SUBTITLES);
    let subtitles = subtitles.map(|track| proto::SubtitleTrack {
        codec: code(&track.codec),
        language: code(&track.language),
        title: title(&track.title, MAX_TRACK, &mut room),
        forced: track.forced,
        impaired: track.impaired,
    });
    (audio, subtitles.collect())
}

/// A title of some characters at most, for which there is room in bytes; none if there
/// is not.
fn title(title: &str, max_chars: usize, room: &mut usize) -> String {
    let title = text(title.to_owned(), max_chars);
    let Some(left) = room.checked_sub(title.len()) else {
        return String::new();
    };
    *room = left;
    title
}

pub(super) fn from_proto(entry: &proto::FileEntry) -> Result<FileEntry, WireError> {
    let kind = kind_from_proto(entry.kind()).ok_or(WireError::Violation("unknown media kind"))?;
    if Geometry::checked(entry.size, entry.chunk_size).is_none() {
        return Err(WireError::Violation("invalid file size"));
    }
    let code = |code: &String| text(code.clone(), MAX_CODE);
    let tag = |tag: &String| text(tag.clone(), MAX_TEXT);
    let audio = entry.audio.iter().take(MAX_AUDIO).map(|track| AudioTrack {
        codec: code(&track.codec),
        language: code(&track.language),
        channels: track.channels,
        title: text(track.title.clone(), MAX_TRACK),
        commentary: track.commentary,
        described: track.described,
    });
    let subtitles = entry.subtitles.iter().take(MAX_SUBTITLES);
    let subtitles = subtitles.map(|track| SubtitleTrack {
        codec: code(&track.codec),
        language: code(&track.language),
        title: text(track.title.clone(), MAX_TRACK),
        forced: track.forced,
        impaired: track.impaired,
    });
    let video = entry.video.as_ref().map(|video| VideoTrack {
        codec: code(&video.codec),
        width: video.width,
        height: video.height,
        millifps: video.millifps,
        interlaced: video.interlaced,
        hdr: video.hdr,
        matrix: matrix_from_proto(video.matrix()),
    });
    let chapters = entry.chapters.iter().take(MAX_CHAPTERS);
    let chapters = chapters.map(|chapter| Chapter {
        start_ms: chapter.start_ms.min(entry.duration_ms),
        title: text(chapter.title.clone(), MAX_CHAPTER),
    });
    Ok(FileEntry {
        id: file_id(&entry.id)?,
        name: text(entry.name.clone(), MAX_FILE_NAME),
        size: entry.size,
        chunk_size: entry.chunk_size,
        info: MediaInfo {
            kind,
            duration_ms: entry.duration_ms,
            video,
            audio: audio.collect(),
            subtitles: subtitles.collect(),
            title: tag(&entry.title),
            artist: tag(&entry.artist),
            album: tag(&entry.album),
            has_cover: entry.has_cover,
            timeline: timeline::from_proto(entry)?.into(),
            track_number: entry.track_number,
            disc_number: entry.disc_number,
            album_artist: tag(&entry.album_artist),
            chapters: chapters.collect(),
            gain_cdb: entry.gain_cdb.map(|gain| gain.clamp(-MAX_GAIN, MAX_GAIN)),
            sidecars: sidecars_from_proto(&entry.sidecars, kind)?,
        },
        sources: entry.sources,
    })
}

/// Sidecars beyond the limit are left out.
fn sidecars_to_proto(sidecars: &[Sidecar]) -> Vec<proto::Sidecar> {
    let sidecars = sidecars.iter().take(MAX_SIDECARS);
    let sidecars = sidecars.map(|sidecar| proto::Sidecar {
        role: role_to_proto(sidecar.role).into(),
        id: id_bytes(sidecar.id),
        size: sidecar.size,
        pictures: sidecar.pictures,
        language: text(sidecar.language.clone(), MAX_CODE),
    });
    sidecars.collect()
}

fn role_to_proto(role: SidecarRole) -> proto::SidecarRole {
    match role {
        SidecarRole::Poster => proto::SidecarRole::Poster,
        SidecarRole::Storyboard => proto::SidecarRole::Storyboard,
        SidecarRole::Waveform => proto::SidecarRole::Waveform,
        SidecarRole::Subtitles => proto::SidecarRole::Subtitles,
    }
}

/// `None` for a role of a later version.
fn role_from_proto(role: proto::SidecarRole) -> Option<SidecarRole> {
    match role {
        proto::SidecarRole::Unspecified => None,
        proto::SidecarRole::Poster => Some(SidecarRole::Poster),
        proto::SidecarRole::Storyboard => Some(SidecarRole::Storyboard),
        proto::SidecarRole::Waveform => Some(SidecarRole::Waveform),
        proto::SidecarRole::Subtitles => Some(SidecarRole::Subtitles),
    }
}

/// Roles of a later version are left out, and so are sidecars beyond a limit.
fn sidecars_from_proto(
    sidecars: &[proto::Sidecar],
    kind: MediaKind,
) -> Result<Vec<Sidecar>, WireError> {
    let mut known = Vec::new();
    // A sidecar has none of its own.
    if kind == MediaKind::Sidecar {
        return Ok(known);
    }
    for sidecar in sidecars {
        let Some(role) = role_from_proto(sidecar.role()) else {
            continue;
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
