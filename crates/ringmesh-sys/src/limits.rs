//! What bounds the use of io_uring here: settings, filters, memory.

use std::{fmt, fs};

/// Who refuses io_uring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forbidder {
    /// `kernel.io_uring_disabled`: 1 (unprivileged processes outside a group) or 2 (all).
    Sysctl(u32),
    /// A seccomp filter is installed, which is the likely one.
    Seccomp,
    /// None of these: perhaps a security module.
    Unknown,
}

/// Looks for who refuses, after a refusal.
pub(crate) fn forbidder() -> Option<Forbidder> {
    match disabled_by_sysctl() {
        Some(level) if level > 0 => Some(Forbidder::Sysctl(level)),
        _ => has_seccomp_filter().then_some(Forbidder::Seccomp),
    }
}

impl fmt::Display for Forbidder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Forbidder::Sysctl(level) => write!(f, "the sysctl kernel.io_uring_disabled is {level}"),
            Forbidder::Seccomp => {
                f.write_str("a seccomp filter is installed and kernel.io_uring_disabled is not set")
            }
            Forbidder::Unknown => {
                f.write_str("neither the sysctl nor a seccomp filter: perhaps a security module")
            }
        }
    }
}

/// The sysctl, where there is one (Linux 6.6).
fn disabled_by_sysctl() -> Option<u32> {
    fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Whether this thread runs under a seccomp filter (mode 2).
fn has_seccomp_filter() -> bool {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    status
        .lines()
        .filter_map(|line| line.strip_prefix("Seccomp:"))
        .any(|mode| mode.trim() == "2")
}

/// The soft limit on locked memory in bytes; `None` if there is none.
pub(crate) fn memlock_bytes() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes one rlimit, on this stack.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// What a ring of this size is charged with: the entries, and both queues in one mapping, each in
/// whole pages (`rings_size` in the kernel's io_uring.c).
pub(crate) fn ring_bytes(entries: u32, cq_entries: u32) -> u64 {
    const HEADERS: u64 = 64;
    const SQE: u64 = 64;
    const CQE: u64 = 16;
    const INDEX: u64 = 4;
    let (sq, cq) = (u64::from(entries), u64::from(cq_entries));
    let page = page_bytes();
    (sq * SQE).next_multiple_of(page) + (HEADERS + cq * CQE + sq * INDEX).next_multiple_of(page)
}

fn page_bytes() -> u64 {
    // SAFETY: takes no memory of ours.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).ok().filter(|&b| b > 0).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_charged_in_whole_pages() {
        if page_bytes() == 4096 {
            assert_eq!(ring_bytes(8, 16), 2 * 4096);
            assert_eq!(ring_bytes(256, 512), 16384 + 12288);
        }
    }
}
