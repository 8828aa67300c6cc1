//! The named futures of streams and listeners.
//!
//! All of them are `Send + Sync + Unpin` whatever buffer they carry, and may be polled and dropped on any
//! thread. Those that carry a buffer have two more ways to end:
//!
//! - `.timeout(d)` asks the operation to end after `d` and then waits for its result: a success that was
//!   already there is a success, otherwise the error is `TimedOut`, with the buffer inside;
//! - `.cancel()` asks at once. The output tells what happened: a result, or `ECANCELED` with the buffer and
//!   how many bytes went or came ([`BufError::progress`]).

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ringmesh_buf::{Append, BufError, BufResult, IoBuf, IoBufMut, IoVecBuf, IoVecBufMut};
use ringmesh_sched::time::Sleep;

use crate::receive::{Filling, Flat, Lease, List, Next, Reading};
use crate::send::{Listed, Marking, Writing};
use crate::socket::Socket;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident [$($generics:tt)*] [$($args:tt)*] $inner:ty => $output:ty $(, $map:expr)?) => {
        $(#[$doc])*
        #[must_use = "futures do nothing unless polled"]
        pub struct $name<$($generics)*>(pub(crate) $inner);

        impl<$($generics)*> Future for $name<$($args)*> {
            type Output = $output;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<$output> {
                Pin::new(&mut self.0).poll(cx)$(.map($map))?
            }
        }

        impl<$($generics)*> fmt::Debug for $name<$($args)*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }
    };
}

macro_rules! cancellable {
    ($name:ident [$($generics:tt)*] [$($args:tt)*]) => {
        impl<$($generics)*> $name<$($args)*> {
            /// Bounds how long it may take. The buffer comes back either way.
            pub fn timeout(self, limit: Duration) -> Timed<Self> {
                Timed::new(self, limit)
            }

            /// Asks the operation to end now; await the result to learn what happened.
            pub fn cancel(mut self) -> Self {
                self.0.request_cancel();
                self
            }
        }

        impl<$($generics)*> Cancellable for $name<$($args)*> {
            fn request_cancel(&mut self) {
                self.0.request_cancel();
            }
        }
    };
}

named! {
    /// Future of `read` and `peek`.
    Read ['a, B: IoBufMut] ['a, B] Reading<&'a Socket, Flat<B>> => BufResult<usize, B>
}
cancellable!(Read ['a, B: IoBufMut] ['a, B]);

named! {
    /// Future of `read_owned`: owns its stream handle.
    OwnedRead [B: IoBufMut] [B] Reading<Arc<Socket>, Flat<B>> => BufResult<usize, B>
}
cancellable!(OwnedRead [B: IoBufMut] [B]);

named! {
    /// Future of `read_append`.
    ReadAppend ['a, B: IoBufMut] ['a, B] Reading<&'a Socket, Flat<Append<B>>> => BufResult<usize, B>, unwrap_append
}
cancellable!(ReadAppend ['a, B: IoBufMut] ['a, B]);

named! {
    /// Future of `read_vectored`.
    ReadVectored ['a, V: IoVecBufMut] ['a, V] Reading<&'a Socket, List<V>> => BufResult<usize, V>
}
cancellable!(ReadVectored ['a, V: IoVecBufMut] ['a, V]);

named! {
    /// Future of `read_exact`.
    ReadExact ['a, B: IoBufMut] ['a, B] Filling<&'a Socket, B> => BufResult<(), B>
}
cancellable!(ReadExact ['a, B: IoBufMut] ['a, B]);

named! {
    /// Future of `recv`.
    Recv ['a] ['a] Next<&'a Socket> => io::Result<Option<Lease>>
}

named! {
    /// Future of `write`.
    Write ['a, B: IoBuf] ['a, B] Writing<&'a Socket, B> => BufResult<usize, B>
}
cancellable!(Write ['a, B: IoBuf] ['a, B]);

named! {
    /// Future of `write_owned`: owns its stream handle.
    OwnedWrite [B: IoBuf] [B] Writing<Arc<Socket>, B> => BufResult<usize, B>
}
cancellable!(OwnedWrite [B: IoBuf] [B]);

named! {
    /// Future of `write_all`.
    WriteAll ['a, B: IoBuf] ['a, B] Writing<&'a Socket, B> => BufResult<(), B>, forget_count
}
cancellable!(WriteAll ['a, B: IoBuf] ['a, B]);

named! {
    /// Future of `write_vectored`.
    WriteVectored ['a, V: IoVecBuf] ['a, V] Listed<&'a Socket, V> => BufResult<usize, V>
}
cancellable!(WriteVectored ['a, V: IoVecBuf] ['a, V]);

named! {
    /// Future of `shutdown` and `flush`.
    Flush ['a] ['a] Marking<&'a Socket> => io::Result<()>
}

named! {
    /// Future of `shutdown_owned`: owns its stream handle.
    OwnedShutdown [] [] Marking<Arc<Socket>> => io::Result<()>
}

/// A stream operation with a time limit; see [`Read::timeout`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Timed<F> {
    operation: F,
    limit: Sleep,
    late: bool,
}

/// What [`Timed`] needs of a future.
pub(crate) trait Cancellable {
    fn request_cancel(&mut self);
}

impl<F> Timed<F> {
    fn new(operation: F, limit: Duration) -> Self {
        Self {
            operation,
            limit: Sleep::new(limit),
            late: false,
        }
    }
}

impl<F, T, B> Future for Timed<F>
where
    F: Future<Output = BufResult<T, B>> + Cancellable + Unpin,
{
    type Output = BufResult<T, B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(output) = Pin::new(&mut this.operation).poll(cx) {
            return Poll::Ready(if this.late {
                output.map_err(timed_out)
            } else {
                output
            });
        }
        if this.late || Pin::new(&mut this.limit).poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.late = true;
        this.operation.request_cancel();
        Pin::new(&mut this.operation)
            .poll(cx)
            .map(|output| output.map_err(timed_out))
    }
}

/// The cancel that the time limit sent is reported as what it is.
fn timed_out<B>(error: BufError<B>) -> BufError<B> {
    if error.error().raw_os_error() != Some(libc::ECANCELED) {
        return error;
    }
    let progress = error.progress();
    let (_, buf) = error.into_parts();
    BufError::new(io::ErrorKind::TimedOut.into(), buf).with_progress(progress)
}

fn forget_count<B>(result: BufResult<usize, B>) -> BufResult<(), B> {
    result.map(|(_, buf)| ((), buf))
}

fn unwrap_append<B: IoBufMut>(result: BufResult<usize, Append<B>>) -> BufResult<usize, B> {
    match result {
        Ok((n, buf)) => Ok((n, buf.into_inner())),
        Err(e) => Err(e.map(Append::into_inner)),
    }
}
