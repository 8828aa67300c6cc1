//! What can go wrong, as small values.

use std::{error::Error, fmt};

use crate::ShardId;

/// A message that was not accepted, given back.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendError<T> {
    /// No room now. Only the `try_` forms say this; the others wait.
    Full(T),
    /// The receiving side is gone, or was told to take no more.
    Closed(T),
}

impl<T> SendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            SendError::Full(message) | SendError::Closed(message) => message,
        }
    }

    /// Whether there was just no room.
    pub fn is_full(&self) -> bool {
        matches!(self, SendError::Full(_))
    }

    /// Whether nobody will ever receive it.
    pub fn is_closed(&self) -> bool {
        matches!(self, SendError::Closed(_))
    }

    /// The same error around another message.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> SendError<U> {
        match self {
            SendError::Full(message) => SendError::Full(f(message)),
            SendError::Closed(message) => SendError::Closed(f(message)),
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full(_) => "Full(..)",
            SendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full(_) => "the target's mailbox is full",
            SendError::Closed(_) => "the target's mailbox is closed",
        })
    }
}

impl<T> Error for SendError<T> {}

/// Why a blocking receive came back without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecvError {
    /// The time was up.
    TimedOut,
    /// The mailbox is closed and empty: there will be no more.
    Closed,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecvError::TimedOut => "no message came in time",
            RecvError::Closed => "the mailbox is closed and empty",
        })
    }
}

impl Error for RecvError {}

/// A mesh that cannot be built as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MeshError {
    /// A mesh needs at least one shard.
    ZeroShards,
    /// More shards than a [`ShardId`] can number.
    TooManyShards {
        /// What was asked for.
        asked: usize,
    },
    /// A mailbox needs room for at least one message.
    ZeroCapacity,
}

impl fmt::Display for MeshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MeshError::ZeroShards => f.write_str("a mesh needs at least 1 shard, 0 were asked for"),
            MeshError::TooManyShards { asked } => write!(
                f,
                "a mesh has at most {} shards, {asked} were asked for",
                ShardId::COUNT_MAX
            ),
            MeshError::ZeroCapacity => {
                f.write_str("a mailbox needs a capacity of at least 1 message, 0 was asked for")
            }
        }
    }
}

impl Error for MeshError {}

/// A shard that the mesh does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoSuchShard {
    /// What was asked for.
    pub asked: ShardId,
    /// How many shards there are: `0 .. shards`.
    pub shards: usize,
}

impl fmt::Display for NoSuchShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no shard {}: this mesh has shards 0 to {}",
            self.asked,
            self.shards - 1
        )
    }
}

impl Error for NoSuchShard {}
