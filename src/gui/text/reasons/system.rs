//! Errors of the operating system and of the actor runtime.

use std::io;

use actix::MailboxError;
use engine::io_failure::IoFailure;
use tr::tr;

/// Text of a failed system call, by its error code.
pub fn io_failure(failure: IoFailure) -> String {
    let known = failure.code.and_then(known);
    known.unwrap_or_else(|| failure.to_string())
}

/// Text of an I/O error.
pub fn io_error(error: &io::Error) -> String {
    let known = error.raw_os_error().and_then(known);
    known.unwrap_or_else(|| error.to_string())
}

/// Text of an ask that was not answered.
pub fn mailbox_error(error: MailboxError) -> String {
    match error {
        MailboxError::Timeout => tr!("timed out"),
        MailboxError::Closed => tr!("Swarmplay is shutting down"),
    }
}

fn known(code: i32) -> Option<String> {
    Some(match code {
        libc::ENOENT => tr!("no such file or folder"),
        libc::EACCES | libc::EPERM => tr!("permission denied"),
        libc::ENOSPC | libc::EDQUOT => tr!("the disk is full"),
        libc::EROFS => tr!("read-only file system"),
        libc::ELOOP => tr!("circular link"),
        libc::EIO => tr!("disk or connection error"),
        libc::EMFILE | libc::ENFILE => tr!("too many open files"),
        libc::ENOMEM => tr!("out of memory"),
        libc::ECONNREFUSED => tr!("connection refused"),
        libc::ECONNRESET | libc::EPIPE => tr!("connection closed"),
        libc::ETIMEDOUT => tr!("timed out"),
        libc::ENETUNREACH | libc::ENETDOWN => tr!("network unreachable"),
        libc::EHOSTUNREACH | libc::EHOSTDOWN => tr!("host unreachable"),
        libc::EADDRINUSE => tr!("address already in use"),
        libc::EADDRNOTAVAIL => tr!("address not available on this device"),
        _ => return None,
    })
}
