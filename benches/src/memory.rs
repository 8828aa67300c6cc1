//! The allocator under the measurements.

/// Tells the C library to keep the memory that is freed to it, instead of giving pages back to the kernel.
///
/// A pass that frees 100,000 tasks at once would otherwise pay for returning the pages and the next pass for getting them
/// again: a third of the time, by profile, and no property of a runtime. It holds for every contender of the process.
pub fn keep() {
    #[cfg(target_env = "gnu")]
    for (option, value) in [
        (libc::M_TRIM_THRESHOLD, i32::MAX),
        (libc::M_TOP_PAD, 64 << 20),
    ] {
        // SAFETY: mallopt(3) takes two numbers, keeps no pointer, and locks the allocator while it changes it.
        let taken = unsafe { libc::mallopt(option, value) };
        assert_eq!(taken, 1, "mallopt refused {option}");
    }
}
