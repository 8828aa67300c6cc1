//! Negotiated set-up: the best flags first, fewer entries where memory is short.
//!
//! 1. `SINGLE_ISSUER | DEFER_TASKRUN | TASKRUN_FLAG | SUBMIT_ALL` (Linux 6.1);
//! 2. `COOP_TASKRUN | TASKRUN_FLAG | SUBMIT_ALL` (Linux 5.19);
//! 3. plain.
//!
//! `EINVAL` goes on to the next; `ENOMEM` halves the entries, down to 8; any other errno ends it,
//! since it says that io_uring is not to be had. Each step back is written into
//! [`Setup::notes`].

use std::{error, fmt, io};

use io_uring::IoUring;

use crate::{
    Ring,
    options::{RingOptions, SqPoll},
};

/// The fewest entries that halving goes down to. Picked: fewer make the ring a bottleneck.
const ENTRIES_MIN: u32 = 8;

/// What a ring was given.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Setup {
    /// Entries of the submission queue.
    pub entries: u32,
    /// Entries of the completion queue.
    pub cq_entries: u32,
    /// Only the owning thread may enter (`IORING_SETUP_SINGLE_ISSUER`).
    pub single_issuer: bool,
    /// Completions appear only in an enter of the owner's (`IORING_SETUP_DEFER_TASKRUN`).
    pub defer_taskrun: bool,
    /// Completions run when the owner enters the kernel for whatever reason
    /// (`IORING_SETUP_COOP_TASKRUN`).
    pub coop_taskrun: bool,
    /// A thread of the kernel's submits (`IORING_SETUP_SQPOLL`).
    pub sqpoll: bool,
    /// The ring was made disabled.
    pub disabled: bool,
    /// The kernel keeps completions that find no room (`IORING_FEAT_NODROP`).
    pub nodrop: bool,
    /// What was asked for and not given, and why.
    pub notes: Vec<String>,
}

/// Why a ring could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupCause {
    /// The kernel has no io_uring (`ENOSYS`).
    Missing,
    /// Something forbids it: a seccomp filter, `kernel.io_uring_disabled`, a security module.
    Forbidden,
    /// Not enough memory, or `RLIMIT_MEMLOCK` is reached (`ENOMEM`).
    Memory,
    /// No free descriptors (`EMFILE`, `ENFILE`).
    Descriptors,
    /// The options contradict each other or the kernel's limits.
    Options,
    /// Another errno.
    Other,
}

/// An error of set-up: cause, errno and remedy.
#[derive(Debug)]
pub struct SetupError {
    cause: SetupCause,
    detail: String,
    source: io::Error,
}

impl SetupError {
    fn options(detail: impl Into<String>) -> Self {
        Self {
            cause: SetupCause::Options,
            detail: detail.into(),
            source: io::ErrorKind::InvalidInput.into(),
        }
    }

    pub(crate) fn os(source: io::Error) -> Self {
        let cause = match source.raw_os_error() {
            Some(libc::ENOSYS) => SetupCause::Missing,
            Some(libc::EPERM | libc::EACCES) => SetupCause::Forbidden,
            Some(libc::ENOMEM) => SetupCause::Memory,
            Some(libc::EMFILE | libc::ENFILE) => SetupCause::Descriptors,
            _ => SetupCause::Other,
        };
        Self {
            cause,
            detail: String::new(),
            source,
        }
    }

    /// The cause.
    pub fn cause(&self) -> SetupCause {
        self.cause
    }

    /// The errno of the system call, if it was one.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.cause {
            SetupCause::Missing => "run on Linux 5.11 or later with CONFIG_IO_URING",
            SetupCause::Forbidden => {
                "allow io_uring_setup, io_uring_enter and io_uring_register in the container's \
                 seccomp profile, and set the sysctl kernel.io_uring_disabled to 0"
            }
            SetupCause::Memory => "raise RLIMIT_MEMLOCK (ulimit -l) or ask for fewer ring entries",
            SetupCause::Descriptors => "raise RLIMIT_NOFILE (ulimit -n) or close descriptors",
            SetupCause::Options => "correct the ring options",
            SetupCause::Other => "see io_uring_setup(2)",
        }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.cause {
            SetupCause::Missing => "this kernel has no io_uring",
            SetupCause::Forbidden => "io_uring is forbidden here",
            SetupCause::Memory => "no memory for an io_uring",
            SetupCause::Descriptors => "no free descriptor for an io_uring",
            SetupCause::Options => return write!(f, "bad ring options: {}", self.detail),
            SetupCause::Other => "io_uring_setup failed",
        };
        write!(f, "{what} ({}); {}", self.source, self.remedy())
    }
}

