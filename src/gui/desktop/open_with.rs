//! Opens the current item in another player.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::player::Phase;

use crate::player::PlayerSnapshot;

/// Players in order of preference, and their option for the start position in seconds.
const PLAYERS: [(&str, &str); 2] = [("mpv", "--start="), ("vlc", "--start-time=")];

/// A position before this counts as the beginning.
const RESUME_FROM: Duration = Duration::from_secs(5);

/// Start position of another player in seconds; none at the beginning and after the end.
fn start_position(state: &PlayerSnapshot) -> Option<u64> {
    let over = matches!(state.phase, Phase::Stopped | Phase::Ended);
    let resumes = !over && state.position >= RESUME_FROM;
    resumes.then_some(state.position.as_secs())
}

/// Command that starts a player. It survives this program.
fn command(player: &str, option: &str, url: &str, from: Option<u64>) -> Command {
    let mut command = open::with_command(url, player);
    command.args(from.map(|second| format!("{option}{second}")));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Ctrl-C in a terminal must end only this program.
    command.process_group(0);
    command
}

/// Starts a program without waiting for it.
fn start(mut command: Command) -> std::io::Result<()> {
    let mut child = command.spawn()?;
    // Without a wait the ended process would remain as a zombie.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Opens a URL at the position of the player. Returns the name of the program, or none if
/// no player is installed.
pub fn open(url: &str, state: &PlayerSnapshot) -> Option<&'static str> {
    let from = start_position(state);
    let mut players = PLAYERS.into_iter();
    let opened = players.find(|(name, option)| start(command(name, option, url, from)).is_ok());
    opened.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_player_resumes_at_the_position() {
        let state = |phase, seconds| PlayerSnapshot {
            phase,
            position: Duration::from_secs_f64(seconds),
            ..PlayerSnapshot::default()
        };
        assert_eq!(start_position(&state(Phase::Paused, 754.8)), Some(754));
        assert_eq!(start_position(&state(Phase::Playing, 4.9)), None);
        assert_eq!(start_position(&state(Phase::Ended, 754.8)), None);
    }

    #[test]
    fn start_position_is_passed_as_an_option() {
        let arguments = |from| {
            PLAYERS.map(|(name, option)| {
                let command = command(name, option, "http://here/film.mkv", from);
                let arguments = command.get_args().map(|one| one.to_string_lossy());
                arguments.collect::<Vec<_>>().join(" ")
            })
        };
        let url = "http://here/film.mkv";
        let expected = ["--start=754", "--start-time=754"];
        let expected = expected.map(|option| format!("{url} {option}"));
        assert_eq!(arguments(Some(754)), expected);
        assert_eq!(arguments(None), [url, url]);
    }
}
