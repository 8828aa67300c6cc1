//! A signal every 200 us, without SA_RESTART: nobody hears of it. Alone in its file: the timer is the process's.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use lane::{pair, recv};
use ringmesh_op::{Builder, Op, ops::OpenAt};
use support::{dir, on, quiesce};

static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_signal: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

fn start_storm() {
    // SAFETY: all zeroes is a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the handler only counts.
    let installed =
        unsafe { libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()) };
    assert_eq!(installed, 0);
    let every = libc::timeval {
        tv_sec: 0,
        tv_usec: 200,
    };
    let timer = libc::itimerval {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: the timer is read during the call.
    let started =
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    assert_eq!(started, 0);
}

#[test]
fn a_signal_storm_surfaces_in_no_result() {
    let path = dir("storm").join("file");
    std::fs::write(&path, b"x").unwrap();
    start_storm();
    on(Builder::new().shards(2), async move {
        let (fd, mut peer) = pair();
        let mut rounds = 0;
        while rounds < 500 || SIGNALS.load(Ordering::Relaxed) < 200 {
            peer.write_all(b"calm").unwrap();
            let (n, buf) = recv(&fd).await.unwrap();
            assert_eq!(&buf[..n], b"calm");
            drop(
                Op::new(OpenAt::new(&path, libc::O_RDONLY, 0).unwrap())
                    .await
                    .unwrap(),
            );
            rounds += 1;
        }
        quiesce().await;
        println!(
            "{rounds} rounds under {} signals",
            SIGNALS.load(Ordering::Relaxed)
        );
    });
}
