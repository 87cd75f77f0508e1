//! The sound output of the player: opened at first use, closed while there is nothing to
//! hear, and replaced when it is gone.

use std::time::{Duration, Instant};

use actix::prelude::*;
use engine::player::{Phase, SoundError};

use crate::player::Notice;
use crate::player::actor::Player;
use crate::player::pipeline::{Followers, Heard};
use crate::player::sound::output::Output;
use crate::player::sound::ring::RingSound;

/// A sound output that asks for nothing for this long is dead. Opening one may
/// take a second.
const DEAD: Duration = Duration::from_secs(4);

/// Nothing to hear for this long: the output rests. Long enough for a short pause to end
/// without a delay.
const REST_AFTER: Duration = Duration::from_secs(5);

/// Where there was no device, one is looked for again after this time; each time later,
/// up to the second.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
const LOOK_AT_LEAST: Duration = Duration::from_secs(60);

/// A device that goes so soon after it was opened is not opened again at once.
const FLEETING: Duration = Duration::from_secs(2);

/// The output, and how it fares.
#[derive(Default)]
pub(super) struct AudioOutput {
    output: Option<Output>,
    /// When no device was found, and how long it is not looked again.
    missed: Option<(Instant, Duration)>,
    /// When a device was opened last.
    opened: Option<Instant>,
    /// Times it asked for samples, and when that last changed.
    heartbeats: Option<(u64, Instant)>,
    quiet_since: Option<Instant>,
}

impl AudioOutput {
    /// Whether there was no device, a while ago.
    fn may_look(&self) -> bool {
        let missed = self.missed;
        missed.is_some_and(|(at, patience)| at.elapsed() > patience)
    }

    /// One was looked for, and there was none if there is a `problem`.
    fn looked(&mut self, problem: Option<SoundError>) {
        let patience = self.missed.map_or(LOOK_AGAIN, |(_, before)| before * 2);
        let missed = (Instant::now(), patience.min(LOOK_AT_LEAST));
        self.missed = problem.map(|_| missed);
        self.opened = Some(missed.0);
    }
}

impl Player {
    /// Plays what a pipeline lets be heard; through what is returned that of the next.
    ///
    /// # Errors
    /// The output refuses; why.
    pub(super) fn play(&mut self, heard: Heard) -> Result<Followers, SoundError> {
        let (sound, followers) = RingSound::new(heard.ring, heard.control);
        let notice = &mut self.notice;
        let hearing = &mut self.hearing;
        hearing.heartbeats = None;
        hearing.quiet_since = None;
        // What rested and cannot go on is gone. In place of none there may be one now.
        let output = hearing.output.take().filter(|_| !hearing.may_look());
        let output = output.and_then(|mut output| output.wake().is_ok().then_some(output));
        let output = output.unwrap_or_else(|| {
            let (output, problem) = Output::open();
            hearing.looked(problem);
            *notice = problem.map(|_| Notice::NoSoundDevice);
            output
        });
        hearing.output.insert(output).play(sound)?;
        Ok(followers)
    }

    /// What plays is to be heard: wakes an output that rests.
    pub(super) fn listen(&mut self, ctx: &mut Context<Self>) {
        let hearing = &mut self.hearing;
        hearing.heartbeats = None;
        hearing.quiet_since = None;
        let woken = hearing.output.as_mut().map_or(Ok(()), Output::wake);
        if let Err(error) = woken {
            tracing::warn!(?error, "sound device lost");
            self.replace_output(ctx);
        }
    }

    /// Lets the output rest when there has been nothing to hear for a while.
    pub(super) fn let_rest(&mut self) {
        let quiet = match self.state.phase() {
            Phase::Stopped | Phase::Paused | Phase::Ended | Phase::Failed(_) => true,
            Phase::Loading | Phase::Playing | Phase::Buffering => false,
        };
        let hearing = &mut self.hearing;
        let Some(output) = hearing.output.as_mut().filter(|_| quiet) else {
            hearing.quiet_since = None;
            return;
        };
        let since = *hearing.quiet_since.get_or_insert_with(Instant::now);
        if since.elapsed() > REST_AFTER && !output.rests() {
            output.rest();
        }
    }

    /// A sound device that no longer asks for samples is gone: another one, or
    /// silence, takes over where it was.
    pub(super) fn watch_output(&mut self, ctx: &mut Context<Self>) {
        let Some(pipeline) = &self.pipeline else {
            return;
        };
        let hearing = &mut self.hearing;
        if hearing.output.as_mut().is_none_or(Output::rests) {
            hearing.heartbeats = None;
            return;
        }
        if hearing.output.as_mut().is_some_and(Output::is_lost) {
            tracing::warn!("the sound device is gone");
            let opened = hearing.opened.take();
            if opened.is_some_and(|opened| opened.elapsed() < FLEETING) {
                return self.be_silent(ctx);
            }
            return self.replace_output(ctx);
        }
        if hearing.may_look() {
            return self.look_for_device(ctx);
        }
        let (beats, now) = (pipeline.heartbeats(), Instant::now());
        match hearing.heartbeats {
            Some((before, at)) if before == beats => {
                if now.saturating_duration_since(at) > DEAD {
                    tracing::warn!("the sound device is gone");
                    self.replace_output(ctx);
                }
            }
            _ => hearing.heartbeats = Some((beats, now)),
        }
    }

    /// What plays without a device is heard over one that has come (back).
    fn look_for_device(&mut self, ctx: &mut Context<Self>) {
        let (output, problem) = Output::open();
        self.hearing.looked(problem);
        if problem.is_none() {
            self.notice = None;
            self.hearing.output = Some(output);
            let effects = self.state.restart();
            self.perform(ctx, effects);
        }
    }

    /// There is no device that stays, for now.
    fn be_silent(&mut self, ctx: &mut Context<Self>) {
        self.notice = Some(Notice::NoSoundDevice);
        self.hearing.looked(Some(SoundError::NoDevice));
        self.hearing.output = Some(Output::silence());
        let effects = self.state.restart();
        self.perform(ctx, effects);
    }

    fn replace_output(&mut self, ctx: &mut Context<Self>) {
        self.hearing = AudioOutput::default();
        let effects = self.state.restart();
        self.perform(ctx, effects);
    }
}
