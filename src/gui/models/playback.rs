//! News → properties. The only place where the window's contents change.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::ids::FileId;
use engine::media::{FileEntry, MediaKind, Timeline};
use engine::player::{Phase, PlayProgress};
use slint::{ComponentHandle, Image, Model, ModelRc, Rgb8Pixel, SharedPixelBuffer, VecModel};
use tr::tr;

use crate::gui::bridge::observer::AppSnapshot;
use crate::gui::charts;
use crate::gui::charts::{Buffers, ChartColors};
use crate::gui::models::rows::Rows;
use crate::gui::models::stream_map as show;
use crate::gui::models::stream_map::{Held, Only, Sort};
use crate::gui::text::reasons::{link_state, path_reasons, playback_error, player_notice};
use crate::gui::ui::{
    AppWindow, ChunkState, PeerRow, PlayerAdapter, Segment, ShellAdapter, SwarmAdapter, Theme,
};
use crate::gui::window::view;
use crate::http::Gateway;
use crate::player::PlayerSnapshot;
use crate::scheduler::StreamSnapshot;
use crate::store::CachedFile;
use crate::swarm::SwarmSnapshot;
use crate::tracker_client::LinkState;

/// Pieces the seek bar can tell apart.
const BAR_CELLS: u32 = 400;

/// What the window shows, as far as callbacks need to know.
pub struct View {
    /// Films or songs.
    pub kind: MediaKind,
    /// What is typed in the search field.
    pub search: String,
    /// Column sorted by.
    pub sort: Sort,
    /// Whether the other way round.
    pub descending: bool,
    /// How songs were sorted before an album or artist was opened.
    pub(crate) sort_outside: Option<(Sort, bool)>,
    /// The rows shown, in order.
    pub shown: Rc<Vec<FileEntry>>,
    /// The same, for the window.
    pub(crate) rows: Rc<Rows>,
    /// Media time of what plays.
    pub position: Duration,
    /// Length of what plays.
    pub duration: Duration,
    /// How the player does.
    pub(crate) player: PlayerSnapshot,
    /// Media time for which the overview is shown.
    pub(crate) shown_at: Option<Duration>,
    /// Where other players find streams.
    pub(crate) gateway: Option<Gateway>,
    /// The buffer over the last minutes.
    pub(crate) buffers: Buffers,
    /// What plays.
    pub(crate) playing: Option<FileEntry>,
    /// Whether there is time to fetch its storyboard.
    pub(crate) storyboard_wanted: bool,
    /// Which shelf of music is looked at.
    pub(crate) shelf: crate::gui::views::groups::Kind,
    /// Which of all there is are shown.
    pub(crate) only: Only,
    /// A hash of the shared files that are listed.
    pub(crate) files_of: Option<u64>,
    /// What the sheet with all details is about.
    pub(crate) detailed: Option<FileEntry>,
    /// The album or artist that is open.
    pub(crate) open: Option<crate::gui::views::groups::Group>,
    /// Albums or artists, in the order shown.
    pub(crate) groups: Vec<crate::gui::views::groups::Group>,
    /// What was fetched, in the order shown.
    pub(crate) cached: Vec<CachedFile>,
    /// Shared folders, in the order shown.
    pub folders: Vec<PathBuf>,
    /// Numbers of the subtitle tracks that are listed.
    pub subtitle_tracks: Vec<usize>,
    /// Place in the list of the first row of what comes next.
    pub queue_first: usize,
    /// Films to go on with, in the order shown.
    pub to_continue: Vec<FileEntry>,
    /// How far files were played, the last played first.
    pub(crate) seen: Vec<(FileId, PlayProgress)>,
    pub(crate) current: Option<FileId>,
    /// Files whose rows say that they are fetched or play.
    pub(crate) marked: Vec<FileId>,
    /// What the rows were made for.
    pub(crate) rows_of: Option<crate::gui::views::library::Key>,
    /// Row of each file that is shown.
    pub(crate) places: HashMap<FileId, usize>,
    pub(crate) overview: AppSnapshot,
}

impl Default for View {
    fn default() -> Self {
        Self {
            kind: MediaKind::Video,
            search: String::new(),
            sort: Sort::Title,
            descending: false,
            sort_outside: None,
            shown: Rc::default(),
            rows: Rc::default(),
            position: Duration::ZERO,
            duration: Duration::ZERO,
            player: PlayerSnapshot::default(),
            shown_at: None,
            gateway: None,
            buffers: Buffers::default(),
            playing: None,
            storyboard_wanted: false,
            shelf: Default::default(),
            only: Only::All,
            files_of: None,
            detailed: None,
            open: None,
            groups: Vec::new(),
            cached: Vec::new(),
            folders: Vec::new(),
            subtitle_tracks: Vec::new(),
            queue_first: 0,
            to_continue: Vec::new(),
            seen: Vec::new(),
            current: None,
            marked: Vec::new(),
            rows_of: None,
            places: HashMap::new(),
            overview: AppSnapshot::default(),
        }
    }
}

