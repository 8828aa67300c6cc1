//! Provided buffers: a ring of buffers from which the kernel picks one when data has come.
//!
//! 1. Registered, every buffer is in the ring: the kernel may take any of them.
//! 2. A completion with `CQE_F_BUFFER` names the one it took. [`BufRing::take`] marks it as out.
//! 3. [`BufRing::give_back`] puts it in again; until then the kernel does not touch it.
//!
//! While the ring is empty, a receive that selects from it ends with `ENOBUFS`.
//!
//! See io_uring_register_buf_ring(3) and io_uring_provided_buffers(7).

use std::{
    fmt, io,
    mem::offset_of,
    os::fd::AsRawFd,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use crate::{
    ring::Shared,
    syscall::{self, register},
};

/// The kernel's bound on the entries of a buffer ring.
const ENTRIES_MAX: u16 = 1 << 15;

/// `struct io_uring_buf`. The tail of the whole ring overlays `reserved` of the first.
#[repr(C)]
struct Entry {
    addr: u64,
    len: u32,
    id: u16,
    reserved: u16,
}

/// `struct io_uring_buf_reg`.
#[repr(C)]
#[derive(Default)]
struct Registration {
    ring_addr: u64,
    ring_entries: u32,
    group: u16,
    flags: u16,
    reserved: [u64; 3],
}

/// A registered ring of provided buffers.
///
/// Made by [`Submitter::register_buf_ring`](crate::Submitter::register_buf_ring). It keeps the ring
/// open until it is [unregistered](Self::unregister), which its drop does as well. Both belong on
/// the ring's owning thread, when no operation that selects from the group is in flight (the
/// promise of [`Submitter::push`](crate::Submitter::push)). Where the kernel refuses (another
/// thread, with `SINGLE_ISSUER`) the memory is leaked rather than freed under the kernel.
pub struct BufRing {
    /// `None` once unregistered.
    shared: Option<Arc<Shared>>,
    group: u16,
    entries: u16,
    /// The next free place, free-running.
    tail: u16,
    /// Which buffers are out, by id.
    out: Box<[bool]>,
    out_count: u16,
    ring: Mapping,
    memory: Arc<BufMemory>,
}

impl BufRing {
    pub(crate) fn register(
        shared: Arc<Shared>,
        group: u16,
        entries: u16,
        buf_bytes: u32,
    ) -> io::Result<Self> {
        if !entries.is_power_of_two() || entries > ENTRIES_MAX || buf_bytes == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a buffer ring has a power of two up to {ENTRIES_MAX} of buffers of at least 1 byte, not {entries} of {buf_bytes}"
                ),
            ));
        }
        let ring = Mapping::new(usize::from(entries) * size_of::<Entry>())?;
        let bytes = usize::from(entries)
            .checked_mul(buf_bytes as usize)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let buffers = Mapping::new(bytes)?;
        let mut registration = Registration {
            ring_addr: ring.start.as_ptr() as u64,
            ring_entries: u32::from(entries),
            group,
            ..Registration::default()
        };
        let arg = std::ptr::from_mut(&mut registration).cast();
        // SAFETY: PBUF_RING reads one `struct io_uring_buf_reg` during the call; the ring it names
        // stays mapped until `drop` has unregistered it, or for ever.
        unsafe { syscall::register(shared.as_raw_fd(), register::PBUF_RING, arg, 1) }?;
        let memory = Arc::new(BufMemory {
            mapping: buffers,
            buf_bytes,
            entries,
        });
        let out = vec![false; usize::from(entries)].into_boxed_slice();
        let mut this = Self {
            shared: Some(shared),
            group,
            entries,
            tail: 0,
            out,
            out_count: 0,
            ring,
            memory,
        };
        for id in 0..entries {
            this.put(id);
        }
        this.publish();
        Ok(this)
    }

    /// The group's id, for `buf_index` of an SQE.
    pub fn group(&self) -> u16 {
        self.group
    }

    /// How many buffers there are.
    pub fn entries(&self) -> u16 {
        self.entries
    }

    /// How many buffers are not out: in the ring, or taken by the kernel for a completion that
    /// nobody has looked at yet.
    pub fn available(&self) -> usize {
        usize::from(self.entries - self.out_count)
    }

    /// The buffers' memory, which may be held longer than the ring.
    pub fn memory(&self) -> &Arc<BufMemory> {
        &self.memory
    }

    /// Marks the buffer that a completion named as out and says where it is. `None` if there is no
    /// such buffer or it is out already: the completion is not to be trusted then.
    ///
    /// The bytes that the completion counted are initialised, and nobody writes to the buffer
    /// until it is [given back](Self::give_back).
    pub fn take(&mut self, id: u16) -> Option<NonNull<u8>> {
        let out = self.out.get_mut(usize::from(id))?;
        if *out {
            return None;
        }
        *out = true;
        self.out_count += 1;
        Some(self.memory.start(id))
    }

    /// Gives a buffer to the kernel again. `false` if it was not out: nothing happens then.
    pub fn give_back(&mut self, id: u16) -> bool {
        let Some(out) = self.out.get_mut(usize::from(id)) else {
            return false;
        };
        if !std::mem::take(out) {
            return false;
        }
        self.out_count -= 1;
        self.put(id);
        self.publish();
        true
    }

    /// Takes the group out of the ring and lets go of it. The buffers that are out stay readable.
    /// Does nothing the second time.
    ///
    /// # Errors
    ///
    /// `EEXIST` on a thread that does not own the ring. The memory is then leaked, for the kernel
    /// knows it still.
    #[doc(alias = "IORING_UNREGISTER_PBUF_RING")]
    pub fn unregister(&mut self) -> io::Result<()> {
        let Some(shared) = self.shared.take() else {
            return Ok(());
        };
        let mut registration = Registration {
            group: self.group,
            ..Registration::default()
        };
        let arg = std::ptr::from_mut(&mut registration).cast();
        // SAFETY: UNREGISTER_PBUF_RING reads one `struct io_uring_buf_reg` during the call.
        let result = unsafe {
            syscall::register(shared.as_raw_fd(), register::UNREGISTER_PBUF_RING, arg, 1)
        };
        if result.is_err() {
            self.ring.leak = true;
            std::mem::forget(Arc::clone(&self.memory));
        }
        result.map(drop)
    }

    /// Writes a buffer behind the tail; the kernel sees it after [`publish`](Self::publish).
    fn put(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.entries - 1));
        let entry = self.ring.start.cast::<Entry>().as_ptr().wrapping_add(index);
        let addr = self.memory.start(id).as_ptr() as u64;
        // Field by field: in the first entry the tail lies where `reserved` is.
        // SAFETY: the index is masked to the ring's entries, so the entry is mapped and aligned. The
        // kernel does not read a place at or behind the tail, and there are as many places as
        // buffers, so this one is free.
        unsafe {
            entry
                .wrapping_byte_add(offset_of!(Entry, addr))
                .cast::<u64>()
                .write(addr)
        };
        // SAFETY: as above.
        unsafe {
            entry
                .wrapping_byte_add(offset_of!(Entry, len))
                .cast::<u32>()
                .write(self.memory.buf_bytes)
        };
        // SAFETY: as above.
        unsafe {
            entry
                .wrapping_byte_add(offset_of!(Entry, id))
                .cast::<u16>()
                .write(id)
        };
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&mut self) {
        let first = self.ring.start.cast::<Entry>().as_ptr();
        let tail = first
            .wrapping_byte_add(offset_of!(Entry, reserved))
            .cast::<u16>();
        // SAFETY: mapped, aligned to 2, and written by this thread alone; the kernel reads it.
        let tail = unsafe { AtomicU16::from_ptr(tail) };
        // Release: pairs with the kernel's load-acquire of the tail, which then sees the entries.
        tail.store(self.tail, Ordering::Release);
    }
}

