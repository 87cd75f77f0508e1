//! What the swarm tells of itself: to who asks, to the tracker, to the peers.

use std::time::Duration;

use actix::prelude::*;
use engine::ids::FileId;
use engine::protocol::{PathReason, Report};
use engine::protocol::{PeerPosition, UNKNOWN_UPLINK};
use engine::units::TransferCap;

use crate::swarm::actor::Swarm;
use crate::swarm::connection::TellPosition;
use crate::swarm::uploader::SetUploadLimit;
use crate::swarm::{PeerSnapshot, SetLimits, SwarmEvent, SwarmEventKind, SwarmSnapshot};
use crate::tracker_client::SendReport;

impl Swarm {
    pub(super) fn snapshot(&self) -> SwarmSnapshot {
        let mut peers: Vec<PeerSnapshot> = self.states.values().cloned().collect();
        for peer in &mut peers {
            let known = self.roster.get(peer.peer);
            let reasons = known.map(|known| known.reasons.iter());
            let in_words = |(file, reasons): (&FileId, &Vec<PathReason>)| {
                let reasons = reasons.iter().copied().filter(|r| *r != PathReason::Origin);
                let texts: Vec<&str> = reasons.map(PathReason::text).collect();
                (*file, texts.join(", "))
            };
            peer.reasons = reasons.into_iter().flatten().map(in_words).collect();
        }
        peers.sort_by(|a, b| (&a.name, a.peer).cmp(&(&b.name, b.peer)));
        let sum = |of: fn(&PeerSnapshot) -> u64| peers.iter().map(of).sum::<u64>();
        SwarmSnapshot {
            download_rate: sum(|peer| peer.download_rate),
            upload_rate: sum(|peer| peer.upload_rate),
            downloaded: sum(|peer| peer.downloaded) + self.past_downloaded,
            uploaded: sum(|peer| peer.uploaded) + self.past_uploaded,
            uploaded_today: self.settings.daily.allowance.spent(),
            used_up: self.settings.daily.is_used_up(),
            peers,
        }
    }

    pub(super) fn report(&self) {
        let state = self.snapshot();
        let rtts = state.peers.iter().filter_map(|peer| {
            let rtt = Duration::from_micros(peer.rtt_us?);
            Some((peer.peer, rtt))
        });
        self.announcer.do_send(SendReport(Report {
            upload_rate: state.upload_rate,
            download_rate: state.download_rate,
            uplink: match self.settings.daily.is_used_up() {
                // Nothing can be planned on it.
                true => 1,
                false => self.uplink.carries.unwrap_or(0),
            },
            files: self.reports.iter().cloned().collect(),
            rtts: rtts.collect(),
        }));
    }

    /// Tells the others where we are in a file, and what we can pass on.
    pub(super) fn tell_place(&mut self, file: FileId, mut place: PeerPosition) {
        // It may have been left while the uploader was asked.
        let Some(join) = self.joined.get(&file) else {
            return;
        };
        let gives_nothing = self.settings.daily.is_used_up();
        place.uplink = match gives_nothing || self.reserved.contains(&file) {
            true => 0,
            false => self.uplink.share.unwrap_or(UNKNOWN_UPLINK),
        };
        join.events.do_send(SwarmEvent {
            peer: self.settings.hello.peer,
            kind: SwarmEventKind::OwnUplink(place.uplink),
        });
        self.places.insert(file, place.clone());
        let position = TellPosition { file, place };
        for connection in self.connections.values() {
            connection.do_send(position.clone());
        }
    }
}

impl Handler<SetLimits> for Swarm {
    type Result = ();

    fn handle(&mut self, set: SetLimits, _: &mut Context<Self>) {
        self.settings.limits.set(set.upload, set.download);
        self.uploader.do_send(SetUploadLimit(set.upload.0));
        if let Some(TransferCap(limit)) = set.upload_per_day {
            self.settings.daily.limit = limit;
        }
        self.serve_all_or_nobody();
    }
}
