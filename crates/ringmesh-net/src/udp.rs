//! UDP.
//!
//! A datagram belongs to the socket, as a stream's bytes do: a receive that lost its future stays armed (its
//! cancel is requested), and a datagram that it brings is handed to the next receive. It has the same
//! [`Turns`] as a stream's receive direction, so several receivers are served first come, first served:
//!
//! ```text
//!    Start -- turn, nothing parked --> Own(op) -- ready --> done
//!      |                                 | drop: park, request cancel
//!      | turn, op parked                 v
//!      '------> Adopted(op) <--------- Parked
//!                  | ready: its datagram (cut to the caller's buffer, as the kernel would), its error,
//!                  v        or nothing, if the cancel was faster
//!                 done or Start
//! ```
//!
//! Sends are not queued: datagrams have no order to keep.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use ringmesh_buf::{BufError, BufResult, IoBuf, IoBufMut};
use ringmesh_op::ops::{RecvMsg, SendMsg};
use ringmesh_op::{Op, SharedFd};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket as RawSocket, Type};

use crate::addr::{inet, resolve};
use crate::exclusive::Exclusive;
use crate::turn::{Enter, Place, Turns};
use crate::{AddrError, IntoStdError, ToSocketAddrs};

/// A UDP socket.
///
/// Everything takes `&self`, and a clone is another handle of the same socket (an `Arc`, never a `dup`).
///
/// ```
/// use ringmesh_net::UdpSocket;
///
/// # ringmesh_op::run(async {
/// # async fn demo() -> std::io::Result<()> {
/// let server = UdpSocket::bind("127.0.0.1:0").await?;
/// let client = UdpSocket::bind("127.0.0.1:0").await?;
/// client.send_to("ping", server.local_addr()?).await?;
///
/// let ((n, from), buf) = server.recv_from(vec![0; 1500]).await?;
/// assert_eq!(&buf[..n], b"ping");
/// assert_eq!(from, client.local_addr()?);
/// # Ok(())
/// # }
/// # demo().await.unwrap();
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct UdpSocket {
    inner: Arc<Inner>,
}

struct Inner {
    fd: SharedFd,
    arrivals: Mutex<Arrivals>,
}

#[derive(Default)]
struct Arrivals {
    turns: Turns,
    parked: Option<Box<dyn Orphan>>,
}

impl UdpSocket {
    /// A socket with its own address: the first of the addresses that can be bound. Port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// The kernel's, as an [`AddrError`] that names the address.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let addrs = resolve(addr).await?;
        let mut last = None;
        for &addr in addrs.as_slice() {
            match Self::bind_one(addr) {
                Ok(socket) => return Ok(socket),
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    fn bind_one(addr: SocketAddr) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        raw.bind(&addr.into())
            .map_err(|e| AddrError::wrap("bind", addr, e))?;
        Ok(Self::over(raw.into()))
    }

    fn over(fd: OwnedFd) -> Self {
        Self {
            inner: Arc::new(Inner {
                fd: SharedFd::new(fd),
                arrivals: Mutex::default(),
            }),
        }
    }

    /// Takes over a socket of the standard library.
    ///
    /// # Errors
    ///
    /// If it cannot be set to blocking mode, which is what io_uring wants.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Ok(Self::over(socket.into()))
    }

    /// Gives the socket to the standard library, in blocking mode.
    ///
    /// # Errors
    ///
    /// If other handles exist or a receive is in flight (a dropped one may still be). The socket is in the
    /// error.
    pub fn into_std(self) -> Result<std::net::UdpSocket, IntoStdError<Self>> {
        if !self.inner.is_quiet() {
            return Err(IntoStdError::busy("a receive is in flight", self));
        }
        let inner = match Arc::try_unwrap(self.inner) {
            Ok(inner) => inner,
            Err(inner) => {
                return Err(IntoStdError::busy(
                    "other handles of this socket exist",
                    Self { inner },
                ));
            }
        };
        let Inner { fd, arrivals } = inner;
        match fd.try_into_owned() {
            Ok(fd) => Ok(fd.into()),
            Err(fd) => Err(IntoStdError::busy(
                "an operation is in flight",
                Self {
                    inner: Arc::new(Inner { fd, arrivals }),
                },
            )),
        }
    }

