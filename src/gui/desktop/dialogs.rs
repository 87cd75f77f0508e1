//! File dialogs of the desktop.

use std::path::PathBuf;

use engine::media::MediaKind;
use tr::tr;

/// File extensions of films.
const FILMS: &[&str] = &[
    "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "ts", "vob", "webm",
    "wmv",
];

/// File extensions of songs.
const SONGS: &[&str] = &[
    "aac", "aif", "aiff", "alac", "ape", "flac", "m4a", "mka", "mp3", "oga", "ogg", "opus", "wav",
    "wma",
];

/// Outcome of a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    /// Chosen paths.
    Paths(Vec<PathBuf>),
    /// Closed without a choice.
    Cancelled,
    /// The desktop has no file dialog.
    Unavailable,
}

/// Lets the user choose one folder, or several.
pub async fn pick_folders(title: String, several: bool) -> Picked {
    if !has_dialogs().await {
        return Picked::Unavailable;
    }
    let dialog = rfd::AsyncFileDialog::new().set_title(title);
    let picked = match several {
        true => dialog.pick_folders().await,
        false => dialog.pick_folder().await.map(|folder| vec![folder]),
    };
    paths(picked.unwrap_or_default())
}

/// Lets the user choose files; the dialog first lists those of a kind.
pub async fn pick_files(title: String, kind: MediaKind) -> Picked {
    if !has_dialogs().await {
        return Picked::Unavailable;
    }
    let name = match kind {
        MediaKind::Audio => tr!("Songs"),
        MediaKind::Video | MediaKind::Sidecar => tr!("Films"),
    };
    let dialog = rfd::AsyncFileDialog::new()
        .set_title(title)
        .add_filter(name, &extensions(kind))
        .add_filter(tr!("All files"), &["*"]);
    paths(dialog.pick_files().await.unwrap_or_default())
}

/// File extensions of a kind in both cases, which dialogs distinguish.
fn extensions(kind: MediaKind) -> Vec<String> {
    let lower = match kind {
        MediaKind::Audio => SONGS,
        MediaKind::Video | MediaKind::Sidecar => FILMS,
    };
    let upper = lower.iter().map(|extension| extension.to_uppercase());
    let lower = lower.iter().map(|extension| (*extension).to_owned());
    lower.chain(upper).collect()
}

/// Chosen paths; some dialogs answer with an empty list when they are closed.
fn paths(picked: Vec<rfd::FileHandle>) -> Picked {
    match picked.is_empty() {
        true => Picked::Cancelled,
        false => Picked::Paths(picked.iter().map(|one| one.path().to_owned()).collect()),
    }
}

/// Message for a desktop without file dialogs.
pub fn unavailable() -> String {
    tr!("No file dialog available. Enter the path instead")
}

/// True if the desktop offers file dialogs, by its portal or by a program.
#[cfg(target_os = "linux")]
async fn has_dialogs() -> bool {
    let programs = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&programs);
    programs.any(|folder| folder.join("zenity").is_file()) || has_portal().await.unwrap_or(false)
}

/// Other systems always have file dialogs.
#[cfg(not(target_os = "linux"))]
async fn has_dialogs() -> bool {
    true
}

/// True if a desktop portal with file dialogs answers; the bus starts it on demand.
#[cfg(target_os = "linux")]
async fn has_portal() -> mpris_server::zbus::Result<bool> {
    use mpris_server::zbus::{Connection, Proxy};
    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    const PATH: &str = "/org/freedesktop/portal/desktop";
    const DIALOGS: &str = "org.freedesktop.portal.FileChooser";
    let bus = Connection::session().await?;
    let dialogs = Proxy::new(&bus, PORTAL, PATH, DIALOGS).await?;
    let version: u32 = dialogs.get_property("version").await?;
    Ok(version > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_include_upper_case() {
        let films = extensions(MediaKind::Video);
        let songs = extensions(MediaKind::Audio);
        assert!(films.contains(&"mkv".into()) && films.contains(&"MKV".into()));
        assert!(songs.contains(&"flac".into()) && !songs.contains(&"mkv".into()));
    }
}
