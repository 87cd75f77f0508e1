//! Running pipeline, its gain and its frame counts.

use std::time::Duration;

use engine::ids::Generation;
use engine::media::FileEntry;
use engine::player::Report;

use crate::player::pipeline::{FrameCount, Pipeline};

/// Pipeline that plays, and what outlives its restarts.
pub struct Playback {
    pipeline: Option<Pipeline>,
    /// Gain of the volume, 0 to 1.
    volume_gain: f32,
    /// Gain that normalises the present song.
    track_gain: f32,
    /// Frames of earlier pipelines of the present file.
    past_frames: FrameCount,
}

/// Progress of a pipeline since the last poll.
pub struct Progress {
    /// Generation of the pipeline.
    pub generation: Generation,
    /// Media time.
    pub position: Duration,
    /// Reports in order.
    pub reports: Vec<Report>,
}

impl Default for Playback {
    fn default() -> Self {
        Self {
            pipeline: None,
            volume_gain: 0.0,
            track_gain: 1.0,
            past_frames: FrameCount::default(),
        }
    }
}

impl Playback {
    /// Makes a pipeline the running one.
    pub fn begin(&mut self, pipeline: Pipeline) {
        pipeline.set_gain(self.gain());
        self.pipeline = Some(pipeline);
    }

    /// Takes the running pipeline; the caller drops it or continues its sound.
    pub fn end(&mut self) -> Option<Pipeline> {
        let pipeline = self.pipeline.take()?;
        let frames = pipeline.frames();
        self.past_frames.shown += frames.shown;
        self.past_frames.dropped += frames.dropped;
        Some(pipeline)
    }

    /// Resets the frame counts for another file.
    pub fn reset_frames(&mut self) {
        self.past_frames = FrameCount::default();
    }

    /// The running pipeline.
    pub fn pipeline(&self) -> Option<&Pipeline> {
        self.pipeline.as_ref()
    }

    /// The running pipeline, to prepare its successor.
    pub fn pipeline_mut(&mut self) -> Option<&mut Pipeline> {
        self.pipeline.as_mut()
    }

    /// Gain of the volume, 0 to 1.
    pub fn volume_gain(&self) -> f32 {
        self.volume_gain
    }

    /// Gain of the sound, 0 to 1.
    pub fn gain(&self) -> f32 {
        self.volume_gain * self.track_gain
    }

    /// Sets the gain of the volume.
    pub fn set_volume_gain(&mut self, gain: f32) {
        self.volume_gain = gain;
        if let Some(pipeline) = &self.pipeline {
            pipeline.set_gain(self.gain());
        }
    }

    /// Sets the gain that normalises the next pipeline.
    pub fn set_track_gain(&mut self, gain: f32) {
        self.track_gain = gain;
    }

    /// Holds media time, or releases it.
    pub fn set_paused(&self, paused: bool) {
        if let Some(pipeline) = &self.pipeline {
            pipeline.set_paused(paused);
        }
    }

    /// Delays the sound against the picture by milliseconds.
    pub fn set_audio_delay_ms(&self, milliseconds: i32) {
        if let Some(pipeline) = &self.pipeline {
            pipeline.set_audio_delay_ms(milliseconds);
        }
    }

    /// Polls the running pipeline.
    pub fn poll(&mut self) -> Option<Progress> {
        let pipeline = self.pipeline.as_mut()?;
        Some(Progress {
            generation: pipeline.generation(),
            reports: pipeline.poll(),
            position: pipeline.position(),
        })
    }

    /// Frames since the file started.
    pub fn frames(&self) -> FrameCount {
        let present = self.pipeline.as_ref().map(Pipeline::frames);
        let present = present.unwrap_or_default();
        FrameCount {
            shown: self.past_frames.shown + present.shown,
            dropped: self.past_frames.dropped + present.dropped,
        }
    }

    /// Subtitle text at a media time.
    pub fn subtitle_at(&self, time: Duration) -> String {
        let pipeline = self.pipeline.as_ref();
        pipeline.map_or_else(String::new, |pipeline| pipeline.subtitle_at(time))
    }
}

/// Gain that brings a song to the common loudness (its ReplayGain). It never amplifies,
/// which could clip; most music is louder than the reference.
pub fn normalising_gain(entry: &FileEntry) -> f32 {
    let song = entry.info.video.is_none();
    let centibels = entry.info.gain_cdb.filter(|_| song);
    centibels.map_or(1.0, |gain| 10_f32.powf(gain as f32 / 2000.0).min(1.0))
}
