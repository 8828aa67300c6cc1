//! What this kernel offers, and why something is missing.
//!
//! Everything is tried, not guessed from the version: kernels carry backports, and sandboxes take away.

use std::{fmt, io, os::fd::AsFd, sync::OnceLock};

use io_uring::Probe;

use crate::{KernelVersion, Ring, RingOptions, limits, msg_ring_sync, opcode, options::ENTRIES};

/// Entries of the ring that is made to try things out.
const PROBE_ENTRIES: u32 = 8;

/// Opcodes that ringmesh uses where they exist, with the kernel that brought them. What all kernels
/// with usable rings have is not listed.
const WANTED: [(u8, KernelVersion); 9] = [
    (opcode::MKDIRAT, KernelVersion::new(5, 15)),
    (opcode::MSG_RING, KernelVersion::new(5, 18)),
    (opcode::SOCKET, KernelVersion::new(5, 19)),
    (opcode::SEND_ZC, KernelVersion::new(6, 0)),
    (opcode::READ_MULTISHOT, KernelVersion::new(6, 7)),
    (opcode::FTRUNCATE, KernelVersion::new(6, 9)),
    (opcode::BIND, KernelVersion::new(6, 11)),
    (opcode::LISTEN, KernelVersion::new(6, 11)),
    (opcode::PIPE, KernelVersion::new(6, 16)),
];

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

/// A part of io_uring beyond its opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// Only one thread submits, which saves locking (`IORING_SETUP_SINGLE_ISSUER`).
    SingleIssuer,
    /// Completions are made when the owner asks for them (`IORING_SETUP_DEFER_TASKRUN`).
    DeferTaskrun,
    /// Entering by an index instead of a descriptor (`IORING_REGISTER_RING_FDS`).
    RingFd,
    /// Buffers that the kernel chooses from (`IORING_REGISTER_PBUF_RING`).
    BufRing,
    /// Messages without a ring of one's own (`IORING_REGISTER_SEND_MSG_RING`).
    MsgRingSync,
    /// Waits that do not count as waiting for a disk (`IORING_ENTER_NO_IOWAIT`).
    NoIowait,
}

impl Feature {
    const ALL: [Self; 6] = [
        Self::SingleIssuer,
        Self::DeferTaskrun,
        Self::RingFd,
        Self::BufRing,
        Self::MsgRingSync,
        Self::NoIowait,
    ];

    /// The first kernel that has it.
    pub fn since(self) -> KernelVersion {
        match self {
            Self::SingleIssuer => KernelVersion::new(6, 0),
            Self::DeferTaskrun => KernelVersion::new(6, 1),
            Self::RingFd => KernelVersion::new(5, 18),
            Self::BufRing => KernelVersion::new(5, 19),
            Self::MsgRingSync => KernelVersion::new(6, 13),
            Self::NoIowait => KernelVersion::new(6, 15),
        }
    }
}

