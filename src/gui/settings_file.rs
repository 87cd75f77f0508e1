//! Writes what is changed in the window to the user's file: one change after the other,
//! on a thread of its own, for a disk may be slow.

use std::future::Future;
use std::path::PathBuf;

use actix::prelude::*;
use tokio::sync::oneshot;
use toml_edit::Value;

use crate::config::{EditError, edit_file};

/// Section, key and value.
pub type Change = (&'static str, &'static str, Value);

/// The actor.
struct Writer {
    file: PathBuf,
}

/// Changes the file, whether anybody waits for the outcome or not; when it comes, all
/// changes before are written, too.
#[derive(Message)]
#[rtype(result = "()")]
struct Keep {
    changes: Vec<Change>,
    outcome: oneshot::Sender<Result<(), EditError>>,
}

impl Actor for Writer {
    type Context = SyncContext<Self>;
}

impl Handler<Keep> for Writer {
    type Result = ();

    fn handle(&mut self, Keep { changes, outcome }: Keep, _: &mut SyncContext<Self>) {
        let kept = match changes.is_empty() {
            true => Ok(()),
            false => edit_file(&self.file, changes),
        };
        // Nobody may wait for it.
        let _ = outcome.send(kept);
    }
}

/// What the window speaks to.
#[derive(Debug, Clone)]
pub struct SettingsFile(Option<Addr<Writer>>);

impl SettingsFile {
    /// A keeper of the user's file, if there is one. Inside an actix system.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self(file.map(|file| SyncArbiter::start(1, move || Writer { file: file.clone() })))
    }

    /// Whether what is changed outlives the program.
    pub fn keeps(&self) -> bool {
        self.0.is_some()
    }

    /// Writes changes, in the order of the calls, whether the answer is awaited or not.
    /// Nothing is written, and nothing fails, where there is no file.
    pub fn keep(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<(), EditError>> + use<> {
        let (outcome, kept) = oneshot::channel();
        if let Some(writer) = &self.0 {
            writer.do_send(Keep { changes, outcome });
        }
        // No answer means that there is no file, or the program ends.
        async move { kept.await.unwrap_or(Ok(())) }
    }

    /// Waits until all is written that there was to write.
    pub async fn finish(&self) {
        // What failed was told to whoever asked for it.
        let _ = self.keep(Vec::new()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn changes_are_kept_in_their_order_and_all_of_them_before_the_end() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("client.toml");
        let name = |name: String| vec![("client", "name", name.into())];
        let file = path.clone();
        System::new().block_on(async move {
            let keeper = SettingsFile::new(Some(file));
            // Nobody waits for the answers.
            (0..20).for_each(|n| drop(keeper.keep(name(format!("desk {n}")))));
            keeper.finish().await;
        });
        let config = config::load(Some(&path), &[]).expect("is right");
        assert_eq!(config.client.name, "desk 19");
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("client.toml");
        std::fs::write(&path, "[client\n").expect("writable");
        System::new().block_on(async move {
            let keeper = SettingsFile::new(Some(path));
            let kept = keeper.keep(vec![("client", "name", "desk".into())]).await;
            assert!(matches!(kept, Err(EditError::NotToml { .. })));
            let nowhere = SettingsFile::new(None);
            assert!(!nowhere.keeps());
            let kept = nowhere.keep(vec![("client", "name", "desk".into())]).await;
            kept.expect("nothing to fail");
        });
    }
}
