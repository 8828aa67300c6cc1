//! Set-up: what is asked for, what is given, and what the errors say.

#[path = "support/kernel.rs"]
mod kernel;

use std::{io, thread, time::Duration};

use kernel::*;
use ringmesh_sys::{Capabilities, RingOptions, SetupCause, SetupError, SqPoll, opcode};

#[test]
fn no_entries_are_an_error_before_the_kernel_is_asked() {
    let error = options(0).build().unwrap_err();
    assert_eq!(
        (error.cause(), error.raw_os_error()),
        (SetupCause::Options, None)
    );
    assert!(error.to_string().contains("0 were asked for"), "{error}");
    let error = options(64).cq_entries(32).build().unwrap_err();
    assert_eq!(error.cause(), SetupCause::Options);
    let error: io::Error = error.into();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn entries_are_rounded_up_and_clamped_and_the_setup_says_so() {
    if !usable("entries_are_rounded_up_and_clamped_and_the_setup_says_so") {
        return;
    }
    let ring = options(100).cq_entries(300).build().unwrap();
    assert_eq!((ring.setup().entries, ring.setup().cq_entries), (128, 512));
    assert!(
        ring.setup()
            .notes
            .iter()
            .any(|note| note.contains("100") && note.contains("128"))
    );
    let ring = options(8).build().unwrap();
    assert_eq!((ring.setup().entries, ring.setup().cq_entries), (8, 16));
    match options(u32::MAX).build() {
        Ok(ring) => assert!(ring.setup().entries <= 32768),
        Err(e) => assert_eq!(e.cause(), SetupCause::Memory),
    }
}

#[test]
fn the_best_flags_of_this_kernel_are_granted() {
    if !usable("the_best_flags_of_this_kernel_are_granted") {
        return;
    }
    let ring = options(8).build().unwrap();
    let setup = ring.setup();
    assert!(setup.nodrop && setup.entries == 8);
    let kernel = Capabilities::probe().kernel();
    if (kernel.major, kernel.minor) >= (6, 1) {
        assert!(
            setup.single_issuer && setup.defer_taskrun && setup.submit_all,
            "{setup:?}"
        );
        assert!(setup.notes.is_empty(), "{:?}", setup.notes);
    }
}

#[test]
fn what_cannot_be_granted_is_done_without_and_noted() {
    if !usable("what_cannot_be_granted_is_done_without_and_noted") {
        return;
    }
    let sqpoll = SqPoll {
        idle: Duration::from_millis(1),
        cpu: Some(100_000),
    };
    let ring = options(8).sqpoll(Some(sqpoll)).build().unwrap();
    assert!(!ring.setup().sqpoll);
    assert!(
        ring.setup()
            .notes
            .iter()
            .any(|note| note.contains("without SQPOLL")),
        "{:?}",
        ring.setup().notes
    );
}

#[test]
fn a_seccomp_filter_is_named_as_what_forbids() {
    let error = under_filter(
        Refusal {
            errno: libc::EPERM,
            over_entries: 0,
        },
        || options(8).build(),
    );
    let Some(error) = error.map(Result::unwrap_err) else {
        return println!("SKIP a_seccomp_filter_is_named_as_what_forbids: no seccomp");
    };
    assert_eq!(
        (error.cause(), error.raw_os_error()),
        (SetupCause::Forbidden, Some(libc::EPERM))
    );
    let text = error.to_string();
    assert!(
        text.contains("seccomp filter is installed") && text.contains("seccomp profile"),
        "{text}"
    );
}

#[test]
fn a_kernel_without_io_uring_is_named() {
    let error = under_filter(
        Refusal {
            errno: libc::ENOSYS,
            over_entries: 0,
        },
        || options(8).build(),
    );
    let Some(error) = error.map(Result::unwrap_err) else {
        return println!("SKIP a_kernel_without_io_uring_is_named: no seccomp");
    };
    assert_eq!(error.cause(), SetupCause::Missing);
    assert!(error.to_string().contains("no io_uring"), "{error}");
}

#[test]
fn any_other_errno_is_an_error_with_that_errno() {
    for errno in [libc::EOPNOTSUPP, libc::EIO, libc::EMFILE] {
        let error = under_filter(
            Refusal {
                errno,
                over_entries: 0,
            },
            || options(8).build(),
        );
        let Some(error) = error.map(Result::unwrap_err) else {
            return println!("SKIP any_other_errno_is_an_error_with_that_errno: no seccomp");
        };
        assert_eq!(error.raw_os_error(), Some(errno));
        assert_eq!(
            error.cause() == SetupCause::Descriptors,
            errno == libc::EMFILE
        );
        assert!(!error.remedy().is_empty());
    }
}

#[test]
fn queues_are_halved_until_there_is_memory_for_them() {
    let name = "queues_are_halved_until_there_is_memory_for_them";
    if !usable(name) {
        return;
    }
    let refusal = Refusal {
        errno: libc::ENOMEM,
        over_entries: 32,
    };
    let Some(ring) = under_filter(refusal, || options(256).cq_entries(1024).build()) else {
        return println!("SKIP {name}: no seccomp");
    };
    let ring = ring.unwrap();
    let setup = ring.setup();
    assert_eq!(
        (setup.entries, setup.cq_entries),
        (32, 128),
        "both were halved"
    );
    assert_eq!(
        setup
            .notes
            .iter()
            .filter(|note| note.contains("halved"))
            .count(),
        3
    );
}

#[test]
fn without_memory_for_the_smallest_ring_the_error_says_how_much_it_takes() {
    let name = "without_memory_for_the_smallest_ring_the_error_says_how_much_it_takes";
    let refusal = Refusal {
        errno: libc::ENOMEM,
        over_entries: 0,
    };
    let Some(error) = under_filter(refusal, || options(256).build().map(drop)) else {
        return println!("SKIP {name}: no seccomp");
    };
    let error = error.unwrap_err();
    assert_eq!(error.cause(), SetupCause::Memory);
    let needed = Capabilities::ring_bytes(8, 16);
    assert!(error.detail().contains(&needed.to_string()), "{error}");
    assert!(error.remedy().contains("RLIMIT_MEMLOCK"));
}

#[test]
fn capabilities_say_what_there_is_and_why_not() {
    let capabilities = Capabilities::probe();
    println!("{capabilities}");
    if capabilities.usable() {
        assert!(capabilities.has_opcode(opcode::NOP) && capabilities.has_opcode(opcode::READ));
        assert!(!capabilities.has_opcode(255));
    } else {
        assert!(!capabilities.missing().is_empty());
    }
    for missing in capabilities.missing() {
        assert!(
            !missing.reason.is_empty() && !missing.remedy.is_empty(),
            "{missing}"
        );
    }
}

#[test]
fn promises() {
    fn send<T: Send>() {}
    fn send_sync<T: Send + Sync>() {}
    send::<ringmesh_sys::Submitter>();
    send::<ringmesh_sys::Completer>();
    send::<ringmesh_sys::BufRing>();
    send_sync::<ringmesh_sys::Ring>();
    send_sync::<ringmesh_sys::RingFd>();
    send_sync::<ringmesh_sys::BufMemory>();
    send_sync::<RingOptions>();
    send_sync::<SetupError>();
}

/// What a filter does with io_uring_setup.
#[derive(Clone, Copy)]
struct Refusal {
    errno: i32,
    /// Smaller rings are let through.
    over_entries: u32,
}

/// Runs `f` on a thread whose io_uring_setup is refused; `None` where filters cannot be installed.
fn under_filter<R: Send>(refusal: Refusal, f: impl FnOnce() -> R + Send) -> Option<R> {
    thread::scope(|scope| {
        scope
            .spawn(|| install(refusal).ok().map(|()| f()))
            .join()
            .unwrap()
    })
}

/// Installs a filter on the calling thread, for its rest.
fn install(
    Refusal {
        errno,
        over_entries,
    }: Refusal,
) -> io::Result<()> {
    const NUMBER: u32 = 0;
    // The first argument's lower half, on a little-endian machine.
    const ENTRIES: u32 = 16;
    let load = |k| libc::sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let jump = |test, k, jt, jf| libc::sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let verdict = |k| libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let mut program = [
        load(NUMBER),
        jump(libc::BPF_JEQ, libc::SYS_io_uring_setup as u32, 0, 3),
        load(ENTRIES),
        jump(libc::BPF_JGT, over_entries, 0, 1),
        verdict(libc::SECCOMP_RET_ERRNO | errno as u32),
        verdict(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: takes numbers only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: reads the program, on this stack, during the call.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
