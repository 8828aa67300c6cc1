//! Negotiated set-up: the best flags first, fewer entries where memory is short.
//!
//! 1. `SINGLE_ISSUER | DEFER_TASKRUN | TASKRUN_FLAG | SUBMIT_ALL` (Linux 6.1);
//! 2. `COOP_TASKRUN | TASKRUN_FLAG | SUBMIT_ALL` (Linux 5.19);
//! 3. plain.
//!
//! `EINVAL` goes on to the next. `ENOMEM` halves both queues, down to 8 entries, and there waits a few
//! milliseconds for what a ring that was closed just now is still charged with. Any other errno ends
//! it, since it says that io_uring is not to be had. Each step back is written into
//! [`Setup::notes`].

use std::{error, fmt, io, thread, time::Duration};

use io_uring::IoUring;

use crate::{
    Ring,
    limits::{self, Forbidder},
    options::{RingOptions, SqPoll},
};

/// The fewest entries that halving goes down to. Picked: fewer make the ring a bottleneck.
const ENTRIES_MIN: u32 = 8;

/// How long to wait at the floor, and how often, for memory that the kernel gives back late. Doubles
/// each time: 15 ms together, within the 100 ms in which a build shall fail (P18).
const PATIENCE: (Duration, u32) = (Duration::from_millis(1), 4);

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
    /// One invalid entry does not stop the others of its batch (`IORING_SETUP_SUBMIT_ALL`).
    pub submit_all: bool,
    /// A thread of the kernel's submits (`IORING_SETUP_SQPOLL`).
    pub sqpoll: bool,
    /// The ring was made disabled.
    pub disabled: bool,
    /// The kernel keeps completions that find no room (`IORING_FEAT_NODROP`): always, a ring
    /// without is not given out.
    pub nodrop: bool,
    /// What was asked for and not given, and why.
    pub notes: Vec<String>,
}

/// Why a ring could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupCause {
    /// The kernel has no io_uring (`ENOSYS`), or a seccomp filter says so.
    Missing,
    /// The kernel's io_uring is too old to be used safely.
    TooOld,
    /// Something forbids it: the sysctl `kernel.io_uring_disabled`, a seccomp filter, a security
    /// module.
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
    /// What was found out beyond the errno.
    detail: String,
    source: io::Error,
}

impl SetupError {
    fn options(detail: impl Into<String>) -> Self {
        let source = io::ErrorKind::InvalidInput.into();
        Self {
            cause: SetupCause::Options,
            detail: detail.into(),
            source,
        }
    }

    fn too_old(detail: impl Into<String>) -> Self {
        let source = io::ErrorKind::Unsupported.into();
        Self {
            cause: SetupCause::TooOld,
            detail: detail.into(),
            source,
        }
    }

    /// What a system call said about a ring of so many entries.
    fn os(source: io::Error, entries: u32, cq_entries: u32) -> Self {
        let (cause, detail) = match source.raw_os_error() {
            Some(libc::ENOSYS) => (
                SetupCause::Missing,
                limits::forbidder().map(|f| f.to_string()),
            ),
            Some(libc::EPERM | libc::EACCES) => {
                let by = limits::forbidder().unwrap_or(Forbidder::Unknown);
                (SetupCause::Forbidden, Some(by.to_string()))
            }
            Some(libc::ENOMEM) => (SetupCause::Memory, Some(memory_detail(entries, cq_entries))),
            Some(libc::EMFILE | libc::ENFILE) => (SetupCause::Descriptors, None),
            _ => (SetupCause::Other, None),
        };
        Self {
            cause,
            detail: detail.unwrap_or_default(),
            source,
        }
    }

    /// The cause.
    pub fn cause(&self) -> SetupCause {
        self.cause
    }

    /// What is known beyond the errno, such as the setting that forbids or the bytes that are needed;
    /// may be empty.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The errno of the system call, if it was one.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.cause {
            SetupCause::Missing | SetupCause::TooOld => {
                "run on Linux 5.11 or later (best 6.1) with CONFIG_IO_URING"
            }
            SetupCause::Forbidden => {
                "set the sysctl kernel.io_uring_disabled to 0, and allow io_uring_setup, io_uring_enter and \
                 io_uring_register in the container's seccomp profile"
            }
            SetupCause::Memory => "raise RLIMIT_MEMLOCK (ulimit -l) or ask for fewer ring entries",
            SetupCause::Descriptors => "raise RLIMIT_NOFILE (ulimit -n) or close descriptors",
            SetupCause::Options => "correct the ring options",
            SetupCause::Other => "see io_uring_setup(2)",
        }
    }
}

