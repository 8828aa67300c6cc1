//! What this kernel offers, and why something is missing.

use std::{fmt, fs, io, sync::OnceLock};

use io_uring::Probe;

use crate::{RingOptions, SetupCause, opcode};

/// A kernel version, as `uname -r` gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// 6 of 6.18.
    pub major: u32,
    /// 18 of 6.18.
    pub minor: u32,
}

/// Something that is not to be had here.
#[derive(Clone, Debug)]
pub struct Missing {
    /// What.
    pub what: String,
    /// Why, with the errno or setting that said so.
    pub reason: String,
    /// What would help.
    pub remedy: String,
}

/// What this kernel offers to this process.
#[derive(Clone, Debug)]
pub struct Capabilities {
    kernel: KernelVersion,
    usable: bool,
    opcodes: Vec<bool>,
    single_issuer: bool,
    defer_taskrun: bool,
    memlock_bytes: Option<u64>,
    missing: Vec<Missing>,
}

/// Opcodes that ringmesh uses where they exist, with the kernel that brought them.
const WANTED: &[(u8, KernelVersion)] = &[
    (
        opcode::SOCKET,
        KernelVersion {
            major: 5,
            minor: 19,
        },
    ),
    (
        opcode::MSG_RING,
        KernelVersion {
            major: 5,
            minor: 18,
        },
    ),
    (opcode::SEND_ZC, KernelVersion { major: 6, minor: 0 }),
    (opcode::FTRUNCATE, KernelVersion { major: 6, minor: 9 }),
    (
        opcode::BIND,
        KernelVersion {
            major: 6,
            minor: 11,
        },
    ),
    (
        opcode::LISTEN,
        KernelVersion {
            major: 6,
            minor: 11,
        },
    ),
];

impl Capabilities {
    /// Asks the kernel, once per process.
    pub fn probe() -> &'static Self {
        static PROBED: OnceLock<Capabilities> = OnceLock::new();
        PROBED.get_or_init(Self::probe_now)
    }

    /// The kernel's version.
    pub fn kernel(&self) -> KernelVersion {
        self.kernel
    }

    /// Whether a ring can be made.
    pub fn usable(&self) -> bool {
        self.usable
    }

    /// Whether the kernel knows this opcode.
    pub fn has_opcode(&self, opcode: u8) -> bool {
        self.opcodes
            .get(usize::from(opcode))
            .copied()
            .unwrap_or(false)
    }

    /// Whether rings get `SINGLE_ISSUER`.
    pub fn has_single_issuer(&self) -> bool {
        self.single_issuer
    }

    /// Whether rings get `DEFER_TASKRUN`.
    pub fn has_defer_taskrun(&self) -> bool {
        self.defer_taskrun
    }

    /// The soft limit on locked memory in bytes, which rings of unprivileged users are charged to;
    /// `None` if there is none.
    pub fn memlock_bytes(&self) -> Option<u64> {
        self.memlock_bytes
    }

    /// What is missing, and why.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    fn probe_now() -> Self {
        let mut this = Self {
            kernel: kernel_version(),
            usable: false,
            opcodes: Vec::new(),
            single_issuer: false,
            defer_taskrun: false,
            memlock_bytes: memlock_bytes(),
            missing: Vec::new(),
        };
        match RingOptions::new().entries(8).build() {
            Ok(ring) => {
                this.usable = true;
                let setup = ring.setup();
                (this.single_issuer, this.defer_taskrun) =
                    (setup.single_issuer, setup.defer_taskrun);
                for note in &setup.notes {
                    this.miss("a set-up flag", note, "Linux 6.1 or later has them all");
                }
                this.probe_opcodes();
            }
            Err(e) => this.miss("io_uring", &reason(e.cause(), &e), e.remedy()),
        }
        this
    }

    fn probe_opcodes(&mut self) {
        match probe() {
            Ok(probe) => self.opcodes = (0..=u8::MAX).map(|op| probe.is_supported(op)).collect(),
            Err(e) => {
                return self.miss(
                    "the opcode probe",
                    &e.to_string(),
                    "Linux 5.6 or later has it",
                );
            }
        }
        for &(op, since) in WANTED {
            if !self.has_opcode(op) {
                let what = format!("IORING_OP_{}", opcode::name(op).unwrap_or("?"));
                let reason = format!("this kernel is {}", self.kernel);
                self.miss(&what, &reason, &format!("Linux {since} or later has it"));
            }
        }
    }

    fn miss(&mut self, what: &str, reason: &str, remedy: &str) {
        self.missing.push(Missing {
            what: what.into(),
            reason: reason.into(),
            remedy: remedy.into(),
        });
    }
}

fn probe() -> io::Result<Probe> {
    // A plain ring: the probe says what the kernel knows, whatever the flags.
    let ring = io_uring::IoUring::new(2)?;
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    Ok(probe)
}

/// Says more of a refusal than its errno, as far as settings tell.
fn reason(cause: SetupCause, error: &dyn fmt::Display) -> String {
    if cause == SetupCause::Forbidden {
        if let Ok(level) = fs::read_to_string("/proc/sys/kernel/io_uring_disabled")
            && level.trim() != "0"
        {
            return format!(
                "{error}: the sysctl kernel.io_uring_disabled is {}",
                level.trim()
            );
        }
        if let Ok(status) = fs::read_to_string("/proc/self/status")
            && status
                .lines()
                .any(|l| l.starts_with("Seccomp:") && l.ends_with('2'))
        {
            return format!("{error}: a seccomp filter is installed");
        }
    }
    error.to_string()
}

fn kernel_version() -> KernelVersion {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok());
    KernelVersion {
        major: numbers.next().unwrap_or(0),
        minor: numbers.next().unwrap_or(0),
    }
}

fn memlock_bytes() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes one rlimit, on this stack.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.what, self.reason, self.remedy)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "kernel {}, io_uring {}",
            self.kernel,
            if self.usable { "usable" } else { "not usable" }
        )?;
        writeln!(
            f,
            "SINGLE_ISSUER {}, DEFER_TASKRUN {}",
            self.single_issuer, self.defer_taskrun
        )?;
        match self.memlock_bytes {
            Some(bytes) => writeln!(f, "RLIMIT_MEMLOCK {bytes} bytes")?,
            None => writeln!(f, "RLIMIT_MEMLOCK unlimited")?,
        }
        self.missing
            .iter()
            .try_for_each(|m| writeln!(f, "missing: {m}"))
    }
}
