//! ffmpeg child process that never outlives this program.
//!
//! It is killed and reaped when its [`Decoder`] is dropped. If this program dies first,
//! the kernel kills it (`PR_SET_PDEATHSIG`).

use std::io::{BufRead, BufReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Standard output of a decoder.
pub use std::process::ChildStdout as DecoderPipe;
use std::sync::{Arc, Mutex};

use command_fds::{CommandFdExt, FdMapping};
use engine::media::MediaFailure;
use ffmpeg_sidecar::command::FfmpegCommand;

use crate::ffmpeg::failure::classify;
use crate::ffmpeg::job::die_with_parent;

/// Lines of standard error that are kept.
const MAX_STDERR_LINES: usize = 4;

/// Failure to start ffmpeg.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program does not exist.
    #[error(
        "ffmpeg was not found ({}). Install it (on Debian and Ubuntu: sudo apt install ffmpeg) or set player.ffmpeg to where it is",
        .0.display()
    )]
    Missing(PathBuf),
    /// Any other failure.
    #[error("ffmpeg cannot be started: {0}")]
    Failed(std::io::Error),
}

/// Handle that ends a decoder from another thread than the one that reads its pipe.
#[derive(Debug, Clone)]
pub struct Killer(Arc<Mutex<Child>>);

impl Killer {
    /// Ends the decoder; no effect if it has ended already.
    pub fn kill(&self) {
        if let Ok(mut child) = self.0.lock() {
            let _ = child.kill();
        }
    }
}

/// Running ffmpeg process.
#[derive(Debug)]
pub struct Decoder {
    child: Arc<Mutex<Child>>,
    stderr_lines: Arc<Mutex<Vec<String>>>,
    stderr_reader: Option<std::thread::JoinHandle<()>>,
}

impl Decoder {
    /// Starts ffmpeg and returns its standard output.
    ///
    /// # Errors
    /// ffmpeg cannot be started.
    pub fn spawn<'a>(
        ffmpeg: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<(Self, DecoderPipe), SpawnError> {
        Self::spawn_with(ffmpeg, arguments, None)
    }

    /// Starts ffmpeg with `third` as its `pipe:3`.
    ///
    /// # Errors
    /// ffmpeg cannot be started.
    pub fn spawn_with<'a>(
        ffmpeg: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
        third: Option<PipeWriter>,
    ) -> Result<(Self, DecoderPipe), SpawnError> {
        let mut command = FfmpegCommand::new_with_path(ffmpeg);
        command.args(["-nostdin", "-hide_banner", "-nostats", "-loglevel", "error"]);
        command.args(arguments);
        let mut command: Command = command.into();
        command.stdin(Stdio::null());
        die_with_parent(&mut command);
        if let Some(third) = third {
            let mapping = FdMapping {
                parent_fd: third.into(),
                child_fd: 3,
            };
            let mapped = command.fd_mappings(vec![mapping]);
            mapped.map_err(|error| SpawnError::Failed(std::io::Error::other(error)))?;
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SpawnError::Missing(ffmpeg.to_owned()),
            _ => SpawnError::Failed(error),
        })?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let (stdout, stderr) = pipes.ok_or_else(|| {
            SpawnError::Failed(std::io::Error::other("ffmpeg started without pipes"))
        })?;
        let stderr_lines = Arc::new(Mutex::new(Vec::new()));
        let kept = stderr_lines.clone();
        let stderr_reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                tracing::debug!(target: "swarmplay::ffmpeg", "{line}");
                if let Ok(mut kept) = kept.lock()
                    && kept.len() < MAX_STDERR_LINES
                {
                    kept.push(line);
                }
            }
        });
        let decoder = Self {
            child: Arc::new(Mutex::new(child)),
            stderr_lines,
            stderr_reader: Some(stderr_reader),
        };
        Ok((decoder, stdout))
    }

    /// True until the process ends.
    pub fn runs(&self) -> bool {
        let child = self.child.lock();
        child.is_ok_and(|mut child| matches!(child.try_wait(), Ok(None)))
    }

    /// Handle for another thread to end it.
    pub fn killer(&self) -> Killer {
        Killer(self.child.clone())
    }

    /// Ends the process. Returns the failure that it reported first, if any.
    pub fn finish(mut self) -> Option<MediaFailure> {
        self.end();
        let lines = self.stderr_lines.lock().ok()?;
        lines.first().map(|line| classify(line))
    }

    fn end(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            // Fails only if the child has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(reader) = self.stderr_reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_program_names_the_package() {
        let error = Decoder::spawn(Path::new("/nonexistent/ffmpeg"), []).expect_err("missing");
        assert!(error.to_string().contains("apt install ffmpeg"), "{error}");
    }

    #[test]
    fn dropped_decoder_leaves_no_process() {
        let endless = ["-f", "lavfi", "-i", "testsrc", "-f", "rawvideo", "-"];
        let (decoder, _pipe) = Decoder::spawn(Path::new("ffmpeg"), endless).expect("ffmpeg");
        let id = decoder.child.lock().expect("not poisoned").id();
        drop(decoder);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}
