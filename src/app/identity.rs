//! Peer id, stored in the data directory.

use std::path::Path;

use engine::ids::PeerId;

/// Reads the peer id, or creates one.
///
/// # Errors
/// The directory or the file cannot be created, read or written.
pub fn load(data_dir: &Path) -> std::io::Result<PeerId> {
    std::fs::create_dir_all(data_dir)?;
    let path = data_dir.join("identity");
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|error| {
            std::io::Error::other(format!(
                "{}: {error}; delete it to get a new identity",
                path.display()
            ))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = PeerId::random(&mut rand::rng());
            std::fs::write(path, format!("{id}\n"))?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_persists_and_damaged_file_is_kept() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let first = load(folder.path()).expect("made");
        assert_eq!(load(folder.path()).expect("read"), first);
        let path = folder.path().join("identity");
        std::fs::write(&path, "garbage").expect("write");
        assert!(load(folder.path()).is_err());
        assert_eq!(std::fs::read_to_string(path).expect("kept"), "garbage");
    }
}
