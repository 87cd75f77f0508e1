//! Accounting of the cache: held chunks, quota, and choice of chunks to evict.
//!
//! Files that nobody reads are evicted first, least recently used first. Then chunks of
//! files being read, farthest from every playhead first; the distance behind a playhead
//! counts four times. A chunk never evicts one that is nearer to a playhead than itself.

use std::collections::HashMap;
use std::time::SystemTime;

use roaring::RoaringBitmap;

use crate::ids::{ChunkIndex, FileId};
use crate::media::Geometry;

/// Chunks evicted at once, to limit the number of system calls.
const BATCH: usize = 16;

/// Weight of the distance behind a playhead relative to the distance ahead.
const BEHIND_FACTOR: u32 = 4;

/// Account of one cached file.
#[derive(Debug, Clone)]
struct Account {
    geometry: Geometry,
    have: RoaringBitmap,
    playheads: Vec<ChunkIndex>,
    /// Locked against eviction while it is moved out of the cache.
    kept: bool,
    /// Pinned by the user.
    pinned: bool,
    last_used: SystemTime,
}

impl Account {
    fn bytes_of(&self, chunks: &RoaringBitmap) -> u64 {
        let len = |chunk| u64::from(self.geometry.chunk_len(ChunkIndex(chunk)));
        chunks.iter().map(len).sum()
    }

    /// Weighted distance of a chunk from the nearest playhead.
    fn distance(&self, chunk: ChunkIndex) -> u32 {
        let from = |playhead: &ChunkIndex| match chunk.0.checked_sub(playhead.0) {
            Some(ahead) => ahead,
            None => (playhead.0 - chunk.0).saturating_mul(BEHIND_FACTOR),
        };
        self.playheads.iter().map(from).min().unwrap_or(u32::MAX)
    }

    /// Held chunk farthest from every playhead. Distances grow away from playheads, so it
    /// is the first or last held chunk, or lies where the distances from two neighbouring
    /// playheads meet.
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

/// Accounts of all cached files, and the quota.
#[derive(Debug)]
pub struct Ledger {
    quota: u64,
    used: u64,
    /// Bytes of chunks that are being written.
    reserved: u64,
    accounts: HashMap<FileId, Account>,
}

/// Error: every held chunk is pinned or nearer to a playhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl Ledger {
    /// Sets the quota. Removes and returns the chunks that exceed it.
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

