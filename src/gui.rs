//! The window: Slint on the main thread, the actors on another one.
//!
//! Commands go to the actors as messages. State comes back through one-slot cells: the
//! latest value wins. Callbacks of the window send commands or change models; only
//! `render` functions set properties.
//!
//! * [`ui`]: types generated from `ui/`. [`charts`]: drawn charts.
//! * [`text`]: languages, translated reasons, formatted values.
//! * [`desktop`]: media keys, dialogs, other players. [`settings_file`]: saved settings.
//! * [`models`]: state that the window shows.
//! * [`bridge`]: values from other threads.
//! * [`context`]: models and receivers of commands, shared by callbacks.
//! * [`views`]: the parts of the window.
//! * [`window`]: builds, connects and renders. [`run`](mod@run): threads.
//!
//! Each module imports only those above it; views never import each other.

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
