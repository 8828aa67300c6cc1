//! What lies under the lock of a send queue: who is in line, who is told what.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use ringmesh_op::{AnyBuf, SharedFd};
use slab::Slab;
use socket2::SockRef;

use super::batch::{BATCH_BYTES, Entry, Flight, Landing, WRITERS_MAX, errno};

/// The state of one socket's sending direction.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) active: Active,
    pub(super) waiting: VecDeque<Item>,
    pub(super) writers: Slab<Writer>,
    /// The error of a send that nobody waited for; the next writer is told.
    pub(super) fault: Option<i32>,
    /// Accepted bytes were lost: nothing may follow them.
    pub(super) torn: bool,
}

/// What goes on.
#[derive(Default)]
pub(super) enum Active {
    #[default]
    Idle,
    /// A future owns the op.
    Direct,
    /// A thread polls the op.
    Driving { again: bool },
    /// The queue owns the op.
    Flight(Flight),
}

/// What waits in line.
pub(super) enum Item {
    Bytes(Entry),
    Mark(Mark),
}

/// Something to do when everything before it went.
pub(super) struct Mark {
    /// Nothing: just say so.
    pub(super) how: Option<Shutdown>,
    pub(super) writer: Option<usize>,
}

/// A queued writer's future, as the queue sees it.
pub(super) struct Writer {
    pub(super) waker: Waker,
    pub(super) verdict: Option<Verdict>,
    /// The future was dropped while its bytes were accepted. The key stays taken until they went.
    pub(super) gone: bool,
}

/// What a queued writer learns.
pub(super) struct Verdict {
    pub(super) result: Result<(), i32>,
    pub(super) sent: usize,
    pub(super) buf: Option<Box<dyn AnyBuf>>,
}

