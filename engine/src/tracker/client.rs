//! One registered client: identity, shared files, last report, open questions.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId, PeerId};
use crate::media::MediaKind;
use crate::protocol::{PeerEntry, Report};
use crate::tracker::ClientSnapshot;
use crate::tracker::planner::{ASSUMED_UPLINK, Candidate, Held};

/// By how many times an uplink changes before the plans that count on it are made
/// anew: measurements of a steady line stay well within it.
const REPLAN_RATIO: u64 = 2;

/// Identity of a client at registration.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// Display name.
    pub name: String,
    /// Observed address with the port it listens on (0 if it does not).
    pub address: SocketAddr,
    /// True for the origin.
    pub origin: bool,
    /// True for a client that only queries and shares nothing.
    pub observer: bool,
    /// Number of its link, to tell it from a replaced one.
    pub link: u64,
}

#[derive(Debug)]
pub(super) struct Client {
    pub info: ClientInfo,
    pub heard: Instant,
    pub shared: BTreeSet<FileId>,
    pub report: Report,
    /// Files it waits for peers of, and the first chunk needed.
    pub questions: HashMap<FileId, ChunkIndex>,
    pub subscription: Option<Option<MediaKind>>,
    /// Uplink in bytes a second that plans were last made with.
    planned_uplink: u64,
}

impl Client {
    /// A client that shares nothing yet.
    pub fn new(now: Instant, info: ClientInfo) -> Self {
        Self {
            info,
            heard: now,
            shared: BTreeSet::new(),
            report: Report::default(),
            questions: HashMap::new(),
            subscription: None,
            planned_uplink: ASSUMED_UPLINK,
        }
    }

    /// Uplink in bytes a second that plans may count on; `None` if unknown.
    fn usable_uplink(&self) -> Option<u64> {
        match self.report.accepts_requests {
            true => self.report.uplink,
            false => Some(0),
        }
    }

    /// Compares the reported uplink with the planned one. True once plans that count
    /// on it have to be made anew.
    pub fn uplink_changed(&mut self) -> bool {
        let Some(now) = self.usable_uplink() else {
            return false;
        };
        let before = self.planned_uplink;
        let within = |a: u64, b: u64| a < b.saturating_mul(REPLAN_RATIO);
        if now == before || (within(now, before) && within(before, now)) {
            return false;
        }
        self.planned_uplink = now;
        true
    }

    /// Round trip to a peer, as last reported.
    fn rtt_to(&self, peer: PeerId) -> Option<Duration> {
        let mut rtts = self.report.rtts.iter();
        rtts.find(|(other, _)| *other == peer).map(|(_, rtt)| *rtt)
    }

    /// True if one of the two can dial the other.
    pub fn can_reach(&self, other: &Self) -> bool {
        self.info.address.port() != 0 || other.info.address.port() != 0
    }

    /// This client, which is `peer`, as a supplier of a file for `asker`. `nothing` is
    /// the holding of a fellow viewer that has reported none.
    pub fn candidate<'a>(
        &'a self,
        peer: PeerId,
        file: FileId,
        (asker_id, asker): (PeerId, &Self),
        nothing: &'a RoaringBitmap,
    ) -> Candidate<'a> {
        let mut reports = self.report.files.iter();
        let held = match reports.find(|report| report.file == file) {
            _ if self.shared.contains(&file) => Held::All,
            Some(report) => Held::Part(&report.have),
            None => Held::Part(nothing),
        };
        Candidate {
            peer,
            ip: self.info.address.ip(),
            origin: self.info.origin,
            held,
            rtt: asker.rtt_to(peer).or_else(|| self.rtt_to(asker_id)),
            uplink: self.usable_uplink(),
            busy: self.report.upload_rate,
        }
    }

    /// This client, which is `peer`, as `asker_address` reaches it. A client that
    /// reached the tracker over loopback runs on the tracker's host, whatever that is
    /// called from outside.
    pub fn peer_entry(&self, peer: PeerId, asker_address: SocketAddr) -> PeerEntry {
        let ip = self.info.address.ip();
        let at_tracker = ip.is_loopback() && !asker_address.ip().is_loopback();
        PeerEntry {
            peer,
            name: self.info.name.clone(),
            host: (!at_tracker).then_some(ip),
            port: Some(self.info.address.port()).filter(|port| *port != 0),
            origin: self.info.origin,
            reasons: Vec::new(),
        }
    }

    /// State for people and tests; `is_listed` says which files the catalogue shows.
    pub fn snapshot(&self, is_listed: impl Fn(&FileId) -> bool) -> ClientSnapshot {
        ClientSnapshot {
            name: self.info.name.clone(),
            address: self.info.address,
            origin: self.info.origin,
            files: self.shared.iter().filter(|file| is_listed(file)).count(),
        }
    }
}