impl View {
    /// Sorts by a column; again by the same one, the other way round.
    pub fn sort_by(&mut self, sort: Sort) {
        self.descending = self.sort == sort && !self.descending;
        self.sort = sort;
    }

    pub(crate) fn stream_of(&self, file: FileId) -> Option<&StreamSnapshot> {
        self.overview
            .streams
            .iter()
            .find(|stream| stream.file == file)
    }

    /// Remembers how much is ahead right now.
    fn note_buffer(&mut self) {
        let stream = self.current_stream();
        let ahead =
            stream.map(|stream| show::from_playhead(stream, &self.timeline(stream), self.position));
        if let Some(stream) = ahead {
            self.buffers.push(stream.buffer);
        }
    }

    /// Which bytes of what plays belong to which time.
    fn timeline(&self, stream: &StreamSnapshot) -> Arc<Timeline> {
        let playing = self
            .playing
            .as_ref()
            .filter(|entry| entry.id == stream.file);
        let size = stream.geometry.size();
        let known = playing.map(FileEntry::timeline);
        let known = known.filter(|timeline| timeline.fits(size, self.duration));
        known.unwrap_or_else(|| Timeline::constant(size, self.duration).into())
    }

    /// How many files pass the filter for what was played or fetched: when that
    /// changes, other rows are to be seen.
    pub(crate) fn kept(&self) -> usize {
        match self.only {
            Only::All => 0,
            Only::Unseen => self.seen.iter().filter(|(_, seen)| seen.played).count(),
            Only::Here => self.overview.cached.iter().filter(|c| c.whole).count(),
            Only::Lately => self.seen.len(),
        }
    }

    /// What was played last, while it matters.
    pub(crate) fn last(&self) -> Option<FileId> {
        let lately = self.only == Only::Lately;
        self.seen.first().map(|(file, _)| *file).filter(|_| lately)
    }

    pub(crate) fn current_stream(&self) -> Option<&StreamSnapshot> {
        self.stream_of(self.current?)
    }
}

/// Rows that come or go at once, up to which a model is not made anew.
const FEW: usize = 64;

/// Replaces a model's rows where they differ, so that scrolling and focus stay.
pub(crate) fn update<T: Clone + PartialEq + 'static>(
    model: ModelRc<T>,
    rows: Vec<T>,
) -> Option<ModelRc<T>> {
    let Some(known) = model.as_any().downcast_ref::<VecModel<T>>() else {
        return Some(ModelRc::from(Rc::new(VecModel::from(rows))));
    };
    let (old, new) = (known.row_count(), rows.len());
    if old.abs_diff(new) > FEW {
        known.set_vec(rows);
        return None;
    }
    // What comes or goes in one place leaves all others, and who has the keyboard.
    let kept = known.iter().zip(&rows).take_while(|(old, new)| old == *new);
    let place = kept.count();
    for _ in new..old {
        known.remove(place);
    }
    let come = rows.iter().enumerate().skip(place);
    for (index, row) in come.take(new.saturating_sub(old)) {
        known.insert(index, row.clone());
    }
    for (index, row) in rows.into_iter().enumerate() {
        if known.row_data(index).as_ref() != Some(&row) {
            known.set_row_data(index, row);
        }
    }
    None
}

/// Sets a model property only if it needs another model.
macro_rules! update_rows {
    ($adapter:expr, $get:ident, $set:ident, $rows:expr) => {
        if let Some(model) = update($adapter.$get(), $rows) {
            $adapter.$set(model);
        }
    };
}

/// News of everything but the player.
pub fn overview(app: &AppWindow, overview: AppSnapshot) {
    let view = view();
    let mut view = view.borrow_mut();
    view.note_buffer();
    // Most of the time nothing plays and nothing happens.
    if view.shown_at == Some(view.position) && view.overview.is_as(&overview) {
        return;
    }
    view.shown_at = Some(view.position);
    view.overview = overview;
    crate::gui::views::library::show(app, &mut view);
    status(app, &view.overview);
    banner(app, &view);
    crate::gui::views::player::show(app, &view);
    crate::gui::views::sharing::show(app, &mut view);
    crate::gui::views::downloads::show(app, &mut view);
    crate::gui::views::details::refresh(app, &view);
    swarm(app, &view);
    crate::gui::bridge::artwork::when_there_is_time(app, &mut view);
}