/// "needs 4096 bytes, 1024 are allowed".
fn memory_detail(entries: u32, cq_entries: u32) -> String {
    let needed = limits::ring_bytes(entries, cq_entries);
    let queues = format!("{needed} bytes for {entries} submissions and {cq_entries} completions");
    match limits::memlock_bytes() {
        Some(limit) => format!("{queues}; RLIMIT_MEMLOCK allows this user {limit} in all rings"),
        None => queues,
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.cause {
            SetupCause::Missing => "this kernel has no io_uring",
            SetupCause::TooOld => "this kernel's io_uring is too old",
            SetupCause::Forbidden => "io_uring is forbidden here",
            SetupCause::Memory => "no memory for an io_uring",
            SetupCause::Descriptors => "no free descriptor for an io_uring",
            SetupCause::Options => return write!(f, "bad ring options: {}", self.detail),
            SetupCause::Other => "io_uring_setup failed",
        };
        write!(f, "{what}: {}", self.source)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        write!(f, "; {}", self.remedy())
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

/// Entries of the two queues, both powers of two.
#[derive(Clone, Copy)]
struct Size {
    sq: u32,
    /// `None`: the kernel's default, twice the submission queue.
    cq: Option<u32>,
}

impl Size {
    fn of(options: &RingOptions) -> Result<Self, SetupError> {
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
        let round = |entries: u32| entries.min(1 << 31).next_power_of_two();
        Ok(Self {
            sq: round(options.entries),
            cq: options.cq_entries.map(round),
        })
    }

    /// Half of it, if that is not too few.
    fn halved(self) -> Option<Self> {
        (self.sq > ENTRIES_MIN).then(|| Self {
            sq: self.sq / 2,
            cq: self.cq.map(|cq| cq / 2),
        })
    }

    fn cq(self) -> u32 {
        self.cq.unwrap_or(self.sq.saturating_mul(2))
    }
}

pub(crate) fn build(options: &RingOptions) -> Result<Ring, SetupError> {
    let mut size = Size::of(options)?;
    let mut notes = Vec::new();
    if size.sq != options.entries {
        notes.push(format!(
            "{} entries rounded up to {}, a power of two",
            options.entries, size.sq
        ));
    }
    let mut flags = options.sqpoll.map_or(Flags::Defer, Flags::SqPoll);
    let (mut pause, mut retries) = PATIENCE;
    loop {
        let error = match make(options, size, flags) {
            Ok(uring) => return finish(uring, options, flags, notes),
            Err(error) => error,
        };
        let errno = error.raw_os_error();
        if errno == Some(libc::ENOMEM) {
            if let Some(half) = size.halved() {
                size = half;
                notes.push(format!("entries halved to {}: {error}", size.sq));
                continue;
            }
            if retries > 0 {
                thread::sleep(pause);
                (pause, retries) = (pause * 2, retries - 1);
                continue;
            }
        }
        let next = match (flags, errno) {
            (Flags::SqPoll(_), Some(libc::EINVAL | libc::EPERM)) => Flags::Defer,
            (Flags::Defer, Some(libc::EINVAL)) => Flags::Coop,
            (Flags::Coop, Some(libc::EINVAL)) => Flags::Plain,
            _ => return Err(SetupError::os(error, size.sq, size.cq())),
        };
        notes.push(format!("without {}: {error}", flags.name()));
        flags = next;
    }
}

fn make(options: &RingOptions, size: Size, flags: Flags) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    // A forked child must not reach its parent's queues.
    builder.setup_clamp().dontfork();
    if let Some(cq) = size.cq {
        builder.setup_cqsize(cq);
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
    builder.build(size.sq)
}

fn finish(
    uring: IoUring,
    options: &RingOptions,
    flags: Flags,
    notes: Vec<String>,
) -> Result<Ring, SetupError> {
    let params = uring.params();
    // Without them completions get lost, and no wait can be timed: both came before Linux 5.11.
    if !params.is_feature_nodrop() || !params.is_feature_ext_arg() {
        return Err(SetupError::too_old(
            "it has no IORING_FEAT_NODROP or no IORING_FEAT_EXT_ARG",
        ));
    }
    let setup = Setup {
        entries: params.sq_entries(),
        cq_entries: params.cq_entries(),
        single_issuer: matches!(flags, Flags::Defer | Flags::SqPoll(_)),
        defer_taskrun: flags == Flags::Defer,
        coop_taskrun: flags == Flags::Coop,
        submit_all: flags != Flags::Plain,
        sqpoll: matches!(flags, Flags::SqPoll(_)),
        disabled: options.disabled,
        nodrop: params.is_feature_nodrop(),
        notes,
    };
    Ok(Ring::new(uring, setup))
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