    /// Locks or unlocks a file against eviction.
    pub fn keep(&mut self, file: FileId, kept: bool) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.kept = kept;
        }
    }

    /// Pins or unpins a file. False if none of its chunks is held.
    pub fn pin(&mut self, file: FileId, pinned: bool) -> bool {
        let account = self.accounts.get_mut(&file);
        let held = account.filter(|account| !account.have.is_empty());
        held.map(|account| account.pinned = pinned).is_some()
    }

    /// True if a file is pinned.
    pub fn is_pinned(&self, file: FileId) -> bool {
        let account = self.accounts.get(&file);
        account.is_some_and(|account| account.pinned)
    }

    /// True while a file is locked against eviction.
    pub fn is_kept(&self, file: FileId) -> bool {
        self.accounts.get(&file).is_some_and(|account| account.kept)
    }

    /// Empty ledger with a quota in bytes.
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

    /// Number of accounts.
    pub fn file_count(&self) -> usize {
        self.accounts.len()
    }

    /// Opens an account with the chunks found on disk.
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

    /// Held chunks of a file.
    pub fn have(&self, file: FileId) -> Option<&RoaringBitmap> {
        self.accounts.get(&file).map(|account| &account.have)
    }

    /// Bytes held of a file.
    pub fn bytes(&self, file: FileId) -> u64 {
        let account = self.accounts.get(&file);
        account.map_or(0, |account| account.bytes_of(&account.have))
    }

    /// True if a file has a playhead.
    pub fn is_read(&self, file: FileId) -> bool {
        let account = self.accounts.get(&file);
        account.is_some_and(|account| !account.playheads.is_empty())
    }

    /// True if a chunk is held.
    pub fn holds(&self, file: FileId, chunk: ChunkIndex) -> bool {
        self.have(file).is_some_and(|have| have.contains(chunk.0))
    }

    /// Marks a file as used now.
    pub fn touch(&mut self, file: FileId, now: SystemTime) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.last_used = now;
        }
    }

    /// Sets the playheads of a file.
    pub fn set_playheads(&mut self, file: FileId, playheads: Vec<ChunkIndex>) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.playheads = playheads;
        }
    }

    /// True if `bytes` fit without an eviction.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used + self.reserved + bytes <= self.quota
    }

    /// Reserves room for a chunk that is being written.
    pub fn reserve(&mut self, bytes: u64) {
        self.reserved += bytes;
    }

    /// Releases reserved room after the write succeeded or failed.
    pub fn release(&mut self, bytes: u64) {
        self.reserved -= bytes;
    }

    /// Adds a held chunk.
    pub fn add(&mut self, file: FileId, chunk: ChunkIndex) {
        let Some(account) = self.accounts.get_mut(&file) else {
            return;
        };
        if account.have.insert(chunk.0) {
            self.used += u64::from(account.geometry.chunk_len(chunk));
        }
    }

    /// Removes chunks.
    pub fn remove(&mut self, file: FileId, chunks: &RoaringBitmap) {
        let Some(account) = self.accounts.get_mut(&file) else {
            return;
        };
        let gone = &account.have & chunks;
        self.used -= account.bytes_of(&gone);
        account.have -= &gone;
    }

    /// Chooses chunks to evict before a chunk can be stored, and removes them. Removes
    /// nothing on failure.
    ///
    /// # Errors
    /// [`NoRoom`] if every held chunk is pinned or nearer to a playhead.
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
                // Undo the earlier rounds.
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

    /// True if pinned files fill more than three quarters of the quota; the rest must
    /// suffice for other files to play.
    fn exceeds_pin_share(&self) -> bool {
        let pinned = self.accounts.values().filter(|account| account.pinned);
        let bytes = pinned.map(|a| a.have.len() * u64::from(a.geometry.chunk_size().bytes()));
        bytes.sum::<u64>() > self.quota / 4 * 3
    }

    /// Batch of chunks to evict in favour of one at distance `incoming`. Pinned files go
    /// last, and only beyond their share of the quota or for a chunk of the same file.
    fn next_victim(
        &self,
        for_file: Option<FileId>,
        incoming: u32,
    ) -> Option<(FileId, RoaringBitmap)> {
        let too_much = self.exceeds_pin_share();
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
    fn least_recently_used_unread_file_goes_first() {
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
    fn smaller_quota_evicts_at_once_except_kept_files() {
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
    fn pinned_file_stays_until_unpinned() {
        let mut ledger = Ledger::new(20 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(1));
        ledger.open(file(2), geometry(), (0..10).collect(), at(2));
        ledger.open(file(3), geometry(), RoaringBitmap::new(), at(3));
        assert!(ledger.pin(file(1), true));
        assert!(!ledger.pin(file(3), true), "no chunk is held");
        ledger.set_playheads(file(3), vec![ChunkIndex(0)]);
        assert_eq!(store(&mut ledger, file(3), 0), Ok(vec![file(2)]));
        assert_eq!(ledger.bytes(file(1)), 10 * CHUNK);
        ledger.pin(file(1), false);
        ledger.set_quota(0);
        assert_eq!(ledger.bytes(file(1)), 0);
    }

    #[test]
    fn pinned_files_do_not_block_playback() {
        let mut ledger = Ledger::new(20 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(1));
        ledger.open(file(2), geometry(), (0..10).collect(), at(2));
        assert!(ledger.pin(file(1), true) && ledger.pin(file(2), true));
        ledger.open(file(3), geometry(), RoaringBitmap::new(), at(3));
        for chunk in 0..8 {
            ledger.set_playheads(file(3), vec![ChunkIndex(chunk)]);
            store(&mut ledger, file(3), chunk).expect("the playhead always finds room");
        }
        // A pinned film larger than the quota can be played, too.
        let mut ledger = Ledger::new(10 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(1));
        assert!(ledger.pin(file(1), true));
        for chunk in 10..40 {
            ledger.set_playheads(file(1), vec![ChunkIndex(chunk)]);
            store(&mut ledger, file(1), chunk).expect("the playhead always finds room");
        }
    }

    #[test]
    fn chunks_behind_the_playhead_go_first() {
        let mut ledger = Ledger::new(20 * CHUNK);
        ledger.open(file(1), geometry(), (0..20).collect(), at(0));
        ledger.set_playheads(file(1), vec![ChunkIndex(10)]);
        store(&mut ledger, file(1), 20).expect("room behind the playhead");
        assert!(!ledger.holds(file(1), ChunkIndex(0)));
        assert!(ledger.holds(file(1), ChunkIndex(20)));
        assert_eq!(ledger.used(), 20 * CHUNK);
    }

    #[test]
    fn far_chunk_never_evicts_a_nearer_one() {
        let mut ledger = Ledger::new(10 * CHUNK);
        ledger.open(file(1), geometry(), (0..10).collect(), at(0));
        ledger.set_playheads(file(1), vec![ChunkIndex(0)]);
        assert_eq!(store(&mut ledger, file(1), 50), Err(NoRoom));
        assert_eq!(ledger.have(file(1)).map(RoaringBitmap::len), Some(10));
        assert_eq!(ledger.used(), 10 * CHUNK);
    }

    #[test]
    fn quota_holds_while_a_film_plays() {
        let mut ledger = Ledger::new(12 * CHUNK);
        ledger.open(file(1), geometry(), RoaringBitmap::new(), at(0));
        for chunk in 0..100 {
            ledger.set_playheads(file(1), vec![ChunkIndex(chunk)]);
            store(&mut ledger, file(1), chunk).expect("the playhead always finds room");
            assert!(ledger.used() <= 12 * CHUNK);
        }
    }
}