impl error::Error for SetupError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<SetupError> for io::Error {
    fn from(e: SetupError) -> Self {
        io::Error::new(e.source.kind(), e)
    }
}

/// The flag sets, best first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    SqPoll(SqPoll),
    Defer,
    Coop,
    Plain,
}

pub(crate) fn build(options: &RingOptions) -> Result<Ring, SetupError> {
    if options.entries == 0 {
        return Err(SetupError::options(
            "a ring needs at least one entry, 0 were asked for",
        ));
    }
    if options.cq_entries.is_some_and(|cq| cq < options.entries) {
        return Err(SetupError::options(
            "the completion queue must not be smaller than the submission queue",
        ));
    }
    let mut notes = Vec::new();
    let mut entries = options.entries.min(1 << 31).next_power_of_two();
    if entries != options.entries {
        notes.push(format!(
            "{} entries rounded up to {entries}, a power of two",
            options.entries
        ));
    }
    let mut flags = options.sqpoll.map_or(Flags::Defer, Flags::SqPoll);
    loop {
        let error = match make(options, entries, flags) {
            Ok(uring) => return Ok(finish(uring, options, flags, notes)),
            Err(error) => error,
        };
        let next = match (flags, error.raw_os_error()) {
            (_, Some(libc::ENOMEM)) if entries > ENTRIES_MIN => {
                entries = (entries / 2).max(ENTRIES_MIN);
                notes.push(format!("entries halved to {entries}: {error}"));
                continue;
            }
            (Flags::SqPoll(_), Some(libc::EINVAL | libc::EPERM)) => Flags::Defer,
            (Flags::Defer, Some(libc::EINVAL)) => Flags::Coop,
            (Flags::Coop, Some(libc::EINVAL)) => Flags::Plain,
            _ => return Err(SetupError::os(error)),
        };
        notes.push(format!("without {}: {error}", flags.name()));
        flags = next;
    }
}

fn make(options: &RingOptions, entries: u32, flags: Flags) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_clamp().dontfork();
    if let Some(cq) = options.cq_entries {
        // As many times the submission queue as was asked for, also when that was halved.
        builder.setup_cqsize(cq.min(1 << 31).next_power_of_two().max(entries));
    }
    if options.disabled {
        builder.setup_r_disabled();
    }
    match flags {
        Flags::SqPoll(SqPoll { idle, cpu }) => {
            builder.setup_single_issuer().setup_submit_all();
            builder.setup_sqpoll(u32::try_from(idle.as_millis()).unwrap_or(u32::MAX));
            if let Some(cpu) = cpu {
                builder.setup_sqpoll_cpu(cpu);
            }
        }
        Flags::Defer => {
            builder.setup_single_issuer().setup_defer_taskrun();
            builder.setup_taskrun_flag().setup_submit_all();
        }
        Flags::Coop => {
            builder
                .setup_coop_taskrun()
                .setup_taskrun_flag()
                .setup_submit_all();
        }
        Flags::Plain => {}
    }
    builder.build(entries)
}

fn finish(uring: IoUring, options: &RingOptions, flags: Flags, notes: Vec<String>) -> Ring {
    let params = uring.params();
    let setup = Setup {
        entries: params.sq_entries(),
        cq_entries: params.cq_entries(),
        single_issuer: matches!(flags, Flags::Defer | Flags::SqPoll(_)),
        defer_taskrun: flags == Flags::Defer,
        coop_taskrun: flags == Flags::Coop,
        sqpoll: matches!(flags, Flags::SqPoll(_)),
        disabled: options.disabled,
        nodrop: params.is_feature_nodrop(),
        notes,
    };
    Ring::new(uring, setup)
}

impl Flags {
    fn name(self) -> &'static str {
        match self {
            Flags::SqPoll(_) => "SQPOLL",
            Flags::Defer => "SINGLE_ISSUER | DEFER_TASKRUN",
            Flags::Coop => "COOP_TASKRUN",
            Flags::Plain => "flags",
        }
    }
}
