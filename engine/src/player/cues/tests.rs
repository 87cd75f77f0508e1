//! SRT as ffmpeg writes it.

use super::*;

fn cues(text: &str) -> Vec<Cue> {
    let mut cues = Vec::new();
    read(text.as_bytes(), Duration::from_secs(10), |cue| {
        cues.push(cue)
    });
    cues
}

fn cue(start: u64, end: u64, text: &str) -> Cue {
    Cue {
        start: Duration::from_millis(start),
        end: Duration::from_millis(end),
        text: text.into(),
    }
}

#[test]
fn blocks_become_cues_without_markup() {
    let text = "1\n00:00:01,500 --> 00:00:03,000\n<font color=\"#fff\"><i>Hello</i></font> there\n\
                {\\an8}second line\n\n2\n00:01:00,000 --> 01:00:00,250\n3 < 4 and {so on\n";
    let expected = [
        cue(11_500, 13_000, "Hello there\nsecond line"),
        cue(70_000, 3_610_250, "3 < 4 and {so on"),
    ];
    assert_eq!(cues(text), expected);
}

#[test]
fn malformed_blocks_are_skipped() {
    for nonsense in [
        "",
        "\n\n1\n\n",
        "1\nnot a time --> neither\ntext\n",
        "1\n00:00:02,000 --> 00:00:01,000\nbackwards\n",
        "1\n00:00:01,000 --> 00:00:02,000\n\n",
        "99999999999999999999:00,0 --> 1:00,0\nlong\n",
    ] {
        assert_eq!(cues(nonsense), [], "{nonsense:?}");
    }
    let long = format!("00:00:01,000 --> 00:00:02,000\n{}\n", "ä".repeat(5000));
    assert!(cues(&long)[0].text.len() <= MAX_TEXT);
}

#[test]
fn overlapping_cues_are_joined() {
    let mut all = Cues::default();
    all.push(cue(1000, 5000, "a"));
    all.push(cue(2000, 3000, "b"));
    let at = |time| all.at(Duration::from_millis(time));
    assert_eq!((at(999), at(1000)), (String::new(), "a".into()));
    assert_eq!((at(2500), at(3000)), ("a\nb".into(), "a".into()));
    assert_eq!(at(5000), "");
}

#[test]
fn bitmap_subtitles_are_not_text() {
    let track = |codec: &str| SubtitleTrack {
        codec: codec.into(),
        ..SubtitleTrack::default()
    };
    assert!(is_text(&track("ass")) && is_text(&track("mov_text")));
    assert!(!is_text(&track("hdmv_pgs_subtitle")) && !is_text(&track("dvd_subtitle")));
}
