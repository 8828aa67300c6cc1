//! What a ring is asked for.

use std::time::Duration;

use crate::{Ring, SetupError, setup};

/// Submission by a thread of the kernel's (`IORING_SETUP_SQPOLL`).
///
/// Saves the system call while that thread spins and costs a core for it; on small machines it is
/// several times slower once the thread sleeps. Opt in, and measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqPoll {
    /// How long the thread spins without work before it sleeps. Milliseconds count.
    pub idle: Duration,
    /// The CPU to run on.
    pub cpu: Option<u32>,
}

/// Entries of a submission queue by default: 23 us to set up, 4096 take 66-127 us (measured,
/// docs/DESIGN.md section 2).
pub(crate) const ENTRIES: u32 = 256;

/// What a ring is asked for. [`build`](Self::build) gets the nearest the kernel has.
///
/// ```
/// # use ringmesh_sys::RingOptions;
/// # if !ringmesh_sys::Capabilities::probe().usable() { return; }
/// let ring = RingOptions::new().entries(100).build().unwrap();
/// assert_eq!(ring.setup().entries, 128); // the next power of two
/// ```
#[derive(Clone, Debug)]
pub struct RingOptions {
    /// Entries of the submission queue, rounded up to a power of two. Default: 256.
    pub entries: u32,
    /// Entries of the completion queue, rounded up likewise. Default: twice the submission queue.
    pub cq_entries: Option<u32>,
    /// Submission by a thread of the kernel's. Default: none.
    pub sqpoll: Option<SqPoll>,
    /// Whether the ring is made disabled, for another thread to enable. Default: no.
    pub disabled: bool,
}

impl Default for RingOptions {
    fn default() -> Self {
        Self {
            entries: ENTRIES,
            cq_entries: None,
            sqpoll: None,
            disabled: false,
        }
    }
}

impl RingOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Entries of the submission queue. Rounded up to a power of two; more than the kernel allows
    /// (32,768) is clamped; 0 is an error of [`build`](Self::build).
    #[must_use]
    pub fn entries(mut self, entries: u32) -> Self {
        self.entries = entries;
        self
    }

    /// Entries of the completion queue; fewer than the submission queue's is an error of
    /// [`build`](Self::build).
    #[must_use]
    pub fn cq_entries(mut self, entries: u32) -> Self {
        self.cq_entries = Some(entries);
        self
    }

    /// Asks for a submission thread of the kernel's; without one to be had, the ring does without
    /// and says so in its [`Setup`](crate::Setup).
    #[must_use]
    pub fn sqpoll(mut self, sqpoll: Option<SqPoll>) -> Self {
        self.sqpoll = sqpoll;
        self
    }

    /// Makes the ring disabled: [`Ring::enable`] starts it, on the thread that will own it.
    #[must_use]
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Makes the ring.
    ///
    /// # Errors
    ///
    /// A [`SetupError`] that names cause and remedy.
    pub fn build(&self) -> Result<Ring, SetupError> {
        setup::build(self)
    }
}
