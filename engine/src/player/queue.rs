//! What plays, and what comes next: a list with a place in it.
//!
//! Invariant: `items` is the order in which things play; `natural` holds the same keys
//! in the order in which they were put in, which is what shuffling is taken back to.
//! The place is within the list, or the list is empty.

use std::collections::{HashMap, HashSet};

use rand::Rng;
use rand::seq::SliceRandom;

use crate::media::FileEntry;

/// Items a queue holds at most. More is refused, the first ones stay.
pub const MAX_ITEMS: usize = 20_000;

/// What happens at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// It ends.
    #[default]
    Off,
    /// After the last item comes the first.
    All,
    /// The item plays again.
    One,
}

impl Repeat {
    /// The next of the three, as a button goes through them.
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::All,
            Self::All => Self::One,
            Self::One => Self::Off,
        }
    }
}

/// One item; the same file may be in a queue twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Tells items apart, also after they moved.
    pub key: u64,
    /// What it is.
    pub entry: FileEntry,
}

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    items: Vec<Item>,
    natural: Vec<u64>,
    index: usize,
    keys: u64,
    shuffled: bool,
    repeat: Repeat,
}

impl Queue {
    /// All items, in the order in which they play.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The place of the present one.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The present file.
    pub fn current(&self) -> Option<&FileEntry> {
        self.items.get(self.index).map(|item| &item.entry)
    }

    /// Whether the order is a random one.
    pub fn shuffled(&self) -> bool {
        self.shuffled
    }

    /// What happens at an end.
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// Another list, at one of its files. In a shuffled queue the rest comes in
    /// random order.
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
            self.keys += 1;
            let key = self.keys;
            Item { key, entry }
        });
        keyed.collect()
    }

    /// Adds at the end.
    pub fn push(&mut self, entries: Vec<FileEntry>) {
        let new = self.new_items(entries);
        self.natural.extend(new.iter().map(|item| item.key));
        self.items.extend(new);
    }

    /// Adds behind the present item.
    pub fn play_next(&mut self, entries: Vec<FileEntry>) {
        let key = self.items.get(self.index).map(|item| item.key);
        let new = self.new_items(entries);
        let behind = |place: Option<usize>| place.map_or(0, |place| place + 1);
        let at = behind(self.natural.iter().position(|other| Some(*other) == key));
        self.natural.splice(at..at, new.iter().map(|item| item.key));
        let at = behind(key.map(|_| self.index));
        self.items.splice(at..at, new);
    }

    /// Goes to an item. Returns whether there is one.
    pub fn go(&mut self, index: usize) -> bool {
        let there = index < self.items.len();
        if there {
            self.index = index;
        }
        there
    }

    /// The place of what comes when the present item is over, or when a person asks
    /// for the next: who asks does not want the same again.
    pub fn next(&self, asked: bool) -> Option<usize> {
        let following = self.index + 1;
        match self.repeat {
            _ if self.items.is_empty() => None,
            Repeat::One if !asked => Some(self.index),
            _ if following < self.items.len() => Some(following),
            Repeat::Off => None,
            Repeat::All | Repeat::One => Some(0),
        }
    }

    /// The place before the present one.
    pub fn previous(&self) -> Option<usize> {
        match (self.index.checked_sub(1), self.repeat) {
            (None, Repeat::All) => self.items.len().checked_sub(1),
            (before, _) => before,
        }
    }

    /// Takes an item out. Returns whether it was the present one; the one behind it
    /// is then at the place, or the last.
    pub fn remove(&mut self, index: usize) -> bool {
        if index >= self.items.len() {
            return false;
        }
        let item = self.items.remove(index);
        self.natural.retain(|key| *key != item.key);
        let current = index == self.index;
        if index < self.index || self.index >= self.items.len() {
            self.index = self.index.saturating_sub(1);
        }
        current
    }

    /// Moves an item to another place; what plays stays what plays.
    pub fn shift(&mut self, from: usize, to: usize) {
        if from >= self.items.len() || to >= self.items.len() {
            return;
        }
        let current = self.items[self.index].key;
        let item = self.items.remove(from);
        self.items.insert(to, item);
        if !self.shuffled {
            self.natural = self.items.iter().map(|item| item.key).collect();
        }
        self.find(current);
    }

    /// Takes all out that comes after the present item.
    pub fn clear_upcoming(&mut self) {
        self.items.truncate(self.index + 1);
        let here: HashSet<u64> = self.items.iter().map(|item| item.key).collect();
        self.natural.retain(|key| here.contains(key));
    }

    /// Random order from the present item on, or the natural one again.
    pub fn set_shuffled(&mut self, shuffled: bool, rng: &mut impl Rng) {
        if shuffled == self.shuffled {
            return;
        }
        self.shuffled = shuffled;
        if shuffled {
            return self.shuffle_rest(rng);
        }
        let Some(current) = self.items.get(self.index).map(|item| item.key) else {
            return;
        };
        let places: HashMap<u64, usize> = self.natural.iter().copied().zip(0..).collect();
        self.items
            .sort_by_key(|item| places.get(&item.key).copied());
        self.find(current);
    }

    /// The present item first, all others behind it at random.
    fn shuffle_rest(&mut self, rng: &mut impl Rng) {
        if self.items.is_empty() {
            return;
        }
        self.items.swap(0, self.index);
        self.index = 0;
        self.items[1..].shuffle(rng);
    }

    /// What happens at an end from now on.
    pub fn set_repeat(&mut self, repeat: Repeat) {
        self.repeat = repeat;
    }

    fn find(&mut self, key: u64) {
        let place = self.items.iter().position(|item| item.key == key);
        self.index = place.unwrap_or(0);
    }
}

#[cfg(test)]
mod tests;