    /// Sets the peer: [`send`](Self::send) goes there, and only its datagrams are received.
    ///
    /// # Errors
    ///
    /// The kernel's, as an [`AddrError`] that names the address.
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        let addrs = resolve(addr).await?;
        let mut last = None;
        for &addr in addrs.as_slice() {
            // A datagram socket's connect only notes the address; it never waits.
            match self.options().connect(&addr.into()) {
                Ok(()) => return Ok(()),
                Err(e) => last = Some(AddrError::wrap("connect to", addr, e)),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    /// Sends a datagram to the peer that [`connect`](Self::connect) has set.
    pub fn send<B: IoBuf>(&self, buf: B) -> SendTo<B> {
        self.send_datagram(buf, None)
    }

    /// Sends a datagram to `target`. Use [`SocketAddr`]; names are looked up once, by
    /// [`connect`](Self::connect) or [`std::net::ToSocketAddrs`], not per datagram.
    pub fn send_to<B: IoBuf>(&self, buf: B, target: SocketAddr) -> SendTo<B> {
        self.send_datagram(buf, Some(target.into()))
    }

    fn send_datagram<B: IoBuf>(&self, buf: B, target: Option<SockAddr>) -> SendTo<B> {
        SendTo(Op::new(SendMsg::datagram(&self.inner.fd, [buf], target)))
    }

    /// Receives a datagram. What does not fit into the buffer is lost.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no datagram: what arrives for it is the next that is received.
    pub fn recv<B: IoBufMut>(&self, buf: B) -> RecvDatagram<'_, B> {
        RecvDatagram(self.recv_from(buf))
    }

    /// Receives a datagram and its sender. Otherwise as [`recv`](Self::recv).
    pub fn recv_from<B: IoBufMut>(&self, buf: B) -> RecvFrom<'_, B> {
        RecvFrom {
            step: Exclusive::new(Step::Start(buf)),
            inner: &self.inner,
            place: Place::Outside,
        }
    }

    /// The peer that [`connect`](Self::connect) has set.
    ///
    /// # Errors
    ///
    /// `NotConnected` without one.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(&self.options().peer_addr()?)
    }

    /// The socket's own address.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(&self.options().local_addr()?)
    }

    /// Allows sending to broadcast addresses.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_broadcast(&self, yes: bool) -> io::Result<()> {
        self.options().set_broadcast(yes)
    }

    /// How many routers a packet may pass (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// The kernel's; IPv6 sockets have another option for it.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.options().set_ttl_v4(hops)
    }

    /// Joins a multicast group on an interface (`UNSPECIFIED`: the kernel picks one).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.options().join_multicast_v4(group, interface)
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.options().leave_multicast_v4(group, interface)
    }

    /// Joins a multicast group on the interface with this index (0: the kernel picks one).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.options().join_multicast_v6(group, interface)
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.options().leave_multicast_v6(group, interface)
    }

    fn options(&self) -> SockRef<'_> {
        SockRef::from(&self.inner.fd)
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.fd.as_fd().as_raw_fd()
    }
}

impl From<OwnedFd> for UdpSocket {
    /// Takes a UDP socket over, and sets it to blocking mode, which is what io_uring wants.
    fn from(fd: OwnedFd) -> Self {
        // A descriptor that is no socket is found out by the first real use.
        let _ = SockRef::from(&fd).set_nonblocking(false);
        Self::over(fd)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket")
            .field("fd", &self.inner.fd)
            .field("local", &self.local_addr().ok())
            .finish()
    }
}

