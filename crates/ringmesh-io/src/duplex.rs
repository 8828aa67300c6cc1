//! An in-memory pipe with two ends.
//!
//! Each direction is a [`Pipe`]: a bounded byte queue behind a lock, with a line of readers and a line of writers. A
//! future that cannot go on takes a seat in its line and leaves its waker there; only the first in line is served, so
//! bytes go in the order in which the futures were polled first. It leaves the line when it is done or dropped. Whoever
//! changes something takes the wakers (not the seats) of those who may go on, and calls them after the lock is released.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ringmesh_buf::{BufError, BufResult, IoBuf, IoBufMut};

use crate::read::room;
use crate::{AsyncRead, AsyncWrite, Split};

/// Two connected in-memory streams; each direction holds at most `capacity` bytes (at least 1).
///
/// Behaves like a socket pair: what one end writes the other reads, a writer waits while the pipe is full, a shut down
/// or dropped end reads as end of file over there, and writing to a dropped end is `BrokenPipe`. Needs no runtime, which
/// makes it good for tests of protocols.
///
/// ```
/// use ringmesh_io::{AsyncRead, AsyncWriteExt, duplex};
/// # futures_lite::future::block_on(async {
/// let (mut client, mut server) = duplex(1024);
/// client.write_all("ping").await?;
/// let (_, request) = server.read(Vec::with_capacity(64)).await?;
/// assert_eq!(request, b"ping");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub fn duplex(capacity: usize) -> (Duplex, Duplex) {
    let there = Arc::new(Pipe::new(capacity));
    let back = Arc::new(Pipe::new(capacity));
    let near = Duplex::new(Receiver(back.clone()), Sender(there.clone()));
    let far = Duplex::new(Receiver(there), Sender(back));
    (near, far)
}

/// One end of [`duplex`]. Clones are the same end.
#[derive(Clone)]
pub struct Duplex {
    reader: DuplexReader,
    writer: DuplexWriter,
}

impl Duplex {
    fn new(receiver: Receiver, sender: Sender) -> Self {
        let reader = DuplexReader {
            receiver: Arc::new(receiver),
        };
        let writer = DuplexWriter {
            sender: Arc::new(sender),
        };
        Self { reader, writer }
    }

    /// A read as a future with a name, which borrows nothing.
    pub fn read_owned<B: IoBufMut>(&self, buf: B) -> DuplexRead<B> {
        self.reader.read_owned(buf)
    }

    /// A write as a future with a name, which borrows nothing.
    pub fn write_owned<B: IoBuf>(&self, buf: B) -> DuplexWrite<B> {
        self.writer.write_owned(buf)
    }

    pub(crate) fn write_all_owned(&self, buf: Vec<u8>) -> DuplexWriteAll {
        self.writer.write_all_owned(buf)
    }

    /// Ends this end for writing, at once. What was written can still be read over there.
    pub fn close(&self) {
        self.writer.sender.0.end_writing();
    }
}

/// The half of a [`Duplex`] that reads.
#[derive(Clone)]
pub struct DuplexReader {
    receiver: Arc<Receiver>,
}

impl DuplexReader {
    /// A read as a future with a name, which borrows nothing.
    pub fn read_owned<B: IoBufMut>(&self, buf: B) -> DuplexRead<B> {
        DuplexRead {
            receiver: self.receiver.clone(),
            buf: Some(buf),
            seat: None,
        }
    }
}

/// The half of a [`Duplex`] that writes. The other end reads end of file when the last clone is dropped.
#[derive(Clone)]
pub struct DuplexWriter {
    sender: Arc<Sender>,
}

impl DuplexWriter {
    /// A write as a future with a name, which borrows nothing.
    pub fn write_owned<B: IoBuf>(&self, buf: B) -> DuplexWrite<B> {
        DuplexWrite {
            sender: self.sender.clone(),
            buf: Some(buf),
            seat: None,
        }
    }

    /// A write of all of `buf`; writes of several go out whole, in the order of their first polls.
    pub(crate) fn write_all_owned(&self, buf: Vec<u8>) -> DuplexWriteAll {
        DuplexWriteAll {
            sender: self.sender.clone(),
            buf,
            done: 0,
            seat: None,
        }
    }
}

impl Split for Duplex {
    type ReadHalf = DuplexReader;
    type WriteHalf = DuplexWriter;

    fn split_owned(self) -> (DuplexReader, DuplexWriter) {
        (self.reader, self.writer)
    }
}

