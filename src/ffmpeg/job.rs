//! Bounded runs of ffprobe and ffmpeg whose output is collected. Blocking.
//!
//! Threads read the pipes, so that a hung program can be killed. Run time, line length
//! and the number of kept lines are bounded.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Longest line, in bytes; longer ones are split.
const MAX_LINE: u64 = 4096;

/// Lines of standard error that are kept: the last ones.
const MAX_STDERR_LINES: usize = 40;

/// Time to read the rest of the output after the end of the process.
const GRACE: Duration = Duration::from_secs(1);

/// Interval at which a wait checks for cancellation.
const TICK: Duration = Duration::from_millis(100);

/// Standard output of a program.
pub type Output = ChildStdout;

/// Result of a run.
pub struct Answer<T> {
    /// Result of the reader; `None` if it did not end even after the kill.
    pub output: Option<T>,
    /// Last lines of standard error.
    pub stderr_lines: Vec<String>,
    /// True if it was killed before its output ended.
    pub killed: bool,
}

/// Program to run, and its limits.
#[derive(Debug, Clone, Copy)]
pub struct Tool<'a> {
    /// Executable.
    pub program: &'a Path,
    /// Longest run time.
    pub limit: Duration,
    /// Set to cancel the run.
    pub cancelled: &'a AtomicBool,
}

impl Tool<'_> {
    /// Runs the program; `read` consumes its standard output.
    ///
    /// # Errors
    /// The program cannot be started.
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
        let stderr_lines = on_thread(move || last(lines(stderr)));
        let in_time = self.wait(&output);
        let killed = in_time.is_none();
        // Its output has ended, so it is about to exit and to report failures.
        let stderr_lines = (!killed).then(|| stderr_lines.recv_timeout(GRACE).ok());
        let _ = child.kill(); // fails only if it has exited already
        let _ = child.wait();
        Ok(Answer {
            output: in_time.or_else(|| output.recv_timeout(GRACE).ok()),
            stderr_lines: stderr_lines.flatten().unwrap_or_default(),
            killed,
        })
    }

    /// Result of a thread; `None` on timeout or cancellation.
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

/// Runs a function on its own thread, which ends with the pipe that it reads.
fn on_thread<T: Send + 'static>(make: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, made) = mpsc::channel();
    // Sending fails if it is late and the receiver is gone.
    std::thread::spawn(move || sender.send(make()));
    made
}

/// Keeps the last lines.
fn last(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut last = VecDeque::new();
    for line in lines {
        last.push_back(line);
        if last.len() > MAX_STDERR_LINES {
            last.pop_front();
        }
    }
    last.into()
}

/// Non-blank lines of a pipe; lines that are too long are split.
pub fn lines(pipe: impl Read) -> impl Iterator<Item = String> {
    let mut pipe = BufReader::with_capacity(64 << 10, pipe);
    let lines = std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = pipe.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        matches!(read, Ok(1..)).then(|| String::from_utf8_lossy(&line).trim().to_owned())
    });
    lines.filter(|line| !line.is_empty())
}

/// Reads a pipe to its end, so that the program can exit. `None` if it held more than
/// `most` bytes.
pub fn all(mut pipe: impl Read, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // Truncated output fails to parse later.
    let _ = pipe.by_ref().take(most).read_to_end(&mut bytes);
    let more = std::io::copy(&mut pipe, &mut std::io::sink());
    matches!(more, Ok(0)).then_some(bytes)
}

/// Asks the kernel to kill the child when the thread that started it ends. That thread
/// waits for the child or reads its pipe, so it lives long enough.
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

/// Does nothing; on other systems the broken pipe ends ffmpeg.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent(_: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn hung_program_is_killed_and_its_output_kept() {
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
    fn last_lines_of_stderr_are_kept() {
        let cancelled = AtomicBool::new(false);
        let shell = Tool {
            program: Path::new("/bin/sh"),
            limit: Duration::from_secs(600),
            cancelled: &cancelled,
        };
        let writes = ["-c", "for i in $(seq 100); do echo line $i >&2; done"];
        let answer = shell.run(writes, |stdout| all(stdout, 10));
        let answer = answer.expect("starts");
        assert_eq!(answer.stderr_lines.len(), MAX_STDERR_LINES);
        assert_eq!(
            answer.stderr_lines.last().map(String::as_str),
            Some("line 100")
        );
    }

    #[test]
    fn endless_line_is_split() {
        let endless = std::io::repeat(b'x').take(MAX_LINE * 3);
        let lengths: Vec<u64> = lines(endless).map(|line| line.len() as u64).collect();
        assert_eq!(lengths, [MAX_LINE; 3]);
    }

    #[test]
    fn output_beyond_the_limit_is_dropped() {
        assert_eq!(all(&b"four"[..], 4), Some(b"four".to_vec()));
        assert_eq!(all(&b"more"[..], 3), None);
    }
}
