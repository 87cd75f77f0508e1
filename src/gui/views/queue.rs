//! Queue: entries after the current one.

use std::rc::Rc;

use engine::media::FileEntry;
use engine::player::{Control, Repeat};
use engine::units::timestamp;
use slint::ComponentHandle;
use tr::tr;

use super::list_model::sync_rows;
use crate::gui::context::{Handles, UiContext};
use crate::gui::ui::{AppWindow, QueueAdapter, QueueRow, RepeatMode};
use crate::player::{Enqueue, PlayerCommand, PlayerSnapshot, QueueSnapshot};

fn row(entry: &FileEntry) -> QueueRow {
    QueueRow {
        title: entry.display_title().into(),
        detail: entry.info.artist.as_str().into(),
        duration: timestamp(entry.info.duration()).into(),
    }
}

/// Renders the entries.
pub fn render(app: &AppWindow, queue: &QueueSnapshot) {
    let adapter = app.global::<QueueAdapter>();
    let rows = queue.upcoming.iter().map(|item| row(&item.entry));
    sync_rows!(adapter, get_rows, set_rows, rows.collect());
    adapter.set_count(i32::try_from(queue.count).unwrap_or(i32::MAX));
}

/// Renders shuffle and repeat.
pub fn render_modes(app: &AppWindow, state: &PlayerSnapshot) {
    let adapter = app.global::<QueueAdapter>();
    adapter.set_shuffled(state.shuffled);
    adapter.set_repeat(match state.repeat {
        Repeat::Off => RepeatMode::Off,
        Repeat::All => RepeatMode::All,
        Repeat::One => RepeatMode::One,
    });
}

/// Position in the list of a row of the queue.
fn position(ui: &UiContext, row: i32) -> Option<usize> {
    let row = usize::try_from(row).ok()?;
    Some(ui.models().playback.queue.first + row)
}

/// Connects the controls to the player.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let adapter = app.global::<QueueAdapter>();
    let send = |control: Control| {
        let player = handles.player.clone();
        move || player.do_send(PlayerCommand(control))
    };
    adapter.on_toggle_shuffle(send(Control::ToggleShuffle));
    adapter.on_cycle_repeat(send(Control::CycleRepeat));
    adapter.on_clear(send(Control::ClearUpcoming));
    let send_for_row = |control: fn(usize) -> Control| {
        let (ui, player) = (ui.clone(), handles.player.clone());
        move |row| {
            if let Some(position) = position(&ui, row) {
                player.do_send(PlayerCommand(control(position)));
            }
        }
    };
    adapter.on_play_entry(send_for_row(Control::PlayItem));
    adapter.on_remove(send_for_row(Control::Remove));
    let (context, player) = (ui.clone(), handles.player.clone());
    adapter.on_move_entry(move |from, to| {
        if let (Some(from), Some(to)) = (position(&context, from), position(&context, to)) {
            player.do_send(PlayerCommand(Control::Move(from, to)));
        }
    });
    let (ui, player) = (ui.clone(), handles.player.clone());
    adapter.on_enqueue(move |row, next| {
        let Some(entry) = ui.models().entry_in_row(row) else {
            return;
        };
        ui.toast(match next {
            true => tr!("Playing next: {}", entry.display_title()),
            false => tr!("Added to queue: {}", entry.display_title()),
        });
        let entries = vec![entry];
        player.do_send(Enqueue { entries, next });
    });
}
