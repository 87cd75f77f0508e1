//! What clients measured.

use std::time::Duration;

use engine::ids::ChunkIndex;
use engine::protocol::{FileReport, Report};

use crate::wire::WireError;
use crate::wire::convert::peer::millis;
use crate::wire::convert::proto;
use crate::wire::convert::{chunk_ranges, chunk_set, file_id, id_bytes, peer_bytes, peer_id};

/// Files in one report.
const MAX_FILES: usize = 32;
/// Round-trip times in one report.
const MAX_RTTS: usize = 64;
/// Ranges of one file in a report: the tracker needs the outline only.
const MAX_REPORT_RANGES: usize = 1024;

pub(super) fn to_proto(report: &Report) -> proto::Report {
    let files = report.files.iter().take(MAX_FILES);
    let rtts = report.rtts.iter().take(MAX_RTTS);
    proto::Report {
        upload_rate: report.upload_rate,
        download_rate: report.download_rate,
        uplink: report.uplink,
        files: files
            .map(|file| proto::FileReport {
                file: id_bytes(file.file),
                chunk_size: file.chunk_size,
                have: chunk_ranges(&file.have, MAX_REPORT_RANGES),
                position: file.position.0,
                buffer_ms: millis(file.buffer),
            })
            .collect(),
        rtts: rtts
            .map(|(peer, rtt)| proto::RttSample {
                peer_id: peer_bytes(*peer),
                rtt_us: u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX),
            })
            .collect(),
    }
}

pub(super) fn from_proto(report: &proto::Report) -> Result<Report, WireError> {
    if report.files.len() > MAX_FILES || report.rtts.len() > MAX_RTTS {
        return Err(WireError::Violation("a report that is too long"));
    }
    let files: Result<Vec<_>, WireError> = report
        .files
        .iter()
        .map(|file| {
            Ok(FileReport {
                file: file_id(&file.file)?,
                chunk_size: file.chunk_size,
                have: chunk_set(&file.have, MAX_REPORT_RANGES)?,
                position: ChunkIndex(file.position),
                buffer: Duration::from_millis(file.buffer_ms.into()),
            })
        })
        .collect();
    let rtts: Result<Vec<_>, WireError> = report
        .rtts
        .iter()
        .map(|sample| {
            let rtt = Duration::from_micros(sample.rtt_us.into());
            Ok((peer_id(&sample.peer_id)?, rtt))
        })
        .collect();
    Ok(Report {
        upload_rate: report.upload_rate,
        download_rate: report.download_rate,
        uplink: report.uplink,
        files: files?,
        rtts: rtts?,
    })
}
