//! Queue of files with a current item.
//!
//! Invariant: `items` is the order of playback; `natural` holds the same keys in the order
//! of insertion, which is restored when shuffle is turned off. The index is within the
//! list, or the list is empty.

use std::collections::{HashMap, HashSet};

use rand::Rng;
use rand::seq::SliceRandom;

use crate::media::FileEntry;

/// Items of a queue at most; further ones are dropped.
pub const MAX_ITEMS: usize = 20_000;

/// Repeat mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// Playback ends after the last item.
    #[default]
    Off,
    /// The first item follows the last.
    All,
    /// The item repeats.
    One,
}

impl Repeat {
    /// Mode that follows when a button cycles through all three.
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::All,
            Self::All => Self::One,
            Self::One => Self::Off,
        }
    }
}

/// Item of the queue; the same file may be in the queue twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Identity that survives moves.
    pub key: u64,
    /// File to play.
    pub entry: FileEntry,
}

/// Ordered items and the current one.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    items: Vec<Item>,
    natural: Vec<u64>,
    index: usize,
    last_key: u64,
    /// Counts the changes of items and index.
    version: u64,
    shuffled: bool,
    repeat: Repeat,
}

impl Queue {
    /// All items, in the order of playback.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Index of the current item.
    pub fn index(&self) -> usize {
        self.index
    }

    /// File of the current item.
    pub fn current(&self) -> Option<&FileEntry> {
        self.items.get(self.index).map(|item| &item.entry)
    }

    /// True while shuffled.
    pub fn shuffled(&self) -> bool {
        self.shuffled
    }

    /// Changes with every change of items and index.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Repeat mode.
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// Replaces all items. While shuffled, the other items follow in random order.
    pub fn replace(&mut self, entries: Vec<FileEntry>, index: usize, rng: &mut impl Rng) {
        self.items.clear();
        self.natural.clear();
        self.push(entries);
        self.index = index.min(self.items.len().saturating_sub(1));
        if self.shuffled {
            self.shuffle_rest(rng);
        }
    }

    fn new_items(&mut self, entries: Vec<FileEntry>) -> Vec<Item> {
        let room = MAX_ITEMS.saturating_sub(self.items.len());
        let keyed = entries.into_iter().take(room).map(|entry| {
            self.last_key += 1;
            let key = self.last_key;
            Item { key, entry }
        });
        keyed.collect()
    }

    /// Appends files.
    pub fn push(&mut self, entries: Vec<FileEntry>) {
        self.version += 1;
        let new = self.new_items(entries);
        self.natural.extend(new.iter().map(|item| item.key));
        self.items.extend(new);
    }

    /// Inserts files behind the current item.
    pub fn play_next(&mut self, entries: Vec<FileEntry>) {
        self.version += 1;
        let key = self.items.get(self.index).map(|item| item.key);
        let new = self.new_items(entries);
        let behind = |index: Option<usize>| index.map_or(0, |index| index + 1);
        let at = behind(self.natural.iter().position(|other| Some(*other) == key));
        self.natural.splice(at..at, new.iter().map(|item| item.key));
        let at = behind(key.map(|_| self.index));
        self.items.splice(at..at, new);
    }

    /// Selects an item; false if the index is out of range.
    pub fn select(&mut self, index: usize) -> bool {
        let exists = index < self.items.len();
        if exists {
            self.index = index;
            self.version += 1;
        }
        exists
    }

    /// Index of the item that follows when the current one ends, or `on_command`: a user
    /// who asks for the next item does not want the same one again.
    pub fn next(&self, on_command: bool) -> Option<usize> {
        let following = self.index + 1;
        match self.repeat {
            _ if self.items.is_empty() => None,
            Repeat::One if !on_command => Some(self.index),
            _ if following < self.items.len() => Some(following),
            Repeat::Off => None,
            Repeat::All | Repeat::One => Some(0),
        }
    }

    /// Index of the item before the current one.
    pub fn previous(&self) -> Option<usize> {
        match (self.index.checked_sub(1), self.repeat) {
            (None, Repeat::All) => self.items.len().checked_sub(1),
            (previous, _) => previous,
        }
    }

    /// Removes an item; true if it was the current one. The item behind it, or else the
    /// last one, becomes the current item.
    pub fn remove(&mut self, index: usize) -> bool {
        if index >= self.items.len() {
            return false;
        }
        self.version += 1;
        let item = self.items.remove(index);
        self.natural.retain(|key| *key != item.key);
        let current = index == self.index;
        if index < self.index || self.index >= self.items.len() {
            self.index = self.index.saturating_sub(1);
        }
        current
    }

    /// Moves an item to another index; the current item stays current.
    pub fn move_item(&mut self, from: usize, to: usize) {
        if from >= self.items.len() || to >= self.items.len() {
            return;
        }
        self.version += 1;
        let current = self.items[self.index].key;
        let item = self.items.remove(from);
        self.items.insert(to, item);
        if !self.shuffled {
            self.natural = self.items.iter().map(|item| item.key).collect();
        }
        self.select_key(current);
    }

    /// Removes all items behind the current one.
    pub fn clear_upcoming(&mut self) {
        self.version += 1;
        self.items.truncate(self.index + 1);
        let kept: HashSet<u64> = self.items.iter().map(|item| item.key).collect();
        self.natural.retain(|key| kept.contains(key));
    }

    /// Shuffles all other items behind the current one, or restores the natural order.
    pub fn set_shuffled(&mut self, shuffled: bool, rng: &mut impl Rng) {
        if shuffled == self.shuffled {
            return;
        }
        self.version += 1;
        self.shuffled = shuffled;
        if shuffled {
            return self.shuffle_rest(rng);
        }
        let Some(current) = self.items.get(self.index).map(|item| item.key) else {
            return;
        };
        let order: HashMap<u64, usize> = self.natural.iter().copied().zip(0..).collect();
        self.items.sort_by_key(|item| order.get(&item.key).copied());
        self.select_key(current);
    }

    /// Moves the current item to the front and shuffles all others.
    fn shuffle_rest(&mut self, rng: &mut impl Rng) {
        if self.items.is_empty() {
            return;
        }
        self.items.swap(0, self.index);
        self.index = 0;
        self.items[1..].shuffle(rng);
    }

    /// Sets the repeat mode.
    pub fn set_repeat(&mut self, repeat: Repeat) {
        self.repeat = repeat;
    }

    fn select_key(&mut self, key: u64) {
        let index = self.items.iter().position(|item| item.key == key);
        self.index = index.unwrap_or(0);
    }
}

#[cfg(test)]
mod tests;