impl Inner {
    fn is_quiet(&self) -> bool {
        let arrivals = self.arrivals.lock();
        !arrivals.turns.is_taken() && arrivals.turns.nobody_waits() && arrivals.parked.is_none()
    }

    /// Waits for the turn; hands out the parked op.
    fn poll_enter(&self, place: &mut Place, cx: &Context<'_>) -> Poll<Option<Box<dyn Orphan>>> {
        let mut spare = None;
        loop {
            let mut arrivals = self.arrivals.lock();
            match arrivals.turns.enter(place, &mut spare, cx) {
                Enter::Granted => return Poll::Ready(arrivals.parked.take()),
                Enter::Queued(old) => {
                    drop(arrivals);
                    drop(old);
                    return Poll::Pending;
                }
                Enter::NeedsWaker => {
                    drop(arrivals);
                    spare = Some(cx.waker().clone());
                }
            }
        }
    }

    /// Gives the turn back, or leaves the line.
    fn exit(&self, place: &mut Place, parked: Option<Box<dyn Orphan>>) {
        let mut arrivals = self.arrivals.lock();
        if let Some(orphan) = parked {
            orphan.request_cancel();
            arrivals.parked = Some(orphan);
        }
        let (own, next) = match *place {
            Place::Outside => (None, None),
            Place::Waiting(_) => arrivals.turns.leave(place),
            Place::Holding => (None, arrivals.turns.release(place)),
        };
        drop(arrivals);
        drop(own);
        if let Some(next) = next {
            next.wake();
        }
    }
}

/// A datagram that came for nobody.
type Datagram = io::Result<(Vec<u8>, Option<SockAddr>)>;

/// A receive without a future. Its outcome is `None` if it was cancelled before anything came.
trait Orphan: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Datagram>>;
    fn request_cancel(&self);
}

impl<B: IoBufMut> Orphan for Op<RecvMsg<[B; 1]>> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Datagram>> {
        Poll::Ready(match ready!(Pin::new(self).poll(cx)) {
            Ok((got, [buf])) => Some(Ok((buf.as_slice()[..got.len].to_vec(), got.from))),
            Err(e) if e.error().raw_os_error() == Some(libc::ECANCELED) => None,
            Err(e) => Some(Err(e.into())),
        })
    }

    fn request_cancel(&self) {
        Op::request_cancel(self);
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and the future is short-lived"
)]
enum Step<B: IoBufMut> {
    Start(B),
    Own(Op<RecvMsg<[B; 1]>>),
    Adopted(B, Box<dyn Orphan>),
    Done,
}

/// Future of [`UdpSocket::recv_from`].
#[must_use = "futures do nothing unless polled"]
pub struct RecvFrom<'a, B: IoBufMut> {
    step: Exclusive<Step<B>>,
    inner: &'a Inner,
    place: Place,
}

type Got<B> = BufResult<(usize, SocketAddr), B>;

impl<B: IoBufMut> RecvFrom<'_, B> {
    fn start(&mut self, buf: B, cx: &mut Context<'_>) -> Poll<Got<B>> {
        match self.inner.poll_enter(&mut self.place, cx) {
            Poll::Pending => {
                *self.step.get_mut() = Step::Start(buf);
                Poll::Pending
            }
            Poll::Ready(Some(orphan)) => self.adopt(buf, orphan, cx),
            Poll::Ready(None) => {
                let op = Op::new(RecvMsg::new(&self.inner.fd, [buf]));
                *self.step.get_mut() = Step::Own(op);
                self.poll_own(cx)
            }
        }
    }

    fn poll_own(&mut self, cx: &mut Context<'_>) -> Poll<Got<B>> {
        let step = self.step.get_mut();
        let Step::Own(op) = step else {
            unreachable!("only called with an op of our own")
        };
        let result = ready!(Pin::new(op).poll(cx));
        *step = Step::Done;
        self.inner.exit(&mut self.place, None);
        Poll::Ready(match result {
            Ok((got, [buf])) => with_sender(got.len, got.from, buf),
            Err(e) => Err(e.map(|[buf]| buf)),
        })
    }

    fn adopt(
        &mut self,
        mut buf: B,
        mut orphan: Box<dyn Orphan>,
        cx: &mut Context<'_>,
    ) -> Poll<Got<B>> {
        match orphan.poll(cx) {
            Poll::Pending => {
                *self.step.get_mut() = Step::Adopted(buf, orphan);
                Poll::Pending
            }
            Poll::Ready(None) => self.start(buf, cx),
            Poll::Ready(Some(datagram)) => {
                self.inner.exit(&mut self.place, None);
                Poll::Ready(match datagram {
                    Ok((bytes, from)) => with_sender(buf.put_slice(&bytes), from, buf),
                    Err(e) => Err(BufError::new(e, buf)),
                })
            }
        }
    }
}

