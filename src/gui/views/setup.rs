//! First run: asks for the identity of this client, tries the tracker and writes the
//! configuration file.

use std::path::PathBuf;
use std::rc::Rc;

use engine::ids::PeerId;
use engine::protocol::{AGENT, Hello, PROTOCOL_VERSION};
use slint::{ComponentHandle, Weak};
use toml_edit::Value;
use tr::tr;

use crate::config;
use crate::config::{Config, edit_file};
use crate::gui::context::spawn;
use crate::gui::desktop::dialogs;
use crate::gui::desktop::dialogs::Picked;
use crate::gui::models::settings::Identity;
use crate::gui::text::reasons::{config_error, edit_error, kick_reason, start_error, wire_error};
use crate::gui::ui::{AppWindow, Page, SetupAdapter, ShellAdapter};
use crate::library::expand_home;
use crate::tracker_client::TrackerClientSettings;
use crate::tracker_client::dial;
use crate::wire::WireError;

/// Destination of the answers.
#[derive(Debug, Clone)]
pub struct FirstRun {
    /// Configuration file to write.
    pub path: PathBuf,
    /// Overrides from the command line.
    pub sets: Vec<String>,
}

/// Checked fields of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answers {
    identity: Identity,
    /// Absolute path of a folder to share; empty for none.
    folder: String,
}

impl Answers {
    /// Checks the fields. The error is for the user.
    fn checked(name: &str, tracker: &str, folder: &str) -> Result<Self, String> {
        let identity = Identity::checked(name, tracker)?;
        let folder = folder.trim();
        // The next start may have another working directory.
        let absolute = std::path::absolute(expand_home(folder.into()));
        let absolute = absolute.ok().filter(|path| path.exists());
        let folder = match (folder, absolute) {
            ("", _) => String::new(),
            (_, Some(path)) => path.display().to_string(),
            (folder, None) => {
                return Err(tr!(
                    "Folder {} does not exist. You can also add it later.",
                    folder
                ));
            }
        };
        Ok(Self { identity, folder })
    }
}

/// Registers with the tracker for a moment. The error is for the user.
fn try_tracker(identity: &Identity) -> Result<(), String> {
    let settings = TrackerClientSettings {
        tracker: identity.tracker.clone(),
        hello: Hello {
            version: PROTOCOL_VERSION,
            peer: PeerId::random(&mut rand::rng()),
            name: identity.name.clone(),
            agent: AGENT.into(),
            listen_port: None,
        },
        origin_token: bytes::Bytes::new(),
        kind: None,
        observer: true,
    };
    let dialled = actix_rt::System::new().block_on(dial(&settings));
    let dialled = dialled.map_err(|error| dial_error(&identity.tracker, error));
    dialled.map(drop)
}

/// Cause of a failed connection to a tracker.
fn dial_error(tracker: &str, error: WireError) -> String {
    match error {
        WireError::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => tr!(
            "No tracker at {}. Check that it is running and that the address is correct.",
            tracker
        ),
        WireError::Timeout => tr!(
            "No response from {}. Check the address and the firewall.",
            tracker
        ),
        WireError::Refused(why) => {
            let why = kick_reason(why);
            tr!("Tracker {} refused the connection: {}.", tracker, why)
        }
        error => {
            let why = wire_error(&error);
            tr!("Cannot connect to tracker {}: {}.", tracker, why)
        }
    }
}

/// Writes the configuration file and reads it back. The error is for the user.
fn write(first: &FirstRun, answers: &Answers) -> Result<Config, String> {
    let folders = Some(&answers.folder).filter(|folder| !folder.is_empty());
    let changes = vec![
        ("client", "name", Value::from(&answers.identity.name)),
        ("client", "tracker", Value::from(&answers.identity.tracker)),
        ("library", "folders", folders.into_iter().collect()),
    ];
    edit_file(&first.path, changes).map_err(|error| edit_error(&error))?;
    config::load(Some(&first.path), &first.sets).map_err(|error| config_error(&error))
}

