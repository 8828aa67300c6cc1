//! CPUs: which ones this process may use, and how much of them.

use std::{fs, io, path::Path};

/// The CPUs of the calling thread's affinity mask, ascending. Never empty.
pub fn available() -> Vec<usize> {
    // SAFETY: a `cpu_set_t` is an array of bits; all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: writes one `cpu_set_t`, on this stack, of the size that is given.
    let result = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) };
    if result < 0 {
        // More CPUs than the set can name.
        return (0..std::thread::available_parallelism().map_or(1, Into::into)).collect();
    }
    let most = libc::CPU_SETSIZE as usize;
    // SAFETY: `cpu` is below CPU_SETSIZE, so the bit lies within the set.
    (0..most)
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect()
}

/// Restricts the calling thread to one CPU.
///
/// # Errors
///
/// As [`restrict_current`].
pub fn pin_current(cpu: usize) -> io::Result<()> {
    restrict_current(&[cpu])
}

/// Restricts the calling thread to these CPUs; what [`available`] said before gives it back.
///
/// # Errors
///
/// `InvalidInput` for a number that no set can name; `EINVAL` if the machine or the process's
/// cpuset has none of them.
pub fn restrict_current(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: a `cpu_set_t` is an array of bits; all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in cpus {
        if cpu >= libc::CPU_SETSIZE as usize {
            let text = format!("there is no CPU {cpu}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        // SAFETY: `cpu` is below CPU_SETSIZE, so the bit lies within the set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: reads one `cpu_set_t`, on this stack, of the size that is given.
    let result = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The CPU that the calling thread runs on at this moment.
pub fn current() -> Option<usize> {
    // SAFETY: takes no memory of ours.
    let cpu = unsafe { libc::sched_getcpu() };
    usize::try_from(cpu).ok()
}

/// How many CPUs' worth of time the process's control groups grant, the smallest of the way up to
/// the root; `None` if nothing limits it. Reads cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`).
pub fn quota() -> Option<f64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    membership
        .lines()
        .filter_map(quota_of_line)
        .reduce(f64::min)
}

/// How many shards make sense: the CPUs of the affinity mask, but no more than the quota rounded
/// up. At least 1.
pub fn parallelism() -> usize {
    let cpus = available().len().max(1);
    quota().map_or(cpus, |quota| cpus.min((quota.ceil() as usize).max(1)))
}

/// One line of `/proc/self/cgroup`: `hierarchy:controllers:path`.
fn quota_of_line(line: &str) -> Option<f64> {
    let mut fields = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    if hierarchy == "0" {
        return quota_up_from(Path::new("/sys/fs/cgroup"), path, quota_v2);
    }
    let mounts = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"];
    let mount = mounts.iter().find(|m| Path::new(m).is_dir())?;
    controllers
        .split(',')
        .any(|c| c == "cpu")
        .then(|| quota_up_from(Path::new(mount), path, quota_v1))?
}

/// The smallest quota of a group and the groups above it.
fn quota_up_from(mount: &Path, path: &str, quota: fn(&Path) -> Option<f64>) -> Option<f64> {
    let relative = Path::new(path.trim_start_matches('/'));
    relative
        .ancestors()
        .filter_map(|group| quota(&mount.join(group)))
        .reduce(f64::min)
}

fn quota_v2(group: &Path) -> Option<f64> {
    let text = fs::read_to_string(group.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

fn quota_v1(group: &Path) -> Option<f64> {
    let quota = fs::read_to_string(group.join("cpu.cfs_quota_us")).ok()?;
    let period = fs::read_to_string(group.join("cpu.cfs_period_us")).ok()?;
    ratio(quota.trim(), period.trim())
}

/// `max` and -1 mean no limit, and do not parse as a positive number.
fn ratio(quota: &str, period: &str) -> Option<f64> {
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_read_and_no_limit_is_none() {
        assert_eq!(ratio("150000", "100000"), Some(1.5));
        assert_eq!(ratio("max", "100000"), None);
        assert_eq!(ratio("-1", "100000"), None);
    }

    #[test]
    fn a_thread_can_be_pinned_to_each_of_its_cpus_and_to_no_other() {
        std::thread::spawn(|| {
            let before = available();
            for &cpu in &before {
                pin_current(cpu).unwrap();
                assert_eq!((current(), available()), (Some(cpu), vec![cpu]));
            }
            restrict_current(&before).unwrap();
            assert_eq!(available(), before);
            assert!(restrict_current(&[]).is_err());
            assert!(pin_current(usize::MAX).is_err());
        })
        .join()
        .unwrap();
    }
}
