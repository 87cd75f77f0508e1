//! State that callbacks of the window share: models, artwork, and addresses of the actors.

use std::cell::{OnceCell, Ref, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use actix::Addr;
use engine::ids::FileId;
use engine::media::SidecarRole;
use slint::{ComponentHandle, Image, SharedString, Weak};
use tr::tr;

use crate::gui::bridge::artwork::{Artwork, RequestArt};
use crate::gui::models::Models;
use crate::gui::models::artwork_cache::{Art, ArtworkCache};
use crate::gui::settings_file::SettingsFile;
use crate::gui::text::reasons::{add_error, edit_error, mailbox_error};
use crate::gui::ui::{AppWindow, Page, ShellAdapter};
use crate::handles::ActorHandles;
use crate::http::Gateway;
use crate::library::{AddError, AddFolder, LibraryState};
use crate::player::Player;
use crate::runtime::ask;

/// Receivers of the window's commands.
#[derive(Clone)]
pub struct Handles {
    /// The player.
    pub player: Addr<Player>,
    /// All other actors.
    pub actors: ActorHandles,
    /// Loads pictures.
    pub artwork: Addr<Artwork>,
    /// Addresses for other players.
    pub gateway: Gateway,
    /// Configuration file.
    pub settings_file: SettingsFile,
}

impl Handles {
    /// Shares a file or folder. The error is for the user.
    ///
    /// # Errors
    /// The path cannot be read, or is already shared.
    pub async fn share(&self, path: PathBuf) -> Result<(), String> {
        match ask(&self.actors.library, AddFolder(path)).await {
            Ok(added) => added.map_err(|error| add_error(&error)),
            Err(error) => Err(mailbox_error(error)),
        }
    }

    /// Shares a file that may lie in a shared folder.
    ///
    /// # Errors
    /// The path cannot be read.
    pub async fn share_again(&self, path: PathBuf) -> Result<(), String> {
        match ask(&self.actors.library, AddFolder(path)).await {
            Ok(Ok(()) | Err(AddError::Known(_))) => Ok(()),
            Ok(Err(error)) => Err(add_error(&error)),
            Err(error) => Err(mailbox_error(error)),
        }
    }

    /// Writes the current list of shared folders to the configuration file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn save_folders(&self) -> Result<(), String> {
        let state = ask(&self.actors.library, LibraryState).await;
        let state = state.map_err(mailbox_error)?;
        let folders = state.folders.iter();
        let folders = folders.map(|folder| folder.display().to_string());
        let changes = vec![("library", "folders", folders.collect())];
        let saved = self.settings_file.save(changes).await;
        saved.map_err(|error| tr!("Applied but not saved: {}", edit_error(&error)))
    }
}

/// Part of the models that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Selection of files in the library; no row stays selected.
    Query,
    /// Order of the library.
    Order,
    /// Snapshot of the actors.
    Snapshot,
    /// State of the player.
    Player,
    /// Current file and state of the player.
    CurrentFile,
    /// Entries after the current one.
    Queue,
    /// Playback history.
    History,
    /// Artwork of the current file.
    Artwork,
    /// Details dialog.
    Details,
    /// Errors on the sharing page.
    Sharing,
    /// Settings.
    Settings,
    /// Language: all texts.
    Language,
}

/// Renders what depends on a change. The window provides it, so that views need not know
/// each other.
pub type Render = fn(&AppWindow, &UiContext, &mut Models, Change);

/// Shared state of the window, owned by the main thread.
pub struct UiContext {
    app: Weak<AppWindow>,
    models: RefCell<Models>,
    /// Separate from the models: the window reads pictures while those change.
    artwork: RefCell<ArtworkCache>,
    handles: OnceCell<Handles>,
    render: Render,
}

impl UiContext {
    /// Context of a window, before the actors run.
    pub fn new(app: &AppWindow, models: Models, render: Render) -> Rc<Self> {
        Rc::new(Self {
            app: app.as_weak(),
            models: RefCell::new(models),
            artwork: RefCell::default(),
            handles: OnceCell::new(),
            render,
        })
    }

    /// The window, unless it is closed.
    pub fn app(&self) -> Option<AppWindow> {
        self.app.upgrade()
    }

    /// Sets the receivers of commands, once the actors run.
    pub fn set_handles(&self, handles: Handles) {
        if self.handles.set(handles).is_err() {
            tracing::error!("window connected twice");
        }
    }

    /// URL of the current file for other players.
    pub fn stream_url(&self, models: &Models) -> String {
        let url = self.handles.get().zip(models.playback.entry());
        let url = url.map(|(handles, entry)| handles.gateway.named_url(entry));
        url.unwrap_or_default()
    }

    /// The models, to read.
    pub fn models(&self) -> Ref<'_, Models> {
        self.models.borrow()
    }

    /// Changes the models without rendering.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut Models) -> T) -> T {
        edit(&mut self.models.borrow_mut())
    }

    /// Changes the models and renders what depends on the change.
    pub fn update(&self, change: Change, edit: impl FnOnce(&mut Models)) {
        if let Some(app) = self.app() {
            let mut models = self.models.borrow_mut();
            edit(&mut models);
            (self.render)(&app, self, &mut models, change);
        }
    }

    /// Picture of a sidecar; requests it if it is not loaded.
    pub fn picture(&self, id: FileId, role: SidecarRole) -> Option<Image> {
        let mut artwork = self.artwork.borrow_mut();
        let picture = artwork.get(id);
        if picture.is_none()
            && let Some(handles) = self.handles.get()
            && artwork.start_request(id, Instant::now())
        {
            handles.artwork.do_send(RequestArt { id, role });
        }
        picture
    }

    /// Takes in loaded pictures.
    pub fn add_pictures(&self, pictures: Vec<Art>) {
        let mut artwork = self.artwork.borrow_mut();
        pictures
            .into_iter()
            .for_each(|picture| artwork.put(picture));
    }

    /// Shows a short-lived message.
    pub fn toast(&self, text: impl Into<SharedString>) {
        if let Some(app) = self.app() {
            app.global::<ShellAdapter>().set_toast(text.into());
        }
    }

    /// Turns to a page.
    pub fn show_page(&self, page: Page) {
        if let Some(app) = self.app() {
            app.global::<ShellAdapter>().set_page(page);
        }
    }

    /// Turns to the current item, if it has a picture.
    pub fn show_video(&self) {
        let video = self
            .app()
            .map(|app| app.global::<ShellAdapter>().get_video());
        if video == Some(true) {
            self.show_page(Page::Playing);
        }
    }
}

/// Runs a task on the event loop.
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    if let Err(error) = slint::spawn_local(task) {
        tracing::error!(%error, "failed to start a task on the event loop");
    }
}
