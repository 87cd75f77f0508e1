//! Adds the window's font to the fontconfig configuration of a system without fonts:
//! Slint needs at least one system font.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Font of the window.
const FONT: &[u8] = include_bytes!("../../../ui/fonts/Inter-Regular.otf");

/// Default configuration of fontconfig.
const DEFAULT: &str = "/etc/fonts/fonts.conf";

/// Environment variable with the path of the configuration.
const VARIABLE: &str = "FONTCONFIG_FILE";

/// Makes sure that fontconfig finds a font; writes one to `data` if there is none. Must
/// be called while no other thread runs.
pub fn provide(data: &Path) {
    let chosen = std::env::var_os(VARIABLE);
    // The content of a configuration from the environment is unknown.
    if chosen.is_none() && Path::new(DEFAULT).is_file() && contains_font(&font_folders()) {
        return;
    }
    match write(&data.join("fonts"), chosen) {
        // SAFETY: no other thread runs that could read or write the environment.
        Ok(file) => unsafe { std::env::set_var(VARIABLE, file) },
        Err(error) => tracing::warn!(%error, "failed to write the fallback font"),
    }
}

/// Font folders on Linux. A font elsewhere is missed, and one is added without harm.
fn font_folders() -> Vec<PathBuf> {
    let system = ["/usr/share/fonts", "/usr/local/share/fonts"].map(PathBuf::from);
    let user = [
        dirs::font_dir(),
        dirs::home_dir().map(|home| home.join(".fonts")),
    ];
    system
        .into_iter()
        .chain(user.into_iter().flatten())
        .collect()
}

fn contains_font(folders: &[PathBuf]) -> bool {
    let is_font = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["ttf", "otf", "ttc"].contains(&extension))
    };
    let mut entries = folders.iter().flat_map(WalkDir::new);
    entries.any(|entry| entry.is_ok_and(|entry| is_font(entry.path())))
}

/// Writes the font, and a configuration that adds it to the existing one.
fn write(folder: &Path, chosen: Option<OsString>) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("Inter-Regular.otf"), FONT)?;
    let existing = chosen.map_or(PathBuf::from(DEFAULT), PathBuf::from);
    let file = folder.join("fonts.conf");
    let escaped = |path: &Path| {
        let text = path.display().to_string();
        text.replace('&', "&amp;").replace('<', "&lt;")
    };
    let (folder, existing) = (escaped(folder), escaped(&existing));
    let text = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig>\n\
         <include ignore_missing=\"yes\">{existing}</include>\n\
         <dir>{folder}</dir>\n<cachedir>{folder}</cachedir>\n</fontconfig>\n"
    );
    std::fs::write(&file, text)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn font_is_added_to_the_existing_configuration() {
        let folder = tempfile::tempdir().expect("folder");
        let fonts = folder.path().join("a & b");
        assert!(!contains_font(std::slice::from_ref(&fonts)));
        let file = write(&fonts, Some("/else/fonts.conf".into())).expect("writable");
        assert!(contains_font(&[fonts]));
        let text = std::fs::read_to_string(file).expect("written");
        assert!(text.contains("yes\">/else/fonts.conf<"), "{text}");
        assert!(text.contains("a &amp; b</dir>"), "{text}");
    }
}