impl Drop for BufRing {
    fn drop(&mut self) {
        let _leaked = self.unregister();
    }
}

impl fmt::Debug for BufRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufRing")
            .field("group", &self.group)
            .field("entries", &self.entries)
            .field("out", &self.out_count)
            .finish_non_exhaustive()
    }
}

/// The memory of a ring's buffers. It lives as long as somebody holds it.
#[derive(Debug)]
pub struct BufMemory {
    mapping: Mapping,
    buf_bytes: u32,
    entries: u16,
}

impl BufMemory {
    /// The size of one buffer in bytes.
    pub fn buf_bytes(&self) -> usize {
        self.buf_bytes as usize
    }

    /// Bytes of a buffer.
    ///
    /// # Safety
    ///
    /// The buffer is out ([`BufRing::take`]) and is not given back while the slice lives; the
    /// kernel wrote the first `offset + len` bytes.
    ///
    /// # Panics
    ///
    /// If the range does not lie within the buffer.
    pub unsafe fn bytes(&self, id: u16, offset: usize, len: usize) -> &[u8] {
        let end = offset.checked_add(len);
        assert!(
            id < self.entries && end.is_some_and(|end| end <= self.buf_bytes()),
            "bytes {offset}+{len} do not lie within buffer {id}"
        );
        let start = self.start(id).as_ptr().wrapping_add(offset);
        // SAFETY: the range was checked to lie within the buffer's mapping, whose pages the kernel
        // zeroed or wrote; the caller promises that nobody writes while the slice lives.
        unsafe { std::slice::from_raw_parts(start, len) }
    }

    fn start(&self, id: u16) -> NonNull<u8> {
        let offset = usize::from(id) * self.buf_bytes as usize;
        // SAFETY: `id < entries` (checked by the callers against `out` or by assertion), so the
        // offset lies within the mapping.
        unsafe { self.mapping.start.add(offset) }
    }
}

/// An anonymous private mapping, page-aligned.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    leak: bool,
}

// SAFETY: plain memory; who may touch it when is the business of its owners above.
unsafe impl Send for Mapping {}
// SAFETY: as above: `&Mapping` gives only the address.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(bytes: usize) -> io::Result<Self> {
        let (prot, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a fresh anonymous mapping, at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, prot, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // A child must not share pages that the kernel writes to.
        // SAFETY: advises on the mapping that was just made.
        unsafe { libc::madvise(start, bytes, libc::MADV_DONTFORK) };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            start,
            bytes,
            leak: false,
        })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if !self.leak {
            // SAFETY: our own mapping, made with this size; its owners are gone, and the kernel has
            // unregistered it or they said `leak`.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
        }
    }
}
