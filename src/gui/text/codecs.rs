//! Names of codecs, resolutions and languages.

use tr::tr;

/// Heights of common 16:9 resolutions.
const COMMON_HEIGHTS: [u64; 9] = [144, 240, 360, 480, 576, 720, 1080, 1440, 2160];

/// `H.264` for `h264`; an unknown name stays as it is.
pub fn codec_name(name: &str) -> String {
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

/// `1080p`: the smallest common resolution that contains this one, which may have another
/// aspect ratio or be in portrait format.
pub fn resolution(width: u32, height: u32) -> String {
    let (long, short) = (u64::from(width.max(height)), u64::from(width.min(height)));
    let needed = short.max(long * 9 / 16);
    // The tolerance makes 4096 × 2160 (DCI 4K), a fifteenth wider, count as 2160p.
    let mut common = COMMON_HEIGHTS.into_iter();
    let common = common.find(|common| needed * 15 <= common * 16);
    // Smaller and larger resolutions keep their exact height.
    let common = common.filter(|_| needed >= COMMON_HEIGHTS[0]);
    format!("{}p", common.unwrap_or(needed))
}

/// `German` for `deu` or `de`. Languages without a translation keep their English name,
/// unknown codes are shown in capitals.
pub fn language_name(code: &str) -> String {
    let known = isolang::Language::from_639_3(code);
    let Some(known) = known.or_else(|| isolang::Language::from_639_1(code)) else {
        return code.to_uppercase();
    };
    match known.to_name() {
        "Arabic" => tr!("Arabic"),
        "Bulgarian" => tr!("Bulgarian"),
        "Chinese" => tr!("Chinese"),
        "Croatian" => tr!("Croatian"),
        "Czech" => tr!("Czech"),
        "Danish" => tr!("Danish"),
        "Dutch" => tr!("Dutch"),
        "English" => tr!("English"),
        "Finnish" => tr!("Finnish"),
        "French" => tr!("French"),
        "German" => tr!("German"),
        "Hebrew" => tr!("Hebrew"),
        "Hindi" => tr!("Hindi"),
        "Hungarian" => tr!("Hungarian"),
        "Italian" => tr!("Italian"),
        "Japanese" => tr!("Japanese"),
        "Korean" => tr!("Korean"),
        "Norwegian" => tr!("Norwegian"),
        "Polish" => tr!("Polish"),
        "Portuguese" => tr!("Portuguese"),
        "Romanian" => tr!("Romanian"),
        "Russian" => tr!("Russian"),
        "Spanish" => tr!("Spanish"),
        "Swedish" => tr!("Swedish"),
        "Turkish" => tr!("Turkish"),
        "Ukrainian" => tr!("Ukrainian"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_name_uses_common_spelling() {
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
            ("unknown", "unknown"),
        ];
        for (name, written) in pairs {
            assert_eq!(codec_name(name), written);
        }
    }

    #[test]
    fn resolution_is_the_smallest_common_one_that_fits() {
        let sizes = [
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
        for (width, height, name) in sizes {
            assert_eq!(resolution(width, height), name, "{width} × {height}");
        }
    }

    #[test]
    fn language_name_knows_both_code_lengths() {
        let names = ["deu", "de", "qqq"].map(language_name);
        assert_eq!(names, ["German", "German", "QQQ"]);
    }
}
