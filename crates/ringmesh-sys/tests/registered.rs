//! Registered files and buffers, and buffers that the kernel chooses from.

#[path = "support/kernel.rs"]
mod kernel;

use std::{
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixStream,
    },
    thread,
};

use kernel::*;
use ringmesh_sys::{BufRing, Completer, Feature, Sqe, Submitter, opcode, sqe_flags};

/// Receives into a buffer of group 3.
fn recv(socket: &UnixStream) -> Sqe {
    Sqe {
        opcode: opcode::RECV,
        fd: socket.as_raw_fd(),
        flags: sqe_flags::BUFFER_SELECT,
        buf_index: 3,
        ..Sqe::default()
    }
}

/// Two buffers of 8 bytes as group 3.
fn two_buffers(submitter: &mut Submitter) -> BufRing {
    submitter.register_buf_ring(3, 2, 8).unwrap()
}

/// Sends `bytes` and receives them; the buffer they came in stays out.
fn pass(
    ring: (&mut Submitter, &mut Completer),
    buffers: &mut BufRing,
    pair: (&mut UnixStream, &UnixStream),
    bytes: &[u8],
) -> u16 {
    pair.0.write_all(bytes).unwrap();
    let cqe = run(ring.0, ring.1, recv(pair.1));
    let len = cqe.io_result().unwrap() as usize;
    let id = cqe.buffer_id().expect("the buffer that was chosen");
    let start = buffers.take(id).expect("it was not out");
    // SAFETY: taken just now, not given back, and the kernel wrote `len` bytes.
    let received = unsafe { buffers.memory().bytes(id, 0, len) };
    assert_eq!(
        (received, received.as_ptr()),
        (bytes, start.as_ptr().cast_const())
    );
    id
}

#[test]
fn the_kernel_chooses_a_buffer_and_starves_when_all_are_out() {
    let name = "the_kernel_chooses_a_buffer_and_starves_when_all_are_out";
    if !usable(name) || !has(name, Feature::BufRing) {
        return;
    }
    let (mut s, mut c) = ring(8);
    let mut buffers = two_buffers(&mut s);
    let (mut a, b) = UnixStream::pair().unwrap();
    assert_eq!(
        (buffers.group(), buffers.entries(), buffers.available()),
        (3, 2, 2)
    );
    // Many times around the ring of two.
    for round in 0..300u32 {
        let id = pass(
            (&mut s, &mut c),
            &mut buffers,
            (&mut a, &b),
            &round.to_ne_bytes(),
        );
        assert_eq!(buffers.available(), 1);
        assert!(buffers.take(id).is_none(), "it is out");
        assert!(buffers.give_back(id));
        assert!(!buffers.give_back(id), "it is back");
    }
    assert!(
        buffers.take(2).is_none() && !buffers.give_back(2),
        "there is no such buffer"
    );

    let first = pass((&mut s, &mut c), &mut buffers, (&mut a, &b), b"one");
    let second = pass((&mut s, &mut c), &mut buffers, (&mut a, &b), b"two");
    assert_eq!((first != second, buffers.available()), (true, 0));
    a.write_all(b"three").unwrap();
    assert_eq!(run(&mut s, &mut c, recv(&b)).result, -libc::ENOBUFS);
    assert!(buffers.give_back(first));
    let cqe = run(&mut s, &mut c, recv(&b));
    assert_eq!((cqe.result, cqe.buffer_id()), (5, Some(first)));
}

#[test]
fn a_buffer_bounds_what_is_received() {
    let name = "a_buffer_bounds_what_is_received";
    if !usable(name) || !has(name, Feature::BufRing) {
        return;
    }
    let (mut s, mut c) = ring(8);
    let mut buffers = two_buffers(&mut s);
    let (mut a, b) = UnixStream::pair().unwrap();
    a.write_all(b"0123456789").unwrap();
    let (one, two) = (run(&mut s, &mut c, recv(&b)), run(&mut s, &mut c, recv(&b)));
    assert_eq!((one.result, two.result), (8, 2));
    for cqe in [one, two] {
        buffers.take(cqe.buffer_id().unwrap()).unwrap();
    }
}

#[test]
#[should_panic(expected = "do not lie within buffer")]
fn bytes_past_a_buffer_are_not_given_out() {
    let name = "bytes_past_a_buffer_are_not_given_out";
    if !usable(name) || !has(name, Feature::BufRing) {
        panic!("do not lie within buffer: SKIP");
    }
    let (mut s, _c) = ring(8);
    let mut buffers = two_buffers(&mut s);
    buffers.take(1).unwrap();
    // SAFETY: it panics before it makes a slice.
    unsafe { buffers.memory().bytes(1, 7, 2) };
}

#[test]
fn what_is_out_stays_readable_after_the_ring() {
    let name = "what_is_out_stays_readable_after_the_ring";
    if !usable(name) || !has(name, Feature::BufRing) {
        return;
    }
    let (mut s, mut c) = ring(8);
    let mut buffers = two_buffers(&mut s);
    let (mut a, b) = UnixStream::pair().unwrap();
    let id = pass((&mut s, &mut c), &mut buffers, (&mut a, &b), b"kept");
    let memory = std::sync::Arc::clone(buffers.memory());
    buffers.unregister().unwrap();
    buffers.unregister().expect("the second time does nothing");
    assert!(buffers.give_back(id), "counted, though nobody will use it");
    drop((s, c, buffers));
    // SAFETY: nobody can write to it any more, and the kernel wrote 4 bytes.
    assert_eq!(unsafe { memory.bytes(id, 0, 4) }, b"kept");
}

