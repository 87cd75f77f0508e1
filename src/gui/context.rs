//! Addresses of the actors that the window sends commands to.

use actix::prelude::*;

use crate::gui::bridge::artwork::Artwork;
use crate::gui::settings_file::SettingsFile;
use crate::handles::ActorHandles;
use crate::http::Gateway;
use crate::player::Player;

/// The actors that the window speaks to.
#[derive(Clone)]
pub struct UiContext {
    /// Plays.
    pub player: Addr<Player>,
    /// Everything else.
    pub sources: ActorHandles,
    /// Fetches pictures.
    pub artwork: Addr<Artwork>,
    /// Address for players.
    pub gateway: Gateway,
    /// Writes down what is changed in the window.
    pub keeper: SettingsFile,
    pub(crate) system: System,
    pub(crate) stop: tokio::sync::mpsc::Sender<()>,
}

impl UiContext {
    /// Ends the actors.
    pub(crate) fn close(&self) {
        // A full or closed queue means that the end is under way.
        let _ = self.stop.try_send(());
    }
}

/// Waits for an answer on the window's own thread, without holding it up.
pub(crate) fn beside_the_window(waiting: impl Future<Output = ()> + 'static) {
    if let Err(error) = slint::spawn_local(waiting) {
        tracing::error!(%error, "the window cannot wait for an answer");
    }
}
