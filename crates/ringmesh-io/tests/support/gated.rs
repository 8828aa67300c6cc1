//! A source whose writes wait until the test lets them go.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use ringmesh_buf::{BufError, BufResult};
use ringmesh_io::PollSource;

#[derive(Clone, Debug, Default)]
pub(crate) struct Gated(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Bytes of the writes that were started, in order.
    started: Vec<Vec<u8>>,
    /// Outcomes that the test has given and no write has taken.
    outcomes: VecDeque<io::Result<usize>>,
    waker: Option<Waker>,
    incoming: VecDeque<io::Result<Vec<u8>>>,
    reader: Option<Waker>,
    /// How often a write wakes itself before it looks for an outcome.
    restless: usize,
    /// The next poll of a write panics.
    panics: bool,
    ended: bool,
    reads: usize,
    largest_read: usize,
}

impl Gated {
    pub(crate) fn started(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().started.clone()
    }

    pub(crate) fn ended(&self) -> bool {
        self.0.lock().unwrap().ended
    }

    /// How many reads were made, and the largest buffer among them.
    pub(crate) fn reads(&self) -> (usize, usize) {
        let state = self.0.lock().unwrap();
        (state.reads, state.largest_read)
    }

    pub(crate) fn set_restless(&self, polls: usize) {
        self.0.lock().unwrap().restless = polls;
    }

    pub(crate) fn panic_once(&self) {
        self.0.lock().unwrap().panics = true;
    }

    /// Lets the write under way, or the next one, end with this outcome.
    pub(crate) fn let_go(&self, outcome: io::Result<usize>) {
        let mut state = self.0.lock().unwrap();
        state.outcomes.push_back(outcome);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn arrive(&self, bytes: io::Result<Vec<u8>>) {
        let mut state = self.0.lock().unwrap();
        state.incoming.push_back(bytes);
        let waker = state.reader.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl PollSource for Gated {
    type Read = GatedRead;
    type Write = GatedWrite;

    fn start_read(&self, buf: Vec<u8>) -> GatedRead {
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        state.largest_read = state.largest_read.max(buf.capacity());
        GatedRead {
            source: self.clone(),
            buf,
        }
    }

    fn start_write(&self, buf: Vec<u8>) -> GatedWrite {
        self.0.lock().unwrap().started.push(buf.clone());
        GatedWrite {
            source: self.clone(),
            buf,
        }
    }

    fn end_writing(&self) -> io::Result<()> {
        self.0.lock().unwrap().ended = true;
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct GatedRead {
    source: Gated,
    buf: Vec<u8>,
}

impl Future for GatedRead {
    type Output = BufResult<usize, Vec<u8>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let source = self.source.clone();
        let mut state = source.0.lock().unwrap();
        match state.incoming.pop_front() {
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Ok(mut bytes)) => {
                let mut buf = std::mem::take(&mut self.buf);
                let n = bytes.len().min(buf.capacity());
                buf.clear();
                buf.extend(bytes.drain(..n));
                if !bytes.is_empty() {
                    state.incoming.push_front(Ok(bytes));
                }
                Poll::Ready(Ok((n, buf)))
            }
            Some(Err(e)) => Poll::Ready(Err(BufError::new(e, std::mem::take(&mut self.buf)))),
        }
    }
}

#[derive(Debug)]
pub(crate) struct GatedWrite {
    source: Gated,
    buf: Vec<u8>,
}

impl Future for GatedWrite {
    type Output = BufResult<usize, Vec<u8>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let source = self.source.clone();
        let mut state = source.0.lock().unwrap();
        if std::mem::take(&mut state.panics) {
            drop(state);
            panic!("as it should");
        }
        if state.restless > 0 {
            state.restless -= 1;
            drop(state);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match state.outcomes.pop_front() {
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Ok(n)) => {
                let buf = std::mem::take(&mut self.buf);
                Poll::Ready(Ok((n.min(buf.len()), buf)))
            }
            Some(Err(e)) => Poll::Ready(Err(BufError::new(e, std::mem::take(&mut self.buf)))),
        }
    }
}

/// Counts its wakes.
#[derive(Debug, Default)]
pub(crate) struct Counter(std::sync::atomic::AtomicUsize);

impl Counter {
    pub(crate) fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}
