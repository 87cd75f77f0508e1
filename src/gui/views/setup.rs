//! The first run: asks for what cannot be guessed, tries it and writes the file.

use std::path::PathBuf;

use engine::ids::PeerId;
use engine::protocol::{AGENT, Hello, PROTOCOL_VERSION};
use slint::ComponentHandle;
use toml_edit::Value;
use tr::tr;

use crate::config;
use crate::config::{Config, edit_file};
use crate::gui::context::beside_the_window;
use crate::gui::text::language::{config_error, edit_error, start_error};
use crate::gui::text::reasons::{kick_reason, wire_error};
use crate::gui::ui::{AppWindow, Page, SetupAdapter, ShellAdapter};
use crate::gui::views::desktop::{Picked, no_dialog, pick_folders};
use crate::library::expand_home;
use crate::tracker_client::TrackerClientSettings;
use crate::tracker_client::dial;
use crate::wire::WireError;

/// The port of a tracker whose address names none.
const TRACKER_PORT: u16 = 7700;

/// Where the answers go.
#[derive(Debug, Clone)]
pub struct FirstRun {
    /// The file to write.
    pub path: PathBuf,
    /// What the command line lays over it.
    pub sets: Vec<String>,
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) name: String,
    pub(crate) tracker: String,
    folder: String,
}

impl Answers {
    /// What was typed, made good; or what is wrong with it.
    pub(crate) fn checked(name: &str, tracker: &str, folder: &str) -> Result<Self, String> {
        let (name, tracker, folder) = (name.trim(), tracker.trim(), folder.trim());
        if name.is_empty() {
            return Err(tr!(
                "Enter a device name. It is shown to others next to what you share."
            ));
        }
        if tracker.is_empty() {
            return Err(tr!(
                "Enter the tracker address. Your server administrator can tell you."
            ));
        }
        let has_port = match tracker.rsplit_once(':') {
            Some((host, port)) => !host.contains(':') && port.parse::<u16>().is_ok(),
            None => false,
        };
        let bracketed = tracker.starts_with('[') && tracker.contains("]:");
        let tracker = match (has_port || bracketed, tracker.contains(':')) {
            (true, _) => tracker.to_owned(),
            (false, false) => format!("{tracker}:{TRACKER_PORT}"),
            (false, true) => {
                return Err(tr!("Invalid address {}: use host:port.", tracker));
            }
        };
        // From where the program is started next time is another matter.
        let whole = std::path::absolute(expand_home(folder.into()));
        let whole = whole.ok().filter(|whole| whole.exists());
        let folder = match (folder, whole) {
            ("", _) => String::new(),
            (_, Some(whole)) => whole.display().to_string(),
            (folder, None) => {
                return Err(tr!(
                    "Folder {} does not exist. You can also add it later.",
                    folder
                ));
            }
        };
        Ok(Self {
            name: name.to_owned(),
            tracker,
            folder,
        })
    }
}

/// Registers for a moment. Says in plain words why that is not possible.
fn try_tracker(answers: &Answers) -> Result<(), String> {
    let settings = TrackerClientSettings {
        tracker: answers.tracker.clone(),
        hello: Hello {
            version: PROTOCOL_VERSION,
            peer: PeerId::random(&mut rand::rng()),
            name: answers.name.clone(),
            agent: AGENT.into(),
            listen_port: None,
        },
        origin_token: bytes::Bytes::new(),
        kind: None,
        observer: true,
    };
    let reached = actix_rt::System::new().block_on(dial(&settings));
    let at = &answers.tracker;
    reached.map(drop).map_err(|error| match error {
        WireError::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            tr!(
                "No tracker at {}. Check that it is running and that the address is correct.",
                at
            )
        }
        WireError::Timeout => tr!(
            "No response from {}. Check the address and the firewall.",
            at
        ),
        WireError::Refused(why) => {
            let why = kick_reason(why);
            tr!("Tracker {} refused the connection: {}.", at, why)
        }
        error => {
            let why = wire_error(&error);
            tr!("Cannot connect to tracker {}: {}.", at, why)
        }
    })
}

fn write(first: &FirstRun, answers: &Answers) -> Result<Config, String> {
    let folders = Some(&answers.folder).filter(|folder| !folder.is_empty());
    let changes = vec![
        ("client", "name", Value::from(&answers.name)),
        ("client", "tracker", Value::from(&answers.tracker)),
        ("library", "folders", folders.into_iter().collect()),
    ];
    edit_file(&first.path, changes).map_err(|error| edit_error(&error))?;
    config::load(Some(&first.path), &first.sets).map_err(|error| config_error(&error))
}

