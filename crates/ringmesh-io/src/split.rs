use crate::{AsyncRead, AsyncWrite};

/// A stream whose two directions can be used by two tasks at once.
///
/// There is no generic split over a lock, as it would let a pending read keep the writer waiting: a type offers this
/// when its directions are independent, as those of the sockets are.
pub trait Split: Sized {
    /// The half that reads.
    type ReadHalf: AsyncRead;
    /// The half that writes; ending it with `shutdown` leaves the other half open.
    type WriteHalf: AsyncWrite;

    /// Splits into the half that reads and the half that writes.
    fn split_owned(self) -> (Self::ReadHalf, Self::WriteHalf);
}
