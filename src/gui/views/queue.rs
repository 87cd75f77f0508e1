//! What comes next: shown, and changed by hand.

use engine::media::FileEntry;
use engine::player::{Control, Repeat};
use engine::units::timestamp;
use slint::ComponentHandle;
use tr::tr;

use crate::gui::UiContext;
use crate::gui::models::playback::update;
use crate::gui::ui::{AppWindow, QueueAdapter, QueueRow, RepeatMode, ShellAdapter};
use crate::gui::window::view;
use crate::player::{Enqueue, PlayerCommand, PlayerSnapshot, QueueSnapshot};

fn row(entry: &FileEntry) -> QueueRow {
    QueueRow {
        title: entry.display_title().into(),
        detail: entry.info.artist.as_str().into(),
        duration: timestamp(entry.info.duration()).into(),
    }
}

/// What comes next has changed.
pub fn show(app: &AppWindow, queue: QueueSnapshot) {
    view().borrow_mut().queue_first = queue.first;
    let adapter = app.global::<QueueAdapter>();
    let rows = queue.upcoming.iter().map(|item| row(&item.entry)).collect();
    if let Some(model) = update(adapter.get_rows(), rows) {
        adapter.set_rows(model);
    }
    adapter.set_count(i32::try_from(queue.count).unwrap_or(i32::MAX));
}

/// Whether the order is a random one, and what happens at an end.
pub fn modes(app: &AppWindow, state: &PlayerSnapshot) {
    let adapter = app.global::<QueueAdapter>();
    adapter.set_shuffled(state.shuffled);
    adapter.set_repeat(match state.repeat {
        Repeat::Off => RepeatMode::Off,
        Repeat::All => RepeatMode::All,
        Repeat::One => RepeatMode::One,
    });
}

/// The place in the list of a row that is shown.
fn place(row: i32) -> Option<usize> {
    let row = usize::try_from(row).ok()?;
    Some(view().borrow().queue_first + row)
}

/// Connects the callbacks to the player.
pub fn connect(app: &AppWindow, core: &UiContext) {
    let adapter = app.global::<QueueAdapter>();
    let player = core.player.clone();
    adapter.on_toggle_shuffle(move || player.do_send(PlayerCommand(Control::ToggleShuffle)));
    let player = core.player.clone();
    adapter.on_cycle_repeat(move || player.do_send(PlayerCommand(Control::CycleRepeat)));
    let player = core.player.clone();
    adapter.on_clear(move || player.do_send(PlayerCommand(Control::ClearUpcoming)));
    let at = |control: fn(usize) -> Control| {
        let player = core.player.clone();
        move |row| {
            if let Some(place) = place(row) {
                player.do_send(PlayerCommand(control(place)));
            }
        }
    };
    adapter.on_play_entry(at(Control::PlayItem));
    adapter.on_remove(at(Control::Remove));
    let player = core.player.clone();
    adapter.on_move_entry(move |from, to| {
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            player.do_send(PlayerCommand(Control::Move(from, to)));
        }
    });
    let (weak, player) = (app.as_weak(), core.player.clone());
    adapter.on_enqueue(move |row, next| {
        let entry = usize::try_from(row)
            .ok()
            .and_then(|row| view().borrow().shown.get(row).cloned());
        if let Some(entry) = entry {
            let what = match next {
                true => tr!("Playing next: {}", entry.display_title()),
                false => tr!("Added to queue: {}", entry.display_title()),
            };
            if let Some(app) = weak.upgrade() {
                app.global::<ShellAdapter>().set_toast(what.into());
            }
            let entries = vec![entry];
            player.do_send(Enqueue { entries, next });
        }
    });
}
