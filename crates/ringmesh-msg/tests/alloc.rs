//! A raw message that finds room allocates nothing, on either side. Alone in its file: it counts for the
//! whole process.
#![cfg(not(ringmesh_loom))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
};

use ringmesh_msg::{Mesh, MeshOptions, ShardId};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls are passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_raw_message_does_not_allocate() {
    let (mesh, mut endpoints) = Mesh::new(1, MeshOptions { capacity: 8 }).unwrap();
    let remote = mesh.shard(ShardId::new(0)).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let mut sum = 0;
    for val in 0..100 {
        assert!(endpoints[0].poll_next(&mut cx).is_pending());
        remote.try_send_raw(1, val).unwrap();
        assert!(remote.send_raw(2, val).is_delivered());
        while let Poll::Ready(message) = endpoints[0].poll_next(&mut cx) {
            sum += message.unwrap().raw().unwrap().val;
        }
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before);
    assert_eq!(sum, 9_900);
}
