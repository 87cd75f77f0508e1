//! Prevents the screen from turning off while a film plays.

use engine::player::Phase;
use tokio::sync::watch;
use tr::tr;

use crate::player::PlayerSnapshot;

/// True for a film that plays or waits for data.
fn is_watched(state: &PlayerSnapshot) -> bool {
    let film = state
        .entry
        .as_ref()
        .is_some_and(|entry| entry.info.video.is_some());
    film && matches!(state.phase, Phase::Playing | Phase::Buffering)
}

/// Keeps the screen on while a film plays, until the player ends. A desktop without
/// support for that turns it off.
pub async fn keep_awake(mut states: watch::Receiver<PlayerSnapshot>) {
    let mut awake = None;
    loop {
        let wanted = is_watched(&states.borrow_and_update());
        if wanted == awake.is_none() {
            // The calls block until the desktop answers. A refusal is kept as an empty
            // list, so that the desktop is asked only once for a film.
            let before = awake.take();
            let changed = actix_rt::task::spawn_blocking(move || {
                drop(before);
                wanted.then(inhibit)
            });
            // A panic in the call leaves nothing to release.
            awake = changed.await.unwrap_or_default();
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

/// Inhibits screen blanking and suspend separately: a desktop may support only one.
fn inhibit() -> Vec<keepawake::KeepAwake> {
    let requests = [(true, false), (false, true)].map(|(display, idle)| {
        let mut request = keepawake::Builder::default();
        request.display(display).idle(idle).sleep(false);
        request.reason(tr!("Playing a film")).app_name("Swarmplay");
        request.app_reverse_domain("io.github.swarmplay").create()
    });
    let granted = requests.into_iter().filter_map(|request| {
        request
            .inspect_err(|error| tracing::debug!(%error, "screen inhibition failed"))
            .ok()
    });
    granted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::ids::FileId;
    use engine::media::{FileEntry, MediaInfo, MediaKind, VideoTrack};

    #[test]
    fn only_a_playing_film_keeps_the_screen_on() {
        let mut entry = FileEntry {
            id: FileId([1; 32]),
            name: "film.mkv".into(),
            size: 1,
            chunk_size: 16 << 10,
            info: MediaInfo::new(MediaKind::Video, 1000),
            sources: 1,
        };
        let state = |phase, entry: &FileEntry| PlayerSnapshot {
            phase,
            entry: Some(entry.clone()),
            ..PlayerSnapshot::default()
        };
        assert!(!is_watched(&state(Phase::Playing, &entry)), "a song");
        entry.info.video = Some(VideoTrack::default());
        assert!(is_watched(&state(Phase::Playing, &entry)));
        assert!(is_watched(&state(Phase::Buffering, &entry)));
        assert!(!is_watched(&state(Phase::Paused, &entry)));
        assert!(!is_watched(&PlayerSnapshot::default()));
    }
}
