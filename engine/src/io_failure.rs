//! Failed system call as a plain value.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// Failed system call; unlike [`io::Error`] it can be compared, cloned and serialised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IoFailure {
    /// Error code of the system; `None` if the failure did not come from it.
    pub code: Option<i32>,
}

impl From<&io::Error> for IoFailure {
    fn from(error: &io::Error) -> Self {
        Self {
            code: error.raw_os_error(),
        }
    }
}

impl fmt::Display for IoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code).fmt(f),
            None => f.write_str("input or output failed"),
        }
    }
}