impl AsyncRead for Duplex {
    fn read<B: IoBufMut>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        self.read_owned(buf)
    }
}

impl AsyncWrite for Duplex {
    fn write<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        self.write_owned(buf)
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.close();
        Ok(())
    }
}

impl AsyncRead for DuplexReader {
    fn read<B: IoBufMut>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        self.read_owned(buf)
    }
}

impl AsyncWrite for DuplexWriter {
    fn write<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        self.write_owned(buf)
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.sender.0.end_writing();
        Ok(())
    }
}

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex")
            .field("incoming", &self.reader.receiver.0)
            .field("outgoing", &self.writer.sender.0)
            .finish()
    }
}

impl fmt::Debug for DuplexReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexReader")
            .field("incoming", &self.receiver.0)
            .finish()
    }
}

impl fmt::Debug for DuplexWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexWriter")
            .field("outgoing", &self.sender.0)
            .finish()
    }
}

/// A read from a [`Duplex`]. Dropped before it is ready it has taken nothing.
pub struct DuplexRead<B> {
    receiver: Arc<Receiver>,
    buf: Option<B>,
    seat: Seat,
}

// The buffer is never pinned: only the future's caller sees it, after it is done.
impl<B> Unpin for DuplexRead<B> {}

impl<B: IoBufMut> Future for DuplexRead<B> {
    type Output = BufResult<usize, B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut buf = match room(this.buf.take().expect("polled after it was ready")) {
            Ok(buf) => buf,
            Err(e) => return Poll::Ready(Err(e)),
        };
        let mut state = this.receiver.0.lock();
        if !state.readers.is_first(this.seat) || (state.bytes.is_empty() && !state.writing_ended) {
            state.readers.wait(&mut this.seat, cx.waker());
            this.buf = Some(buf);
            return Poll::Pending;
        }
        let n = state.bytes.len().min(buf.capacity_total());
        buf.put_slice(&state.bytes.make_contiguous()[..n]);
        state.bytes.drain(..n);
        state.readers.leave(&mut this.seat);
        let woken = state.all_wakers();
        drop(state);
        wake_all(woken);
        Poll::Ready(Ok((n, buf)))
    }
}

impl<B> Drop for DuplexRead<B> {
    fn drop(&mut self) {
        if self.seat.is_some() {
            let mut state = self.receiver.0.lock();
            state.readers.leave(&mut self.seat);
            let woken = state.readers.wakers();
            drop(state);
            wake_all(woken);
        }
    }
}

/// A write to a [`Duplex`]. Dropped before it is ready it has written nothing.
pub struct DuplexWrite<B> {
    sender: Arc<Sender>,
    buf: Option<B>,
    seat: Seat,
}

// As above: the buffer is never pinned.
impl<B> Unpin for DuplexWrite<B> {}

impl<B: IoBuf> Future for DuplexWrite<B> {
    type Output = BufResult<usize, B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let buf = this.buf.take().expect("polled after it was ready");
        match this.sender.0.poll_write(&mut this.seat, buf.as_slice(), cx) {
            Poll::Pending => {
                this.buf = Some(buf);
                Poll::Pending
            }
            Poll::Ready(Ok(n)) => Poll::Ready(Ok((n, buf))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(BufError::new(error, buf))),
        }
    }
}

impl<B> Drop for DuplexWrite<B> {
    fn drop(&mut self) {
        self.sender.0.leave_writers(&mut self.seat);
    }
}

/// A write of all bytes to a [`Duplex`], in its turn: what [`PollIo`](crate::PollIo) uses.
#[derive(Debug)]
pub struct DuplexWriteAll {
    sender: Arc<Sender>,
    buf: Vec<u8>,
    done: usize,
    seat: Seat,
}

impl Future for DuplexWriteAll {
    type Output = BufResult<usize, Vec<u8>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match this
                .sender
                .0
                .poll_part(&mut this.seat, &this.buf[this.done..], cx)
            {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(n)) => {
                    this.done += n;
                    if this.done == this.buf.len() {
                        this.sender.0.leave_writers(&mut this.seat);
                        return Poll::Ready(Ok((this.done, std::mem::take(&mut this.buf))));
                    }
                }
                Poll::Ready(Err(error)) => {
                    this.sender.0.leave_writers(&mut this.seat);
                    return Poll::Ready(Err(BufError::new(error, std::mem::take(&mut this.buf))
                        .with_progress(this.done)));
                }
            }
        }
    }
}

