//! Socket options. A kernel without one of them only performs worse.

use std::os::fd::AsRawFd;

/// Time it takes to send the bytes in the kernel queue. No deadline and no cancel can
/// overtake them; but the fewer they are, the more often the writer wakes up.
const KERNEL_QUEUE_MILLIS: u64 = 80;

/// Bounds of the kernel queue in bytes; the lower one while the uplink is unknown.
const MIN_UNSENT: u64 = 16 << 10;
const MAX_UNSENT: u64 = 512 << 10;

/// Size of the kernel queue for an uplink of `capacity` bytes a second; a power of two,
/// so that it rarely changes.
pub(super) fn unsent(capacity: Option<u64>) -> libc::c_int {
    let bytes = capacity.unwrap_or(0).saturating_mul(KERNEL_QUEUE_MILLIS) / 1000;
    bytes.clamp(MIN_UNSENT, MAX_UNSENT).next_power_of_two() as libc::c_int
}

/// Limits the unsent bytes in the kernel queue.
pub(super) fn limit_unsent(stream: &impl AsRawFd, bytes: libc::c_int) {
    set(stream, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes);
}

/// Selects CUBIC, whatever the system default. BBR takes the shortest round trip it
/// saw as the path's own. Where our uploads delay the acknowledgements of our
/// downloads, as on every home connection, it then keeps only a few packets in flight
/// and leaves most of a source's uplink idle.
pub(super) fn choose_congestion_control(stream: &impl AsRawFd) {
    #[cfg(target_os = "linux")]
    set(stream, libc::IPPROTO_TCP, libc::TCP_CONGESTION, *b"cubic");
}

/// Paces a connection to at most `pace` bytes a second; any rate if `None`. A kernel
/// without pacing only has longer queues in front of its uplink.
pub(super) fn set_pace(stream: &impl AsRawFd, pace: Option<u64>) {
    #[cfg(target_os = "linux")]
    {
        let rate = pace.and_then(|pace| u32::try_from(pace).ok());
        let rate = rate.unwrap_or(u32::MAX);
        set(stream, libc::SOL_SOCKET, libc::SO_MAX_PACING_RATE, rate);
    }
}

/// Unsent bytes in the kernel queue; `None` where the kernel cannot tell.
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
        tracing::debug!(%error, option, "socket option not supported");
    }
}
