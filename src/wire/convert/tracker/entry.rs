//! Files of the catalogue.

mod timeline;

use super::super::proto;
use super::super::{MAX_TEXT, file_id, id_bytes, text};
use crate::media::{
    AudioTrack, FileEntry, Geometry, MediaFacts, MediaKind, SubtitleTrack, VideoTrack,
};
use crate::wire::WireError;

/// Longest file name, in characters: what common file systems allow.
const MAX_FILE_NAME: usize = 255;
/// Longest codec name or language code, in characters.
const MAX_CODE: usize = 16;
/// Tracks of a kind that are kept.
const MAX_AUDIO: usize = 8;
/// Subtitle tracks that are kept.
const MAX_SUBTITLES: usize = 16;

pub(super) fn kind_to_proto(kind: Option<MediaKind>) -> proto::MediaKind {
    match kind {
        None => proto::MediaKind::Unspecified,
        Some(MediaKind::Video) => proto::MediaKind::Video,
        Some(MediaKind::Audio) => proto::MediaKind::Audio,
    }
}

pub(super) fn kind_from_proto(kind: proto::MediaKind) -> Option<MediaKind> {
    match kind {
        proto::MediaKind::Unspecified => None,
        proto::MediaKind::Video => Some(MediaKind::Video),
        proto::MediaKind::Audio => Some(MediaKind::Audio),
    }
}

pub(super) fn to_proto(entry: &FileEntry) -> proto::FileEntry {
    let facts = &entry.facts;
    proto::FileEntry {
        id: id_bytes(entry.id),
        name: text(entry.name.clone(), MAX_FILE_NAME),
        size: entry.size,
        chunk_size: entry.chunk_size,
        kind: kind_to_proto(Some(facts.kind)).into(),
        duration_ms: facts.duration_ms,
        video: facts.video.as_ref().map(|video| proto::VideoTrack {
            codec: text(video.codec.clone(), MAX_CODE),
            width: video.width,
            height: video.height,
            millifps: video.millifps,
        }),
        audio: facts
            .audio
            .iter()
            .take(MAX_AUDIO)
            .map(audio_to_proto)
            .collect(),
        subtitles: facts
            .subtitles
            .iter()
            .take(MAX_SUBTITLES)
            .map(subtitle_to_proto)
            .collect(),
        title: text(facts.title.clone(), MAX_TEXT),
        artist: text(facts.artist.clone(), MAX_TEXT),
        album: text(facts.album.clone(), MAX_TEXT),
        has_cover: facts.has_cover,
        sources: entry.sources,
        timeline: timeline::to_proto(&facts.timeline),
    }
}

fn audio_to_proto(track: &AudioTrack) -> proto::AudioTrack {
    proto::AudioTrack {
        codec: text(track.codec.clone(), MAX_CODE),
        language: text(track.language.clone(), MAX_CODE),
        channels: track.channels,
    }
}

fn subtitle_to_proto(track: &SubtitleTrack) -> proto::SubtitleTrack {
    proto::SubtitleTrack {
        codec: text(track.codec.clone(), MAX_CODE),
        language: text(track.language.clone(), MAX_CODE),
    }
}

pub(super) fn from_proto(entry: &proto::FileEntry) -> Result<FileEntry, WireError> {
    let kind = kind_from_proto(entry.kind()).ok_or(WireError::Violation(
        "a file that is neither video nor audio",
    ))?;
    if Geometry::checked(entry.size, entry.chunk_size).is_none() {
        return Err(WireError::Violation("a file of impossible size"));
    }
    let code = |code: &String| text(code.clone(), MAX_CODE);
    let tag = |tag: &String| text(tag.clone(), MAX_TEXT);
    let audio = entry.audio.iter().take(MAX_AUDIO).map(|track| AudioTrack {
        codec: code(&track.codec),
        language: code(&track.language),
        channels: track.channels,
    });
    let subtitles = entry.subtitles.iter().take(MAX_SUBTITLES);
    let subtitles = subtitles.map(|track| SubtitleTrack {
        codec: code(&track.codec),
        language: code(&track.language),
    });
    let video = entry.video.as_ref().map(|video| VideoTrack {
        codec: code(&video.codec),
        width: video.width,
        height: video.height,
        millifps: video.millifps,
    });
    Ok(FileEntry {
        id: file_id(&entry.id)?,
        name: text(entry.name.clone(), MAX_FILE_NAME),
        size: entry.size,
        chunk_size: entry.chunk_size,
        facts: MediaFacts {
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
        },
        sources: entry.sources,
    })
}
