//! CQEs that nobody asked for: `user_data` is checked, never believed.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{
    io::Write,
    os::fd::{BorrowedFd, RawFd},
};

use lane::{arm, pair, recv};
use ringmesh_op::{Builder, KIND_DRIVER};
use ringmesh_sys::msg_ring_sync;
use support::{counted, on, quiesce, wait_until};

/// The descriptor of this process's only ring.
fn ring_fd() -> Option<RawFd> {
    let fds = std::fs::read_dir("/proc/self/fd").ok()?;
    let mut rings = fds.filter_map(|entry| {
        let entry = entry.ok()?;
        let target = std::fs::read_link(entry.path()).ok()?;
        let ring = target.to_string_lossy().contains("[io_uring]");
        if ring {
            entry.file_name().to_string_lossy().parse().ok()
        } else {
            None
        }
    });
    rings.next()
}

#[test]
fn completions_with_a_wrong_index_kind_or_generation_are_counted_and_ignored() {
    on(Builder::new().shards(1), async {
        let (fd, mut peer) = pair();
        let mut op = recv(&fd);
        assert!(arm(&mut op).await);
        let key = op.key().expect("it is in flight").user_data();
        let strange = [
            0,
            key ^ 1 << 32,             // the generation before or after
            key ^ 1 << 24,             // another kind
            key ^ 1 << 20,             // a slot that does not exist
            key & 0xFFFF_FFFF,         // generation 0
            u64::from(u32::MAX) << 32, // no kind, no slot
            u64::MAX,                  // a kind of the driver's that it does not use
            (1 << 32) | (u64::from(KIND_DRIVER) << 24) | 0xFF_FFFF, // a bell to shard 16,777,215
        ];
        let Some(ring) = ring_fd() else {
            println!(
                "SKIP completions_with_a_wrong_index_kind_or_generation_are_counted_and_ignored: /proc shows no ring"
            );
            return;
        };
        // SAFETY: the runtime keeps its ring open as long as it runs.
        let ring = unsafe { BorrowedFd::borrow_raw(ring) };
        for user_data in strange {
            for result in [0, -libc::ECANCELED as u32, 7] {
                if let Err(error) = msg_ring_sync(ring, user_data, result) {
                    println!(
                        "SKIP completions_with_a_wrong_index_kind_or_generation_are_counted_and_ignored: no MSG_RING without a ring ({error})"
                    );
                    return;
                }
            }
        }
        wait_until(|| counted().unknown_cqes == 3 * strange.len() as u64).await;
        assert!(arm(&mut op).await, "the op is as it was");
        peer.write_all(b"mine").unwrap();
        assert_eq!(op.await.unwrap().1, b"mine");

        // Its key is out of date now, even though its slot will be used again.
        let mut next = recv(&fd);
        assert!(arm(&mut next).await);
        let fresh = next.key().expect("it is in flight").user_data();
        assert_eq!(fresh & 0xFF_FFFF, key & 0xFF_FFFF, "the slot is used again");
        assert_ne!(fresh, key);
        msg_ring_sync(ring, key, 5).unwrap();
        wait_until(|| counted().unknown_cqes == 3 * strange.len() as u64 + 1).await;
        assert!(
            arm(&mut next).await,
            "the old key's completion is not the new op's"
        );
        peer.write_all(b"too").unwrap();
        assert_eq!(next.await.unwrap().1, b"too");
        quiesce().await;
    });
}
