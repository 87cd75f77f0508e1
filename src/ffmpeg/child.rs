//! An ffmpeg child process that never outlives us.
//!
//! It is killed and waited for when its [`Decoder`] is dropped; if this program
//! dies without a chance to, the kernel kills it (`PR_SET_PDEATHSIG`).

use std::io::{BufRead, BufReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a decoder writes.
pub use std::process::ChildStdout as DecoderPipe;
use std::sync::{Arc, Mutex};

use command_fds::{CommandFdExt, FdMapping};
use engine::media::MediaFailure;
use ffmpeg_sidecar::command::FfmpegCommand;

use crate::ffmpeg::failure::classify;
use crate::ffmpeg::job::die_with_parent;

/// Lines of complaint kept for a message.
const MAX_COMPLAINTS: usize = 4;

/// Why there is no decoder.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program is missing.
    #[error(
        "ffmpeg was not found ({}). Install it (on Debian and Ubuntu: sudo apt install ffmpeg) or set player.ffmpeg to where it is",
        .0.display()
    )]
    Missing(PathBuf),
    /// Anything else.
    #[error("ffmpeg cannot be started: {0}")]
    Failed(std::io::Error),
}

/// Ends a decoder from another thread than the one that reads its pipe.
#[derive(Debug, Clone)]
pub struct Killer(Arc<Mutex<Child>>);

impl Killer {
    /// Ends it; one that is gone already needs no signal.
    pub fn kill(&self) {
        if let Ok(mut child) = self.0.lock() {
            let _ = child.kill();
        }
    }
}

/// A running ffmpeg.
#[derive(Debug)]
pub struct Decoder {
    child: Arc<Mutex<Child>>,
    complaints: Arc<Mutex<Vec<String>>>,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Decoder {
    /// Starts ffmpeg; what it decodes comes from the pipe that is returned.
    ///
    /// # Errors
    /// [`SpawnError`], fit to be shown.
    pub fn spawn<'a>(
        ffmpeg: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<(Self, DecoderPipe), SpawnError> {
        Self::spawn_with(ffmpeg, arguments, None)
    }

    /// The same; `third` is what ffmpeg knows as `pipe:3`.
    ///
    /// # Errors
    /// [`SpawnError`], fit to be shown.
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
            SpawnError::Failed(std::io::Error::other("ffmpeg was started without pipes"))
        })?;
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let kept = complaints.clone();
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                tracing::debug!(target: "swarmplay::ffmpeg", "{line}");
                if let Ok(mut kept) = kept.lock()
                    && kept.len() < MAX_COMPLAINTS
                {
                    kept.push(line);
                }
            }
        });
        let decoder = Self {
            child: Arc::new(Mutex::new(child)),
            complaints,
            listener: Some(listener),
        };
        Ok((decoder, stdout))
    }

    /// Whether it has not ended by itself.
    pub fn runs(&self) -> bool {
        let child = self.child.lock();
        child.is_ok_and(|mut child| matches!(child.try_wait(), Ok(None)))
    }

    /// For another thread to end it.
    pub fn killer(&self) -> Killer {
        Killer(self.child.clone())
    }

    /// Ends the process and returns the first failure that it reported.
    pub fn finish(mut self) -> Option<MediaFailure> {
        self.end();
        let complaints = self.complaints.lock().ok()?;
        complaints.first().map(|line| classify(line))
    }

    fn end(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            // A child that is gone already needs no signal.
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
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
    fn a_missing_program_is_explained() {
        let error = Decoder::spawn(Path::new("/nonexistent/ffmpeg"), []).expect_err("missing");
        assert!(error.to_string().contains("apt install ffmpeg"), "{error}");
    }

    #[test]
    fn a_dropped_decoder_leaves_no_process() {
        let endless = ["-f", "lavfi", "-i", "testsrc", "-f", "rawvideo", "-"];
        let (decoder, _pipe) = Decoder::spawn(Path::new("ffmpeg"), endless).expect("ffmpeg");
        let id = decoder.child.lock().expect("not poisoned").id();
        drop(decoder);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}
