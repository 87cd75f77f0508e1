//! Tests of the interpretation of ffprobe's reports.

use super::*;

fn from_json(json: &str) -> Result<MediaInfo, ProbeError> {
    info(serde_json::from_str(json).expect("test JSON"))
}

#[test]
fn song_with_cover_is_audio() {
    let info = from_json(
        r#"{"streams":[
            {"codec_type":"audio","codec_name":"mp3","channels":2},
            {"codec_type":"video","codec_name":"mjpeg","width":500,"height":500,
             "disposition":{"attached_pic":1}}],
           "format":{"duration":"3.5","tags":{"TITLE":"Song","artist":"Them","disc":"2/3","album_artist":"All"}}}"#,
    )
    .expect("media");
    assert_eq!(info.kind, MediaKind::Audio);
    assert!(info.has_cover && info.video.is_none());
    assert_eq!((info.title.as_str(), info.duration_ms), ("Song", 3500));
    assert_eq!((info.album_artist.as_str(), info.disc_number), ("All", 2));
}

#[test]
fn unplayable_files_are_rejected() {
    let no_streams = from_json(r#"{"streams":[],"format":{"duration":"1"}}"#);
    assert!(matches!(no_streams, Err(ProbeError::NothingToPlay)));
    let still = from_json(
        r#"{"streams":[{"codec_type":"video","codec_name":"png"}],
            "format":{"format_name":"png_pipe"}}"#,
    );
    assert!(matches!(still, Err(ProbeError::NothingToPlay)));
    let endless = from_json(r#"{"streams":[{"codec_type":"audio"}],"format":{"duration":"nan"}}"#);
    assert!(matches!(endless, Err(ProbeError::NoDuration)));
}

#[test]
fn audio_stream_title_names_songs_only() {
    let with = |picture: &str| {
        let json = format!(
            r#"{{"streams":[{picture}{{"codec_type":"audio","tags":{{"TITLE":"Stereo"}}}}],
                "format":{{"duration":"9"}}}}"#
        );
        let info = from_json(&json).expect("media");
        (info.title, info.audio[0].title.clone())
    };
    let film = with(r#"{"codec_type":"video"},"#);
    assert_eq!(film, (String::new(), "Stereo".into()));
    let cover = r#"{"codec_type":"video","disposition":{"attached_pic":1}},"#;
    for song in ["", cover] {
        assert_eq!(with(song), ("Stereo".into(), String::new()));
    }
}

#[test]
fn track_titles_and_dispositions_are_read() {
    let long = "ä".repeat(300);
    let json = format!(
        r#"{{"streams":[
            {{"codec_type":"video"}},
            {{"codec_type":"audio","disposition":{{"comment":0,"visual_impaired":0}}}},
            {{"codec_type":"audio","disposition":{{"comment":1}},
             "tags":{{"title":" Director's commentary "}}}},
            {{"codec_type":"audio","disposition":{{"visual_impaired":1}}}},
            {{"codec_type":"subtitle","disposition":{{"forced":1}},"tags":{{"title":"{long}"}}}},
            {{"codec_type":"subtitle","disposition":{{"hearing_impaired":1}}}},
            {{"codec_type":"subtitle","disposition":{{"captions":1}}}}],
           "format":{{"duration":"9"}}}}"#
    );
    let info = from_json(&json).expect("media");
    assert_eq!(info.audio[0], AudioTrack::default());
    assert_eq!(info.audio[1].title, "Director's commentary");
    let flags = |track: &AudioTrack| (track.commentary, track.described);
    let flags: Vec<_> = info.audio.iter().map(flags).collect();
    assert_eq!(flags, [(false, false), (true, false), (false, true)]);
    assert_eq!(info.subtitles[0].title, "ä".repeat(MAX_TRACK_CHARS));
    let flags = |track: &SubtitleTrack| (track.forced, track.impaired);
    let flags: Vec<_> = info.subtitles.iter().map(flags).collect();
    assert_eq!(flags, [(true, false), (false, true), (false, true)]);
}

#[test]
fn colour_matrix_is_declared_or_usual() {
    let matrix = |says: &str, width: u32| {
        let json = format!(
            r#"{{"streams":[{{"codec_type":"video","width":{width},"height":400,{says}}}],
                "format":{{"duration":"9"}}}}"#
        );
        let video = from_json(&json).expect("media").video.expect("a film");
        (video.matrix, video.usual_matrix())
    };
    use ColourMatrix::{Bt601, Bt709, Bt2020, Other, Unknown};
    let silent = r#""pix_fmt":"yuv420p""#;
    assert_eq!(matrix(silent, 720), (Unknown, Bt601));
    assert_eq!(matrix(silent, 1280), (Unknown, Bt709));
    assert_eq!(matrix(r#""color_space":"bt709""#, 720), (Bt709, Bt709));
    assert_eq!(matrix(r#""color_space":"smpte170m""#, 1920), (Bt601, Bt601));
    assert_eq!(
        matrix(r#""color_space":"bt2020nc""#, 1920),
        (Bt2020, Bt2020)
    );
    assert_eq!(matrix(r#""color_space":"ycgco""#, 1920), (Other, Other));
    assert_eq!(matrix(r#""pix_fmt":"gbrp""#, 1920), (Other, Other));
}

#[test]
fn numeric_tags_are_parsed() {
    assert_eq!((leading_number("7/12"), leading_number("x")), (7, 0));
    assert_eq!(decibels("-6.52 dB"), Some(-652));
    assert_eq!(decibels("+3.1"), Some(310));
    assert_eq!((decibels(""), decibels("400 dB")), (None, None));
}

#[test]
fn single_chapter_is_dropped() {
    let with = |chapters: &str| {
        let json = format!(
            r#"{{"streams":[{{"codec_type":"audio"}}],"format":{{"duration":"9"}},
                "chapters":[{chapters}]}}"#
        );
        from_json(&json).expect("media").chapters
    };
    let first = r#"{"start_time":"0.0","tags":{"title":"One"}}"#;
    let second = r#"{"start_time":"4.5"}"#;
    assert!(with(first).is_empty());
    let both = with(&format!("{second},{first}"));
    assert_eq!((both[0].title.as_str(), both[1].start_ms), ("One", 4500));
}

#[test]
fn frame_rate_is_parsed_from_fraction() {
    assert_eq!(millifps("30000/1001"), 29_970);
    assert_eq!(millifps("0/0"), 0);
    assert_eq!(millifps("25"), 0);
}

#[test]
fn sample_mp4_has_index_at_its_end() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("media/Night Train North.mp4");
    let size = file.metadata().expect("it is part of the project").len();
    let (half_minute, cancelled) = (Duration::from_secs(30), AtomicBool::new(false));
    let ffprobe = Path::new("ffprobe");
    let timeline = probe_timeline(ffprobe, &file, size, half_minute, &cancelled);
    assert_eq!(timeline.index_ranges(), [0..48, 680_463..size]);
    assert!(timeline.points().len() > 1, "{timeline:?}");
}

#[test]
fn language_codes_are_terminology_codes() {
    let info = from_json(
        r#"{"streams":[{"codec_type":"video"},
            {"codec_type":"audio","tags":{"language":"ger"}},
            {"codec_type":"audio","tags":{"language":"eng"}}],
           "format":{"duration":"9"}}"#,
    );
    let spoken = info.expect("media").audio.into_iter();
    let spoken: Vec<String> = spoken.map(|track| track.language).collect();
    assert_eq!(spoken, ["deu", "eng"]);
}
