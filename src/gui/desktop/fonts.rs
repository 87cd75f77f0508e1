//! A machine without any font: the window's own is made known to the system's list of
//! them, which must not be empty.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// The font of the window, of which the list knows nothing yet.
const OWN: &[u8] = include_bytes!("../../../ui/fonts/Inter-Regular.otf");

/// Where the list's own configuration lies, unless the environment says otherwise.
const USUAL: &str = "/etc/fonts/fonts.conf";

/// Names the configuration that fontconfig reads.
const VARIABLE: &str = "FONTCONFIG_FILE";

/// Sees to it that there is a font, with what is written in `data` if need be. Call it
/// while no other thread runs.
pub fn provide(data: &Path) {
    let chosen = std::env::var_os(VARIABLE);
    // Where the environment names another list it is not known what is on it.
    if chosen.is_none() && Path::new(USUAL).is_file() && some_font_is_in(&usual_folders()) {
        return;
    }
    match write(&data.join("fonts"), chosen) {
        // SAFETY: nobody else reads or writes the environment: this is the only thread.
        Ok(file) => unsafe { std::env::set_var(VARIABLE, file) },
        Err(error) => tracing::warn!(%error, "the window's font cannot be written"),
    }
}

/// Folders of fonts on Linux. Fonts elsewhere do not matter: to add one does no harm.
fn usual_folders() -> Vec<PathBuf> {
    let system = ["/usr/share/fonts", "/usr/local/share/fonts"].map(PathBuf::from);
    let own = [
        dirs::font_dir(),
        dirs::home_dir().map(|home| home.join(".fonts")),
    ];
    system
        .into_iter()
        .chain(own.into_iter().flatten())
        .collect()
}

fn some_font_is_in(folders: &[PathBuf]) -> bool {
    let is_font = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| ["ttf", "otf", "ttc"].contains(&extension))
    };
    let mut entries = folders.iter().flat_map(WalkDir::new);
    entries.any(|entry| entry.is_ok_and(|entry| is_font(entry.path())))
}

/// Writes the font, and a configuration that adds it to that which holds otherwise.
fn write(folder: &Path, chosen: Option<OsString>) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("Inter-Regular.otf"), OWN)?;
    let others = chosen.map_or(PathBuf::from(USUAL), PathBuf::from);
    let file = folder.join("fonts.conf");
    let escaped = |path: &Path| {
        let text = path.display().to_string();
        text.replace('&', "&amp;").replace('<', "&lt;")
    };
    let (own, others) = (escaped(folder), escaped(&others));
    let text = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"fonts.dtd\">\n<fontconfig>\n\
         <include ignore_missing=\"yes\">{others}</include>\n\
         <dir>{own}</dir>\n<cachedir>{own}</cachedir>\n</fontconfig>\n"
    );
    std::fs::write(&file, text)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_font_is_added_to_what_there_is() {
        let folder = tempfile::tempdir().expect("folder");
        let fonts = folder.path().join("a & b");
        assert!(!some_font_is_in(std::slice::from_ref(&fonts)));
        let file = write(&fonts, Some("/else/fonts.conf".into())).expect("writable");
        assert!(some_font_is_in(&[fonts]));
        let text = std::fs::read_to_string(file).expect("written");
        assert!(text.contains("yes\">/else/fonts.conf<"), "{text}");
        assert!(text.contains("a &amp; b</dir>"), "{text}");
    }
}