#[test]
fn a_group_can_be_registered_again_when_it_was_dropped() {
    let name = "a_group_can_be_registered_again_when_it_was_dropped";
    if !usable(name) || !has(name, Feature::BufRing) {
        return;
    }
    let (mut s, mut c) = ring(8);
    let (mut a, b) = UnixStream::pair().unwrap();
    for _ in 0..3 {
        let mut buffers = two_buffers(&mut s);
        assert_eq!(
            s.register_buf_ring(3, 2, 8).unwrap_err().raw_os_error(),
            Some(libc::EEXIST)
        );
        pass((&mut s, &mut c), &mut buffers, (&mut a, &b), b"again");
    }
    a.write_all(b"x").unwrap();
    assert_eq!(
        run(&mut s, &mut c, recv(&b)).result,
        -libc::ENOBUFS,
        "the group is gone"
    );
}

#[test]
fn a_group_that_is_dropped_by_a_stranger_is_leaked_and_works_on() {
    let name = "a_group_that_is_dropped_by_a_stranger_is_leaked_and_works_on";
    if !usable(name) || !has(name, Feature::BufRing) {
        return;
    }
    let (mut s, mut c) = ring(8);
    if !s.setup().single_issuer {
        println!("SKIP {name}: no SINGLE_ISSUER");
        return;
    }
    let mut buffers = two_buffers(&mut s);
    let (mut a, b) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        let error = buffers.unregister().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
    })
    .join()
    .unwrap();
    // The kernel writes into memory that nobody frees.
    a.write_all(b"late").unwrap();
    assert_eq!(run(&mut s, &mut c, recv(&b)).result, 4);
}

#[test]
fn groups_of_impossible_sizes_are_refused() {
    if !usable("groups_of_impossible_sizes_are_refused") {
        return;
    }
    let (mut s, _c) = ring(8);
    for (entries, bytes) in [(0, 8), (3, 8), (1 << 15 | 1, 8), (8, 0)] {
        let error = s.register_buf_ring(0, entries, bytes).unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::InvalidInput,
            "{entries} of {bytes}: {error}"
        );
    }
}

#[test]
fn registered_files_are_named_by_their_index() {
    if !usable("registered_files_are_named_by_their_index") {
        return;
    }
    let (mut s, mut c) = ring(8);
    let mut file = tempfile::tempfile().unwrap();
    let write = |index: i32, bytes: &'static [u8]| Sqe {
        opcode: opcode::WRITE,
        flags: sqe_flags::FIXED_FILE,
        fd: index,
        addr: bytes.as_ptr() as u64,
        len: bytes.len() as u32,
        ..Sqe::default()
    };
    s.register_files_sparse(4).unwrap();
    assert_eq!(run(&mut s, &mut c, write(2, b"no")).result, -libc::EBADF);
    assert_eq!(s.update_files(2, &[Some(file.as_fd())]).unwrap(), 1);
    assert_eq!(run(&mut s, &mut c, write(2, b"yes")).result, 3);
    assert_eq!(s.update_files(2, &[None]).unwrap(), 1);
    assert_eq!(run(&mut s, &mut c, write(2, b"no")).result, -libc::EBADF);
    s.unregister_files().unwrap();

    // Registered, a file stays open though its descriptor is closed.
    let copy: File = file.try_clone().unwrap();
    s.register_files(&[copy.as_fd()]).unwrap();
    drop(copy);
    let at = Sqe {
        off: 3,
        ..write(0, b", and again")
    };
    assert_eq!(run(&mut s, &mut c, at).result, 11);
    s.unregister_files().unwrap();
    let mut text = String::new();
    std::io::Seek::rewind(&mut file).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "yes, and again");
}

#[test]
fn registered_buffers_are_read_into() {
    if !usable("registered_buffers_are_read_into") {
        return;
    }
    let (mut s, mut c) = ring(8);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"fixed").unwrap();
    let mut memory = vec![0u8; 4096];
    let start = memory.as_mut_ptr();
    // SAFETY: `memory` lives until the buffers are unregistered and the only read has completed.
    unsafe { s.register_buffers(&[(start, memory.len())]) }.unwrap();
    let read = Sqe {
        opcode: opcode::READ_FIXED,
        fd: file.as_raw_fd(),
        addr: start as u64 + 10,
        len: 5,
        buf_index: 0,
        ..Sqe::default()
    };
    assert_eq!(run(&mut s, &mut c, read).result, 5);
    let outside = Sqe {
        addr: start as u64 + 4092,
        ..read
    };
    assert_eq!(run(&mut s, &mut c, outside).result, -libc::EFAULT);
    s.unregister_buffers().unwrap();
    assert_eq!(&memory[9..16], b"\0fixed\0");
}

#[test]
fn worker_threads_can_be_capped() {
    if !usable("worker_threads_can_be_capped") {
        return;
    }
    let (mut s, _c) = ring(8);
    s.set_iowq_max_workers(3, 5).unwrap();
    assert_eq!(s.set_iowq_max_workers(0, 0).unwrap(), (3, 5));
}
