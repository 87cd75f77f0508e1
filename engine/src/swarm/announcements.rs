//! Announcements to one peer: chunk layouts, own positions, and messages that can
//! wait for the next one.

use std::collections::HashMap;

use crate::ids::{ChunkIndex, FileId};
use crate::media::Geometry;
use crate::protocol::{MAX_PAYLOAD, PeerMessage, PeerPosition};

/// Announced state, and messages that wait to be announced.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    /// Chunk layouts of the files announced to the peer.
    geometries: HashMap<FileId, Geometry>,
    /// Own positions, for a peer that becomes interested later.
    positions: HashMap<FileId, PeerPosition>,
    /// Messages that wait for the next one: a wake-up costs the peer more than
    /// reading a message.
    waiting: Vec<PeerMessage>,
}

impl Announcements {
    pub fn set_geometry(&mut self, file: FileId, geometry: Geometry) {
        self.geometries.insert(file, geometry);
    }

    /// Bytes of a chunk; the largest possible if the file was never announced.
    pub fn chunk_len(&self, file: FileId, chunk: ChunkIndex) -> u32 {
        let known = self.geometries.get(&file);
        known.map_or(MAX_PAYLOAD as u32, |geometry| geometry.chunk_len(chunk))
    }

    pub fn set_position(&mut self, file: FileId, position: PeerPosition) {
        self.positions.insert(file, position);
    }

    pub fn remove_position(&mut self, file: FileId) {
        self.positions.remove(&file);
    }

    /// Queues the own position in a file, if there is one. True if nothing waited
    /// before.
    pub fn queue_position(&mut self, file: FileId) -> bool {
        let position = self.positions.get(&file).cloned();
        position.is_some_and(|position| self.queue(PeerMessage::Position { file, position }))
    }

    /// Queues a message in place of an older one of the same kind. True if nothing
    /// waited before.
    pub fn queue(&mut self, message: PeerMessage) -> bool {
        let first = self.waiting.is_empty();
        self.waiting.retain(|older| match (older, &message) {
            (PeerMessage::Position { file: older, .. }, PeerMessage::Position { file, .. }) => {
                older != file
            }
            (older, message) => std::mem::discriminant(older) != std::mem::discriminant(message),
        });
        self.waiting.push(message);
        first
    }

    /// Takes the messages that wait.
    pub fn take(&mut self) -> Vec<PeerMessage> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::QueueDelay;

    const FILE: FileId = FileId([1; 32]);
    const OTHER: FileId = FileId([2; 32]);

    fn position(start: u32) -> PeerPosition {
        PeerPosition {
            window: start..start + 10,
            ..PeerPosition::default()
        }
    }

    #[test]
    fn only_the_latest_of_a_kind_waits() {
        let mut announcements = Announcements::default();
        assert!(!announcements.queue_position(FILE), "there is none");
        announcements.set_position(FILE, position(1));
        announcements.set_position(OTHER, position(2));
        assert!(announcements.queue_position(FILE), "the first");
        assert!(!announcements.queue_position(OTHER));
        let delay = PeerMessage::QueueDelay(QueueDelay::default());
        assert!(!announcements.queue(delay.clone()));
        assert!(!announcements.queue(delay.clone()));
        announcements.set_position(FILE, position(3));
        assert!(!announcements.queue_position(FILE));
        let message = |file, start| PeerMessage::Position {
            file,
            position: position(start),
        };
        let waiting = announcements.take();
        assert_eq!(waiting, [message(OTHER, 2), delay, message(FILE, 3)]);
        assert!(announcements.take().is_empty());
    }
}
