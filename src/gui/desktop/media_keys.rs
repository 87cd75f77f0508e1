//! Media keys and the desktop's player controls, over MPRIS on the session bus.
//!
//! The state of the player is published as it changes; requests become commands to the
//! player. Without a session bus there are no media keys.
//! <https://specifications.freedesktop.org/mpris-spec/latest/>

use std::time::{Duration, Instant};

use actix::Addr;
use engine::ids::FileId;
use engine::media::{FileEntry, SidecarRole};
use engine::player::{Control, Phase, Repeat};
use mpris_server::{LoopStatus, Metadata, PlaybackStatus, Player as Server, Time, TrackId};
use tokio::sync::watch;

use crate::http::Gateway;
use crate::player::{Player, PlayerCommand, PlayerSnapshot};

/// Distance from the expected position that counts as a seek, which MPRIS signals.
const SEEK_DISTANCE: Duration = Duration::from_millis(1500);

/// Serves the session bus until the player ends. The desktop loads posters from the
/// gateway; `raise` brings the window to the front.
pub async fn run(
    player: Addr<Player>,
    mut states: watch::Receiver<PlayerSnapshot>,
    gateway: Gateway,
    raise: impl Fn() + 'static,
) {
    let server = match serve(&player, &states, raise).await {
        Ok(server) => server,
        Err(error) => {
            tracing::debug!(%error, "media keys unavailable");
            return;
        }
    };
    let serving = actix_rt::spawn(server.run());
    let mut published = Published::default();
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        if let Err(error) = published.update(&server, &gateway, state).await {
            tracing::warn!(%error, "session bus connection lost");
            break;
        }
    }
    serving.abort();
}

/// Registers the player on the bus. Its name contains the process id, since a client for
/// films and one for songs may run at the same time.
async fn serve(
    player: &Addr<Player>,
    states: &watch::Receiver<PlayerSnapshot>,
    raise: impl Fn() + 'static,
) -> mpris_server::zbus::Result<Server> {
    let name = format!("swarmplay.instance{}", std::process::id());
    let server = Server::builder(&name)
        .identity("Swarmplay")
        .desktop_entry("swarmplay")
        .can_control(true)
        .can_quit(true)
        .can_raise(true)
        .minimum_rate(0.5)
        .maximum_rate(2.0)
        .build()
        .await?;
    server.connect_raise(move |_| raise());
    server.connect_quit(|_| {
        // Fails only if the event loop has already ended.
        let _ = slint::quit_event_loop();
    });
    connect_transport(&server, player, states);
    connect_properties(&server, player, states);
    Ok(server)
}

/// Connects play, pause, next, previous, stop and seek.
fn connect_transport(
    server: &Server,
    player: &Addr<Player>,
    states: &watch::Receiver<PlayerSnapshot>,
) {
    let send = |control: Control| {
        let player = player.clone();
        move |_: &Server| player.do_send(PlayerCommand(control))
    };
    server.connect_play_pause(send(Control::Toggle));
    server.connect_next(send(Control::Next));
    server.connect_previous(send(Control::Previous));
    server.connect_stop(send(Control::Stop));
    // Play and pause do nothing if the player already does that.
    let toggle_unless = |playing: bool| {
        let (player, states) = (player.clone(), states.clone());
        move |_: &Server| {
            let is_playing = status(&states.borrow()) == PlaybackStatus::Playing;
            if is_playing != playing {
                player.do_send(PlayerCommand(Control::Toggle));
            }
        }
    };
    server.connect_play(toggle_unless(true));
    server.connect_pause(toggle_unless(false));
    let to = player.clone();
    server.connect_seek(move |_, by| {
        let seconds = by.as_micros() as f64 / 1e6;
        to.do_send(PlayerCommand(Control::SeekBy(seconds)));
    });
    let (to, states) = (player.clone(), states.clone());
    server.connect_set_position(move |_, track, position| {
        // MPRIS: ignore a position for a track that is no longer the current one.
        let state = states.borrow();
        let current = state.entry.as_ref().map(track_of);
        if let Ok(micros) = u64::try_from(position.as_micros())
            && current.as_ref() == Some(track)
        {
            let time = Duration::from_micros(micros);
            to.do_send(PlayerCommand(Control::SeekTo(time)));
        }
    });
}

/// Connects shuffle, repeat, volume and speed.
fn connect_properties(
    server: &Server,
    player: &Addr<Player>,
    states: &watch::Receiver<PlayerSnapshot>,
) {
    let to = player.clone();
    server.connect_set_shuffle(move |_, shuffled| {
        to.do_send(PlayerCommand(Control::SetShuffled(shuffled)));
    });
    let to = player.clone();
    server.connect_set_loop_status(move |_, status| {
        let repeat = match status {
            LoopStatus::None => Repeat::Off,
            LoopStatus::Track => Repeat::One,
            LoopStatus::Playlist => Repeat::All,
        };
        to.do_send(PlayerCommand(Control::SetRepeat(repeat)));
    });
    let to = player.clone();
    server.connect_set_volume(move |_, volume| {
        let percent = (volume.clamp(0.0, 1.0) * 100.0).round();
        to.do_send(PlayerCommand(Control::SetVolume(percent as u32)));
    });
    let (to, states) = (player.clone(), states.clone());
    server.connect_set_rate(move |_, rate| {
        let current = f64::from(states.borrow().speed) / 100.0;
        to.do_send(PlayerCommand(Control::SpeedBy(rate - current)));
    });
}

