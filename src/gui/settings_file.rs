//! Writes settings that change in the window to the user's configuration file, one after
//! the other on a separate thread.

use std::future::Future;
use std::path::PathBuf;

use actix::prelude::*;
use tokio::sync::oneshot;
use toml_edit::Value;

use crate::config::{EditError, edit_file};

/// Section, key and value.
pub type Change = (&'static str, &'static str, Value);

/// Actor that writes.
struct Writer {
    file: PathBuf,
}

/// Changes the file. The outcome is sent after all earlier changes are written.
#[derive(Message)]
#[rtype(result = "()")]
struct Save {
    changes: Vec<Change>,
    outcome: oneshot::Sender<Result<(), EditError>>,
}

impl Actor for Writer {
    type Context = SyncContext<Self>;
}

impl Handler<Save> for Writer {
    type Result = ();

    fn handle(&mut self, Save { changes, outcome }: Save, _: &mut SyncContext<Self>) {
        let saved = match changes.is_empty() {
            true => Ok(()),
            false => edit_file(&self.file, changes),
        };
        // The sender may not wait for the outcome.
        let _ = outcome.send(saved);
    }
}

/// Handle of the user's configuration file.
#[derive(Debug, Clone)]
pub struct SettingsFile(Option<Addr<Writer>>);

impl SettingsFile {
    /// Handle of a file, or of none. Must be called inside an actix system.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self(file.map(|file| SyncArbiter::start(1, move || Writer { file: file.clone() })))
    }

    /// True if there is a file.
    pub fn is_persistent(&self) -> bool {
        self.0.is_some()
    }

    /// Writes changes in the order of the calls, even if the outcome is not awaited.
    /// Without a file it does nothing and succeeds.
    pub fn save(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<(), EditError>> + use<> {
        let (outcome, saved) = oneshot::channel();
        if let Some(writer) = &self.0 {
            writer.do_send(Save { changes, outcome });
        }
        // No answer: there is no file, or the program ends.
        async move { saved.await.unwrap_or(Ok(())) }
    }

    /// Waits until all changes are written.
    pub async fn finish(&self) {
        // A failure went to the caller of `save`.
        let _ = self.save(Vec::new()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn changes_are_written_in_order_before_finish() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("client.toml");
        let name = |name: String| vec![("client", "name", name.into())];
        let to = path.clone();
        System::new().block_on(async move {
            let file = SettingsFile::new(Some(to));
            // The outcomes are not awaited.
            (0..20).for_each(|n| drop(file.save(name(format!("desk {n}")))));
            file.finish().await;
        });
        let config = config::load(Some(&path), &[]).expect("is right");
        assert_eq!(config.client.name, "desk 19");
    }

    #[test]
    fn write_failure_is_returned() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("client.toml");
        std::fs::write(&path, "[client\n").expect("writable");
        System::new().block_on(async move {
            let file = SettingsFile::new(Some(path));
            let saved = file.save(vec![("client", "name", "desk".into())]).await;
            assert!(matches!(saved, Err(EditError::NotToml { .. })));
            let nowhere = SettingsFile::new(None);
            assert!(!nowhere.is_persistent());
            let saved = nowhere.save(vec![("client", "name", "desk".into())]).await;
            saved.expect("nothing to fail");
        });
    }
}
