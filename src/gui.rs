//! The window: Slint on the main thread, the actors on a second thread.
//!
//! Commands go down as messages to actors. State comes up through one-slot cells
//! ([`bridge`]): the latest value wins, and the event loop is woken only when the
//! cell was empty.
//!
//! * [`ui`]: types generated from `ui/`. [`charts`]: drawings of figures.
//! * [`text`]: languages, translated reasons, formats.
//! * [`desktop`]: media keys, fonts, dialogs, other players.
//! * [`settings_file`]: writes the user's configuration file.
//! * [`models`]: what the window shows, as values.
//! * [`bridge`]: from other threads to the event loop.
//! * [`views`]: one module for each part of the window.
//! * [`window`]: builds the window and connects the views. [`run`]: threads.

pub mod bridge;
pub mod charts;
pub mod context;
pub mod desktop;
pub mod models;
pub mod run;
pub mod settings_file;
pub mod text;
pub mod ui;
pub mod views;
pub mod window;

pub use context::UiContext;
pub use run::{ConfigSource, run};
pub use views::setup::FirstRun;
