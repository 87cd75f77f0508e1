//! Swarm panel: peers, buffer and chunk map of the current stream.

use slint::ComponentHandle;
use tr::tr;

use super::list_model::sync_rows;
use crate::gui::charts;
use crate::gui::charts::ChartColors;
use crate::gui::models::playback::PlaybackModel;
use crate::gui::models::snapshot::AppSnapshot;
use crate::gui::models::stream_map::{Forecast, cells, is_complete, viewer_share};
use crate::gui::text::format;
use crate::gui::text::reasons::{path_reasons, store_error};
use crate::gui::ui::{AppWindow, PeerRow, SwarmAdapter, Theme};
use crate::scheduler::StreamSnapshot;
use crate::swarm::PeerSnapshot;

/// Renders the panel; `stream` is the current stream as seen from the playhead.
pub fn render(
    app: &AppWindow,
    playback: &PlaybackModel,
    snapshot: &AppSnapshot,
    stream: Option<&StreamSnapshot>,
) {
    let adapter = app.global::<SwarmAdapter>();
    let peers = snapshot.swarm.peers.iter();
    let peers = peers.filter(|peer| stream.is_none_or(|stream| takes_part(stream, peer)));
    let rows = peers.map(|peer| peer_row(stream, peer));
    sync_rows!(adapter, get_peers, set_peers, rows.collect());
    adapter.set_streaming(stream.is_some());
    adapter.set_complete(stream.is_some_and(is_complete));
    if let Some(stream) = stream {
        render_stream(app, playback, snapshot.swarm.download_rate, stream);
    }
}

fn render_stream(app: &AppWindow, playback: &PlaybackModel, rate: u64, stream: &StreamSnapshot) {
    let adapter = app.global::<SwarmAdapter>();
    let duration = playback.entry().map(|entry| entry.info.duration());
    let left = duration.unwrap_or_default();
    let left = left.saturating_sub(playback.player.position);
    let forecast = Forecast::of(stream, rate, left);
    adapter.set_verdict(verdict(forecast, stream).into());
    adapter.set_at_risk(forecast.is_at_risk());
    adapter.set_buffer_text(format::buffer(stream.buffer).into());
    let (from_viewers, split) = split(stream);
    adapter.set_from_viewers(from_viewers);
    adapter.set_split_text(split.into());
    let colors = ChartColors::of(&app.global::<Theme>());
    let map = cells(stream, charts::MAP_CELLS);
    adapter.set_chunk_map(charts::chunk_map(&map, colors));
    adapter.set_buffer_graph(playback.buffers.draw(colors));
    adapter.set_graph_text(playback.buffers.text().into());
    adapter.set_has_map(true);
}

fn peer_row(stream: Option<&StreamSnapshot>, peer: &PeerSnapshot) -> PeerRow {
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
        rtt: format::round_trip(peer.rtt_us).into(),
        rate: format::megabits(peer.download_rate).into(),
        upload: format::megabits(peer.upload_rate).into(),
        share: supplied_share(stream, peer).into(),
    }
}

/// True for a peer that the tracker named for the stream, that supplies or downloads it,
/// or that connected by itself and was named for nothing.
fn takes_part(stream: &StreamSnapshot, peer: &PeerSnapshot) -> bool {
    let supplies = stream
        .supplied
        .iter()
        .any(|supply| supply.peer == peer.peer);
    let downloads = peer.taking == Some(stream.file);
    supplies || downloads || peer.reasons.is_empty() || peer.reasons.contains_key(&stream.file)
}

/// Percentage of the stream's bytes that a peer supplied.
fn supplied_share(stream: Option<&StreamSnapshot>, peer: &PeerSnapshot) -> String {
    let supplied = stream
        .map(|stream| &stream.supplied[..])
        .unwrap_or_default();
    let total: u64 = supplied.iter().map(|supply| supply.bytes).sum();
    if total == 0 {
        return "–".into();
    }
    let own = supplied.iter().find(|supply| supply.peer == peer.peer);
    let bytes = own.map_or(0, |supply| supply.bytes);
    format!("{} %", (bytes * 100 + total / 2) / total)
}

fn verdict(forecast: Forecast, stream: &StreamSnapshot) -> String {
    match forecast {
        Forecast::Complete => tr!("Fully buffered"),
        Forecast::StoreFailure => stream.problem.as_ref().map(store_error).unwrap_or_default(),
        Forecast::Unavailable => tr!("Rest unavailable"),
        Forecast::LowBuffer => tr!("Low buffer"),
        Forecast::TooSlow { rate, needed } => {
            let (rate, needed) = (format::megabits(rate), format::megabits(needed));
            tr!("Too slow: {} of {} Mbit/s", rate, needed)
        }
        Forecast::Smooth => tr!("Smooth playback"),
    }
}

/// Share of the bytes from viewers, and a line about it.
fn split(stream: &StreamSnapshot) -> (f32, String) {
    let Some(share) = viewer_share(stream) else {
        return (0.0, String::new());
    };
    let percent = (share * 100.0).round() as u32;
    let text = tr!(
        "{} % from viewers, {} % from the server",
        percent,
        100 - percent
    );
    (share, text)
}

#[cfg(test)]
mod tests {
    use engine::ids::{FileId, PeerId};
    use engine::protocol::PathReason;
    use engine::scheduler::Supply;

    use super::*;
    use crate::gui::models::stream_map::tests::stream;

    #[test]
    fn split_adds_up_to_100_percent() {
        let mut stream = stream(0..50, 0..100);
        let supply = |id: u8, origin, bytes| Supply {
            peer: PeerId([id; 16]),
            name: String::new(),
            origin,
            bytes,
        };
        stream.supplied = vec![supply(1, false, 900), supply(2, true, 100)];
        let (_, text) = split(&stream);
        assert_eq!(text, "90 % from viewers, 10 % from the server");
    }

    #[test]
    fn panel_lists_peers_of_the_stream_only() {
        let stream = stream(0..10, 0..100);
        let peer_for = |file: Option<FileId>| PeerSnapshot {
            peer: PeerId([7; 16]),
            name: "attic".into(),
            address: ([127, 0, 0, 1], 1).into(),
            origin: false,
            rtt_us: None,
            download_rate: 0,
            upload_rate: 0,
            downloaded: 0,
            uploaded: 0,
            taking: None,
            reasons: file
                .map(|file| (file, vec![PathReason::HasAll]))
                .into_iter()
                .collect(),
        };
        assert!(takes_part(&stream, &peer_for(Some(stream.file))));
        assert!(takes_part(&stream, &peer_for(None)));
        let other = peer_for(Some(FileId([9; 32])));
        assert!(!takes_part(&stream, &other));
        let taking = Some(stream.file);
        let downloads = PeerSnapshot { taking, ..other };
        assert!(takes_part(&stream, &downloads));
    }
}
