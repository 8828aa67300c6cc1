//! A full descriptor table: multishot accept backs off, and goes on when there is room again (P11). Sets the process's
//! limit, so it stands alone.

#[path = "support/ops.rs"]
mod support;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::fd::AsRawFd,
    time::Duration,
};

use ringmesh_op::multishot::{AcceptMulti, Multi};
use ringmesh_sched::time;
use support::{counted, on_shard, shared};

fn set_limit(limit: u64) -> libc::rlimit {
    let mut old = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `old` is ours.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut old) };
    let new = libc::rlimit {
        rlim_cur: limit,
        rlim_max: old.rlim_max,
    };
    // SAFETY: `new` is ours.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const new) };
    assert_eq!((got, set), (0, 0));
    old
}

#[test]
fn a_full_descriptor_table_backs_off_and_recovers() {
    on_shard(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = shared(listener);
        let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
        let _clients: Vec<_> = (0..10).map(|_| TcpStream::connect(addr).unwrap()).collect();
        // The lowest free number: from there on there is room for four.
        let free = fs::File::open("/dev/null").unwrap().as_raw_fd();
        let old = set_limit(free as u64 + 4);
        let submits = counted().submits;
        // Takes what fits between the table's holes, then waits for room without an error and without spinning.
        let mut accepted = Vec::new();
        while let Ok(connection) = time::timeout(Duration::from_millis(300), incoming.next()).await
        {
            accepted.push(connection.unwrap().unwrap());
        }
        assert!(
            (1..10).contains(&accepted.len()),
            "the table is full after {}",
            accepted.len()
        );
        let tries = counted().submits - submits;
        assert!(tries <= 100, "{tries} tries is a spin");
        set_limit(old.rlim_cur);
        while accepted.len() < 10 {
            accepted.push(incoming.next().await.unwrap().unwrap());
        }
    });
}