fn status(app: &AppWindow, overview: &AppSnapshot) {
    let shell = app.global::<ShellAdapter>();
    let tracker = &overview.catalogue.tracker;
    shell.set_online(tracker.state.is_online());
    shell.set_tracker_text(tracker.address.clone().into());
    let people = match (tracker.state.is_online(), tracker.clients) {
        (false, _) => String::new(),
        (true, clients) => tr!("1 client online" | "{n} clients online" % clients),
    };
    shell.set_clients_text(people.into());
    let SwarmSnapshot {
        download_rate,
        upload_rate,
        ..
    } = overview.swarm;
    shell.set_download_rate(show::pace(download_rate).into());
    shell.set_upload_rate(show::pace(upload_rate).into());
    let shared = overview.library.shared.len();
    let text = match shared {
        0 => tr!("Not sharing"),
        shared => tr!("Sharing 1 file" | "Sharing {n} files" % shared),
    };
    shell.set_sharing_text(text.into());
}

/// What lasts and should be known.
fn banner(app: &AppWindow, view: &View) {
    let tracker = &view.overview.catalogue.tracker;
    let text = match view.player.notice {
        Some(notice) => player_notice(notice),
        None => match tracker.state {
            LinkState::Connecting | LinkState::Online => String::new(),
            state @ (LinkState::Refused(_) | LinkState::Unreachable(_)) => tr!(
                "No connection to tracker {}: {}. Retrying; the library may be out of date.",
                tracker.address,
                link_state(state)
            ),
        },
    };
    app.global::<ShellAdapter>().set_banner(text.into());
}

/// The swarm panel, the seek bar's segments and the buffer.
fn swarm(app: &AppWindow, view: &View) {
    let adapter = app.global::<SwarmAdapter>();
    let stream = view.current_stream();
    let peers = view.overview.swarm.peers.iter();
    let peers = peers.filter(|peer| stream.is_none_or(|stream| show::takes_part(stream, peer)));
    let peers = peers.map(|peer| {
        let role = match peer.origin {
            true => tr!("server"),
            false => tr!("viewer"),
        };
        let reason = stream.and_then(|stream| peer.reasons.get(&stream.file));
        let reason = match reason.map(|reasons| path_reasons(reasons)) {
            Some(reasons) if !reasons.is_empty() => reasons,
            _ => tr!("incoming connection"),
        };
        PeerRow {
            name: peer.name.clone().into(),
            role: role.into(),
            reason: reason.into(),
            rtt: show::rtt(peer.rtt_us).into(),
            rate: show::megabits(peer.download_rate).into(),
            upload: show::megabits(peer.upload_rate).into(),
            share: show::share_of(stream, peer).into(),
        }
    });
    update_rows!(adapter, get_peers, set_peers, peers.collect());
    adapter.set_streaming(stream.is_some());
    let whole =
        |stream: &StreamSnapshot| stream.have.len() == u64::from(stream.geometry.chunk_count());
    adapter.set_complete(stream.is_some_and(whole));
    let Some(stream) = stream else {
        app.global::<ShellAdapter>()
            .set_buffer_text(Default::default());
        return;
    };
    let timeline = view.timeline(stream);
    let stream = &show::from_playhead(stream, &timeline, view.position);
    let length = view.playing.as_ref().map(|entry| entry.info.duration());
    let length = length.unwrap_or_default();
    let rest = show::Rest {
        rate: view.overview.swarm.download_rate,
        left: length.saturating_sub(view.position),
    };
    let (verdict, at_risk) = show::verdict(stream, rest);
    adapter.set_verdict(verdict.into());
    adapter.set_at_risk(at_risk);
    let buffer = match stream.buffer.as_secs() {
        seconds @ 0..120 => tr!("Buffer: {} s", seconds),
        seconds => tr!("Buffer: {} min", seconds / 60),
    };
    adapter.set_buffer_text(buffer.clone().into());
    let (from_viewers, split) = show::split(stream);
    adapter.set_from_viewers(from_viewers);
    adapter.set_split_text(split.into());
    let colors = ChartColors::of(&app.global::<Theme>());
    adapter.set_chunk_map(charts::chunk_map(stream, colors));
    adapter.set_buffer_graph(view.buffers.draw(colors));
    adapter.set_graph_text(view.buffers.text().into());
    adapter.set_has_map(true);
    app.global::<ShellAdapter>()
        .set_buffer_text(buffer.clone().into());
    let player = app.global::<PlayerAdapter>();
    player.set_buffer_text(buffer.into());
    let segments = show::segments(&show::cells_in_time(
        stream,
        &timeline,
        view.duration,
        BAR_CELLS,
    ));
    let segments = segments.into_iter().map(|(start, end, held)| Segment {
        start,
        end,
        state: match held {
            Held::Here => ChunkState::Local,
            Held::Coming => ChunkState::Loading,
            Held::InSwarm => ChunkState::Available,
            Held::Nobody => ChunkState::Missing,
        },
    });
    update_rows!(player, get_segments, set_segments, segments.collect());
}