/// Renders the state of the form.
fn render_form(app: &Weak<AppWindow>, busy: bool, error: String) {
    if let Some(app) = app.upgrade() {
        let adapter = app.global::<SetupAdapter>();
        adapter.set_busy(busy);
        adapter.set_error(error.into());
    }
}

/// Lets the user choose the folder in a dialog.
async fn pick_folder(app: Weak<AppWindow>) {
    match dialogs::pick_folders(tr!("Folder to share"), false).await {
        Picked::Paths(folders) => {
            if let (Some(app), Some(folder)) = (app.upgrade(), folders.first()) {
                let adapter = app.global::<SetupAdapter>();
                adapter.set_folder(folder.display().to_string().into());
            }
        }
        Picked::Cancelled => {}
        Picked::Unavailable => render_form(&app, false, dialogs::unavailable()),
    }
}

/// Shows the form. `start` gets the configuration once the tracker has been reached; an
/// error keeps the form open.
pub fn show(
    app: &AppWindow,
    config: &Config,
    first: FirstRun,
    start: impl Fn(Config) -> anyhow::Result<()> + 'static,
) {
    let adapter = app.global::<SetupAdapter>();
    adapter.set_name(config.client_name().into());
    adapter.set_file(first.path.display().to_string().into());
    app.global::<ShellAdapter>().set_page(Page::Setup);
    let weak = app.as_weak();
    adapter.on_pick_folder(move || spawn(pick_folder(weak.clone())));
    let (weak, start) = (app.as_weak(), Rc::new(start));
    adapter.on_submit(move || {
        let Some(app) = weak.upgrade() else {
            return;
        };
        let adapter = app.global::<SetupAdapter>();
        let (name, tracker) = (adapter.get_name(), adapter.get_tracker());
        match Answers::checked(&name, &tracker, &adapter.get_folder()) {
            Ok(answers) => {
                let (weak, first, start) = (weak.clone(), first.clone(), start.clone());
                spawn(async move { submit(weak, first, answers, &*start).await });
            }
            Err(error) => render_form(&weak, false, error),
        }
    });
}

/// Tries the tracker on another thread, writes the file and starts.
async fn submit(
    app: Weak<AppWindow>,
    first: FirstRun,
    answers: Answers,
    start: &dyn Fn(Config) -> anyhow::Result<()>,
) {
    render_form(&app, true, String::new());
    let (result, tried) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let written = try_tracker(&answers.identity).and_then(|()| write(&first, &answers));
        // Fails only if the window has closed.
        let _ = result.send(written);
    });
    let config = tried.await.unwrap_or_else(|_| Err(tr!("Interrupted")));
    let started = config.and_then(|config| start(config).map_err(|error| start_error(&error)));
    render_form(
        &app,
        false,
        started.as_ref().err().cloned().unwrap_or_default(),
    );
    if let (Ok(()), Some(app)) = (started, app.upgrade()) {
        app.global::<ShellAdapter>().set_page(Page::Library);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_folder_is_refused() {
        let error = Answers::checked("desk", "home", "/no/such").expect_err("no folder");
        assert!(error.contains("/no/such"));
    }

    #[test]
    fn unreachable_tracker_is_explained() {
        let identity = Identity::checked("desk", "127.0.0.1:1").expect("valid");
        let error = try_tracker(&identity).expect_err("no listener");
        assert!(error.contains("No tracker at 127.0.0.1:1"), "{error}");
    }

    #[test]
    fn file_contains_the_answers() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().display().to_string();
        let answers = Answers::checked("desk", "home", &folder).expect("valid");
        let first = FirstRun {
            path: dir.path().join("client.toml"),
            sets: vec!["limits.max_peers=9".into()],
        };
        let config = write(&first, &answers).expect("writes");
        assert_eq!(config.client.tracker, "home:7700");
        assert_eq!(config.library.folders, [dir.path()]);
        assert_eq!(config.limits.max_peers, 9);
    }
}
