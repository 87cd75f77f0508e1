//! Names of codecs and of sizes of pictures, as people write them.

/// Heights of pictures that are usual, of 16:9.
const USUAL_HEIGHTS: [u64; 9] = [144, 240, 360, 480, 576, 720, 1080, 1440, 2160];

/// `h264` as people write it.
pub fn codec(name: &str) -> String {
    let written = match name {
        "h263" => "H.263",
        "h264" => "H.264",
        "mpeg1video" => "MPEG-1",
        "mpeg2video" => "MPEG-2",
        "mpeg4" => "MPEG-4",
        "msmpeg4v1" | "msmpeg4v2" | "msmpeg4v3" => "MS MPEG-4",
        "wmv1" | "wmv2" | "wmv3" => "WMV",
        "vc1" => "VC-1",
        "theora" => "Theora",
        "prores" => "ProRes",
        "dnxhd" => "DNxHD",
        "dvvideo" => "DV",
        "mjpeg" => "Motion JPEG",
        "flv1" => "Sorenson Spark",
        "rv10" | "rv20" | "rv30" | "rv40" => "RealVideo",
        "opus" => "Opus",
        "vorbis" => "Vorbis",
        "speex" => "Speex",
        "ac3" => "AC-3",
        "eac3" => "E-AC-3",
        "ac4" => "AC-4",
        "truehd" => "TrueHD",
        "wmav1" | "wmav2" => "WMA",
        "wmapro" => "WMA Pro",
        "wmalossless" => "WMA Lossless",
        "wavpack" => "WavPack",
        "ape" => "Monkey's Audio",
        "musepack7" | "musepack8" => "Musepack",
        "amr_nb" | "amr_wb" => "AMR",
        name if name.starts_with("pcm_") => "PCM",
        name if name.starts_with("adpcm_") => "ADPCM",
        name if name.starts_with("dsd_") => "DSD",
        "hevc" | "vvc" | "vp8" | "vp9" | "av1" | "ffv1" | "aac" | "mp1" | "mp2" | "mp3"
        | "flac" | "alac" | "dts" | "mlp" | "tta" => return name.to_uppercase(),
        other => other,
    };
    written.to_owned()
}

/// `1080p`: the smallest usual picture that holds one of this size, which may be wider,
/// or stand upright.
pub fn resolution(width: u32, height: u32) -> String {
    let (long, short) = (u64::from(width.max(height)), u64::from(width.min(height)));
    let needed = short.max(long * 9 / 16);
    // A cinema's 4096 × 2160, a fifteenth wider, is called so, too.
    let mut usual = USUAL_HEIGHTS.into_iter();
    let usual = usual.find(|usual| needed * 15 <= usual * 16);
    // What is tiny or huge has a name of its own.
    let usual = usual.filter(|_| needed >= USUAL_HEIGHTS[0]);
    format!("{}p", usual.unwrap_or(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_written_as_people_do() {
        let pairs = [
            ("h264", "H.264"),
            ("hevc", "HEVC"),
            ("vp8", "VP8"),
            ("av1", "AV1"),
            ("mpeg2video", "MPEG-2"),
            ("mpeg4", "MPEG-4"),
            ("prores", "ProRes"),
            ("mjpeg", "Motion JPEG"),
            ("theora", "Theora"),
            ("aac", "AAC"),
            ("ac3", "AC-3"),
            ("eac3", "E-AC-3"),
            ("dts", "DTS"),
            ("truehd", "TrueHD"),
            ("mp2", "MP2"),
            ("wmav2", "WMA"),
            ("pcm_s24le", "PCM"),
            ("adpcm_ms", "ADPCM"),
            ("alac", "ALAC"),
            ("opus", "Opus"),
            ("unheard_of", "unheard_of"),
        ];
        for (name, written) in pairs {
            assert_eq!(codec(name), written);
        }
    }

    #[test]
    fn a_picture_is_called_by_the_usual_one_that_holds_it() {
        let pictures = [
            (1920, 800, "1080p"),
            (1920, 1088, "1080p"),
            (1440, 1080, "1080p"),
            (1080, 1920, "1080p"),
            (1280, 534, "720p"),
            (720, 576, "576p"),
            (720, 480, "480p"),
            (640, 480, "480p"),
            (640, 360, "360p"),
            (640, 272, "360p"),
            (2560, 1440, "1440p"),
            (3840, 1600, "2160p"),
            (4096, 2160, "2160p"),
            (7680, 4320, "4320p"),
            (64, 64, "64p"),
            (u32::MAX, 1, "2415919103p"),
        ];
        for (width, height, called) in pictures {
            assert_eq!(resolution(width, height), called, "{width} × {height}");
        }
    }
}
