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

#[cfg(test)]
mod tests {
    use super::*;

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
