//! What all handles of one stream socket share.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ringmesh_op::SharedFd;

use crate::receive::Receive;
use crate::send::SendQueue;

/// A connected stream socket: its descriptor and its two directions.
///
/// The descriptor is held twice: the send queue keeps it while accepted bytes are on their way, also when
/// this is gone.
pub(crate) struct Socket {
    fd: SharedFd,
    pub(crate) receive: Receive,
    pub(crate) send: Arc<SendQueue>,
}

impl Socket {
    pub(crate) fn new(fd: OwnedFd) -> Arc<Self> {
        Self::shared(SharedFd::new(fd))
    }

    pub(crate) fn shared(fd: SharedFd) -> Arc<Self> {
        Arc::new(Self {
            send: SendQueue::new(fd.clone()),
            receive: Receive::default(),
            fd,
        })
    }

    pub(crate) fn fd(&self) -> &SharedFd {
        &self.fd
    }

    /// The plain descriptor, if nobody else uses the socket and no byte would be lost.
    pub(crate) fn into_fd(self: Arc<Self>) -> Result<OwnedFd, (&'static str, Arc<Self>)> {
        if Arc::strong_count(&self) > 1 {
            return Err(("other handles of this socket exist", self));
        }
        if !self.receive.is_quiet() {
            return Err((
                "a receive is in flight, or received bytes were not read yet",
                self,
            ));
        }
        if !self.send.is_quiet() {
            return Err(("a send is in flight", self));
        }
        let fd = self.fd.clone();
        // Fails only if somebody cloned a handle since the look above, and then nothing is lost.
        let socket = match Arc::try_unwrap(self) {
            Ok(socket) => socket,
            Err(shared) => return Err(("other handles of this socket exist", shared)),
        };
        drop(socket);
        fd.try_into_owned()
            .map_err(|fd| ("an operation is in flight", Self::shared(fd)))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.send.close();
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("fd", &self.fd)
            .field("receive", &self.receive)
            .field("send", &self.send)
            .finish()
    }
}
