//! What the system is told of a connection's socket. A system that does not know
//! an option only does less well without it.

use std::os::fd::AsRawFd;

/// Time that what the system holds back takes to send. No deadline and no cancel
/// can overtake it; but the less it is, the more often we are woken to refill it.
const HELD_BACK_MILLIS: u64 = 80;

/// Bounds of what the system holds back: the first while the line is not known.
const MIN_UNSENT: u64 = 16 << 10;
const MAX_UNSENT: u64 = 512 << 10;

/// Bytes the system may hold that are not yet on a line of so many bytes a second;
/// in powers of two, so that it rarely changes.
pub(super) fn unsent(capacity: u64) -> libc::c_int {
    let bytes = capacity.saturating_mul(HELD_BACK_MILLIS) / 1000;
    bytes.clamp(MIN_UNSENT, MAX_UNSENT).next_power_of_two() as libc::c_int
}

/// Lets the system hold at most so many bytes that are not yet on the line.
pub(super) fn limit_unsent(stream: &impl AsRawFd, bytes: libc::c_int) {
    set(stream, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes);
}

/// CUBIC, whatever the system prefers. BBR takes the shortest round trip it saw
/// for the line's own; where our own uploads delay the acknowledgements of our
/// downloads, as they do on every home line, it then keeps a few packets on the
/// way and leaves most of a source's uplink idle.
pub(super) fn choose_congestion_control(stream: &impl AsRawFd) {
    #[cfg(target_os = "linux")]
    set(stream, libc::IPPROTO_TCP, libc::TCP_CONGESTION, *b"cubic");
}

/// Spreads what is sent over time, at most so many bytes a second; 0 for any. A
/// system that cannot only has longer queues in front of its line.
pub(super) fn set_pace(stream: &impl AsRawFd, pace: u64) {
    #[cfg(target_os = "linux")]
    {
        let rate = match u32::try_from(pace) {
            Ok(0) | Err(_) => u32::MAX,
            Ok(rate) => rate,
        };
        set(stream, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, rate);
    }
}

/// Bytes the system holds that are not yet on the line; `None` where it does not say.
pub(super) fn not_sent(stream: &impl AsRawFd) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        /// From `linux/sockios.h`.
        const SIOCOUTQNSD: libc::c_ulong = 0x894b;
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is open, and the call writes one int.
        let result = unsafe { libc::ioctl(stream.as_raw_fd(), SIOCOUTQNSD, &mut bytes) };
        (result == 0).then(|| u64::try_from(bytes).unwrap_or(0))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = stream;
        None
    }
}

pub(super) fn set<T>(stream: &impl AsRawFd, level: libc::c_int, option: libc::c_int, value: T) {
    // SAFETY: the descriptor is open, and the value lives through the call.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(&value).cast(),
            std::mem::size_of_val(&value) as libc::socklen_t,
        )
    };
    if result != 0 {
        let error = std::io::Error::last_os_error();
        tracing::debug!(%error, option, "a socket option is not known");
    }
}
