//! Types that Slint generates from `ui/`.
#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::todo
)]

slint::include_modules!();
