//! Figures and counts as text.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use engine::media::FileEntry;
use engine::units::ByteRate;
use tr::tr;

pub use engine::units::timestamp;

use super::codecs::{codec_name, resolution};

/// `1.4 GiB`
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// Bytes a second as `4.2`, in Mbit/s.
pub fn megabits(bytes_per_second: u64) -> String {
    format!("{:.1}", bytes_per_second as f64 * 8.0 / 1e6)
}

/// Bytes a second as `4.2 Mbit/s`.
pub fn bit_rate(bytes_per_second: u64) -> String {
    format!("{} Mbit/s", megabits(bytes_per_second))
}

/// A limit as a user types it: `4 Mbit/s` or `unlimited`.
pub fn rate_limit(rate: ByteRate) -> String {
    match rate.0 {
        None => "unlimited".into(),
        Some(bytes) => format!("{} Mbit/s", bytes as f64 * 8.0 / 1e6),
    }
}

/// `3 ms`
pub fn round_trip(micros: Option<u64>) -> String {
    match micros {
        None => "–".into(),
        Some(micros) if micros < 1000 => "<1 ms".into(),
        Some(micros) => format!("{} ms", (micros + 500) / 1000),
    }
}

/// `31 min left`
pub fn time_left(milliseconds: u64) -> String {
    match milliseconds.div_ceil(60_000) {
        minutes @ 0..60 => tr!("{} min left", minutes),
        minutes => tr!("{} h {} min left", minutes / 60, minutes % 60),
    }
}

/// `Buffer: 19 s`
pub fn buffer(buffer: Duration) -> String {
    match buffer.as_secs() {
        seconds @ 0..120 => tr!("Buffer: {} s", seconds),
        seconds => tr!("Buffer: {} min", seconds / 60),
    }
}

/// `3 sources`
pub fn sources(count: u32) -> String {
    match count {
        0 => tr!("no sources"),
        count => tr!("1 source" | "{n} sources" % count),
    }
}

/// `3 songs`
pub fn songs(count: usize) -> String {
    tr!("1 song" | "{n} songs" % count)
}

/// Line below a title: resolution and codec of a film, artist and codec of a song.
pub fn detail(entry: &FileEntry) -> String {
    let info = &entry.info;
    let mut parts = Vec::new();
    match &info.video {
        Some(video) => {
            parts.push(resolution(video.width, video.height));
            parts.push(codec_name(&video.codec));
            let languages = info.audio.iter().map(|track| track.language.as_str());
            let languages: BTreeSet<&str> = languages.filter(|code| !code.is_empty()).collect();
            if languages.len() > 1 {
                parts.push(tr!("{n} language" | "{n} languages" % languages.len()));
            }
            if !info.subtitles.is_empty() || info.subtitles_beside().next().is_some() {
                parts.push(tr!("subtitles"));
            }
        }
        None => {
            if !info.artist.is_empty() {
                parts.push(info.artist.clone());
            }
            parts.extend(info.audio.first().map(|track| codec_name(&track.codec)));
        }
    }
    parts.join(" · ")
}

/// Last component of a path.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use engine::ids::FileId;
    use engine::media::{AudioTrack, MediaInfo, MediaKind, Sidecar, SidecarRole, VideoTrack};

    use super::*;

    fn film() -> FileEntry {
        let video = VideoTrack {
            codec: "h264".into(),
            width: 640,
            height: 360,
            ..VideoTrack::default()
        };
        FileEntry {
            id: FileId([1; 32]),
            name: "film.mp4".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo {
                video: Some(video),
                ..MediaInfo::new(MediaKind::Video, 60_000)
            },
            sources: 1,
        }
    }

    #[test]
    fn figures_are_rounded_and_carry_units() {
        assert_eq!(timestamp(Duration::from_secs(3723)), "1:02:03");
        assert_eq!(megabits(525_000), "4.2");
        let times = [Some(300), Some(2600), None].map(round_trip);
        assert_eq!(times, ["<1 ms", "3 ms", "–"]);
        assert_eq!(detail(&film()), "360p · H.264");
        assert_eq!(sources(0), "no sources");
    }

    #[test]
    fn detail_counts_languages_not_tracks() {
        let mut film = film();
        let spoken = |language: &str| AudioTrack {
            language: language.into(),
            ..AudioTrack::default()
        };
        film.info.audio = ["eng", "eng", ""].map(spoken).into();
        assert_eq!(detail(&film), "360p · H.264");
        film.info.audio.push(spoken("deu"));
        assert_eq!(detail(&film), "360p · H.264 · 2 languages");
    }

    #[test]
    fn detail_mentions_subtitle_sidecars() {
        let mut film = film();
        film.info.sidecars = vec![Sidecar {
            role: SidecarRole::Subtitles,
            id: FileId([2; 32]),
            size: 1,
            pictures: 0,
            language: "en".into(),
        }];
        assert_eq!(detail(&film), "360p · H.264 · subtitles");
        film.info.sidecars[0].role = SidecarRole::Waveform;
        assert_eq!(detail(&film), "360p · H.264");
    }
}
