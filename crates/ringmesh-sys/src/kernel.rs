//! The running kernel's version.

use std::{fmt, fs};

/// A kernel version, as `uname -r` gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// 6 of 6.18.
    pub major: u32,
    /// 18 of 6.18.
    pub minor: u32,
}

impl KernelVersion {
    /// The running kernel's; 0.0 where /proc does not tell.
    pub fn running() -> Self {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self::of_release(&release)
    }

    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The first two numbers of what `uname -r` prints.
    fn of_release(release: &str) -> Self {
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|n| n.parse().unwrap_or(0));
        Self::new(numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_whatever_follows_the_numbers() {
        let version = |release| KernelVersion::of_release(release).to_string();
        assert_eq!(version("6.18.44-fc-v669"), "6.18");
        assert_eq!(version("5.15-rc3"), "5.15");
        assert_eq!(version("nonsense"), "0.0");
        assert!(KernelVersion::new(5, 9) < KernelVersion::new(5, 10));
    }
}
