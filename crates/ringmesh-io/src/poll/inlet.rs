//! The reading side of a [`PollIo`](super::PollIo): bytes read ahead, and the read under way.
//!
//! Tried and not taken: a multishot receive into the shard's provided buffers. It holds no buffer while the stream is
//! quiet and costs 5 to 10 % less CPU a request, but in the demo (64 connections, two shards) it served 104,000 requests
//! where this serves 125,000: the completions of a connection stay with the ring where it was armed first, so a
//! connection that was stolen must be stolen again for each request, while a read that is made anew goes where its task is.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Limits;
use crate::PollSource;

/// Either the buffer is here (`bytes`, with what was not handed out yet from `pos` on), or it is with the `read`.
pub(super) struct Inlet<S: PollSource> {
    read: Option<S::Read>,
    bytes: Vec<u8>,
    pos: usize,
    /// How large the next read's buffer is to be.
    step: usize,
    /// Reads in a row that left most of their buffer empty.
    sparse: u8,
}

impl<S: PollSource> Inlet<S> {
    pub(super) fn new(step: usize) -> Self {
        Self {
            read: None,
            bytes: Vec::new(),
            pos: 0,
            step,
            sparse: 0,
        }
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.bytes[self.pos..]
    }

    pub(super) fn into_seen(mut self) -> Vec<u8> {
        self.bytes.drain(..self.pos);
        self.bytes
    }

    pub(super) fn consume(&mut self, n: usize) {
        assert!(n <= self.seen().len(), "consumed more than was there");
        self.pos += n;
    }

    pub(super) fn poll_seen(
        &mut self,
        source: &S,
        limits: &Limits,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<&[u8]>> {
        if self.pos < self.bytes.len() {
            return Poll::Ready(Ok(self.seen()));
        }
        let read = match &mut self.read {
            Some(read) => read,
            None => {
                let buf = self.buffer();
                self.read.insert(source.start_read(buf))
            }
        };
        let result = ready!(Pin::new(read).poll(cx));
        self.read = None;
        match result {
            Ok((n, bytes)) => {
                debug_assert_eq!(
                    n,
                    bytes.len(),
                    "a read leaves the buffer as long as what came"
                );
                self.adapt(n, limits);
                self.bytes = bytes;
                self.pos = 0;
                Poll::Ready(Ok(self.seen()))
            }
            Err(e) => Poll::Ready(Err(e.into())),
        }
    }

    /// The last read's buffer, if it has about the right size.
    fn buffer(&mut self) -> Vec<u8> {
        let mut buf = mem::take(&mut self.bytes);
        self.pos = 0;
        buf.clear();
        if !(self.step..2 * self.step).contains(&buf.capacity()) {
            buf = Vec::with_capacity(self.step);
        }
        buf
    }

    /// A full buffer says that more is there: double it. Eight reads in a row that filled less than a quarter: halve it.
    fn adapt(&mut self, n: usize, limits: &Limits) {
        if n >= self.step {
            self.step = (self.step * 2).min(limits.read_max);
            self.sparse = 0;
        } else if n < self.step / 4 && self.step > limits.read_min {
            self.sparse += 1;
            if self.sparse == SPARSE_MAX {
                self.step = (self.step / 2).max(limits.read_min);
                self.sparse = 0;
            }
        } else {
            self.sparse = 0;
        }
    }
}

/// Picked: a body's last piece must not shrink the buffer for the next body, a run of small requests should.
const SPARSE_MAX: u8 = 8;
