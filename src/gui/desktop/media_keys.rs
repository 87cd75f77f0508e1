//! Media keys and the desktop's player controls: MPRIS, over the session bus.
//!
//! What the player does is told to the desktop as it changes; what is asked over the
//! bus goes to the player like any other command. Without a bus there is nothing.
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

/// A position this far from where time alone would have led is a jump, which
/// listeners are told of.
const JUMP: Duration = Duration::from_millis(1500);

/// Speaks to the session bus until the player is gone. Posters are read from the
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
            tracing::debug!(%error, "no media keys: the session bus is not there");
            return;
        }
    };
    let answers = actix_rt::spawn(server.run());
    let mut told = Told::default();
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        if let Err(error) = told.tell(&server, &gateway, state).await {
            tracing::warn!(%error, "the session bus is gone");
            break;
        }
    }
    answers.abort();
}

/// Puts the player on the bus. Its name holds the process id, since a client for films
/// and one for music may run side by side.
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
        // An event loop that has ended needs no more.
        let _ = slint::quit_event_loop();
    });
    let send = |control: Control| {
        let player = player.clone();
        move |_: &Server| player.do_send(PlayerCommand(control))
    };
    server.connect_play_pause(send(Control::Toggle));
    server.connect_next(send(Control::Next));
    server.connect_previous(send(Control::Previous));
    server.connect_stop(send(Control::Stop));
    // Toggles, but only towards what was asked for.
    let towards = |play: bool| {
        let (player, states) = (player.clone(), states.clone());
        move |_: &Server| {
            let plays = status(&states.borrow()) == PlaybackStatus::Playing;
            if plays != play {
                player.do_send(PlayerCommand(Control::Toggle));
            }
        }
    };
    server.connect_play(towards(true));
    server.connect_pause(towards(false));
    let to = player.clone();
    server.connect_seek(move |_, by| {
        to.do_send(PlayerCommand(Control::SeekBy(by.as_micros() as f64 / 1e6)));
    });
    let (to, now) = (player.clone(), states.clone());
    server.connect_set_position(move |_, track, position| {
        // The track may have changed meanwhile: then nothing is meant.
        let same = now
            .borrow()
            .entry
            .as_ref()
            .is_some_and(|entry| track_of(entry) == *track);
        if let Ok(micros) = u64::try_from(position.as_micros())
            && same
        {
            to.do_send(PlayerCommand(Control::SeekTo(Duration::from_micros(
                micros,
            ))));
        }
    });
    let to = player.clone();
    server.connect_set_shuffle(move |_, shuffled| {
        to.do_send(PlayerCommand(Control::SetShuffled(shuffled)))
    });
    let to = player.clone();
    server.connect_set_loop_status(move |_, status| {
        to.do_send(PlayerCommand(Control::SetRepeat(match status {
            LoopStatus::None => Repeat::Off,
            LoopStatus::Track => Repeat::One,
            LoopStatus::Playlist => Repeat::All,
        })));
    });
    let to = player.clone();
    server.connect_set_volume(move |_, volume| {
        let percent = (volume.clamp(0.0, 1.0) * 100.0).round();
        to.do_send(PlayerCommand(Control::SetVolume(percent as u32)));
    });
    let (to, now) = (player.clone(), states.clone());
    server.connect_set_rate(move |_, rate| {
        let present = f64::from(now.borrow().speed) / 100.0;
        to.do_send(PlayerCommand(Control::SpeedBy(rate - present)));
    });
    Ok(server)
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

/// What is known of a file; `address` is where a sidecar is read.
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

/// What the bus was told last.
#[derive(Default)]
struct Told(Option<(PlayerSnapshot, Instant)>);

impl Told {
    /// Tells what changed.
    async fn tell(
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
            let chosen = state.entry.is_some();
            let entry = state.entry.as_ref();
            let known = entry.map(|entry| metadata(entry, |id| gateway.sidecar_url(id)));
            server.set_metadata(known.unwrap_or_default()).await?;
            server.set_can_play(chosen).await?;
            server.set_can_pause(chosen).await?;
            server.set_can_seek(chosen).await?;
            server.set_can_go_previous(chosen).await?;
        } else if jumped(&before, since, &state) {
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

/// Whether the position is not where time alone would have led.
fn jumped(before: &PlayerSnapshot, since: Duration, state: &PlayerSnapshot) -> bool {
    let most = since.mul_f64(f64::from(state.speed) / 100.0);
    let back = state.position + JUMP < before.position;
    back || state.position > before.position + most + JUMP
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::fixtures::{sidecar, song};

    #[test]
    fn the_desktop_is_told_where_the_poster_is_if_there_is_one() {
        let mut entry = song(1, "song.flac");
        let address = |id: FileId| format!("http://here/{}", id.0[0]);
        assert_eq!(metadata(&entry, address).art_url(), None);
        entry.info.sidecars = vec![
            sidecar(SidecarRole::Waveform, 2),
            sidecar(SidecarRole::Poster, 3),
        ];
        let told = metadata(&entry, address);
        assert_eq!(told.art_url().as_deref(), Some("http://here/3"));
        assert_eq!(told.title(), Some("song"));
    }

    #[test]
    fn only_what_time_does_not_explain_is_a_jump() {
        let at = |seconds: u64| PlayerSnapshot {
            position: Duration::from_secs(seconds),
            speed: 100,
            ..PlayerSnapshot::default()
        };
        let second = Duration::from_secs(1);
        assert!(!jumped(&at(10), second, &at(11)));
        assert!(!jumped(&at(10), second, &at(10)), "it waits");
        assert!(jumped(&at(10), second, &at(15)));
        assert!(jumped(&at(10), second, &at(5)));
        assert!(!jumped(&at(10), second * 5, &at(15)));
    }

    #[test]
    fn what_waits_for_data_counts_as_playing() {
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
