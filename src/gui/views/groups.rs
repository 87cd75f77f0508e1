//! Albums and artists.

use std::rc::Rc;

use slint::ComponentHandle;

use super::list_model::sync_rows;
use crate::gui::context::{Change, Handles, UiContext};
use crate::gui::models::groups::Group;
use crate::gui::models::library::{LibraryModel, LibraryQuery};
use crate::gui::ui::{AppWindow, GroupItem, LibraryAdapter};
use crate::player::Play;

/// Connects grouping, and opening and closing of groups.
pub fn attach(app: &AppWindow, ui: &Rc<UiContext>) {
    let adapter = app.global::<LibraryAdapter>();
    let context = ui.clone();
    adapter.on_choose_grouping(move |grouping| {
        context.update(Change::Query, |models| models.query.group_by(grouping));
    });
    let context = ui.clone();
    adapter.on_open_group(move |index| {
        context.update(Change::Query, |models| {
            let index = usize::try_from(index).ok();
            let group = index.and_then(|index| models.library.groups.get(index));
            models.query.open(group.cloned());
        });
    });
    let context = ui.clone();
    adapter.on_close_group(move || {
        context.update(Change::Query, |models| models.query.open(None));
    });
}

/// Connects playback of a group to the player.
pub fn connect(app: &AppWindow, ui: &Rc<UiContext>, handles: &Handles) {
    let (ui, player) = (ui.clone(), handles.player.clone());
    app.global::<LibraryAdapter>().on_play_group(move |index| {
        let models = ui.models();
        let (query, snapshot) = (&models.query, &models.snapshot);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let list = models.library.songs_of(index, query, snapshot);
        if !list.is_empty() {
            player.do_send(Play { list, index: 0 });
        }
    });
}

/// Renders the groups, or the title of the open one.
pub fn render(app: &AppWindow, query: &LibraryQuery, library: &LibraryModel) {
    let adapter = app.global::<LibraryAdapter>();
    let row = |group: &Group| GroupItem {
        title: group.title().into(),
        detail: group.detail.clone().into(),
        poster: group
            .poster
            .map(|id| id.to_string())
            .unwrap_or_default()
            .into(),
    };
    let rows = library.groups.iter().map(row).collect();
    sync_rows!(adapter, get_groups, set_groups, rows);
    let open = query.open.as_ref();
    let title = open.map(Group::title);
    adapter.set_group_title(title.unwrap_or_default().into());
    let detail = open.map(|group| group.detail_of(&library.shown));
    adapter.set_group_detail(detail.unwrap_or_default().into());
    adapter.set_grouping(query.grouping);
}