/// How far files were played.
pub fn history(app: &AppWindow, seen: Vec<(FileId, PlayProgress)>) {
    let view = view();
    let mut view = view.borrow_mut();
    let before = std::mem::replace(&mut view.seen, seen);
    // Rows of what is now played otherwise, or not at all.
    let now: HashSet<(FileId, PlayProgress)> = view.seen.iter().copied().collect();
    let before: HashSet<(FileId, PlayProgress)> = before.into_iter().collect();
    let others = now.symmetric_difference(&before);
    view.marked.extend(others.map(|(file, _)| *file));
    crate::gui::views::library::show(app, &mut view);
    crate::gui::views::details::refresh(app, &view);
}

/// The cover of a song; one that comes late for another song is not shown.
pub fn cover(app: &AppWindow, (file, cover): (FileId, Option<SharedPixelBuffer<Rgb8Pixel>>)) {
    let adapter = app.global::<PlayerAdapter>();
    if view()
        .borrow()
        .current
        .is_some_and(|current| current != file)
    {
        return;
    }
    adapter.set_has_cover(cover.is_some());
    if let Some(cover) = cover {
        adapter.set_cover(Image::from_rgb8(cover));
    }
}

/// The next frame of the film.
pub fn picture(app: &AppWindow, frame: SharedPixelBuffer<Rgb8Pixel>) {
    let adapter = app.global::<PlayerAdapter>();
    adapter.set_frame(Image::from_rgb8(frame));
    adapter.set_has_frame(true);
}

/// News of the player.
pub fn player(app: &AppWindow, state: PlayerSnapshot) {
    let view = view();
    let mut view = view.borrow_mut();
    let adapter = app.global::<PlayerAdapter>();
    let file = state.entry.as_ref().map(|entry| entry.id);
    if file != view.current {
        view.current = file;
        view.buffers = Buffers::default();
        adapter.set_has_frame(false);
        adapter.set_has_cover(false);
        adapter.set_buffer_text(Default::default());
        app.global::<ShellAdapter>()
            .set_buffer_text(Default::default());
        adapter.set_segments(ModelRc::default());
        crate::gui::views::library::show(app, &mut view);
        swarm(app, &view);
    }
    (view.position, view.duration) = (state.position, state.duration);
    crate::gui::views::tracks::chapters(app, &mut view, &state);
    crate::gui::views::queue::modes(app, &state);
    view.subtitle_tracks = crate::gui::views::tracks::show(app, &state);
    let resumed = state.resumed.map(show::timestamp).unwrap_or_default();
    adapter.set_resumed_text(resumed.into());
    adapter.set_loaded(state.entry.is_some());
    if let Some(entry) = &state.entry {
        adapter.set_title(entry.display_title().into());
        adapter.set_detail(show::detail(entry).into());
        adapter.set_artist(entry.info.artist.clone().into());
        adapter.set_album(entry.info.album.clone().into());
    }
    let runs = matches!(
        state.phase,
        Phase::Playing | Phase::Buffering | Phase::Loading
    );
    adapter.set_playing(runs && !state.paused);
    adapter.set_loading(state.phase == Phase::Loading);
    adapter.set_buffering(state.phase == Phase::Buffering);
    let message = match &state.phase {
        Phase::Failed(error) => playback_error(error),
        _ => String::new(),
    };
    adapter.set_error(message.into());
    adapter.set_has_next(state.has_next);
    adapter.set_volume(state.volume as f32 / 100.0);
    adapter.set_muted(state.muted);
    adapter.set_position_text(show::timestamp(state.position).into());
    adapter.set_duration_text(show::timestamp(state.duration).into());
    let total = state.duration.as_secs_f32().max(0.001);
    adapter.set_position((state.position.as_secs_f32() / total).clamp(0.0, 1.0));
    let speed = match state.speed {
        0 | 100 => String::new(),
        percent => format!("{}×", f64::from(percent) / 100.0),
    };
    adapter.set_speed_text(speed.into());
    adapter.set_speed(i32::try_from(state.speed.max(1)).unwrap_or(100));
    view.player = state;
    crate::gui::views::player::show(app, &view);
    banner(app, &view);
}
