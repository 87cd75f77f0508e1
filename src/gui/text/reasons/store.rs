//! Failures of the store.

use engine::store::StoreError;
use tr::tr;

use crate::gui::text::reasons::io_failure;

/// Text of a failure to store or read a chunk.
pub fn store_error(error: &StoreError) -> String {
    match error {
        StoreError::Corrupt => tr!("part of the file is damaged"),
        StoreError::NotHeld => tr!("part of the file is missing"),
        StoreError::UnknownFile => tr!("unknown file"),
        StoreError::WrongSize => tr!("invalid file size announced"),
        StoreError::QuotaFull => {
            tr!("storage limit reached: all content is in use or kept")
        }
        StoreError::DiskFull => tr!("the disk is full"),
        StoreError::Busy => tr!("already being saved"),
        StoreError::Disk(failure) => tr!("disk error: {}", io_failure(*failure)),
    }
}
