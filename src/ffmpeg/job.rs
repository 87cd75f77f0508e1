//! Runs of ffprobe and ffmpeg whose output something is made of.
//!
//! Blocking. Pipes are read by threads of their own, so that a program that hangs
//! can be killed; time, lines and what is kept of the complaints are bounded.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Longest line that is read in one piece, in bytes.
const MAX_LINE: u64 = 4096;

/// Lines of complaint that are kept, the last ones.
const MAX_COMPLAINTS: usize = 40;

/// How long what was said before the end may take to be read.
const GRACE: Duration = Duration::from_secs(1);

/// How often a wait looks whether to give up.
const TICK: Duration = Duration::from_millis(100);

/// What a program writes to its standard output.
pub type Output = ChildStdout;

/// What came of a run.
pub struct Answer<T> {
    /// What was made of its output; `None` if that did not end even when it was
    /// killed.
    pub output: Option<T>,
    /// The last lines it wrote to its standard error.
    pub complaints: Vec<String>,
    /// Whether it was killed before it had said all.
    pub killed: bool,
}

/// A program, and when it is killed.
#[derive(Debug, Clone, Copy)]
pub struct Tool<'a> {
    /// What to start.
    pub program: &'a Path,
    /// How long it may run.
    pub limit: Duration,
    /// Set when nobody wants it any more.
    pub cancelled: &'a AtomicBool,
}

impl Tool<'_> {
    /// Runs it; `read` makes something of its output.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run<T: Send + 'static>(
        &self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        read: impl FnOnce(ChildStdout) -> T + Send + 'static,
    ) -> std::io::Result<Answer<T>> {
        let mut command = Command::new(self.program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        die_with_parent(&mut command);
        let mut child = command.spawn()?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let (stdout, stderr) = pipes.expect("both pipes were asked for");
        let output = on_thread(move || read(stdout));
        let complaints = on_thread(move || last(lines(stderr)));
        let in_time = self.wait(&output);
        let killed = in_time.is_none();
        // One that has said all is about to end, and says why.
        let complaints = (!killed).then(|| complaints.recv_timeout(GRACE).ok());
        let _ = child.kill(); // one that is gone needs no signal
        let _ = child.wait();
        Ok(Answer {
            output: in_time.or_else(|| output.recv_timeout(GRACE).ok()),
            complaints: complaints.flatten().unwrap_or_default(),
            killed,
        })
    }

    /// What a thread makes; `None` if that takes too long or is not wanted.
    fn wait<T>(&self, made: &Receiver<T>) -> Option<T> {
        let deadline = Instant::now() + self.limit;
        loop {
            match made.recv_timeout(TICK) {
                Ok(made) => return Some(made),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.cancelled.load(Ordering::Relaxed) || Instant::now() >= deadline {
                return None;
            }
        }
    }
}

/// Makes something on a thread of its own, which ends with the pipe it reads.
fn on_thread<T: Send + 'static>(make: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, made) = mpsc::channel();
    // If it is late, nobody waits for it any more.
    std::thread::spawn(move || sender.send(make()));
    made
}

/// The last of many lines.
fn last(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut last = VecDeque::new();
    for line in lines {
        last.push_back(line);
        if last.len() > MAX_COMPLAINTS {
            last.pop_front();
        }
    }
    last.into()
}

/// The lines of a pipe that are not blank; one that is too long comes in pieces.
pub fn lines(pipe: impl Read) -> impl Iterator<Item = String> {
    let mut pipe = BufReader::with_capacity(64 << 10, pipe);
    let lines = std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = pipe.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        matches!(read, Ok(1..)).then(|| String::from_utf8_lossy(&line).trim().to_owned())
    });
    lines.filter(|line| !line.is_empty())
}

/// At most `most` bytes of a pipe; what follows is read and dropped, so that the
/// program can end. `None` if there was more.
pub fn all(mut pipe: impl Read, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // What breaks off shows when it is used.
    let _ = pipe.by_ref().take(most).read_to_end(&mut bytes);
    let more = std::io::copy(&mut pipe, &mut std::io::sink());
    matches!(more, Ok(0)).then_some(bytes)
}

/// Asks the kernel to kill the child when the thread that started it is gone. That
/// thread waits for the child or reads its pipe, so it lives as long as it is needed.
#[cfg(target_os = "linux")]
pub fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: prctl is async-signal-safe and touches no memory of ours.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// Other systems have no such service; the broken pipe ends ffmpeg there.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent(_: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn one_that_hangs_is_killed_and_what_it_said_is_used() {
        let cancelled = AtomicBool::new(false);
        let shell = |limit| Tool {
            program: Path::new("/bin/sh"),
            limit,
            cancelled: &cancelled,
        };
        let hangs = ["-c", "echo first; exec sleep 1000"];
        let said = |stdout| lines(stdout).collect::<Vec<_>>();
        let answer = shell(Duration::from_secs(1)).run(hangs, said);
        let answer = answer.expect("starts");
        assert!(answer.killed);
        assert_eq!(answer.output, Some(vec!["first".to_owned()]));

        cancelled.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        let answer = shell(Duration::from_secs(600)).run(hangs, said);
        assert!(answer.expect("starts").killed);
        assert!(begun.elapsed() < Duration::from_secs(300));
    }

    #[cfg(unix)]
    #[test]
    fn of_many_complaints_the_last_are_kept() {
        let cancelled = AtomicBool::new(false);
        let shell = Tool {
            program: Path::new("/bin/sh"),
            limit: Duration::from_secs(600),
            cancelled: &cancelled,
        };
        let complains = ["-c", "for i in $(seq 100); do echo line $i >&2; done"];
        let answer = shell.run(complains, |stdout| all(stdout, 10));
        let answer = answer.expect("starts");
        assert_eq!(answer.complaints.len(), MAX_COMPLAINTS);
        assert_eq!(
            answer.complaints.last().map(String::as_str),
            Some("line 100")
        );
    }

    #[test]
    fn a_line_without_an_end_comes_in_pieces() {
        let endless = std::io::repeat(b'x').take(MAX_LINE * 3);
        let lengths: Vec<u64> = lines(endless).map(|line| line.len() as u64).collect();
        assert_eq!(lengths, [MAX_LINE; 3]);
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        assert_eq!(all(&b"four"[..], 4), Some(b"four".to_vec()));
        assert_eq!(all(&b"more"[..], 3), None);
    }
}
