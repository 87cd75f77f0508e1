//! Picture embedded in a song, read on the blocking pool while the song plays.

use std::path::PathBuf;
use std::sync::Arc;

use actix::prelude::*;
use engine::ids::FileId;

use crate::ffmpeg::{Killer, read_cover};
use crate::player::Screen;

/// Decoder of the present song's cover.
#[derive(Default)]
pub struct CoverLoader {
    decoder: Option<Killer>,
}

/// Notice that the decoder of a cover has started.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CoverStarted {
    file: FileId,
    decoder: Killer,
}

impl CoverLoader {
    /// Reads the cover of a song from a URL and shows it, in place of any other.
    pub fn load(
        &mut self,
        file: FileId,
        url: String,
        ffmpeg: PathBuf,
        screen: Arc<dyn Screen>,
        player: Recipient<CoverStarted>,
    ) {
        self.cancel();
        actix_rt::task::spawn_blocking(move || {
            let started = |decoder| player.do_send(CoverStarted { file, decoder });
            if let Some(picture) = read_cover(&ffmpeg, &url, started) {
                let mut cover = screen.frame(picture.width, picture.height);
                cover.bytes_mut().copy_from_slice(&picture.rgb);
                screen.show_cover(file, Some(cover));
            }
        });
    }

    /// Keeps the decoder of the present song; kills that of another one.
    pub fn started(&mut self, started: CoverStarted, present: Option<FileId>) {
        match present == Some(started.file) {
            true => self.decoder = Some(started.decoder),
            false => started.decoder.kill(),
        }
    }

    /// Kills the decoder of a cover that is no longer needed.
    pub fn cancel(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            decoder.kill();
        }
    }
}