/// What this kernel offers to this process.
///
/// Printed, it is a short report:
///
/// ```
/// println!("{}", ringmesh_sys::Capabilities::probe());
/// ```
#[derive(Clone, Debug)]
pub struct Capabilities {
    kernel: KernelVersion,
    usable: bool,
    opcodes: Vec<bool>,
    features: Vec<Feature>,
    memlock_bytes: Option<u64>,
    missing: Vec<Missing>,
}

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

    /// Whether rings have this feature.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// The features that rings have.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The soft limit on locked memory in bytes, which the rings of a user without `CAP_IPC_LOCK`
    /// are charged to together; `None` if there is none.
    pub fn memlock_bytes(&self) -> Option<u64> {
        self.memlock_bytes
    }

    /// What a ring with so many entries is charged with, in bytes.
    pub fn ring_bytes(entries: u32, cq_entries: u32) -> u64 {
        limits::ring_bytes(entries, cq_entries)
    }

    /// What is missing, and why.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    fn probe_now() -> Self {
        let mut this = Self {
            kernel: KernelVersion::running(),
            usable: false,
            opcodes: Vec::new(),
            features: Vec::new(),
            memlock_bytes: limits::memlock_bytes(),
            missing: Vec::new(),
        };
        match RingOptions::new().entries(PROBE_ENTRIES).build() {
            Ok(ring) => {
                this.usable = true;
                this.probe_features(ring);
                this.probe_opcodes();
            }
            Err(e) => this.miss("io_uring".into(), e.to_string(), e.remedy().into()),
        }
        this
    }

    fn probe_features(&mut self, ring: Ring) {
        for (feature, result) in try_features(ring) {
            match result {
                Ok(()) => self.features.push(feature),
                Err(why) => self.miss_before(format!("{feature:?}"), why, feature.since()),
            }
        }
    }

    fn probe_opcodes(&mut self) {
        match probe() {
            Ok(probe) => self.opcodes = (0..=u8::MAX).map(|op| probe.is_supported(op)).collect(),
            Err(e) => {
                let what = "IORING_REGISTER_PROBE".into();
                return self.miss_before(what, e.to_string(), KernelVersion::new(5, 6));
            }
        }
        for (op, since) in WANTED {
            if !self.has_opcode(op) {
                let what = format!("IORING_OP_{}", opcode::name(op).unwrap_or("?"));
                self.miss_before(what, "unknown opcode".into(), since);
            }
        }
    }

    /// Notes that something is missing which later kernels have.
    fn miss_before(&mut self, what: String, why: String, since: KernelVersion) {
        let reason = format!("{why}; this kernel is {}", self.kernel);
        self.miss(what, reason, format!("Linux {since} or later has it"));
    }

    fn miss(&mut self, what: String, reason: String, remedy: String) {
        self.missing.push(Missing {
            what,
            reason,
            remedy,
        });
    }
}

/// Each feature, and what the kernel says when it is used.
fn try_features(ring: Ring) -> impl Iterator<Item = (Feature, Result<(), String>)> {
    let no_iowait = ring.has_no_iowait();
    let (mut submitter, _completer) = ring.split();
    Feature::ALL.into_iter().map(move |feature| {
        let setup = submitter.setup();
        let refusal = || setup.notes.last().cloned().unwrap_or_default();
        let result = match feature {
            Feature::SingleIssuer => setup.single_issuer.then_some(()).ok_or_else(refusal),
            Feature::DeferTaskrun => setup.defer_taskrun.then_some(()).ok_or_else(refusal),
            Feature::RingFd => submitter.register_ring_fd().map_err(|e| e.to_string()),
            Feature::BufRing => {
                let ring = submitter.register_buf_ring(0, 1, 1);
                ring.map(drop).map_err(|e| e.to_string())
            }
            Feature::MsgRingSync => {
                let target = submitter.fd_handle();
                msg_ring_sync(target.as_fd(), 0, 0).map_err(|e| e.to_string())
            }
            Feature::NoIowait => no_iowait
                .then_some(())
                .ok_or_else(|| "not announced".into()),
        };
        (feature, result)
    })
}

fn probe() -> io::Result<Probe> {
    // A plain ring: the probe says what the kernel knows, whatever the flags.
    let ring = io_uring::IoUring::new(2)?;
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    Ok(probe)
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.what, self.reason, self.remedy)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usable = if self.usable { "usable" } else { "not usable" };
        writeln!(f, "kernel {}, io_uring {usable}", self.kernel)?;
        if self.usable {
            let opcodes = self.opcodes.iter().filter(|&&has| has).count();
            writeln!(f, "{opcodes} opcodes, features {:?}", self.features)?;
        }
        let needed = limits::ring_bytes(ENTRIES, ENTRIES * 2);
        match self.memlock_bytes {
            Some(bytes) => write!(f, "RLIMIT_MEMLOCK {bytes} bytes")?,
            None => write!(f, "RLIMIT_MEMLOCK unlimited")?,
        }
        writeln!(f, ", a ring of {ENTRIES} entries takes {needed}")?;
        self.missing
            .iter()
            .try_for_each(|m| writeln!(f, "missing: {m}"))
    }
}
