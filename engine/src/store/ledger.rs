//! What the cache holds and what the quota evicts: accounting only.
//!
//! Order of eviction: files that nobody reads, least recently used first; then,
//! in files being read, the chunk farthest from every playhead, where what lies
//! behind counts four times as far as what lies ahead. A chunk never evicts one
//! that is nearer to a playhead than itself.

use std::collections::HashMap;
use std::time::SystemTime;

use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId};
use crate::media::Geometry;

/// Chunks evicted at once, so that freeing space costs few system calls.
const BATCH: usize = 16;

/// How much farther a chunk behind a playhead counts than one ahead.
const BEHIND_FACTOR: u32 = 4;

/// Accounts of one cached file.
#[derive(Debug, Clone)]
struct Account {
    geometry: Geometry,
    have: RoaringBitmap,
    playheads: Vec<ChunkIndex>,
    /// Nothing of it may go: it is being moved out of the cache.
    kept: bool,
    /// Nothing of it may go: somebody wants it here.
    pinned: bool,
    last_used: SystemTime,
}

impl Account {
    fn bytes_of(&self, chunks: &RoaringBitmap) -> u64 {
        let len = |chunk| u64::from(self.geometry.chunk_len(ChunkIndex(chunk)));
        chunks.iter().map(len).sum()
    }

    /// Distance of a chunk to the nearest playhead.
    fn distance(&self, chunk: ChunkIndex) -> u32 {
        let from = |playhead: &ChunkIndex| match chunk.0.checked_sub(playhead.0) {
            Some(ahead) => ahead,
            None => (playhead.0 - chunk.0).saturating_mul(BEHIND_FACTOR),
        };
        self.playheads.iter().map(from).min().unwrap_or(u32::MAX)
    }

    /// The held chunk farthest from every playhead. Distance only grows away
    /// from playheads, so it is one end of what is held, or lies where the
    /// distances to two neighbouring playheads meet.
    fn farthest(&self) -> Option<(u32, ChunkIndex)> {
        let mut sorted = self.playheads.clone();
        sorted.sort_unstable();
        let between = sorted.windows(2).flat_map(|pair| {
            let (left, right) = (pair[0].0, pair[1].0);
            let meet = right - (right - left) / (BEHIND_FACTOR + 1);
            let before = self.have.range(left..meet).next_back();
            [before, self.have.range(meet..right).next()]
        });
        [self.have.min(), self.have.max()]
            .into_iter()
            .chain(between)
            .flatten()
            .map(|chunk| (self.distance(ChunkIndex(chunk)), ChunkIndex(chunk)))
            .max()
    }
}

/// All cached files and the quota over them.
#[derive(Debug)]
pub struct Ledger {
    quota: u64,
    used: u64,
    /// Bytes of chunks that are being written.
    reserved: u64,
    accounts: HashMap<FileId, Account>,
}

