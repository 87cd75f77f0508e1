//! What is made of real files.

use super::*;
use crate::ffmpeg::probe;

fn media(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("media")
        .join(name)
}

/// What is made of a file of the project, with subtitles beside it.
fn made(folder: &Path, name: &str, subtitles: &[PathBuf]) -> (Vec<Hashed>, Option<i32>) {
    let cancelled = AtomicBool::new(false);
    let path = media(name);
    let info = probe(Path::new("ffprobe"), &path, &cancelled).expect("media");
    let entry = FileEntry {
        id: FileId([1; 32]),
        name: name.into(),
        size: 1,
        chunk_size: 1,
        info,
        sources: 1,
    };
    let maker = Maker {
        ffmpeg: Path::new("ffmpeg"),
        folder,
        cancelled: &cancelled,
    };
    let stamped = subtitles.iter().map(|path| {
        let stamp = Stamp::of(path).expect("it is there");
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

/// Width and height of a JPEG, out of its frame header (ITU T.81, B.2.2).
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
fn a_film_gets_a_poster_a_storyboard_and_the_subtitles_beside_it() {
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
fn a_song_gets_a_waveform_and_its_loudness() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (made, gain) = made(folder.path(), "Estuary - 02 Slow Orbit.flac", &[]);
    let sidecar = &made.last().expect("a waveform").sidecar;
    assert_eq!(sidecar.role, SidecarRole::Waveform);
    assert_eq!(sidecar.size, WAVEFORM_PARTS as u64);
    let peaks = std::fs::read(&made.last().expect("kept").path).expect("kept");
    assert!(peaks.iter().filter(|peak| **peak > 10).count() > WAVEFORM_PARTS / 2);
    assert!((-3000..3000).contains(&gain.expect("measured")), "{gain:?}");
}

#[test]
fn what_is_no_media_gets_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let cancelled = AtomicBool::new(false);
    let maker = Maker {
        ffmpeg: Path::new("ffmpeg"),
        folder: folder.path(),
        cancelled: &cancelled,
    };
    let entry = Sidecar {
        role: SidecarRole::Poster,
        id: FileId([1; 32]),
        size: 1,
        pictures: 0,
        language: String::new(),
    }
    .entry();
    let path = folder.path().join("text.mp4");
    std::fs::write(&path, "no film").expect("writable");
    let (made, gain) = maker.make(&path, &entry).expect("ffmpeg runs");
    assert!(made.is_empty() && gain.is_none());
    let without = Maker {
        ffmpeg: Path::new("/nonexistent/ffmpeg"),
        ..maker
    };
    let error = without.make(&path, &entry).err();
    let entry = FileEntry {
        info: engine::media::MediaInfo::new(MediaKind::Video, 1000),
        ..entry
    };
    let error = error.or(without.make(&path, &entry).err());
    assert!(matches!(error, Some(MakeError::NoProgram(_))), "{error:?}");
}

#[test]
fn a_waveform_holds_the_loudest_of_each_part() {
    let parts = WAVEFORM_PARTS as i16;
    let samples = (0..parts * 2).flat_map(|number| {
        let level = if number % 2 == 0 { -number } else { 0 };
        level.to_le_bytes()
    });
    let bytes: Vec<u8> = samples.collect();
    let waveform = waveform(&bytes[..], u64::from(parts.unsigned_abs()) * 2);
    assert_eq!(waveform.len(), WAVEFORM_PARTS);
    assert_eq!(waveform[0], 0);
    assert_eq!(waveform[WAVEFORM_PARTS - 1], ((parts * 2 - 2) >> 7) as u8);
}

#[test]
fn subtitles_belong_to_the_film_they_are_named_after() {
    let stamp = Stamp {
        size: 1,
        modified_ns: 0,
        inode: 1,
    };
    let found = [
        "/f/Film.srt",
        "/f/Film.en.srt",
        "/f/Film 2.srt",
        "/g/Film.srt",
    ];
    let found = found.map(|path| (PathBuf::from(path), stamp)).into();
    let film = Path::new("/f/Film.mkv");
    let names: Vec<_> = subtitles_of(film, &found)
        .into_iter()
        .map(|(path, _)| language(film, &path))
        .collect();
    assert_eq!(names, ["en", ""]);
}
