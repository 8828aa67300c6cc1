//! The methods that all stream sockets share.

/// Implements reading and writing on a type with a field `socket: Arc<Socket>`.
macro_rules! stream_methods {
    ($Stream:ident) => {
        impl $Stream {
            /// Reads what is there, up to the buffer's capacity, from its start.
            ///
            /// Waits until there is at least one byte. The count is the buffer's new length where it can
            /// grow (`Vec::with_capacity(n)` and `vec![0; n]` behave alike). `Ok((0, _))` means that the peer
            /// has sent its last byte, and nothing else; a buffer without room is `InvalidInput`.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no byte: what arrives for it comes first in the next read.
            pub fn read<B: IoBufMut>(&self, buf: B) -> Read<'_, B> {
                Read(Reading::new(&*self.socket, Flat(buf), Mode::Take))
            }

            /// Reads behind the bytes that the buffer holds already. For the rest see [`read`](Self::read).
            pub fn read_append<B: IoBufMut>(&self, buf: B) -> ReadAppend<'_, B> {
                ReadAppend(Reading::new(
                    &*self.socket,
                    Flat(Append::new(buf)),
                    Mode::Take,
                ))
            }

            /// Reads into several buffers, filling each before the next. For the rest see
            /// [`read`](Self::read).
            pub fn read_vectored<V: IoVecBufMut>(&self, bufs: V) -> ReadVectored<'_, V> {
                ReadVectored(Reading::new(&*self.socket, List(bufs), Mode::Take))
            }

            /// Reads exactly `n` bytes.
            ///
            /// Readers of other handles get bytes from before or behind them, never from between. If the
            /// stream ends first the error is `UnexpectedEof`, and its
            /// [`progress`](ringmesh_buf::BufError::progress) says how many bytes the buffer holds; `n` past
            /// the buffer's capacity is `InvalidInput`.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future half-way puts what came so far back: the next read gets it.
            pub fn read_exact<B: IoBufMut>(&self, buf: B, n: usize) -> ReadExact<'_, B> {
                ReadExact(Filling::new(&*self.socket, buf, n))
            }

            /// Receives whatever comes next, in a buffer that the kernel picks; `None` at the end of the
            /// stream.
            ///
            /// One request to the kernel serves any number of calls, and no memory is set aside for a peer
            /// that is silent: the way to read from many connections. The bytes go back to the kernel when
            /// the [`Lease`](crate::Lease) is dropped. The request stays with the stream between calls and receives ahead,
            /// a few leases at most; other ways to read get those bytes first.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no byte.
            pub fn recv(&self) -> Recv<'_> {
                Recv(Next::new(&*self.socket))
            }

            /// Copies what is there without taking it. A following read gets the same bytes.
            pub fn peek<B: IoBufMut>(&self, buf: B) -> Read<'_, B> {
                Read(Reading::new(&*self.socket, Flat(buf), Mode::Peek))
            }

            /// Writes the buffer or a beginning of it, and says how much. An empty buffer is `Ok(0)`.
            ///
            /// Writers that come while a send of this stream is going on are queued and leave together, in
            /// order, in one send.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped after the stream has accepted its bytes does not take them back:
            /// they are sent, whole and in order. Before that nothing of them is sent. To know which, use
            /// [`cancel`](crate::Write::cancel).
            pub fn write<B: IoBuf>(&self, buf: B) -> Write<'_, B> {
                Write(Writing::new(&*self.socket, buf, false))
            }

            /// Writes the whole buffer. Other writers' bytes come before or behind it, never in between.
            ///
            /// If it fails, the error's [`progress`](ringmesh_buf::BufError::progress) says how many bytes
            /// went.
            ///
            /// # Cancel safety
            ///
            /// As [`write`](Self::write): all or nothing, in order.
            pub fn write_all<B: IoBuf>(&self, buf: B) -> WriteAll<'_, B> {
                WriteAll(Writing::new(&*self.socket, buf, true))
            }

            /// Writes all buffers of a list, in order. Cancel safety as [`write`](Self::write).
            pub fn write_vectored<V: IoVecBuf>(&self, bufs: V) -> WriteVectored<'_, V> {
                WriteVectored(Listed::new(&*self.socket, bufs))
            }

            /// Accepts the buffer at once and sends it behind what was accepted before; nobody is told when.
            ///
            /// For the last words of a protocol, where no future can be awaited any more. If it fails, the next
            /// writer gets the error. Nothing bounds how much a stream accepts in this way: use
            /// [`write`](Self::write) for everything else. Without a runtime, on a stream that never wrote
            /// anything in one, it is never sent.
            pub fn write_detached<B: IoBuf>(&self, buf: B) {
                let len = buf.len_init();
                if len > 0 {
                    self.socket.send.enqueue_detached(any_buf(buf), len);
                }
            }

            /// Waits until everything that was accepted before has been given to the kernel.
            ///
            /// Only needed after writes whose futures were dropped; a write that has completed has gone.
            pub fn flush(&self) -> Flush<'_> {
                Flush(Marking::new(&*self.socket, None))
            }

            /// Shuts a direction down, behind everything that was accepted for writing before.
            ///
            /// [`Shutdown::Write`](std::net::Shutdown::Write) tells the peer that no more bytes come.
            pub fn shutdown(&self, how: std::net::Shutdown) -> Flush<'_> {
                Flush(Marking::new(&*self.socket, Some(how)))
            }

            /// As [`shutdown`](Self::shutdown), with a future that owns its handle.
            pub fn shutdown_owned(&self, how: std::net::Shutdown) -> OwnedShutdown {
                OwnedShutdown(Marking::new(self.socket.clone(), Some(how)))
            }

            /// Shuts a direction down at once, before anything that is still queued.
            ///
            /// # Errors
            ///
            /// The kernel's, such as `NotConnected`.
            pub fn shutdown_now(&self, how: std::net::Shutdown) -> io::Result<()> {
                SockRef::from(&*self.socket).shutdown(how)
            }

            /// As [`read`](Self::read), with a future that owns its handle and is `'static`.
            pub fn read_owned<B: IoBufMut>(&self, buf: B) -> OwnedRead<B> {
                OwnedRead(Reading::new(self.socket.clone(), Flat(buf), Mode::Take))
            }

            /// As [`write`](Self::write), with a future that owns its handle and is `'static`.
            pub fn write_owned<B: IoBuf>(&self, buf: B) -> OwnedWrite<B> {
                OwnedWrite(Writing::new(self.socket.clone(), buf, false))
            }

            /// The pending error of the socket (`SO_ERROR`), which is cleared.
            ///
            /// # Errors
            ///
            /// If the kernel cannot say.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                SockRef::from(&*self.socket).take_error()
            }
        }

        impl AsFd for $Stream {
            /// For socket options. Reading and writing past the stream breaks the order of its bytes.
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket.as_fd()
            }
        }

        impl AsRawFd for $Stream {
            fn as_raw_fd(&self) -> RawFd {
                self.socket.as_fd().as_raw_fd()
            }
        }

        impl From<OwnedFd> for $Stream {
            /// Takes a connected stream socket over. It is set to blocking mode, which is what io_uring wants.
            fn from(fd: OwnedFd) -> Self {
                // A socket that does not know the call is one that does not block either.
                let _ = SockRef::from(&fd).set_nonblocking(false);
                Self {
                    socket: Socket::new(fd),
                }
            }
        }
    };
}

pub(crate) use stream_methods;
