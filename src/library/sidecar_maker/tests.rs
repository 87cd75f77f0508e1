//! Tests of sidecar generation on the sample media.

use super::*;
use crate::ffmpeg::probe;
use crate::library::scan::stamp;
use engine::fixtures::{film, sidecar};

fn media(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("media")
        .join(name)
}

/// Sidecars and gain of a sample file with external subtitles.
fn made(folder: &Path, name: &str, subtitles: &[PathBuf]) -> (Vec<Hashed>, Option<i32>) {
    let cancelled = AtomicBool::new(false);
    let path = media(name);
    let info = probe(Path::new("ffprobe"), &path, &cancelled).expect("media");
    let entry = FileEntry {
        info,
        ..film(1, name)
    };
    let maker = Maker {
        ffmpeg: Path::new("ffmpeg"),
        folder,
        cancelled: &cancelled,
    };
    let stamped = subtitles.iter().map(|path| {
        let stamp = stamp(path).expect("readable");
        (path.clone(), stamp)
    });
    let subtitles: Vec<_> = stamped.collect();
    let (mut made, gain) = maker.make(&path, &entry).expect("ffmpeg runs");
    made.extend(maker.subtitles(&path, &subtitles).expect("writable"));
    (made, gain)
}

fn roles(made: &[Hashed]) -> Vec<SidecarRole> {
    made.iter().map(|hashed| hashed.sidecar.role).collect()
}

/// Width and height of a JPEG, from its frame header (ITU T.81, B.2.2).
fn size_of_jpeg(bytes: &[u8]) -> (u16, u16) {
    let mut at = 2;
    loop {
        let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        match bytes[at + 1] {
            0xc0..=0xc3 => return (number(at + 7), number(at + 5)),
            _ => at += 2 + usize::from(number(at + 2)),
        }
    }
}

#[test]
fn film_gets_poster_storyboard_and_subtitles() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let beside = folder.path().join("Harbour at Dawn.de.srt");
    let latin = b"1\n00:00:01,000 --> 00:00:02,000\nGr\xfc\xdfe\n";
    std::fs::write(&beside, latin).expect("writable");
    let (made, gain) = made(folder.path(), "Harbour at Dawn.mp4", &[beside]);
    let expected = [
        SidecarRole::Poster,
        SidecarRole::Storyboard,
        SidecarRole::Subtitles,
    ];
    assert_eq!(roles(&made), expected);
    assert_eq!(gain, None);
    let read = |number: usize| std::fs::read(&made[number].path).expect("it was kept");
    let (width, height) = size_of_jpeg(&read(0));
    assert_eq!(width.max(height), POSTER as u16, "{width} × {height}");
    let pictures = made[1].sidecar.pictures;
    assert!(pictures > 1);
    let (width, _) = size_of_jpeg(&read(1));
    assert_eq!(width, 1600, "ten pictures of 160");
    assert_eq!(made[1].sidecar.size, read(1).len() as u64);
    assert!(String::from_utf8(read(2)).expect("UTF-8").contains("Grüße"));
    assert_eq!(made[2].sidecar.id, hash(&read(2)).0);
}

#[test]
fn song_gets_waveform_and_gain() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (made, gain) = made(folder.path(), "Estuary - 02 Slow Orbit.flac", &[]);
    let sidecar = &made.last().expect("a waveform").sidecar;
    assert_eq!(sidecar.role, SidecarRole::Waveform);
    assert_eq!(sidecar.size, WAVEFORM_INTERVALS as u64);
    let peaks = std::fs::read(&made.last().expect("kept").path).expect("kept");
    assert!(peaks.iter().filter(|peak| **peak > 10).count() > WAVEFORM_INTERVALS / 2);
    assert!((-3000..3000).contains(&gain.expect("measured")), "{gain:?}");
}

#[test]
fn file_without_media_gets_no_sidecars() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let cancelled = AtomicBool::new(false);
    let maker = Maker {
        ffmpeg: Path::new("ffmpeg"),
        folder: folder.path(),
        cancelled: &cancelled,
    };
    let entry = FileEntry::of_sidecar(&sidecar(SidecarRole::Poster, 1));
    let path = folder.path().join("text.mp4");
    std::fs::write(&path, "no film").expect("writable");
    let (made, gain) = maker.make(&path, &entry).expect("ffmpeg runs");
    assert!(made.is_empty() && gain.is_none());
    let without = Maker {
        ffmpeg: Path::new("/nonexistent/ffmpeg"),
        ..maker
    };
    let error = without.make(&path, &entry).err();
    let error = error.or(without.make(&path, &film(1, "text.mp4")).err());
    assert!(matches!(error, Some(MakeError::NoProgram(_))), "{error:?}");
}

#[test]
fn waveform_holds_peak_of_each_interval() {
    let parts = WAVEFORM_INTERVALS as i16;
    let samples = (0..parts * 2).flat_map(|number| {
        let level = if number % 2 == 0 { -number } else { 0 };
        level.to_le_bytes()
    });
    let bytes: Vec<u8> = samples.collect();
    let waveform = waveform(&bytes[..], u64::from(parts.unsigned_abs()) * 2);
    assert_eq!(waveform.len(), WAVEFORM_INTERVALS);
    assert_eq!(waveform[0], 0);
    assert_eq!(
        waveform[WAVEFORM_INTERVALS - 1],
        ((parts * 2 - 2) >> 7) as u8
    );
}

#[test]
fn subtitle_language_is_read_from_file_name() {
    let film = Path::new("/f/Film.mkv");
    let subtitles = ["/f/Film.srt", "/f/Film.en.srt"];
    let names = subtitles.map(|path| language(film, Path::new(path)));
    assert_eq!(names, ["", "en"]);
}