/// There is no room that this chunk may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl Ledger {
    /// Another quota. Strikes out what exceeds it, and returns that.
    pub fn set_quota(&mut self, quota: u64) -> Vec<(FileId, RoaringBitmap)> {
        self.quota = quota;
        let mut evicted = Vec::new();
        while !self.has_room(0) {
            let Some((victim, chunks)) = self.next_victim(None, 0) else {
                break;
            };
            self.remove(victim, &chunks);
            evicted.push((victim, chunks));
        }
        evicted
    }

    /// Nothing of a file may go, or it may again.
    pub fn keep(&mut self, file: FileId, kept: bool) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.kept = kept;
        }
    }

    /// Nothing of a file goes for lack of room, or it may again. Says whether anything
    /// is held of it.
    pub fn pin(&mut self, file: FileId, pinned: bool) -> bool {
        let account = self.accounts.get_mut(&file);
        let held = account.filter(|account| !account.have.is_empty());
        held.map(|account| account.pinned = pinned).is_some()
    }

    /// Whether nothing of a file goes for lack of room.
    pub fn is_pinned(&self, file: FileId) -> bool {
        let account = self.accounts.get(&file);
        account.is_some_and(|account| account.pinned)
    }

    /// Whether a file is being moved out of the cache.
    pub fn is_kept(&self, file: FileId) -> bool {
        self.accounts.get(&file).is_some_and(|account| account.kept)
    }

    /// An empty cache of at most `quota` bytes.
    pub fn new(quota: u64) -> Self {
        Self {
            quota,
            used: 0,
            reserved: 0,
            accounts: HashMap::new(),
        }
    }

    /// Bytes held.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Files held.
    pub fn file_count(&self) -> usize {
        self.accounts.len()
    }

    /// Opens an account, with what was found on disk.
    pub fn open(&mut self, file: FileId, geometry: Geometry, have: RoaringBitmap, at: SystemTime) {
        let account = Account {
            geometry,
            have,
            playheads: Vec::new(),
            kept: false,
            pinned: false,
            last_used: at,
        };
        self.used += account.bytes_of(&account.have);
        self.accounts.insert(file, account);
    }

    /// What is held of a file.
    pub fn have(&self, file: FileId) -> Option<&RoaringBitmap> {
        self.accounts.get(&file).map(|account| &account.have)
    }

    /// Bytes held of a file.
    pub fn bytes(&self, file: FileId) -> u64 {
        let account = self.accounts.get(&file);
        account.map_or(0, |account| account.bytes_of(&account.have))
    }

    /// Whether anybody reads a file.
    pub fn is_read(&self, file: FileId) -> bool {
        let account = self.accounts.get(&file);
        account.is_some_and(|account| !account.playheads.is_empty())
    }

    /// Whether a chunk is held.
    pub fn holds(&self, file: FileId, chunk: ChunkIndex) -> bool {
        self.have(file).is_some_and(|have| have.contains(chunk.0))
    }

    /// Marks a file as used now.
    pub fn touch(&mut self, file: FileId, now: SystemTime) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.last_used = now;
        }
    }

    /// Where a file is being read.
    pub fn set_playheads(&mut self, file: FileId, playheads: Vec<ChunkIndex>) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.playheads = playheads;
        }
    }

    /// Whether a chunk can be written without evicting another.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used + self.reserved + bytes <= self.quota
    }

    /// Keeps room for a chunk that is being written.
    pub fn reserve(&mut self, bytes: u64) {
        self.reserved += bytes;
    }

    /// Gives kept room back, when the chunk is written or is not going to be.
    pub fn release(&mut self, bytes: u64) {
        self.reserved -= bytes;
    }

    /// Enters a chunk that is now held.
    pub fn add(&mut self, file: FileId, chunk: ChunkIndex) {
        let Some(account) = self.accounts.get_mut(&file) else {
            return;
        };
        if account.have.insert(chunk.0) {
            self.used += u64::from(account.geometry.chunk_len(chunk));
        }
    }

    /// Strikes chunks out.
    pub fn remove(&mut self, file: FileId, chunks: &RoaringBitmap) {
        let Some(account) = self.accounts.get_mut(&file) else {
            return;
        };
        let gone = &account.have & chunks;
        self.used -= account.bytes_of(&gone);
        account.have -= &gone;
    }

    /// Chooses what must go before a chunk can be stored, and strikes it out.
    /// Nothing is struck out on failure.
    ///
    /// # Errors
    /// [`NoRoom`] if everything held is nearer to a playhead.
    pub fn make_room(
        &mut self,
        file: FileId,
        chunk: ChunkIndex,
    ) -> Result<Vec<(FileId, RoaringBitmap)>, NoRoom> {
        let Some(account) = self.accounts.get(&file) else {
            return Err(NoRoom);
        };
        let incoming = account.distance(chunk);
        let needed = u64::from(account.geometry.chunk_len(chunk));
        let mut evicted = Vec::new();
        while !self.has_room(needed) {
            let Some((victim, chunks)) = self.next_victim(Some(file), incoming) else {
                // Put back what an earlier round struck out.
                for (file, chunks) in evicted {
                    self.restore(file, &chunks);
                }
                return Err(NoRoom);
            };
            self.remove(victim, &chunks);
            evicted.push((victim, chunks));
        }
        Ok(evicted)
    }

    fn restore(&mut self, file: FileId, chunks: &RoaringBitmap) {
        chunks
            .iter()
            .for_each(|chunk| self.add(file, ChunkIndex(chunk)));
    }

    /// Whether more is pinned than may be: three quarters of the quota, for something
    /// else to be played at all.
    fn too_much_is_pinned(&self) -> bool {
        let pinned = self.accounts.values().filter(|account| account.pinned);
        let bytes = pinned.map(|a| a.have.len() * u64::from(a.geometry.chunk_size().bytes()));
        bytes.sum::<u64>() > self.quota / 4 * 3
    }

    /// A batch of chunks to evict in favour of one at distance `incoming`. What is pinned
    /// goes last, and only where it is too much, or for a chunk of the same file.
    fn next_victim(
        &self,
        for_file: Option<FileId>,
        incoming: u32,
    ) -> Option<(FileId, RoaringBitmap)> {
        let too_much = self.too_much_is_pinned();
        let may_go = |id: &FileId, account: &Account| {
            let own = Some(*id) == for_file;
            !account.kept && (!account.pinned || too_much || own)
        };
        let unread = self
            .accounts
            .iter()
            .filter(|(id, account)| {
                let unread = account.playheads.is_empty() && !account.have.is_empty();
                unread && may_go(id, account) && Some(**id) != for_file
            })
            .min_by_key(|(_, account)| (account.pinned, account.last_used));
        if let Some((id, account)) = unread {
            let from_the_end = account.have.iter().rev().take(BATCH).collect();
            return Some((*id, from_the_end));
        }
        let (id, (distance, farthest)) = self
            .accounts
            .iter()
            .filter(|(id, account)| may_go(id, account))
            .filter_map(|(id, account)| Some((*id, account.farthest()?)))
            .max_by_key(|(_, (distance, _))| *distance)?;
        (distance > incoming).then(|| (id, RoaringBitmap::from_iter([farthest.0])))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::media::ChunkSize;

    const CHUNK: u64 = 16 << 10;

    fn file(number: u8) -> FileId {
        FileId([number; 32])
    }

    fn geometry() -> Geometry {
        Geometry::new(100 * CHUNK, ChunkSize::MIN)
    }

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn store(ledger: &mut Ledger, id: FileId, chunk: u32) -> Result<Vec<FileId>, NoRoom> {
        let evicted = ledger.make_room(id, ChunkIndex(chunk))?;
        ledger.add(id, ChunkIndex(chunk));
        Ok(evicted.into_iter().map(|(id, _)| id).collect())
    }

    #[test]
    fn files_nobody_reads_go_first_and_the_least_recent_of_them() {
        let mut ledger = Ledger::new(30 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(5));
        ledger.open(file(2), geometry(), (0..10).collect(), at(1));
        ledger.open(file(3), geometry(), (0..10).collect(), at(9));
        ledger.set_playheads(file(3), vec![ChunkIndex(0)]);
        assert_eq!(store(&mut ledger, file(3), 10), Ok(vec![file(2)]));
        assert_eq!(ledger.have(file(2)).map(RoaringBitmap::len), Some(0));
        assert!(ledger.used() <= 30 * CHUNK);
    }

    #[test]
    fn a_smaller_quota_frees_at_once_and_what_is_kept_stays() {
        let mut ledger = Ledger::new(30 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(1));
        ledger.open(file(2), geometry(), (0..10).collect(), at(2));
        ledger.keep(file(1), true);
        let evicted = ledger.set_quota(15 * CHUNK);
        assert!(evicted.iter().all(|(id, _)| *id == file(2)));
        assert!(ledger.used() <= 15 * CHUNK);
        assert_eq!(ledger.bytes(file(1)), 10 * CHUNK);
        ledger.keep(file(1), false);
        ledger.set_quota(0);
        assert_eq!(ledger.used(), 0);
    }

    #[test]
    fn what_is_pinned_stays_until_it_no_longer_is() {
        let mut ledger = Ledger::new(20 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(1));
        ledger.open(file(2), geometry(), (0..10).collect(), at(2));
        ledger.open(file(3), geometry(), RoaringBitmap::new(), at(3));
        assert!(ledger.pin(file(1), true));
        assert!(!ledger.pin(file(3), true), "nothing of it is here");
        ledger.set_playheads(file(3), vec![ChunkIndex(0)]);
        assert_eq!(store(&mut ledger, file(3), 0), Ok(vec![file(2)]));
        assert_eq!(ledger.bytes(file(1)), 10 * CHUNK);
        ledger.pin(file(1), false);
        ledger.set_quota(0);
        assert_eq!(ledger.bytes(file(1)), 0);
    }

    #[test]
    fn what_is_pinned_does_not_keep_anything_else_from_being_played() {
        let mut ledger = Ledger::new(20 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(1));
        ledger.open(file(2), geometry(), (0..10).collect(), at(2));
        assert!(ledger.pin(file(1), true) && ledger.pin(file(2), true));
        ledger.open(file(3), geometry(), RoaringBitmap::new(), at(3));
        for chunk in 0..8 {
            ledger.set_playheads(file(3), vec![ChunkIndex(chunk)]);
            store(&mut ledger, file(3), chunk).expect("the playhead always finds room");
        }
        // A pinned film that is larger than all can be watched itself, too.
        let mut ledger = Ledger::new(10 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(1));
        assert!(ledger.pin(file(1), true));
        for chunk in 10..40 {
            ledger.set_playheads(file(1), vec![ChunkIndex(chunk)]);
            store(&mut ledger, file(1), chunk).expect("the playhead always finds room");
        }
    }

    #[test]
    fn within_one_film_what_was_seen_goes_before_what_comes() {
        let mut ledger = Ledger::new(20 * CHUNK);
        ledger.open(file(1), geometry(), (0..20).collect(), at(0));
        ledger.set_playheads(file(1), vec![ChunkIndex(10)]);
        store(&mut ledger, file(1), 20).expect("room behind the playhead");
        assert!(!ledger.holds(file(1), ChunkIndex(0)));
        assert!(ledger.holds(file(1), ChunkIndex(20)));
        assert_eq!(ledger.used(), 20 * CHUNK);
    }

    #[test]
    fn a_far_chunk_never_displaces_a_near_one() {
        let mut ledger = Ledger::new(10 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(0));
        ledger.set_playheads(file(1), vec![ChunkIndex(0)]);
        assert_eq!(store(&mut ledger, file(1), 50), Err(NoRoom));
        assert_eq!(ledger.have(file(1)).map(RoaringBitmap::len), Some(10));
        assert_eq!(ledger.used(), 10 * CHUNK);
    }

    #[test]
    fn the_quota_holds_over_any_walk_through_a_film() {
        let mut ledger = Ledger::new(12 * CHUNK);
        ledger.open(file(1), geometry(), RoaringBitmap::new(), at(0));
        for chunk in 0..100 {
            ledger.set_playheads(file(1), vec![ChunkIndex(chunk)]);
            store(&mut ledger, file(1), chunk).expect("the playhead always finds room");
            assert!(ledger.used() <= 12 * CHUNK);
        }
    }
}
