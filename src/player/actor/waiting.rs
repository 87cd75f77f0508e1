//! Decoders that wait for the next jump in the film that plays.

use std::time::{Duration, Instant};

use engine::player::Phase;

use crate::player::actor::Player;
use crate::player::pipeline::Source;
use crate::player::pipeline::standby::StandbyDecoders;

/// How long a film plays before the next decoders are started: by then its own have
/// begun, and who jumps about has settled.
const SETTLED: Duration = Duration::from_secs(1);

/// What plays, and the decoders that wait for another place of it.
#[derive(Default)]
pub(super) struct Waiting {
    spare: Option<StandbyDecoders>,
    begun: Option<(Source, Instant)>,
}

impl Waiting {
    /// A source begins. The decoders that wait for it, if there are any.
    pub fn take(&mut self, source: &Source) -> Option<StandbyDecoders> {
        self.begun = Some((source.clone(), Instant::now()));
        self.spare.take().filter(|spare| spare.fits(source))
    }
}

impl Player {
    /// Has decoders wait once a film plays.
    pub(super) fn keep_spare(&mut self) {
        let Some((source, begun)) = &self.waiting.begun else {
            return;
        };
        let settled = begun.elapsed() > SETTLED;
        let plays = matches!(self.state.phase(), Phase::Playing | Phase::Paused);
        if self.waiting.spare.is_some() || !settled || !plays {
            return;
        }
        let entry = self.state.entry();
        if entry.is_some_and(|entry| StandbyDecoders::can_be_of(entry, source)) {
            self.waiting.spare = Some(StandbyDecoders::new(
                source,
                &self.config.ffprobe,
                &self.gateway,
            ));
        }
    }
}
