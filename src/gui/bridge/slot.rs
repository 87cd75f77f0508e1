//! A one-slot cell: the latest value wins.

use std::sync::{Mutex, PoisonError};

/// Holds the latest value until it is taken.
#[derive(Debug)]
pub struct Slot<T>(Mutex<Option<T>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Slot<T> {
    /// Puts a value in. True if the cell was empty, so that somebody must be
    /// told.
    pub fn put(&self, value: T) -> bool {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.replace(value).is_none()
    }

    /// Takes the value out.
    pub fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Slot<Vec<T>> {
    /// Adds a value to those that wait. True if none did, so that somebody must be
    /// told.
    pub fn push(&self, value: T) -> bool {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = slot.is_none();
        slot.get_or_insert_default().push(value);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_all_there() {
        let slot = Slot::default();
        assert!(slot.push(1));
        assert!(!slot.push(2));
        assert_eq!(slot.take(), Some(vec![1, 2]));
    }

    #[test]
    fn only_the_first_of_several_puts_needs_a_wake_up_and_the_last_wins() {
        let slot = Slot::default();
        assert!(slot.put(1));
        assert!(!slot.put(2));
        assert_eq!(slot.take(), Some(2));
        assert_eq!(slot.take(), None);
        assert!(slot.put(3));
    }
}
