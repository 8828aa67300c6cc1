//! `io_uring_enter` refusing to work: nothing is lost, nothing is reported to anybody (P8). Needs strace, which injects the errors.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{io::Write, process::Command};

use lane::{arm, pair, recv};
use ringmesh_op::{Builder, Op, ops::Nop};
use support::{counted, on, quiesce};

/// What runs under injection, in a process of its own.
#[test]
#[ignore = "runs under strace, started by the tests below"]
fn workload() {
    on(Builder::new().shards(2).ring_entries(8), async {
        let (fd, mut peer) = pair();
        for round in 0..50u8 {
            let nops: Vec<_> = (0..20)
                .map(|_| ringmesh_sched::spawn(async { Op::new(Nop::new()).await }))
                .collect();
            for nop in nops {
                nop.await.unwrap().unwrap();
            }
            let mut dropped = recv(&fd);
            assert!(arm(&mut dropped).await);
            drop(dropped);
            quiesce().await;
            peer.write_all(&[round]).unwrap();
            assert_eq!(recv(&fd).await.unwrap().1, [round]);
        }
        let counted = counted();
        assert_eq!(counted.unknown_cqes, 0);
        println!("retries: {}", counted.enter_retries);
    });
}

fn run_under(errno: &str) {
    let exe = std::env::current_exe().expect("the test's own path");
    let inject = format!("inject=io_uring_enter:error={errno}:when=4+3");
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=io_uring_enter",
            "-e",
            &inject,
        ])
        .arg(exe)
        .args(["--exact", "workload", "--ignored", "--nocapture"])
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return println!("SKIP enter_faults {errno}: no strace ({error})"),
    };
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if err.contains("strace:") && !out.contains("running 1 test") {
        return println!(
            "SKIP enter_faults {errno}: strace cannot inject here ({})",
            err.trim()
        );
    }
    assert!(output.status.success(), "{out}\n{err}");
    let retries = out
        .lines()
        .find_map(|line| line.split("retries: ").nth(1)?.trim().parse::<u64>().ok());
    assert!(
        retries.expect("the workload reports its retries") > 0,
        "nothing was injected: {out}"
    );
}

#[test]
fn enters_that_a_signal_interrupts_lose_nothing() {
    run_under("EINTR");
}

#[test]
fn enters_that_find_no_memory_lose_nothing() {
    run_under("EAGAIN");
}

#[test]
fn enters_that_find_the_queue_overflown_lose_nothing() {
    run_under("EBUSY");
}
