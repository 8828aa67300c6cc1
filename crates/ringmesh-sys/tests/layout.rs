//! Our `Sqe` is the kernel's: every field lies where the io-uring crate's encoders put it.

use std::mem::transmute;

use io_uring::{opcode as theirs, squeue::Entry, types::Fd};
use ringmesh_sys::{Sqe, opcode, sqe_flags};

fn sqe(entry: Entry) -> Sqe {
    // SAFETY: both are 64 bytes of integers, which the crate asserts.
    unsafe { transmute(entry) }
}

#[test]
fn fields_lie_where_the_kernel_looks() {
    let buf = 0x1122_3344_5566_7788u64 as *mut u8;
    let read = theirs::Read::new(Fd(5), buf, 99)
        .offset(1 << 40)
        .ioprio(3)
        .rw_flags(8)
        .buf_group(0xBEEF);
    let read = read
        .build()
        .user_data(77)
        .personality(12)
        .flags(io_uring::squeue::Flags::BUFFER_SELECT);
    let ours = Sqe {
        opcode: opcode::READ,
        flags: sqe_flags::BUFFER_SELECT,
        ioprio: 3,
        fd: 5,
        off: 1 << 40,
        addr: buf as u64,
        len: 99,
        op_flags: 8,
        user_data: 77,
        buf_index: 0xBEEF,
        personality: 12,
        ..Sqe::default()
    };
    assert_eq!(sqe(read), ours);
}

#[test]
fn the_rarer_fields_as_well() {
    let splice = theirs::Splice::new(Fd(7), 11, Fd(8), 13, 17).build();
    let ours = Sqe {
        opcode: opcode::SPLICE,
        fd: 8,
        len: 17,
        off: 13,
        addr: 11,
        splice_fd_in: 7,
        ..Sqe::default()
    };
    assert_eq!(sqe(splice), ours);

    let futex = 0x1000 as *const u32;
    let wait = theirs::FutexWait::new(futex, 2, 3, 4).build();
    let ours = Sqe {
        opcode: opcode::FUTEX_WAIT,
        fd: 4,
        off: 2,
        addr: 0x1000,
        addr3: 3,
        ..Sqe::default()
    };
    assert_eq!(sqe(wait), ours);
}

#[test]
fn default_is_a_nop_and_a_message_is_what_liburing_prepares() {
    // Theirs names no descriptor, which a NOP does not look at.
    let theirs_nop = sqe(theirs::Nop::new().build());
    assert_eq!(
        theirs_nop,
        Sqe {
            fd: -1,
            ..Sqe::default()
        }
    );
    let message = theirs::MsgRingData::new(Fd(9), 42, 1 << 50, None).build();
    assert_eq!(
        sqe(message).with_flags(sqe_flags::CQE_SKIP_SUCCESS),
        Sqe::msg_ring(9, 1 << 50, 42)
    );
}

#[test]
fn opcodes_have_the_kernels_numbers_and_names() {
    assert_eq!(opcode::ACCEPT, theirs::Accept::CODE);
    assert_eq!(opcode::MSG_RING, theirs::MsgRingData::CODE);
    assert_eq!(opcode::LISTEN, theirs::Listen::CODE);
    assert_eq!(opcode::PIPE, theirs::Pipe::CODE);
    assert_eq!(opcode::name(opcode::STATX), Some("STATX"));
    assert_eq!(opcode::name(200), None);
    assert!(opcode::all().eq(0..=opcode::PIPE), "no number is left out");
}