impl Queue {
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.active, Active::Idle) && self.waiting.is_empty()
    }

    /// Why no more bytes can be taken.
    pub(super) fn refusal(&mut self) -> Option<i32> {
        match self.fault.take() {
            None if self.torn => Some(libc::EPIPE),
            fault => fault,
        }
    }

    /// Makes the next batch; marks at the front of the line are done on the way.
    pub(super) fn board(&mut self, fd: &SharedFd, news: &mut News) -> Option<Flight> {
        loop {
            match self.waiting.front()? {
                Item::Mark(_) => {
                    if let Some(Item::Mark(mark)) = self.waiting.pop_front() {
                        self.pass(&mark, fd, news);
                    }
                }
                Item::Bytes(_) if self.torn => {
                    if let Some(Item::Bytes(entry)) = self.waiting.pop_front() {
                        // The error itself is kept for somebody who hears it.
                        let heard = self.is_awaited(&entry).then(|| self.refusal()).flatten();
                        let errno = heard.unwrap_or(libc::EPIPE);
                        self.fail(entry, errno, news);
                    }
                }
                Item::Bytes(_) => return Some(Flight::batch(fd, self.batch())),
            }
        }
    }

    /// The front of the line, as much as goes into one send.
    fn batch(&mut self) -> Vec<Entry> {
        let mut batch = Vec::with_capacity(self.waiting.len().min(WRITERS_MAX));
        let mut bytes = 0;
        while batch.len() < WRITERS_MAX && bytes < BATCH_BYTES {
            match self.waiting.pop_front() {
                Some(Item::Bytes(entry)) => {
                    bytes += entry.len - entry.sent;
                    batch.push(entry);
                }
                Some(mark) => {
                    self.waiting.push_front(mark);
                    break;
                }
                None => break,
            }
        }
        batch
    }

    fn pass(&mut self, mark: &Mark, fd: &SharedFd, news: &mut News) {
        let done = match mark.how {
            Some(how) => SockRef::from(fd).shutdown(how),
            None => Ok(()),
        };
        let verdict = Verdict {
            result: done.map_err(|e| errno(&e)),
            sent: 0,
            buf: None,
        };
        self.tell(mark.writer, verdict, news);
    }

    /// Deals a result out. Says whether accepted bytes were lost.
    pub(super) fn settle(&mut self, landing: Landing, news: &mut News) -> bool {
        match landing.result {
            Ok(sent) => {
                self.settle_sent(landing.entries, sent, news);
                false
            }
            Err(errno) => self.settle_failed(landing.entries, errno, news),
        }
    }

    fn settle_sent(&mut self, mut entries: VecDeque<Entry>, mut sent: usize, news: &mut News) {
        while let Some(mut entry) = entries.pop_front() {
            let rest = entry.len - entry.sent;
            if sent < rest {
                entry.sent += sent;
                entries.push_front(entry);
                break;
            }
            sent -= rest;
            let verdict = Verdict {
                result: Ok(()),
                sent: entry.len,
                buf: Some(entry.buf),
            };
            self.tell(entry.writer, verdict, news);
        }
        for entry in entries.into_iter().rev() {
            self.waiting.push_front(Item::Bytes(entry));
        }
    }

    fn settle_failed(&mut self, entries: VecDeque<Entry>, errno: i32, news: &mut News) -> bool {
        let told = entries
            .iter()
            .filter(|entry| self.is_awaited(entry))
            .count();
        let lost = told < entries.len();
        for entry in entries {
            self.fail(entry, errno, news);
        }
        if lost {
            self.torn = true;
            self.fault = (told == 0).then_some(errno);
        }
        lost
    }

    fn fail(&mut self, entry: Entry, errno: i32, news: &mut News) {
        let verdict = Verdict {
            result: Err(errno),
            sent: entry.sent,
            buf: Some(entry.buf),
        };
        self.tell(entry.writer, verdict, news);
    }

    /// Leaves a verdict for a writer; without one the buffer is dropped, outside the lock.
    pub(super) fn tell(&mut self, writer: Option<usize>, verdict: Verdict, news: &mut News) {
        let Some(key) = writer else {
            news.buffers.extend(verdict.buf);
            return;
        };
        let writer = &mut self.writers[key];
        let waker = mem::replace(&mut writer.waker, Waker::noop().clone());
        if writer.gone {
            self.writers.remove(key);
            news.buffers.extend(verdict.buf);
            news.retired.push(waker);
        } else {
            writer.verdict = Some(verdict);
            news.wakers.push(waker);
        }
    }

    fn is_awaited(&self, entry: &Entry) -> bool {
        entry.writer.is_some_and(|key| !self.writers[key].gone)
    }

    /// The future of a queued writer is gone. Gives out what is to be dropped outside the lock.
    pub(super) fn forget(&mut self, key: usize) -> (Option<Item>, Option<Writer>) {
        let removed = self.take_unsent(key);
        let writer = &mut self.writers[key];
        if removed.is_some() || writer.verdict.is_some() {
            return (removed, Some(self.writers.remove(key)));
        }
        writer.gone = true;
        (None, None)
    }

    /// Takes out of the line what a writer put there, unless a part of it went already.
    pub(super) fn take_unsent(&mut self, key: usize) -> Option<Item> {
        let at = self.waiting.iter().position(|item| match item {
            Item::Bytes(entry) => entry.writer == Some(key) && entry.sent == 0,
            Item::Mark(mark) => mark.writer == Some(key),
        })?;
        self.waiting.remove(at)
    }
}

/// What must happen outside the lock: wakes and drops run foreign code.
#[derive(Default)]
pub(super) struct News {
    wakers: Vec<Waker>,
    retired: Vec<Waker>,
    buffers: Vec<Box<dyn AnyBuf>>,
}

impl News {
    pub(super) fn spread(self) {
        for waker in self.wakers {
            // One writer's waker must not cost the others theirs.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        for waker in self.retired {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(waker)));
        }
        for buffer in self.buffers {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(buffer)));
        }
    }
}

impl Verdict {
    /// The error, if it is one.
    pub(super) fn error(&self) -> Option<io::Error> {
        self.result.err().map(io::Error::from_raw_os_error)
    }
}
