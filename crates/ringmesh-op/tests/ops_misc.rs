//! The ops without a file: nop, timeout, messages to other rings.

#[path = "support/ops.rs"]
mod support;

use std::time::{Duration, Instant};

use futures_lite::future::poll_once;
use ringmesh_op::{
    Op,
    ops::{Nop, Timeout},
};
use support::{on_shard, op, quiesce};

#[test]
fn nops_complete() {
    on_shard(async {
        let ops: Vec<_> = (0..1_000).map(|_| Op::new(Nop::new())).collect();
        for nop in ops {
            nop.await.unwrap();
        }
        quiesce().await;
    });
}

#[test]
fn a_timeout_is_never_early() {
    on_shard(async {
        let start = Instant::now();
        op(Timeout::new(Duration::from_millis(20))).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
    });
}

#[test]
fn a_dropped_timeout_is_gone() {
    on_shard(async {
        let mut timeout = Op::new(Timeout::new(Duration::MAX));
        assert!(poll_once(&mut timeout).await.is_none());
        drop(timeout);
        quiesce().await;
        let mut timeout = Op::new(Timeout::new(Duration::from_secs(3_600)));
        assert!(poll_once(&mut timeout).await.is_none());
        assert_eq!(
            timeout.cancel().await.unwrap_err().raw_os_error(),
            Some(libc::ECANCELED)
        );
    });
}