impl Drop for DuplexWriteAll {
    fn drop(&mut self) {
        self.sender.0.leave_writers(&mut self.seat);
    }
}

impl<B> fmt::Debug for DuplexRead<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexRead")
            .field("done", &self.buf.is_none())
            .finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for DuplexWrite<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexWrite")
            .field("done", &self.buf.is_none())
            .finish_non_exhaustive()
    }
}

/// The reading side's share of a pipe: dropping the last one ends the pipe for its writers.
#[derive(Debug)]
struct Receiver(Arc<Pipe>);

/// The writing side's share of a pipe: dropping the last one ends the pipe for its readers.
#[derive(Debug)]
struct Sender(Arc<Pipe>);

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reader_left = true;
        state.bytes = VecDeque::new();
        let woken = state.all_wakers();
        drop(state);
        wake_all(woken);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.end_writing();
    }
}

/// One direction.
struct Pipe {
    capacity: usize,
    state: Mutex<PipeState>,
}

#[derive(Default)]
struct PipeState {
    bytes: VecDeque<u8>,
    writing_ended: bool,
    reader_left: bool,
    readers: Line,
    writers: Line,
}

impl Pipe {
    fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            state: Mutex::default(),
        }
    }

    /// Writes what fits, in its turn, and leaves the line.
    fn poll_write(
        &self,
        seat: &mut Seat,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let result = self.poll_part(seat, bytes, cx);
        if result.is_ready() {
            self.leave_writers(seat);
        }
        result
    }

    /// Writes what fits, in its turn, and keeps the seat.
    fn poll_part(
        &self,
        seat: &mut Seat,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if state.writing_ended || state.reader_left {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let room = self.capacity - state.bytes.len();
        if room == 0 || !state.writers.is_first(*seat) {
            state.writers.wait(seat, cx.waker());
            return Poll::Pending;
        }
        let n = bytes.len().min(room);
        state.bytes.extend(&bytes[..n]);
        let woken = state.readers.wakers();
        drop(state);
        wake_all(woken);
        Poll::Ready(Ok(n))
    }

    fn leave_writers(&self, seat: &mut Seat) {
        if seat.is_some() {
            let mut state = self.lock();
            state.writers.leave(seat);
            let woken = state.writers.wakers();
            drop(state);
            wake_all(woken);
        }
    }

    fn end_writing(&self) {
        let mut state = self.lock();
        state.writing_ended = true;
        let woken = state.all_wakers();
        drop(state);
        wake_all(woken);
    }

    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PipeState {
    fn all_wakers(&mut self) -> Vec<Waker> {
        let mut woken = self.readers.wakers();
        woken.append(&mut self.writers.wakers());
        woken
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Pipe")
            .field("bytes", &state.bytes.len())
            .field("capacity", &self.capacity)
            .field("ended", &state.writing_ended)
            .finish()
    }
}

/// A future's place in a [`Line`], once it has had to wait.
type Seat = Option<u64>;

/// Futures that wait on one side, in the order of their coming.
#[derive(Default)]
struct Line {
    next: u64,
    seats: VecDeque<(u64, Option<Waker>)>,
}

impl Line {
    /// Nobody came before.
    fn is_first(&self, seat: Seat) -> bool {
        self.seats
            .front()
            .is_none_or(|(first, _)| Some(*first) == seat)
    }

    /// Waits with `waker`, on the seat that it has or on a new one at the end.
    fn wait(&mut self, seat: &mut Seat, waker: &Waker) {
        let number = *seat.get_or_insert_with(|| {
            self.next += 1;
            self.seats.push_back((self.next, None));
            self.next
        });
        if let Some((_, place)) = self.seats.iter_mut().find(|(n, _)| *n == number) {
            *place = Some(waker.clone());
        }
    }

    fn leave(&mut self, seat: &mut Seat) {
        if let Some(number) = seat.take() {
            self.seats.retain(|(n, _)| *n != number);
        }
    }

    /// Takes the wakers; the seats stay.
    fn wakers(&mut self) -> Vec<Waker> {
        self.seats
            .iter_mut()
            .filter_map(|(_, waker)| waker.take())
            .collect()
    }
}

/// Runs foreign code: never under the pipe's lock.
fn wake_all(woken: Vec<Waker>) {
    for waker in woken {
        waker.wake();
    }
}