/// Lets the folder be picked in the desktop's dialog.
fn connect_picking(app: &AppWindow) {
    let weak = app.as_weak();
    app.global::<SetupAdapter>().on_pick_folder(move || {
        let weak = weak.clone();
        beside_the_window(async move {
            let picked = pick_folders(tr!("Folder to share"), false).await;
            let Some(app) = weak.upgrade() else {
                return;
            };
            let adapter = app.global::<SetupAdapter>();
            match picked {
                Picked::Paths(folders) => {
                    let folder = folders.first().map(|folder| folder.display().to_string());
                    adapter.set_folder(folder.unwrap_or_default().into());
                }
                Picked::Nothing => {}
                Picked::NoDialog => adapter.set_error(no_dialog().into()),
            }
        });
    });
}

/// Shows the questions; `begin` gets the configuration once the answers hold. What it
/// refuses is shown, too.
pub fn show(
    app: &AppWindow,
    config: &Config,
    first: FirstRun,
    begin: impl Fn(Config) -> anyhow::Result<()> + 'static,
) {
    let adapter = app.global::<SetupAdapter>();
    adapter.set_name(config.client_name().into());
    adapter.set_file(first.path.display().to_string().into());
    app.global::<ShellAdapter>().set_page(Page::Setup);
    connect_picking(app);
    let weak = app.as_weak();
    let begin = std::rc::Rc::new(begin);
    adapter.on_submit(move || {
        let Some(app) = weak.upgrade() else {
            return;
        };
        let adapter = app.global::<SetupAdapter>();
        let (name, tracker, folder) = (
            adapter.get_name(),
            adapter.get_tracker(),
            adapter.get_folder(),
        );
        let answers = match Answers::checked(&name, &tracker, &folder) {
            Ok(answers) => answers,
            Err(problem) => return adapter.set_error(problem.into()),
        };
        adapter.set_error(Default::default());
        adapter.set_busy(true);
        let (tell, tried) = tokio::sync::oneshot::channel();
        let first = first.clone();
        std::thread::spawn(move || {
            let tried = try_tracker(&answers).and_then(|()| write(&first, &answers));
            // The window may be closed meanwhile.
            let _ = tell.send(tried);
        });
        let (weak, begin) = (weak.clone(), begin.clone());
        beside_the_window(async move {
            let result = tried.await.unwrap_or_else(|_| Err(tr!("Interrupted")));
            let result =
                result.and_then(|config| begin(config).map_err(|error| start_error(&error)));
            let Some(app) = weak.upgrade() else {
                return;
            };
            let adapter = app.global::<SetupAdapter>();
            adapter.set_busy(false);
            match result {
                Ok(()) => app.global::<ShellAdapter>().set_page(Page::Library),
                Err(problem) => adapter.set_error(problem.into()),
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_made_good_or_refused_in_plain_words() {
        let tracker = |text: &str| Answers::checked("desk", text, "").map(|a| a.tracker);
        assert_eq!(tracker(" home.example "), Ok("home.example:7700".into()));
        assert_eq!(tracker("10.0.0.2:7000"), Ok("10.0.0.2:7000".into()));
        assert_eq!(tracker("[::1]:7000"), Ok("[::1]:7000".into()));
        assert!(
            tracker("home:port")
                .expect_err("no port")
                .contains("host:port")
        );
        assert!(tracker("").expect_err("nothing").contains("address"));
        let name = Answers::checked(" ", "home", "").expect_err("no name");
        assert!(name.contains("name"));
        let folder = Answers::checked("desk", "home", "/no/such").expect_err("no folder");
        assert!(folder.contains("/no/such"));
    }

    #[test]
    fn a_tracker_that_is_not_there_is_told_apart_from_a_wrong_file() {
        let answers = Answers::checked("desk", "127.0.0.1:1", "").expect("good");
        let problem = try_tracker(&answers).expect_err("nobody listens");
        assert!(problem.contains("No tracker at 127.0.0.1:1"), "{problem}");
    }

    #[test]
    fn the_file_holds_the_answers() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path().display().to_string();
        let answers = Answers::checked("desk", "home", &folder).expect("good");
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