fn status(state: &PlayerSnapshot) -> PlaybackStatus {
    match state.phase {
        Phase::Playing | Phase::Loading | Phase::Buffering if !state.paused => {
            PlaybackStatus::Playing
        }
        Phase::Playing | Phase::Loading | Phase::Buffering | Phase::Paused => {
            PlaybackStatus::Paused
        }
        Phase::Stopped | Phase::Ended | Phase::Failed(_) => PlaybackStatus::Stopped,
    }
}

fn time(duration: Duration) -> Time {
    Time::from_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

fn track_of(entry: &FileEntry) -> TrackId {
    let path = format!("/swarmplay/{}", entry.id);
    TrackId::try_from(path).unwrap_or(TrackId::NO_TRACK)
}

/// Metadata of a file; `address` is the URL of a sidecar.
fn metadata(entry: &FileEntry, address: impl Fn(FileId) -> String) -> Metadata {
    let info = &entry.info;
    let mut metadata = Metadata::new();
    metadata.set_trackid(Some(track_of(entry)));
    metadata.set_title(Some(entry.display_title()));
    metadata.set_length(Some(time(info.duration())));
    let poster = info.sidecar(SidecarRole::Poster);
    metadata.set_art_url(poster.map(|poster| address(poster.id)));
    if !info.artist.is_empty() {
        metadata.set_artist(Some([info.artist.clone()]));
    }
    if !info.album.is_empty() {
        metadata.set_album(Some(info.album.clone()));
    }
    metadata
}

/// The state that was published last, and when.
#[derive(Default)]
struct Published(Option<(PlayerSnapshot, Instant)>);

impl Published {
    /// Publishes a state.
    async fn update(
        &mut self,
        server: &Server,
        gateway: &Gateway,
        state: PlayerSnapshot,
    ) -> mpris_server::zbus::Result<()> {
        let now = Instant::now();
        let (before, since) = match self.0.take() {
            Some((before, at)) => (before, now.saturating_duration_since(at)),
            None => (PlayerSnapshot::default(), Duration::ZERO),
        };
        server.set_position(time(state.position));
        let id = |state: &PlayerSnapshot| state.entry.as_ref().map(|entry| entry.id);
        if id(&before) != id(&state) {
            let loaded = state.entry.is_some();
            let entry = state.entry.as_ref();
            let metadata = entry.map(|entry| metadata(entry, |id| gateway.sidecar_url(id)));
            server.set_metadata(metadata.unwrap_or_default()).await?;
            server.set_can_play(loaded).await?;
            server.set_can_pause(loaded).await?;
            server.set_can_seek(loaded).await?;
            server.set_can_go_previous(loaded).await?;
        } else if is_seek(&before, since, &state) {
            server.seeked(time(state.position)).await?;
        }
        server.set_playback_status(status(&state)).await?;
        server.set_can_go_next(state.has_next).await?;
        server
            .set_rate(f64::from(state.speed.max(1)) / 100.0)
            .await?;
        server.set_volume(f64::from(state.volume) / 100.0).await?;
        server.set_shuffle(state.shuffled).await?;
        let repeat = match state.repeat {
            Repeat::Off => LoopStatus::None,
            Repeat::All => LoopStatus::Playlist,
            Repeat::One => LoopStatus::Track,
        };
        server.set_loop_status(repeat).await?;
        self.0 = Some((state, now));
        Ok(())
    }
}

/// True if the position is not the expected one.
fn is_seek(before: &PlayerSnapshot, since: Duration, state: &PlayerSnapshot) -> bool {
    let elapsed = since.mul_f64(f64::from(state.speed) / 100.0);
    let back = state.position + SEEK_DISTANCE < before.position;
    back || state.position > before.position + elapsed + SEEK_DISTANCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::media::{MediaInfo, MediaKind, Sidecar};

    #[test]
    fn metadata_contains_the_poster_url() {
        let mut entry = FileEntry {
            id: FileId([1; 32]),
            name: "song.flac".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Audio, 1000),
            sources: 1,
        };
        let address = |id: FileId| format!("http://here/{}", id.0[0]);
        assert_eq!(metadata(&entry, address).art_url(), None);
        let sidecar = |role, id| Sidecar {
            role,
            id: FileId([id; 32]),
            size: 1,
            pictures: 0,
            language: String::new(),
        };
        entry.info.sidecars = vec![
            sidecar(SidecarRole::Waveform, 2),
            sidecar(SidecarRole::Poster, 3),
        ];
        let metadata = metadata(&entry, address);
        assert_eq!(metadata.art_url().as_deref(), Some("http://here/3"));
        assert_eq!(metadata.title(), Some("song"));
    }

    #[test]
    fn seek_is_a_position_off_the_expected_one() {
        let at = |seconds: u64| PlayerSnapshot {
            position: Duration::from_secs(seconds),
            speed: 100,
            ..PlayerSnapshot::default()
        };
        let second = Duration::from_secs(1);
        assert!(!is_seek(&at(10), second, &at(11)));
        assert!(!is_seek(&at(10), second, &at(10)), "buffering");
        assert!(is_seek(&at(10), second, &at(15)));
        assert!(is_seek(&at(10), second, &at(5)));
        assert!(!is_seek(&at(10), second * 5, &at(15)));
    }

    #[test]
    fn buffering_counts_as_playing() {
        let state = |phase, paused| PlayerSnapshot {
            phase,
            paused,
            ..PlayerSnapshot::default()
        };
        assert_eq!(
            status(&state(Phase::Buffering, false)),
            PlaybackStatus::Playing
        );
        assert_eq!(status(&state(Phase::Loading, true)), PlaybackStatus::Paused);
        assert_eq!(status(&state(Phase::Ended, false)), PlaybackStatus::Stopped);
    }
}