fn with_sender<B>(n: usize, from: Option<SockAddr>, buf: B) -> Got<B> {
    let sender = from
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a datagram without a sender"))
        .and_then(|addr| inet(&addr));
    match sender {
        Ok(addr) => Ok(((n, addr), buf)),
        Err(e) => Err(BufError::new(e, buf).with_progress(n)),
    }
}

impl<B: IoBufMut> Drop for RecvFrom<'_, B> {
    fn drop(&mut self) {
        let parked: Option<Box<dyn Orphan>> = match mem::replace(self.step.get_mut(), Step::Done) {
            Step::Own(op) if op.is_submitted() => Some(Box::new(op)),
            Step::Adopted(_, orphan) => Some(orphan),
            _ => None,
        };
        self.inner.exit(&mut self.place, parked);
    }
}

// Nothing in it is pinned: the op keeps what the kernel touches in a cell of its own.
impl<B: IoBufMut> Unpin for RecvFrom<'_, B> {}

impl<B: IoBufMut> Future for RecvFrom<'_, B> {
    type Output = BufResult<(usize, SocketAddr), B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Step::Own(_) = this.step.get_mut() {
            return this.poll_own(cx);
        }
        match mem::replace(this.step.get_mut(), Step::Done) {
            Step::Start(buf) if buf.capacity_total() == 0 => {
                let error = io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "receive into a buffer without room",
                );
                Poll::Ready(Err(BufError::new(error, buf)))
            }
            Step::Start(buf) => this.start(buf, cx),
            Step::Adopted(buf, orphan) => this.adopt(buf, orphan, cx),
            Step::Own(_) | Step::Done => panic!("a receive was polled after it had finished"),
        }
    }
}

impl<B: IoBufMut> fmt::Debug for RecvFrom<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvFrom")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Future of [`UdpSocket::recv`].
#[must_use = "futures do nothing unless polled"]
pub struct RecvDatagram<'a, B: IoBufMut>(RecvFrom<'a, B>);

impl<B: IoBufMut> Future for RecvDatagram<'_, B> {
    type Output = BufResult<usize, B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|got| got.map(|((n, _), buf)| (n, buf)))
    }
}

impl<B: IoBufMut> fmt::Debug for RecvDatagram<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvDatagram").field(&self.0).finish()
    }
}

/// Future of [`UdpSocket::send`] and [`UdpSocket::send_to`]: the bytes sent, which are all of them.
#[must_use = "futures do nothing unless polled"]
pub struct SendTo<B: IoBuf>(Op<SendMsg<[B; 1]>>);

impl<B: IoBuf> Future for SendTo<B> {
    type Output = BufResult<usize, B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(match result {
            Ok((n, [buf])) => Ok((n, buf)),
            Err(e) => Err(e.map(|[buf]| buf)),
        })
    }
}

impl<B: IoBuf> fmt::Debug for SendTo<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendTo").field(&self.0).finish()
    }
}
