//! Signals as events: `sigaction(2)` with a handler that only signals eventfds.
//!
//! No signal is masked, so children inherit nothing unusual (as they would with `signalfd`). The
//! handler stays installed once a [`Listener`] was made; the signal's default action does not come
//! back. Eventfds of dropped listeners are kept for the next ones and never closed, because a
//! handler may be about to write to their number.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
};

use crate::eventfd::{EventFd, signal_raw};

/// How many listeners can live at a time. Picked.
const LISTENERS_MAX: usize = 64;

/// The signals that may be listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGINT`, Ctrl-C.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
    /// `SIGHUP`.
    Hangup,
    /// `SIGQUIT`.
    Quit,
    /// `SIGUSR1`.
    User1,
    /// `SIGUSR2`.
    User2,
    /// `SIGCHLD`.
    Child,
    /// `SIGWINCH`.
    WindowChange,
}

impl Signal {
    fn number(self) -> i32 {
        match self {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::Hangup => libc::SIGHUP,
            Signal::Quit => libc::SIGQUIT,
            Signal::User1 => libc::SIGUSR1,
            Signal::User2 => libc::SIGUSR2,
            Signal::Child => libc::SIGCHLD,
            Signal::WindowChange => libc::SIGWINCH,
        }
    }
}

/// A place that the handler looks at: which signal (0: none), and which eventfd (-1: none yet).
struct Place {
    signal: AtomicI32,
    eventfd: AtomicI32,
}

static PLACES: [Place; LISTENERS_MAX] = [const {
    Place {
        signal: AtomicI32::new(0),
        eventfd: AtomicI32::new(-1),
    }
}; LISTENERS_MAX];

/// Guards taking and leaving places; the eventfds live in here, for ever.
static EVENTFDS: Mutex<[Option<&'static EventFd>; LISTENERS_MAX]> =
    Mutex::new([None; LISTENERS_MAX]);

/// Hears a signal from its making to its drop. Its descriptor becomes readable when one came.
#[derive(Debug)]
pub struct Listener {
    place: usize,
    eventfd: &'static EventFd,
}

impl Listener {
    /// Listens for `signal`.
    ///
    /// # Errors
    ///
    /// No free descriptor, or more than 64 listeners at a time.
    pub fn new(signal: Signal) -> io::Result<Self> {
        let mut eventfds = EVENTFDS.lock().unwrap_or_else(PoisonError::into_inner);
        let place = PLACES
            .iter()
            .position(|p| p.signal.load(Ordering::Relaxed) == 0)
            .ok_or_else(|| io::Error::other("more than 64 signal listeners at a time"))?;
        let eventfd = match eventfds[place] {
            Some(eventfd) => eventfd,
            None => Box::leak(Box::new(EventFd::new()?)),
        };
        eventfds[place] = Some(eventfd);
        eventfd.take();
        PLACES[place]
            .eventfd
            .store(eventfd.as_raw_fd(), Ordering::Relaxed);
        // Release: pairs with the Acquire in `on_signal`, which then sees the eventfd.
        PLACES[place]
            .signal
            .store(signal.number(), Ordering::Release);
        let listener = Self { place, eventfd };
        install(signal.number())?;
        Ok(listener)
    }

    /// How many signals came since the last call; the kernel merges some that come close together.
    pub fn take(&self) -> u64 {
        self.eventfd.take()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _places = EVENTFDS.lock().unwrap_or_else(PoisonError::into_inner);
        PLACES[self.place].signal.store(0, Ordering::Relaxed);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}

fn install(signal: i32) -> io::Result<()> {
    // SAFETY: `sigaction` is plain old data for which all zeroes is a valid value (no flags, an
    // empty mask, the default handler).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: reads `action` during the call; the handler is async-signal-safe, see there.
    let result = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Async-signal-safe: atomic loads, `write(2)`, and errno as it was.
extern "C" fn on_signal(signal: libc::c_int) {
    // SAFETY: the address of this thread's errno, valid as long as the thread runs.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: this thread's own errno, as above.
    let saved = unsafe { *errno };
    for place in &PLACES {
        // Acquire: pairs with the Release in `Listener::new`.
        if place.signal.load(Ordering::Acquire) == signal {
            signal_raw(place.eventfd.load(Ordering::Relaxed));
        }
    }
    // SAFETY: this thread's own errno, as above.
    unsafe { *errno = saved };
}

#[cfg(test)]
mod tests {
    use super::{Listener, Signal};

    #[test]
    fn every_listener_hears_the_signal_once() {
        let (a, b) = (
            Listener::new(Signal::User1).unwrap(),
            Listener::new(Signal::User1).unwrap(),
        );
        let other = Listener::new(Signal::User2).unwrap();
        // SAFETY: sends a signal, for which a handler is installed, to this thread.
        unsafe { libc::raise(libc::SIGUSR1) };
        assert_eq!((a.take(), b.take(), other.take()), (1, 1, 0));
        drop(a);
        let fresh = Listener::new(Signal::User1).unwrap();
        assert_eq!((fresh.take(), b.take()), (0, 0));
    }
}
