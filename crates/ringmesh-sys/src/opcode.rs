//! The kernel's operation codes, `IORING_OP_*` of linux/io_uring.h without their prefix.
//!
//! The comment behind each is the first kernel that has it; [`Capabilities::has_opcode`](crate::Capabilities::has_opcode)
//! asks the running one.

macro_rules! opcodes {
    ($($name:ident = $value:literal, $since:literal, $doc:literal;)*) => {
        $(
            #[doc = concat!($doc, " Since Linux ", $since, ".")]
            #[doc = ""]
            #[doc = concat!("`IORING_OP_", stringify!($name), "`")]
            pub const $name: u8 = $value;
        )*

        /// What the kernel calls an operation, without the prefix; `None` for a number without a name here.
        pub fn name(opcode: u8) -> Option<&'static str> {
            match opcode {
                $($value => Some(stringify!($name)),)*
                _ => None,
            }
        }

        /// All operations that have a name here, in the kernel's order.
        pub fn all() -> impl Iterator<Item = u8> {
            [$($value),*].into_iter()
        }
    };
}

opcodes! {
    NOP = 0, "5.1", "Nothing; completes with 0.";
    READV = 1, "5.1", "preadv2(2).";
    WRITEV = 2, "5.1", "pwritev2(2).";
    FSYNC = 3, "5.1", "fsync(2), fdatasync(2).";
    READ_FIXED = 4, "5.1", "Read into a registered buffer.";
    WRITE_FIXED = 5, "5.1", "Write from a registered buffer.";
    POLL_ADD = 6, "5.1", "Wait for a descriptor to become ready.";
    POLL_REMOVE = 7, "5.1", "End or update a poll.";
    SYNC_FILE_RANGE = 8, "5.2", "sync_file_range(2).";
    SENDMSG = 9, "5.3", "sendmsg(2).";
    RECVMSG = 10, "5.3", "recvmsg(2).";
    TIMEOUT = 11, "5.4", "Complete after a time or a number of completions.";
    TIMEOUT_REMOVE = 12, "5.5", "End or update a timeout.";
    ACCEPT = 13, "5.5", "accept4(2).";
    ASYNC_CANCEL = 14, "5.5", "Cancel operations in flight.";
    LINK_TIMEOUT = 15, "5.5", "A timeout for the operation it is linked to.";
    CONNECT = 16, "5.5", "connect(2).";
    FALLOCATE = 17, "5.6", "fallocate(2).";
    OPENAT = 18, "5.6", "openat(2).";
    CLOSE = 19, "5.6", "close(2).";
    FILES_UPDATE = 20, "5.6", "Update registered files.";
    STATX = 21, "5.6", "statx(2).";
    READ = 22, "5.6", "pread(2), read(2).";
    WRITE = 23, "5.6", "pwrite(2), write(2).";
    FADVISE = 24, "5.6", "posix_fadvise(2).";
    MADVISE = 25, "5.6", "madvise(2).";
    SEND = 26, "5.6", "send(2), sendto(2).";
    RECV = 27, "5.6", "recv(2).";
    OPENAT2 = 28, "5.6", "openat2(2).";
    EPOLL_CTL = 29, "5.6", "epoll_ctl(2).";
    SPLICE = 30, "5.7", "splice(2).";
    PROVIDE_BUFFERS = 31, "5.7", "Give buffers to a group, the old way.";
    REMOVE_BUFFERS = 32, "5.7", "Take buffers from a group, the old way.";
    TEE = 33, "5.8", "tee(2).";
    SHUTDOWN = 34, "5.11", "shutdown(2).";
    RENAMEAT = 35, "5.11", "renameat2(2).";
    UNLINKAT = 36, "5.11", "unlinkat(2).";
    MKDIRAT = 37, "5.15", "mkdirat(2).";
    SYMLINKAT = 38, "5.15", "symlinkat(2).";
    LINKAT = 39, "5.15", "linkat(2).";
    MSG_RING = 40, "5.18", "Make a completion on another ring.";
    FSETXATTR = 41, "5.19", "fsetxattr(2).";
    SETXATTR = 42, "5.19", "setxattr(2).";
    FGETXATTR = 43, "5.19", "fgetxattr(2).";
    GETXATTR = 44, "5.19", "getxattr(2).";
    SOCKET = 45, "5.19", "socket(2).";
    URING_CMD = 46, "5.19", "A command of the file's own.";
    SEND_ZC = 47, "6.0", "send(2) without a copy.";
    SENDMSG_ZC = 48, "6.1", "sendmsg(2) without a copy.";
    READ_MULTISHOT = 49, "6.7", "Read again and again into provided buffers.";
    WAITID = 50, "6.7", "waitid(2).";
    FUTEX_WAIT = 51, "6.7", "futex_wait(2).";
    FUTEX_WAKE = 52, "6.7", "futex_wake(2).";
    FUTEX_WAITV = 53, "6.7", "futex_waitv(2).";
    FIXED_FD_INSTALL = 54, "6.8", "Make a normal descriptor of a registered file.";
    FTRUNCATE = 55, "6.9", "ftruncate(2).";
    BIND = 56, "6.11", "bind(2).";
    LISTEN = 57, "6.11", "listen(2).";
    RECV_ZC = 58, "6.15", "Receive without a copy.";
    EPOLL_WAIT = 59, "6.15", "epoll_wait(2).";
    READV_FIXED = 60, "6.15", "Vectored read into a registered buffer.";
    WRITEV_FIXED = 61, "6.15", "Vectored write from a registered buffer.";
    PIPE = 62, "6.16", "pipe2(2).";
}
