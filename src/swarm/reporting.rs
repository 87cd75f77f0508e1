//! Reports of the swarm: measurements to the tracker, positions to the peers.

use std::time::Duration;

use actix::prelude::*;
use engine::ids::FileId;
use engine::protocol::{PeerPosition, Report, SourceShare};
use engine::swarm::{DailyQuota, JoinedFiles, SwarmSnapshot};

use crate::swarm::SwarmEvent;
use crate::swarm::connection::TellPosition;
use crate::swarm::uploader::UplinkState;

/// Measurements for the tracker.
pub(super) fn report(
    state: &SwarmSnapshot,
    files: &JoinedFiles<Recipient<SwarmEvent>>,
    uplink: UplinkState,
    quota: &DailyQuota,
) -> Report {
    let rtts = state.peers.iter().filter_map(|peer| {
        let rtt = Duration::from_micros(peer.rtt_us?);
        Some((peer.peer, rtt))
    });
    Report {
        upload_rate: state.upload_rate,
        download_rate: state.download_rate,
        uplink: uplink.capacity,
        accepts_requests: !quota.is_exhausted(),
        files: files.reports(),
        rtts: rtts.collect(),
    }
}

/// Sets the own position in a file and tells the scheduler the share of new chunks
/// that goes with it. Returns the announcement for the peers; `None` if the file was
/// left meanwhile.
pub(super) fn announce_position(
    files: &mut JoinedFiles<Recipient<SwarmEvent>>,
    file: FileId,
    position: PeerPosition,
    share: SourceShare,
) -> Option<TellPosition> {
    let position = files.set_position(file, position, share)?.clone();
    let event = SwarmEvent::OwnShare(position.share);
    files.get(file)?.events.do_send(event);
    Some(TellPosition { file, position })
}
